/* http_echo.c: a small HTTP server for tests. */
#include "http_echo.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void answer(struct http_request *request, int code, struct text text) {
    struct buffer body;
    buffer_init(&body, 1 << 20);
    buffer_append_text(&body, text);
    http_answer(request, code, "text/plain", &body);
}

static void on_hello(struct http_request *request) {
    answer(request, 200, TEXT("hello"));
}

static void on_echo(struct http_request *request) {
    struct bytes body = http_body(request);
    answer(request, 200, (struct text){(const char *)body.data, body.length});
}

static void on_peer(struct http_request *request) {
    answer(request, 200, http_peer(request));
}

static bool is_item(struct text item, const void *wanted) {
    return text_is(item, wanted);
}

static void on_listed(struct http_request *request) {
    bool listed = http_header_any(request, "X-List", is_item, "wanted");
    answer(request, 200, listed ? TEXT("listed") : TEXT("missing"));
}

static void on_value(struct http_request *request) {
    struct text value = http_header(request, "X-Value");
    struct buffer quoted;
    buffer_init(&quoted, 1 << 16);
    buffer_printf(&quoted, value.data != NULL ? "<%.*s>" : "none", TEXT_ARG(value));
    answer(request, 200, buffer_text(&quoted));
    buffer_fini(&quoted);
}

static void on_late(struct http_request *request) {
    answer(request, 200, TEXT("late"));
    http_release(request);
}

static void on_later(struct http_request *request) {
    http_defer(request, HTTP_ECHO_LATER_MS, on_late);
}

static void on_large(struct http_request *request) {
    static uint8_t page[HTTP_ECHO_LARGE];
    http_answer_constant(request, 200, "text/plain", (struct bytes){page, sizeof page});
}

struct http_server *http_echo_new(const struct http_options *options) {
    static const struct http_route routes[] = {
        {"GET", "/hello", HTTP_OPEN, 0, NULL, NULL, on_hello},
        {"POST", "/echo", HTTP_OPEN, 65536, NULL, NULL, on_echo},
        {"POST", "/later", HTTP_OPEN, 65536, NULL, NULL, on_later},
        {"GET", "/peer", HTTP_OPEN, 0, NULL, NULL, on_peer},
        {"GET", "/listed", HTTP_OPEN, 0, NULL, NULL, on_listed},
        {"GET", "/value", HTTP_OPEN, 0, NULL, NULL, on_value},
        {"GET", "/large", HTTP_OPEN, 0, NULL, NULL, on_large},
    };
    struct http_options full = *options;
    full.listen = full.listen != NULL ? full.listen : "127.0.0.1:0";
    full.workers = full.workers > 0 ? full.workers : 2;
    full.routes = routes;
    full.routes_count = sizeof routes / sizeof routes[0];
    struct http_server *server = http_server_new(&full);
    cr_assert_not_null(server);
    return server;
}
