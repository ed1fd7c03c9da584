/* test_http_server.c: the HTTP server over raw sockets: routes, limits, framing, answers given
 * elsewhere. */
#include "../support/http_fixture.h"
#include "common/http_server.h"
#include "common/scoped.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BODY_LIMIT 1000
#define TIMEOUT_MS 60000
/* Of answers given elsewhere: one that is not reached, and one that is. */
#define DEADLINE_MS 60000
#define SOON_MS 300
#define CONNECTIONS_MAX 400
#define WAIT_S 60

/* A request given to the other thread. */
struct held {
    struct held *next;
    struct http_request *request;
};

static struct http_server *server;
static int port;
static _Atomic(struct held *) held; /* the other thread has not seen them yet */
static _Atomic(struct held *) kept; /* it has */
static atomic_int released;
static atomic_bool holding; /* the other thread keeps what it gets */
static atomic_bool ending;
static atomic_int pieces;
static atomic_int deadline_ms = DEADLINE_MS;
static pthread_t answerer;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* Something that a condition asks for was changed. */
static void note_change(void) {
    pthread_mutex_lock(&lock);
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

/* Waits until the condition holds; false when it does not in time. */
static bool wait_until(bool (*condition)(void)) {
    struct timespec until;
    int result = 0;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += WAIT_S;
    pthread_mutex_lock(&lock);
    while (!condition() && result == 0)
        result = pthread_cond_clockwait(&changed, &lock, CLOCK_MONOTONIC, &until);
    bool holds = condition();
    pthread_mutex_unlock(&lock);
    return holds;
}

static bool is_kept(void) {
    return atomic_load(&kept) != NULL;
}

static bool is_released(void) {
    return atomic_load(&released) > 0;
}

/* Whether the other thread has something to do. */
static bool has_work(void) {
    return atomic_load(&ending) || atomic_load(&held) != NULL ||
           (is_kept() && !atomic_load(&holding));
}

static void hold(bool on) {
    atomic_store(&holding, on);
    note_change();
}

static void answer_text(struct http_request *request, int code, struct text text) {
    struct buffer body;
    buffer_init(&body, 1 << 20);
    buffer_append_text(&body, text);
    http_answer(request, code, "text/plain", &body);
}

static void on_echo(struct http_request *request) {
    struct bytes body = http_body(request);
    answer_text(request, 200, (struct text){(const char *)body.data, body.length});
}

static void on_piece(struct http_request *request, struct bytes piece) {
    (void)request;
    atomic_fetch_add(&pieces, (int)piece.length);
}

static void on_streamed(struct http_request *request) {
    char text[16];
    snprintf(text, sizeof text, "%d", atomic_exchange(&pieces, 0));
    answer_text(request, 200, text_of(text));
}

static void on_value(struct http_request *request) {
    struct buffer body;
    buffer_init(&body, 1 << 16);
    struct text id = http_path_value(request, "id");
    struct text q = http_query(request, "q");
    struct text peer = http_peer(request);
    buffer_printf(&body, "%.*s|%.*s|%s|%.*s", TEXT_ARG(id), TEXT_ARG(q),
                  http_query(request, "none").data == NULL ? "null" : "set", TEXT_ARG(peer));
    http_answer_header(request, "X-Extra", "yes");
    http_answer(request, 200, "text/plain", &body);
}

static void state_gone(void *state) {
    (void)state;
    atomic_fetch_add(&released, 1);
    note_change();
}

static void on_deadline(struct http_request *request) {
    answer_text(request, 504, TEXT("late"));
}

static void on_deferred(struct http_request *request) {
    struct held *item = malloc(sizeof *item);
    cr_assert_not_null(item);
    http_state_set(request, item, state_gone);
    http_defer(request, atomic_load(&deadline_ms), on_deadline);
    item->request = request;
    item->next = atomic_load(&held);
    while (!atomic_compare_exchange_weak(&held, &item->next, item))
        continue;
    note_change();
}

/* Two answers at once: the first counts. */
static void on_twice(struct http_request *request) {
    answer_text(request, 200, TEXT("first"));
    struct buffer body;
    buffer_init(&body, 100);
    buffer_append_text(&body, TEXT("second"));
    cr_assert_not(http_answer(request, 500, "text/plain", &body));
    cr_assert_eq(body.length, 0);
}

/* A page: its memory is nobody's, and it says itself what may run in it. */
static void on_page(struct http_request *request) {
    static const struct text page = TEXT_CONSTANT("<!doctype html>page");
    http_answer_header(request, "Content-Security-Policy", "default-src 'self'");
    struct bytes body = {(const uint8_t *)page.data, page.length};
    cr_assert(http_answer_constant(request, 200, "text/html", body));
    cr_assert_not(http_answer_constant(request, 200, "text/html", body));
}

static bool authorize(struct http_request *request, enum http_access access) {
    if (access == HTTP_WRITE && http_header(request, "X-API-Key").data == NULL) {
        answer_text(request, 401, TEXT("key?"));
        return false;
    }
    return true;
}

static void keep(struct held *list) {
    while (list != NULL) {
        struct held *next = list->next;
        list->next = atomic_load(&kept);
        atomic_store(&kept, list);
        list = next;
    }
    note_change();
}

static void answer_kept(void) {
    while (is_kept() && !atomic_load(&holding)) {
        struct held *item = atomic_load(&kept);
        struct http_request *request = item->request;
        atomic_store(&kept, item->next);
        free(item);
        on_echo(request);
        http_release(request);
    }
}

static void *answerer_main(void *context) {
    (void)context;
    while (!atomic_load(&ending) || is_kept() || atomic_load(&held) != NULL) {
        if (wait_until(has_work)) {
            keep(atomic_exchange(&held, NULL));
            answer_kept();
        }
    }
    return NULL;
}

static const struct http_route routes[] = {
    {"POST", "/echo", HTTP_OPEN, BODY_LIMIT, NULL, NULL, on_echo},
    {"POST", "/stream", HTTP_OPEN, 1 << 22, NULL, on_piece, on_streamed},
    {"POST", "/defer", HTTP_OPEN, BODY_LIMIT, NULL, NULL, on_deferred},
    {"POST", "/keyed", HTTP_WRITE, BODY_LIMIT, NULL, NULL, on_echo},
    {"GET", "/twice", HTTP_OPEN, 0, NULL, NULL, on_twice},
    {"GET", "/page", HTTP_OPEN, 0, NULL, NULL, on_page},
    {"GET", "/things/{id}/name", HTTP_OPEN, 0, NULL, NULL, on_value},
    {"PUT", "/things/{id}/name", HTTP_OPEN, 0, NULL, NULL, on_value},
};

static void setup(void) {
    server = http_server_new(&(struct http_options){.listen = "127.0.0.1:0",
                                                    .workers = 2,
                                                    .connections_max = CONNECTIONS_MAX,
                                                    .request_timeout_ms = TIMEOUT_MS,
                                                    .routes = routes,
                                                    .routes_count = sizeof routes / sizeof *routes,
                                                    .authorize = authorize});
    cr_assert_not_null(server);
    port = http_server_port(server);
    cr_assert_eq(pthread_create(&answerer, NULL, answerer_main, NULL), 0);
}

static void teardown(void) {
    hold(false);
    http_server_destroy(&server);
    atomic_store(&ending, true);
    note_change();
    pthread_join(answerer, NULL);
    cr_assert_null(server);
}

TestSuite(http_server, .init = setup, .fini = teardown, .timeout = 300);

#define RAW HTTP_EXCHANGE_RAW
#define HOST "Host: here\r\n"

Test(http_server, finds_routes_and_says_what_is_not_there) {
    static const struct http_exchange exchanges[] = {
        {"echo", RAW("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello"), 200,
         "\r\n\r\nhello", false},
        {"chunked",
         RAW("POST /echo HTTP/1.1\r\n" HOST
             "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"),
         200, "\r\n\r\nhello", false},
        {"value and query", RAW("GET /things/a-7/name?q=x%20y HTTP/1.1\r\n" HOST "\r\n"), 200,
         "a-7|x y|null|127.0.0.1", false},
        {"added header", RAW("GET /things/a/name HTTP/1.1\r\n" HOST "\r\n"), 200, "X-Extra: yes",
         false},
        {"head", RAW("HEAD /things/a/name HTTP/1.1\r\n" HOST "\r\n"), 200,
         "Content-Length: ", false},
        {"empty value", RAW("GET /things//name HTTP/1.1\r\n" HOST "\r\n"), 404, "Not Found", false},
        {"value of two segments", RAW("GET /things/a/b/name HTTP/1.1\r\n" HOST "\r\n"), 404, NULL,
         false},
        {"no route", RAW("GET /nowhere HTTP/1.1\r\n" HOST "\r\n"), 404,
         "{\"detail\":\"Not Found\"}", false},
        {"other method", RAW("DELETE /things/a/name HTTP/1.1\r\n" HOST "\r\n"), 405,
         "Allow: GET, HEAD, PUT", false},
        {"unknown method", RAW("FOO /echo HTTP/1.1\r\n" HOST "\r\n"), 405, "Allow: POST", false},
        {"answered twice", RAW("GET /twice HTTP/1.1\r\n" HOST "\r\n"), 200, "first", false},
        {"no key", RAW("POST /keyed HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi"), 401, "key?",
         false},
        {"key", RAW("POST /keyed HTTP/1.1\r\n" HOST "X-API-Key: k\r\nContent-Length: 2\r\n\r\nhi"),
         200, "hi", false},
        {"page", RAW("GET /page HTTP/1.1\r\n" HOST "\r\n"), 200, "<!doctype html>page", false},
        {"policy of a page", RAW("HEAD /page HTTP/1.1\r\n" HOST "\r\n"), 200,
         "Content-Security-Policy: default-src 'self'\r\n", false},
        {"policy of anything else", RAW("GET /nowhere HTTP/1.1\r\n" HOST "\r\n"), 404,
         "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n", false},
        {"old version", RAW("GET /twice HTTP/1.0\r\n\r\n"), 200, "first", true},
    };
    http_fixture_check(port, exchanges, sizeof exchanges / sizeof exchanges[0]);
}

Test(http_server, bounds_bodies_and_headers) {
    static struct http_reply reply;
    struct buffer request;
    buffer_init(&request, 1 << 20);
    for (size_t length = BODY_LIMIT; length <= BODY_LIMIT + 1; length++) {
        buffer_reset(&request);
        buffer_printf(&request, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n",
                      length);
        for (size_t i = 0; i < length; i++)
            buffer_append(&request, "x", 1);
        http_fixture_ask(port, buffer_text(&request), &reply);
        cr_expect_eq(reply.code, length <= BODY_LIMIT ? 200 : 413);
    }
    buffer_reset(&request);
    buffer_printf(&request, "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 11; i++)
        buffer_printf(&request, "64\r\n%0100d\r\n", 0);
    buffer_printf(&request, "0\r\n\r\n");
    http_fixture_ask(port, buffer_text(&request), &reply);
    cr_expect_eq(reply.code, 413, "chunked: %d", reply.code);
    for (int length = 7900; length <= 9000; length += 1100) {
        buffer_reset(&request);
        buffer_printf(&request, "GET /twice HTTP/1.1\r\n" HOST "X: %0*d\r\n\r\n", length, 0);
        http_fixture_ask(port, buffer_text(&request), &reply);
        cr_expect_eq(reply.code, length < 8192 ? 200 : 431, "header of %d: %d", length, reply.code);
    }
    buffer_fini(&request);
}

/* A client may send a body where none is wanted: it changes nothing, up to a bound. */
Test(http_server, drops_the_body_of_a_route_without_one) {
    static struct http_reply reply;
    static const char *const methods[] = {"GET", "HEAD"};
    SCOPED_FINI(buffer) struct buffer request;
    buffer_init(&request, 1 << 20);
    for (size_t i = 0; i < 4; i++) {
        int length = i < 2 ? 65536 : 65537;
        buffer_reset(&request);
        buffer_printf(&request, "%s /page HTTP/1.1\r\n" HOST "Content-Length: %d\r\n\r\n%0*d",
                      methods[i % 2], length, length, 0);
        int fd = http_fixture_connect(port);
        for (int again = 0; again < 2; again++) {
            http_fixture_send(fd, buffer_text(&request));
            http_fixture_read(fd, i % 2 == 1, &reply);
            cr_expect_eq(reply.code, i < 2 ? 200 : 413, "%s, %d: %d", methods[i % 2], length,
                         reply.code);
        }
        close(fd);
    }
    buffer_reset(&request);
    buffer_printf(&request,
                  "GET /page HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                  "ffff\r\n%065535d\r\n2\r\nab\r\n0\r\n\r\n",
                  0);
    http_fixture_ask(port, buffer_text(&request), &reply);
    cr_expect_eq(reply.code, 413, "chunked: %d", reply.code);
}

/* A refused body is read and dropped, so that the connection lives on. */
Test(http_server, keeps_a_connection_behind_refusals) {
    static struct http_reply reply;
    int fd = http_fixture_connect(port);
    for (int i = 0; i < 3; i++) {
        http_fixture_send(fd, TEXT("POST /keyed HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi"));
        http_fixture_read(fd, false, &reply);
        cr_assert_eq(reply.code, 401);
        http_fixture_send(fd, TEXT("GET /nowhere HTTP/1.1\r\n" HOST "\r\n"));
        http_fixture_read(fd, false, &reply);
        cr_assert_eq(reply.code, 404);
        http_fixture_send(fd, TEXT("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nok"));
        http_fixture_read(fd, false, &reply);
        cr_assert_str_eq(http_fixture_body(&reply), "ok");
    }
    close(fd);
}

Test(http_server, streams_large_bodies_to_routes_that_ask_for_pieces) {
    static struct http_reply reply;
    static char piece[100000];
    int fd = http_fixture_connect(port);
    http_fixture_send(fd, TEXT("POST /stream HTTP/1.1\r\n" HOST "Content-Length: 3000000\r\n\r\n"));
    for (int i = 0; i < 30; i++)
        http_fixture_send(fd, (struct text){piece, sizeof piece});
    http_fixture_read(fd, false, &reply);
    cr_assert_str_eq(http_fixture_body(&reply), "3000000");
    close(fd);
}

/* Pipelined requests are answered in their order, deferred ones too. */
Test(http_server, answers_pipelined_requests_in_order) {
    static struct http_reply reply;
    int fd = http_fixture_connect(port);
    http_fixture_send(fd, TEXT("POST /defer HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\n1"
                               "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\n2"
                               "POST /defer HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\n3"));
    for (char expected = '1'; expected <= '3'; expected++) {
        http_fixture_read(fd, false, &reply);
        cr_assert_eq(http_fixture_body(&reply)[0], expected);
    }
    close(fd);
}

/* More than 128 at a time: what libmicrohttpd's own loop stalls at. */
Test(http_server, serves_300_connections_at_once) {
    enum { CONNECTIONS = 300, ROUNDS = 5 };
    static struct http_reply reply;
    static int fds[CONNECTIONS];
    for (int i = 0; i < CONNECTIONS; i++)
        fds[i] = http_fixture_connect(port);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < CONNECTIONS; i++) {
            char request[128];
            snprintf(request, sizeof request,
                     "POST /defer HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\n%04d", i);
            http_fixture_send(fds[i], text_of(request));
        }
        for (int i = 0; i < CONNECTIONS; i++) {
            char expected[8];
            snprintf(expected, sizeof expected, "%04d", i);
            http_fixture_read(fds[i], false, &reply);
            cr_assert_eq(reply.code, 200, "connection %d: %d", i, reply.code);
            cr_assert_str_eq(http_fixture_body(&reply), expected);
        }
    }
    for (int i = 0; i < CONNECTIONS; i++)
        close(fds[i]);
}

