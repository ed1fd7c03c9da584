/* sigma_program.h: a rule as patterns, made once from its values, under a tree of and, or and not.
 * sigma_compile.c makes it; sigma_engine.h takes the trees of all rules together and runs them.
 *
 * Owner: programs live in the arena given; regular expressions are on a list of their own, for the
 * owner to free. Threads: a program is read-only, a workspace belongs to one thread. Limits:
 * SIGMA_TESTS_MAX tests of a field in one rule, SIGMA_GIVE_UPS_MAX searches of an event that give
 * up; what would be searched after them gives up at once.
 */
#ifndef SIEM_DETECTOR_SIGMA_PROGRAM_H
#define SIEM_DETECTOR_SIGMA_PROGRAM_H

#include "services/detector/address.h"
#include "services/detector/fields.h"
#include "services/detector/sigma_regex.h"
#include "services/detector/sigma_rule.h"

#define SIGMA_TESTS_MAX 60000
#define SIGMA_GIVE_UPS_MAX 4

enum sigma_pattern_kind {
    SIGMA_PATTERN_EXACT,
    SIGMA_PATTERN_PREFIX,
    SIGMA_PATTERN_SUFFIX,
    SIGMA_PATTERN_CONTAINS,
    SIGMA_PATTERN_GLOB,
    SIGMA_PATTERN_REGEX,
    SIGMA_PATTERN_NETWORK,
    SIGMA_PATTERN_NUMBER,
    SIGMA_PATTERN_NULL,
    SIGMA_PATTERN_EXISTS,
    SIGMA_PATTERN_FIELD,
};

/* A glob's text between two `*`; in it `?` is any one character where the mark says so. */
struct sigma_glob_piece {
    struct text text;
    const uint8_t *marks;
    size_t characters;
    bool plain; /* no `?` in it */
};

struct sigma_glob {
    size_t count;   /* at least 1; pieces may be empty */
    bool any_first; /* a `*` before the first piece */
    bool any_last;  /* a `*` after the last piece */
    const struct sigma_glob_piece *pieces;
};

struct sigma_pattern {
    enum sigma_pattern_kind kind;
    enum sigma_comparison comparison; /* of a NUMBER */
    enum time_part part;              /* of a NUMBER: of the value's date, not the value */
    bool cased;                       /* compare with what was sent, not with the folded text */
    bool is_on;                       /* of EXISTS */
    bool any_before, any_after;       /* of a FIELD */
    union {
        struct text literal; /* folded unless cased */
        struct sigma_glob glob;
        struct {
            const struct sigma_regex *regex;
            struct text expression; /* as written, with a NUL behind it */
            struct sigma_regex_flags flags;
        };
        struct address_range network;
        struct sigma_number number;
        uint32_t field; /* of a FIELD */
    };
};

struct sigma_patterns {
    size_t count;
    const struct sigma_pattern *items;
};

#define SIGMA_KEYWORDS UINT32_MAX

/* One item: in every group, some pattern must match some value of the field. */
struct sigma_matcher {
    uint32_t field; /* number, or SIGMA_KEYWORDS: any value of the event */
    size_t group_count;
    const struct sigma_patterns *groups;
};

enum sigma_expression_kind {
    SIGMA_EXPRESSION_MATCHER,
    SIGMA_EXPRESSION_AND,
    SIGMA_EXPRESSION_OR,
    SIGMA_EXPRESSION_NOT,
};

struct sigma_expression {
    enum sigma_expression_kind kind;
    uint32_t tests; /* groups in all of it, SIGMA_TESTS_MAX + 1 when more than the limit */
    struct sigma_matcher matcher;
    size_t count;
    const struct sigma_expression **children;
};

/* Regular expressions of all programs. */
struct sigma_regex_list {
    struct sigma_regex **items;
    size_t count;
    size_t capacity;
};

/* Where programs are made. */
struct sigma_target {
    struct arena *arena;
    struct field_names *names;
    struct sigma_regex_list *regexes;
};

/* Makes a rule's program. The strings are copied: the rule's arena may go. */
MUST_CHECK enum status sigma_compile(const struct sigma_rule *rule,
                                     const struct sigma_target *target,
                                     const struct sigma_expression **ret_program,
                                     struct sigma_error *error);

/* sigma_pattern.c: the patterns of an item's values. */
MUST_CHECK enum status sigma_matcher_compile(const struct sigma_item *item,
                                             const struct sigma_target *target,
                                             struct sigma_matcher *ret_matcher,
                                             struct sigma_error *error);

/* What a thread needs to compare patterns that no index answers. */
struct sigma_workspace {
    struct sigma_regex_workspace *regex;
    uint64_t gave_up;         /* searches that passed a limit; counted up */
    uint64_t gave_up_before;  /* what it was when the event began */
    const char *address_text; /* the value that was last read as an address; NULL: none */
    bool is_address;
    struct address address;
};

/* Forgets what belongs to the last event. */
static inline void sigma_workspace_reset(struct sigma_workspace *workspace) {
    workspace->gave_up_before = workspace->gave_up;
    workspace->address_text = NULL;
}

/* True when the pattern matches some value of the field (or of the event, with SIGMA_KEYWORDS).
 * Folds values. (sigma_match.c) */
bool sigma_pattern_matches(const struct sigma_pattern *pattern, uint32_t field,
                           struct fields *fields, struct sigma_workspace *workspace);

/* True when the pattern matches this value, which has something to compare with. */
bool sigma_pattern_matches_value(const struct sigma_pattern *pattern, const struct value *value,
                                 struct fields *fields, struct sigma_workspace *workspace);

/* sigma_glob.c: true when the glob is the whole text. */
bool sigma_glob_matches(const struct sigma_glob *glob, struct text text);

#endif
