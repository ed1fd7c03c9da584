/* digest.c: the only file that sees nettle. */
#include "common/digest.h"

#include <nettle/memops.h>
#include <nettle/sha2.h>

_Static_assert(sizeof(struct sha256_ctx) <= DIGEST_STREAM_SIZE, "the library's state fits");
_Static_assert(SHA256_DIGEST_SIZE == DIGEST_SIZE, "the digest fits");

static struct sha256_ctx *context_of(struct digest_stream *stream) {
    return (struct sha256_ctx *)(void *)stream->room;
}

void digest_begin(struct digest_stream *stream) {
    sha256_init(context_of(stream));
}

void digest_add(struct digest_stream *stream, struct bytes bytes) {
    if (bytes.length > 0)
        sha256_update(context_of(stream), bytes.length, bytes.data);
}

void digest_add_text(struct digest_stream *stream, struct text text) {
    uint64_t length = text.data != NULL ? text.length : UINT64_MAX;
    digest_add(stream, (struct bytes){(const uint8_t *)&length, sizeof length});
    digest_add(stream, (struct bytes){(const uint8_t *)text.data, text.length});
}

struct digest digest_end(struct digest_stream *stream) {
    struct digest digest;
    sha256_digest(context_of(stream), DIGEST_SIZE, digest.bytes);
    return digest;
}

struct digest digest_of(struct text text) {
    struct digest_stream stream;
    digest_begin(&stream);
    digest_add(&stream, (struct bytes){(const uint8_t *)text.data, text.length});
    return digest_end(&stream);
}

bool digest_equal(const struct digest *a, const struct digest *b) {
    return memeql_sec(a->bytes, b->bytes, DIGEST_SIZE) != 0;
}

const char *digest_format(const struct digest *digest, char out[DIGEST_HEX_SIZE]) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < DIGEST_SIZE; i++) {
        out[2 * i] = digits[digest->bytes[i] >> 4];
        out[2 * i + 1] = digits[digest->bytes[i] & 15];
    }
    out[DIGEST_HEX_SIZE - 1] = '\0';
    return out;
}

/* The value of a digit; -1 when it is none. */
static int digit_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool digest_parse(struct text text, struct digest *ret_digest) {
    struct digest digest;
    if (text.length != DIGEST_HEX_SIZE - 1)
        return false;
    for (size_t i = 0; i < DIGEST_SIZE; i++) {
        int high = digit_value(text.data[2 * i]);
        int low = digit_value(text.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        digest.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *ret_digest = digest;
    return true;
}
