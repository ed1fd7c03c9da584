/* utf8.h: tells whether bytes are well-formed UTF-8, where its characters end, and which of them
 * are no text.
 *
 * Threads: pure functions. Limits: none; one pass, no memory.
 * Source: The Unicode Standard, table 3-7 (no overlong forms, no surrogates, nothing above
 * U+10FFFF); UAX #9, table 1 and section 2.
 */
#ifndef SIEM_COMMON_UTF8_H
#define SIEM_COMMON_UTF8_H

#include "common/bytes.h"

/* True when `length` bytes at `data` are well-formed UTF-8; ASCII goes 16 bytes a step. */
bool utf8_is_valid(const uint8_t *data, size_t length);

/* Length of the one character at `data`; 0 when it is not well-formed, or nothing is there. */
size_t utf8_character_length(const char *data, size_t length);

/* The character of a well-formed sequence of `length` bytes. */
uint32_t utf8_code_point(const char *data, size_t length);

/* True when terminals and viewers act on the character instead of showing it: C0, DEL, C1, line and
 * paragraph separators, and those that turn the direction of writing (Bidi_Control). */
bool utf8_is_control(uint32_t code_point);

/* The longest start of `text`, at most `limit` bytes, that ends between two characters. */
struct text utf8_cut(struct text text, size_t limit);

#endif
