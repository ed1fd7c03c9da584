/* golden.h: the golden frames of tests/contract/golden: what the wire has to look like, byte for
 * byte.
 *
 * A file is one comment line and the frame in hexadecimal. Owner: the caller frees what it is
 * given. Errors: a file that is missing or odd fails the test.
 */
#ifndef SIEM_TESTS_GOLDEN_H
#define SIEM_TESTS_GOLDEN_H

#include "common/buffer.h"

/* The bytes of golden/NAME.hex, in a buffer the caller frees. */
struct buffer golden_load(const char *name);

/* Fails the test, with both in hexadecimal, unless the bytes are those of golden/NAME.hex. */
void golden_expect(const char *name, struct bytes actual);

/* The content of the bin 32 that an encoded event is wrapped in. */
struct bytes golden_bin_content(struct bytes bin);

/* A copy whose memory ends exactly where the bytes end, so that the sanitizer sees a read beyond.
 */
uint8_t *golden_tight_copy(struct bytes bytes);

#endif
