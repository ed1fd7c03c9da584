/* casefold.h: folds upper and lower case of UTF-8 text together, one code point to one code point,
 * so that substrings of folded texts are the folded substrings.
 *
 * Threads: pure functions. Errors: none; bytes that are not UTF-8 stay as they are.
 * Source: Unicode's CaseFolding.txt, simple folding (statuses C and S).
 */
#ifndef SIEM_DETECTOR_CASEFOLD_H
#define SIEM_DETECTOR_CASEFOLD_H

#include "common/bytes.h"

/* Most bytes a text of `length` bytes can fold into (two bytes may become three). */
#define CASEFOLD_SIZE(length) ((length) + (length) / 2 + 8)

/* Writes the folded text to `out`, which has CASEFOLD_SIZE(text.length) bytes; its length. */
size_t casefold_text(struct text text, char *out);

/* Reads the code point at the start of `text`, which is not empty; its length in bytes. A byte that
 * starts no code point reads as itself. */
size_t casefold_decode(struct text text, uint32_t *ret_code_point);

#endif
