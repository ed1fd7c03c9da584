/* sigma_regex.h: regular expressions, compiled to machine code; the only file that sees PCRE2.
 *
 * A search finds the expression anywhere, upper and lower case differ unless asked. Texts must be
 * valid UTF-8 (they were checked where they came in). Owner: new/destroy. Threads: an expression
 * may be searched by many threads, a workspace belongs to one. Errors: BAD_SYNTAX with PCRE2's
 * words. Limits: REGEX_HEAP_KIB a search, REGEX_PATTERN_MAX bytes of pattern; machine code counts
 * its steps anew from each place of the text, so a long text has fewer for each: REGEX_STEPS_ALL
 * shared out, within REGEX_STEPS_MIN and _MAX. A search that passes them gives up, which its caller
 * counts. Source: pcre2api(3),
 * pcre2jit(3).
 */
#ifndef SIEM_DETECTOR_SIGMA_REGEX_H
#define SIEM_DETECTOR_SIGMA_REGEX_H

#include "services/detector/sigma_error.h"

#include "common/bytes.h"

#define REGEX_STEPS_ALL 20000000
#define REGEX_STEPS_MIN 2000
#define REGEX_STEPS_MAX 200000
#define REGEX_HEAP_KIB 4096
#define REGEX_PATTERN_MAX 16384
#define REGEX_GROUPS_MAX 10

struct sigma_regex;
struct sigma_regex_workspace;

struct sigma_regex_flags {
    bool ignore_case;
    bool multi_line; /* ^ and $ match at every line */
    bool dot_all;    /* . matches a line's end too */
};

enum sigma_regex_result { SIGMA_REGEX_MISSES, SIGMA_REGEX_MATCHES, SIGMA_REGEX_GAVE_UP };

/* Compiles a pattern that stands in the line given. */
MUST_CHECK enum status sigma_regex_new(struct text pattern, struct sigma_regex_flags flags,
                                       int line, struct sigma_regex **ret_regex,
                                       struct sigma_error *error);

/* Frees it and nulls the pointer; NULL is fine. */
void sigma_regex_destroy(struct sigma_regex **regex);

/* The memory of one thread's searches. */
struct sigma_regex_workspace *sigma_regex_workspace_new(void);

/* Frees it and nulls the pointer; NULL is fine. */
void sigma_regex_workspace_destroy(struct sigma_regex_workspace **workspace);

/* Searches a text. */
enum sigma_regex_result sigma_regex_search(const struct sigma_regex *regex,
                                           struct sigma_regex_workspace *workspace,
                                           struct text text);

/* A group's first and last byte (the one behind it); both SIZE_MAX where it took no part. */
struct sigma_regex_group {
    size_t from;
    size_t to;
};

/* Finds the first match from `start` on and its groups, the whole match first; for rules being
 * loaded: it allocates. False when there is none. */
bool sigma_regex_find(const struct sigma_regex *regex, struct text text, size_t start,
                      struct sigma_regex_group groups[REGEX_GROUPS_MAX]);

#endif
