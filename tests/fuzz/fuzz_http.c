/* fuzz_http.c: any bytes as what a client sends to the HTTP server: it lives on, answers only what
 * is a request, and every answer has what all have. */
#include "http_target.h"

#define ANSWER "HTTP/1.1 "
#define CONTINUE "HTTP/1.1 100 "

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct text reply = http_target_exchange((struct bytes){data, size});
    if (reply.length == 0)
        return 0;
    http_target_require(reply.length > sizeof ANSWER &&
                        memcmp(reply.data, ANSWER, sizeof ANSWER - 1) == 0);
    if (memcmp(reply.data, CONTINUE, sizeof CONTINUE - 1) != 0)
        http_target_require(memmem(reply.data, reply.length, "nosniff", 7) != NULL);
    return 0;
}
