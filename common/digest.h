/* digest.h: SHA-256, and comparing secrets without telling how much of them is right.
 *
 * Owner: plain values. Threads: pure functions; a stream one at a time. Errors: none. Source: FIPS
 * 180-4; nettle, which libmicrohttpd's GnuTLS brings along, and which needs neither a set-up nor
 * memory of its own for a digest.
 */
#ifndef SIEM_COMMON_DIGEST_H
#define SIEM_COMMON_DIGEST_H

#include "common/bytes.h"

#define DIGEST_SIZE 32
/* Its hexadecimal form and a NUL. */
#define DIGEST_HEX_SIZE (2 * DIGEST_SIZE + 1)
/* Room for the library's own state. */
#define DIGEST_STREAM_SIZE 128

struct digest {
    uint8_t bytes[DIGEST_SIZE];
};

/* A digest of bytes that come in pieces. */
struct digest_stream {
    _Alignas(8) uint8_t room[DIGEST_STREAM_SIZE];
};

/* Of nothing yet. */
void digest_begin(struct digest_stream *stream);

/* Takes the next bytes. */
void digest_add(struct digest_stream *stream, struct bytes bytes);

/* Takes a text and its length, so that two texts are not taken for another two. */
void digest_add_text(struct digest_stream *stream, struct text text);

/* The digest of all that was added; the stream begins anew. */
struct digest digest_end(struct digest_stream *stream);

/* The digest of a text. */
struct digest digest_of(struct text text);

/* True when both are the same; takes the same time whatever they hold. */
bool digest_equal(const struct digest *a, const struct digest *b);

/* Writes it in hexadecimal digits; returns `out`. */
const char *digest_format(const struct digest *digest, char out[DIGEST_HEX_SIZE]);

/* Reads hexadecimal digits in lower case; false when it is something else. */
bool digest_parse(struct text text, struct digest *ret_digest);

#endif