Test(http_server, answers_at_the_deadline_and_drops_what_comes_later) {
    static struct http_reply reply;
    atomic_store(&deadline_ms, SOON_MS);
    hold(true);
    http_fixture_ask(port, TEXT("POST /defer HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx"),
                     &reply);
    cr_assert_eq(reply.code, 504);
    cr_assert_str_eq(http_fixture_body(&reply), "late");
    atomic_store(&released, 0);
    hold(false);
    cr_assert(wait_until(is_released));
}

/* A client that goes away while its request is worked on harms nobody. */
Test(http_server, outlives_clients_that_leave) {
    static struct http_reply reply;
    hold(true);
    for (int i = 0; i < 50; i++) {
        int fd = http_fixture_connect(port);
        http_fixture_send(fd, TEXT("POST /defer HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx"));
        close(fd);
    }
    hold(false);
    http_fixture_ask(port, TEXT("GET /twice HTTP/1.1\r\n" HOST "\r\n"), &reply);
    cr_assert_eq(reply.code, 200);
}

Test(http_server, answers_503_when_it_stops) {
    static struct http_reply reply;
    atomic_store(&deadline_ms, SOON_MS);
    hold(true);
    int fd = http_fixture_connect(port);
    http_fixture_send(fd, TEXT("POST /defer HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx"));
    cr_assert(wait_until(is_kept));
    int other = http_fixture_connect(port);
    http_fixture_send(other, TEXT("GET /twice HTTP/1.1\r\n" HOST "\r\n"));
    http_fixture_read(other, false, &reply);
    http_server_quiesce(server);
    http_server_destroy(&server);
    http_fixture_read(fd, false, &reply);
    cr_expect(reply.code == 503 || reply.code == 504, "%d", reply.code);
    close(fd);
    close(other);
}

Test(http_server, does_not_start_on_an_address_that_is_taken) {
    char listen[64];
    snprintf(listen, sizeof listen, "127.0.0.1:%d", port);
    const char *const bad[] = {listen,         "nowhere",         "127.0.0.1",
                               "1.2.3.4.5:80", "127.0.0.1:65536", "127.0.0.1:-1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_expect_null(http_server_new(&(struct http_options){.listen = bad[i],
                                                              .workers = 1,
                                                              .connections_max = 1,
                                                              .request_timeout_ms = 1000,
                                                              .routes = routes,
                                                              .routes_count = 1}),
                       "%s", bad[i]);
    }
}
