/* sigma_string.h: a Sigma string after its escapes were read: bytes, some of them wildcards.
 *
 * `*` is any run, `?` exactly one character. `\*`, `\?` and `\\` are literal; a backslash before
 * anything else, or at the end, is itself. Owner: the arena given. Threads: pure. Source:
 * sigma-specification, pySigma's SigmaString.
 */
#ifndef SIEM_DETECTOR_SIGMA_STRING_H
#define SIEM_DETECTOR_SIGMA_STRING_H

#include "services/detector/arena.h"

/* PLACEHOLDER marks all bytes of %name%; none is left when a rule is compiled. */
enum sigma_mark {
    SIGMA_MARK_LITERAL,
    SIGMA_MARK_ANY,
    SIGMA_MARK_ONE,
    SIGMA_MARK_PLACEHOLDER,
};

struct sigma_string {
    char *data;     /* bytes; '*' or '?' where the mark says so */
    uint8_t *marks; /* enum sigma_mark of each byte */
    size_t length;
};

/* Reads a text with its escapes. */
struct sigma_string sigma_string_parse(struct arena *arena, struct text text);

/* A string without wildcards. */
struct sigma_string sigma_string_literal(struct arena *arena, struct text text);

/* Adds a `*` at the ends asked for, where none stands. */
struct sigma_string sigma_string_wrap(struct arena *arena, struct sigma_string string, bool before,
                                      bool after);

/* True when it has a wildcard. */
bool sigma_string_has_wildcards(struct sigma_string string);

/* Its bytes; meant for one without wildcards. Borrows. */
static inline struct text sigma_string_text(struct sigma_string string) {
    return (struct text){string.data, string.length};
}

#endif
