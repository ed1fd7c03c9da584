/* reduced_text.h: texts with one byte a character, so that patterns over bytes count and class
 * characters rightly.
 *
 * Every character beyond ASCII becomes the byte 0xff. An expression that names no such character
 * cannot tell them apart, so it matches the reduced text exactly when it matches the text: except
 * that the Kelvin sign and the long s are k and s when case is ignored. Texts with one of these are
 * not reduced. Owner: a reduced text is the text itself, when it is ASCII, or stands in the buffer
 * given. Threads: pure. Errors: none. Source: PCRE2's classes without UCP, which hold ASCII alone;
 * Unicode's CaseFolding.txt, where only those two fold to ASCII from outside it.
 */
#ifndef SIEM_DETECTOR_REDUCED_TEXT_H
#define SIEM_DETECTOR_REDUCED_TEXT_H

#include "common/buffer.h"
#include "common/bytes.h"

/* True when every byte is ASCII. */
bool text_is_ascii(struct text text);

/* True when a character in it folds into an ASCII one: the Kelvin sign, the long s. */
bool text_folds_into_ascii(struct text text);

/* The text, reduced; `room` is written when it is not ASCII. False when it cannot be. */
bool reduced_text_make(struct text text, struct buffer *room, struct text *ret_reduced);

/* True when the regular expression matches reduced texts as it does others. It may say no too
 * often. */
bool reduced_text_suits(struct text expression);

#endif
