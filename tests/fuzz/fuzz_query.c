/* fuzz_query.c: any bytes as the query of a request, raw and with everything escaped: it is served
 * or refused, once, and what is taken is what was sent. */
#include "http_target.h"

#include "common/buffer.h"
#include "common/utf8.h"

#define TEXT_MAX 2000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int code_of(struct text reply) {
    http_target_require(reply.length > 13 && memcmp(reply.data, "HTTP/1.1 ", 9) == 0);
    return (reply.data[9] - '0') * 100 + (reply.data[10] - '0') * 10 + reply.data[11] - '0';
}

static struct text ask(struct buffer *request) {
    buffer_printf(request, " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    return http_target_exchange(buffer_bytes(request));
}

/* As it is. */
static void check_raw(const uint8_t *data, size_t size) {
    struct buffer request;
    buffer_init(&request, 1 << 16);
    buffer_printf(&request, "GET /list?");
    buffer_append(&request, data, size);
    struct text reply = ask(&request);
    if (reply.length > 0) {
        int code = code_of(reply);
        http_target_require(code == 200 || (code >= 400 && code < 500) || code == 505);
    }
    buffer_fini(&request);
}

/* As the value of `q`: comes back as it was, if it is text. */
static void check_escaped(const uint8_t *data, size_t size) {
    struct buffer request;
    buffer_init(&request, 1 << 16);
    buffer_printf(&request, "GET /list?limit=7&q=");
    for (size_t i = 0; i < size; i++)
        buffer_printf(&request, "%%%02x", data[i]);
    struct text reply = ask(&request);
    bool is_text = utf8_is_valid(data, size) && memchr(data, 0, size) == NULL;
    http_target_require(code_of(reply) == (is_text ? 200 : 400));
    if (is_text && size > 0)
        http_target_require(reply.length > size &&
                            memcmp(reply.data + reply.length - size, data, size) == 0);
    buffer_fini(&request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > TEXT_MAX)
        return 0;
    check_raw(data, size);
    check_escaped(data, size);
    return 0;
}
