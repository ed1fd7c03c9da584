/* pattern_database.c: Hyperscan or Vectorscan, in block mode. */
#include "services/detector/pattern_database.h"

#include <assert.h>
#include <hs/hs.h>
#include <stdlib.h>

/* Patterns of a known case, at most. */
#define CHECKED_MAX 3

struct pattern_database {
    hs_database_t *handle;
};

struct pattern_scratch {
    hs_scratch_t *handle;
};

/* What Vectorscan takes: arrays beside each other. */
struct columns {
    const char **texts;
    size_t *lengths;
    unsigned *flags;
    unsigned *numbers;
    unsigned count;
};

static void columns_init(struct columns *columns, size_t capacity) {
    *columns = (struct columns){
        .texts = calloc(capacity, sizeof(const char *)),
        .lengths = calloc(capacity, sizeof *columns->lengths),
        .flags = calloc(capacity, sizeof *columns->flags),
        .numbers = calloc(capacity, sizeof *columns->numbers),
    };
    if (columns->texts == NULL || columns->lengths == NULL || columns->flags == NULL ||
        columns->numbers == NULL)
        abort();
}

static void columns_fini(struct columns *columns) {
    free(columns->texts);
    free(columns->lengths);
    free(columns->flags);
    free(columns->numbers);
}

static void columns_add(struct columns *columns, const struct database_pattern *pattern,
                        unsigned flags) {
    columns->texts[columns->count] = pattern->text.data;
    columns->lengths[columns->count] = pattern->text.length;
    columns->flags[columns->count] = flags;
    columns->numbers[columns->count++] = pattern->number;
}

static struct pattern_database *wrap(hs_database_t *handle) {
    struct pattern_database *database = malloc(sizeof *database);
    if (database == NULL)
        abort();
    database->handle = handle;
    return database;
}

struct pattern_database *pattern_database_of_literals(const struct database_pattern *literals,
                                                      size_t count) {
    struct columns columns;
    hs_database_t *handle = NULL;
    hs_compile_error_t *why = NULL;
    columns_init(&columns, count);
    for (size_t i = 0; i < count; i++)
        columns_add(&columns, &literals[i], 0);
    hs_error_t result =
        hs_compile_lit_multi(columns.texts, columns.flags, columns.numbers, columns.lengths,
                             columns.count, HS_MODE_BLOCK, NULL, &handle, &why);
    hs_free_compile_error(why);
    columns_fini(&columns);
    if (result != HS_SUCCESS) /* literals always compile: memory is out */
        abort();
    return wrap(handle);
}

static unsigned flags_of(const struct database_pattern *expression) {
    unsigned flags = HS_FLAG_SINGLEMATCH | HS_FLAG_ALLOWEMPTY;
    flags |= expression->ignore_case ? HS_FLAG_CASELESS : 0;
    flags |= expression->multi_line ? HS_FLAG_MULTILINE : 0;
    flags |= expression->dot_all ? HS_FLAG_DOTALL : 0;
    return flags;
}

/* Compiles the columns; on failure the index of the one to blame, or -1. */
static hs_database_t *compile_columns(const struct columns *columns, int *ret_culprit) {
    hs_database_t *handle = NULL;
    hs_compile_error_t *why = NULL;
    hs_error_t result = hs_compile_multi(columns->texts, columns->flags, columns->numbers,
                                         columns->count, HS_MODE_BLOCK, NULL, &handle, &why);
    *ret_culprit = why != NULL && why->expression >= 0 ? why->expression : -1;
    hs_free_compile_error(why);
    return result == HS_SUCCESS ? handle : NULL;
}

/* Marks the expression at this place among those not refused, or all of them when it is -1. */
static void refuse(struct database_pattern *expressions, size_t count, int culprit) {
    int place = 0;
    for (size_t i = 0; i < count; i++)
        if (!expressions[i].refused && (place++ == culprit || culprit < 0))
            expressions[i].refused = true;
}

struct pattern_database *pattern_database_of_expressions(struct database_pattern *expressions,
                                                         size_t count) {
    struct columns columns;
    hs_database_t *handle = NULL;
    columns_init(&columns, count + 1);
    do {
        int culprit;
        columns.count = 0;
        for (size_t i = 0; i < count; i++)
            if (!expressions[i].refused)
                columns_add(&columns, &expressions[i], flags_of(&expressions[i]));
        if (columns.count == 0)
            break;
        handle = compile_columns(&columns, &culprit);
        if (handle == NULL)
            refuse(expressions, count, culprit);
    } while (handle == NULL);
    columns_fini(&columns);
    return handle != NULL ? wrap(handle) : NULL;
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

static int on_match(unsigned number, unsigned long long from, unsigned long long to, unsigned flags,
                    void *context) {
    (void)from, (void)to, (void)flags;
    (void)hit_set_add(context, number);
    return 0;
}

void pattern_database_scan(const struct pattern_database *database, struct pattern_scratch *scratch,
                           struct text text, struct hit_set *hits) {
    hs_error_t result = hs_scan(database->handle, text.data, (unsigned)text.length, 0,
                                scratch->handle, on_match, hits);
    assert(result == HS_SUCCESS);
}

/* True when pattern 0 of the database is found in the text. */
static bool finds_first(const struct pattern_database *database, struct text text) {
    struct pattern_scratch *scratch = NULL;
    struct hit_set hits;
    hit_set_init(&hits, CHECKED_MAX);
    pattern_scratch_prepare(&scratch, database);
    pattern_database_scan(database, scratch, text, &hits);
    bool found = hit_set_has(&hits, 0);
    hit_set_fini(&hits);
    pattern_scratch_destroy(&scratch);
    return found;
}

/* True when a byte is found wherever it stands, beside a longer literal. */
static bool finds_byte(void) {
    static const struct database_pattern literals[] = {
        {.text = TEXT_CONSTANT("b"), .number = 0}, {.text = TEXT_CONSTANT("kkaaba"), .number = 1}};
    struct pattern_database *database = pattern_database_of_literals(literals, 2);
    bool found = true;
    for (size_t length = 1; found && length <= 128; length++) {
        char text[128];
        memset(text, 'z', sizeof text);
        text[length - 1] = 'b';
        found = finds_first(database, (struct text){text, length}) &&
                finds_first(database, (struct text){text, sizeof text});
    }
    pattern_database_destroy(&database);
    return found;
}

/* True when the first of two or three expressions is found in the text. */
static bool finds_expression(const char *const *expressions, uint32_t count, struct text text) {
    struct database_pattern patterns[CHECKED_MAX];
    for (uint32_t i = 0; i < count; i++)
        patterns[i] = (struct database_pattern){.text = text_of(expressions[i]), .number = i};
    struct pattern_database *database = pattern_database_of_expressions(patterns, count);
    bool found = database != NULL && finds_first(database, text);
    pattern_database_destroy(&database);
    return found;
}

bool pattern_database_is_exact(void) {
    /* A pair of bytes at the end of a text that is longer than a vector. */
    static const char *const ends[CHECKED_MAX] = {"kA\\z", "\\.\\z", "\\\\K/k\\.\\z"};
    static const char *const pairs[] = {"\\W[ab]1", "cmd\\."};
    return finds_byte() && finds_expression(ends, CHECKED_MAX, TEXT("aBa2k1bb1AaAs*b?KkA")) &&
           finds_expression(pairs, 2, TEXT("s1bS11kSSkk 1s1 a1"));
}
