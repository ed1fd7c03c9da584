/* sigma_regex.c: PCRE2 with its just-in-time compiler and limits. */
#include "services/detector/sigma_regex.h"

#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define JIT_STACK_FIRST (32 * 1024)
#define JIT_STACK_MAX (1024 * 1024)

struct sigma_regex {
    pcre2_code *code;
    bool is_compiled; /* to machine code; else the interpreter does the same, slower */
};

struct sigma_regex_workspace {
    pcre2_match_data *data;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
};

static uint32_t options_of(struct sigma_regex_flags flags) {
    uint32_t options = PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C;
    options |= flags.ignore_case ? PCRE2_CASELESS : 0;
    options |= flags.multi_line ? PCRE2_MULTILINE : 0;
    options |= flags.dot_all ? PCRE2_DOTALL : 0;
    return options;
}

enum status sigma_regex_new(struct text pattern, struct sigma_regex_flags flags, int line,
                            struct sigma_regex **ret_regex, struct sigma_error *error) {
    int code_number;
    size_t offset;
    if (pattern.length > REGEX_PATTERN_MAX)
        return sigma_refuse(error, STATUS_TOO_LARGE, line,
                            "regular expression longer than %d bytes", REGEX_PATTERN_MAX);
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern.data, pattern.length, options_of(flags),
                                     &code_number, &offset, NULL);
    if (code == NULL) {
        char words[128] = "";
        pcre2_get_error_message(code_number, (PCRE2_UCHAR *)words, sizeof words);
        return sigma_refuse(error, STATUS_BAD_SYNTAX, line, "regular expression, at byte %zu: %s",
                            offset, words);
    }
    struct sigma_regex *regex = malloc(sizeof *regex);
    if (regex == NULL)
        abort();
    regex->code = code;
    regex->is_compiled = pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0;
    *ret_regex = regex;
    return STATUS_OK;
}

void sigma_regex_destroy(struct sigma_regex **regex) {
    if (*regex == NULL)
        return;
    pcre2_code_free((*regex)->code);
    free(*regex);
    *regex = NULL;
}

struct sigma_regex_workspace *sigma_regex_workspace_new(void) {
    struct sigma_regex_workspace *workspace = calloc(1, sizeof *workspace);
    if (workspace == NULL)
        abort();
    workspace->data = pcre2_match_data_create(1, NULL);
    workspace->context = pcre2_match_context_create(NULL);
    workspace->stack = pcre2_jit_stack_create(JIT_STACK_FIRST, JIT_STACK_MAX, NULL);
    if (workspace->data == NULL || workspace->context == NULL)
        abort();
    pcre2_set_heap_limit(workspace->context, REGEX_HEAP_KIB);
    if (workspace->stack != NULL)
        pcre2_jit_stack_assign(workspace->context, NULL, workspace->stack);
    return workspace;
}

void sigma_regex_workspace_destroy(struct sigma_regex_workspace **workspace) {
    if (*workspace == NULL)
        return;
    pcre2_match_data_free((*workspace)->data);
    pcre2_match_context_free((*workspace)->context);
    pcre2_jit_stack_free((*workspace)->stack);
    free(*workspace);
    *workspace = NULL;
}

/* Steps from one place of a text of this length. */
static uint32_t steps_of(size_t length) {
    size_t steps = REGEX_STEPS_ALL / (length + 1);
    if (steps < REGEX_STEPS_MIN)
        return REGEX_STEPS_MIN;
    return steps < REGEX_STEPS_MAX ? (uint32_t)steps : REGEX_STEPS_MAX;
}

enum sigma_regex_result sigma_regex_search(const struct sigma_regex *regex,
                                           struct sigma_regex_workspace *workspace,
                                           struct text text) {
    PCRE2_SPTR subject = (PCRE2_SPTR)text.data;
    pcre2_set_match_limit(workspace->context, steps_of(text.length));
    int result = regex->is_compiled
                     ? pcre2_jit_match(regex->code, subject, text.length, 0, 0, workspace->data,
                                       workspace->context)
                     : pcre2_match(regex->code, subject, text.length, 0, PCRE2_NO_UTF_CHECK,
                                   workspace->data, workspace->context);
    if (result >= 0)
        return SIGMA_REGEX_MATCHES;
    return result == PCRE2_ERROR_NOMATCH ? SIGMA_REGEX_MISSES : SIGMA_REGEX_GAVE_UP;
}

bool sigma_regex_find(const struct sigma_regex *regex, struct text text, size_t start,
                      struct sigma_regex_group groups[REGEX_GROUPS_MAX]) {
    pcre2_match_data *data = pcre2_match_data_create(REGEX_GROUPS_MAX, NULL);
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    if (data == NULL || context == NULL)
        abort();
    pcre2_set_heap_limit(context, REGEX_HEAP_KIB);
    pcre2_set_match_limit(context, steps_of(text.length));
    int count =
        pcre2_match(regex->code, (PCRE2_SPTR)text.data, text.length, start, 0, data, context);
    const size_t *offsets = pcre2_get_ovector_pointer(data);
    int known = count == 0 ? REGEX_GROUPS_MAX : count; /* 0: more groups than room */
    for (int i = 0; i < REGEX_GROUPS_MAX; i++)
        groups[i] = i < known ? (struct sigma_regex_group){offsets[2 * i], offsets[2 * i + 1]}
                              : (struct sigma_regex_group){SIZE_MAX, SIZE_MAX};
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
    return count >= 0;
}
