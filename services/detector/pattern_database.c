/* pattern_database.c: Hyperscan or Vectorscan, in block mode. */
#include "services/detector/pattern_database.h"

#include <assert.h>
#include <hs/hs.h>
#include <stdlib.h>

struct pattern_database {
    hs_database_t *handle;
    size_t shortest; /* bytes of a text in which the first expression is found, at least */
};

struct pattern_scratch {
    hs_scratch_t *handle;
};

static unsigned flags_of(const struct database_pattern *expression) {
    unsigned flags = HS_FLAG_SINGLEMATCH | HS_FLAG_ALLOWEMPTY;
    flags |= expression->ignore_case ? HS_FLAG_CASELESS : 0;
    flags |= expression->multi_line ? HS_FLAG_MULTILINE : 0;
    flags |= expression->dot_all ? HS_FLAG_DOTALL : 0;
    return flags;
}

/* Bytes that what matches has at least; 0 when it is not known. */
static size_t shortest_match(const char *expression, unsigned flags) {
    hs_expr_info_t *info = NULL;
    hs_compile_error_t *why = NULL;
    size_t shortest = 0;
    if (hs_expression_info(expression, flags, &info, &why) == HS_SUCCESS)
        shortest = info->min_width;
    hs_free_compile_error(why);
    free(info);
    return shortest;
}

struct pattern_database *pattern_database_new(const struct database_pattern *expressions,
                                              size_t count) {
    static const unsigned numbers[PATTERNS_MAX] = {0, 1, 2};
    const char *texts[PATTERNS_MAX];
    unsigned flags[PATTERNS_MAX];
    hs_database_t *handle = NULL;
    hs_compile_error_t *why = NULL;
    assert(count <= PATTERNS_MAX);
    for (size_t i = 0; i < count; i++) {
        texts[i] = expressions[i].text.data;
        flags[i] = flags_of(&expressions[i]);
    }
    hs_error_t result = hs_compile_multi(texts, flags, numbers, (unsigned)count, HS_MODE_BLOCK,
                                         NULL, &handle, &why);
    hs_free_compile_error(why);
    if (result != HS_SUCCESS)
        return NULL;
    struct pattern_database *database = malloc(sizeof *database);
    if (database == NULL)
        abort();
    database->handle = handle;
    database->shortest = shortest_match(texts[0], flags[0]);
    return database;
}

void pattern_database_destroy(struct pattern_database **database) {
    if (*database == NULL)
        return;
    hs_free_database((*database)->handle);
    free(*database);
    *database = NULL;
}

void pattern_scratch_prepare(struct pattern_scratch **scratch,
                             const struct pattern_database *database) {
    if (database == NULL)
        return;
    if (*scratch == NULL)
        *scratch = calloc(1, sizeof **scratch);
    if (*scratch == NULL || hs_alloc_scratch(database->handle, &(*scratch)->handle) != HS_SUCCESS)
        abort();
}

void pattern_scratch_destroy(struct pattern_scratch **scratch) {
    if (*scratch == NULL)
        return;
    hs_free_scratch((*scratch)->handle);
    free(*scratch);
    *scratch = NULL;
}

/* Ends the search when the first expression is found. */
static int on_match(unsigned number, unsigned long long from, unsigned long long to, unsigned flags,
                    void *context) {
    bool *found = context;
    (void)from, (void)to, (void)flags;
    *found |= number == 0;
    return *found;
}

bool pattern_database_finds(const struct pattern_database *database,
                            struct pattern_scratch *scratch, struct text text) {
    bool found = false;
    if (text.length < database->shortest)
        return false;
    hs_error_t result = hs_scan(database->handle, text.data, (unsigned)text.length, 0,
                                scratch->handle, on_match, &found);
    assert(result == HS_SUCCESS || result == HS_SCAN_TERMINATED);
    return found;
}

/* True when the first of two or three expressions is found in the text. */
static bool finds_expression(const char *const *expressions, uint32_t count, struct text text) {
    struct database_pattern patterns[PATTERNS_MAX];
    struct pattern_scratch *scratch = NULL;
    for (uint32_t i = 0; i < count; i++)
        patterns[i] = (struct database_pattern){.text = text_of(expressions[i])};
    struct pattern_database *database = pattern_database_new(patterns, count);
    pattern_scratch_prepare(&scratch, database);
    bool found = database != NULL && pattern_database_finds(database, scratch, text);
    pattern_scratch_destroy(&scratch);
    pattern_database_destroy(&database);
    return found;
}

bool pattern_database_is_exact(void) {
    /* A pair of bytes at the end of a text that is longer than a vector. */
    static const char *const ends[PATTERNS_MAX] = {"kA\\z", "\\.\\z", "\\\\K/k\\.\\z"};
    static const char *const pairs[] = {"\\W[ab]1", "cmd\\."};
    return finds_expression(ends, PATTERNS_MAX, TEXT("aBa2k1bb1AaAs*b?KkA")) &&
           finds_expression(pairs, 2, TEXT("s1bS11kSSkk 1s1 a1"));
}
