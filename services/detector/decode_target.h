/* decode_target.h: what a web request's target means, whatever way it is written.
 *
 * Percent signs (also %u0027, and twice over), the \x27 of a server's log, plus signs and character
 * references are decoded, overlong UTF-8 and full-width signs are read as what they stand for, zero
 * bytes and comments of SQL (also those between lines) become nothing or a blank, runs of white
 * space one blank. So an attack has one spelling. Owner: the result lives in the arena, and is
 * valid UTF-8. Threads: pure. Errors: none; what cannot be decoded stays, bytes that are no text
 * become question marks. Limits: linear in the target's length. Source: RFC 3986; HTML's character
 * references; MySQL's comments.
 */
#ifndef SIEM_DETECTOR_DECODE_TARGET_H
#define SIEM_DETECTOR_DECODE_TARGET_H

#include "services/detector/arena.h"

/* The target, decoded. */
struct text decode_target(struct arena *arena, struct text target);

#endif
