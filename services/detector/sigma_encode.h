/* sigma_encode.h: the value modifiers that rewrite a string: wide, base64, base64offset, windash.
 *
 * Owner: results live in the arena. Threads: pure. Errors: BAD_VALUE when a string cannot be
 * encoded (wildcards in base64, no UTF-8 in UTF-16), TOO_LARGE beyond SIGMA_WINDASH_MAX. Source:
 * sigma-specification, pySigma's modifiers.
 */
#ifndef SIEM_DETECTOR_SIGMA_ENCODE_H
#define SIEM_DETECTOR_SIGMA_ENCODE_H

#include "common/status.h"
#include "services/detector/sigma_string.h"

/* Dashes of one string that windash varies: 5 to that power are the strings it makes. */
#define SIGMA_WINDASH_MAX 5

enum sigma_utf16 { SIGMA_UTF16_LITTLE, SIGMA_UTF16_BIG, SIGMA_UTF16_MARKED };

struct sigma_strings {
    size_t count;
    struct sigma_string *items;
};

/* As UTF-16, wildcards staying what they are; MARKED is little-endian after a byte order mark. */
MUST_CHECK enum status sigma_encode_utf16(struct arena *arena, struct sigma_string string,
                                          enum sigma_utf16 form, struct sigma_string *ret_string);

/* As base64. */
MUST_CHECK enum status sigma_encode_base64(struct arena *arena, struct sigma_string string,
                                           struct sigma_string *ret_string);

/* As the three texts one of which stands in the base64 of anything that holds the string. */
MUST_CHECK enum status sigma_encode_base64_offset(struct arena *arena, struct sigma_string string,
                                                  struct sigma_strings *ret_strings);

/* All spellings of the option dashes (a - or / that no word precedes and one follows). */
MUST_CHECK enum status sigma_encode_windash(struct arena *arena, struct sigma_string string,
                                            struct sigma_strings *ret_strings);

#endif
