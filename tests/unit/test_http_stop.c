/* test_http_stop.c: what a client hears whose request the HTTP server finds when it stops. */
#include "../support/http_fixture.h"
#include "common/http_private.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#define TIMEOUT_MS 20000
#define HOST "Host: here\r\n"

static struct http_server *server;
static int port;
static atomic_bool blocked; /* the only worker is */

static void answer_nothing(struct http_request *request) {
    struct buffer body;
    buffer_init(&body, 0);
    http_answer(request, 200, "text/plain", &body);
}

/* Holds the worker up until the server is told to stop. */
static void on_block(struct http_request *request) {
    atomic_store(&blocked, true);
    while (!atomic_load(&request->worker->server->stopping))
        sched_yield();
    answer_nothing(request);
}

static void on_deadline(struct http_request *request) {
    (void)request;
    cr_assert_fail("answered at its deadline");
}

/* Nobody answers. */
static void on_defer(struct http_request *request) {
    http_defer(request, TIMEOUT_MS, on_deadline);
    http_release(request);
}

static void on_piece(struct http_request *request, struct bytes piece) {
    (void)request, (void)piece;
}

static const struct http_route routes[] = {
    {"GET", "/block", HTTP_OPEN, 0, NULL, NULL, on_block},
    {"GET", "/page", HTTP_OPEN, 0, NULL, NULL, answer_nothing},
    {"POST", "/form", HTTP_OPEN, 100, NULL, NULL, answer_nothing},
    {"POST", "/stream", HTTP_OPEN, 100, NULL, on_piece, answer_nothing},
    {"POST", "/defer", HTTP_OPEN, 100, NULL, NULL, on_defer},
};

static void setup(void) {
    server =
        http_server_new(&(struct http_options){.listen = "127.0.0.1:0",
                                               .workers = 1,
                                               .connections_max = 100,
                                               .request_timeout_ms = TIMEOUT_MS,
                                               .routes = routes,
                                               .routes_count = sizeof routes / sizeof *routes});
    cr_assert_not_null(server);
    port = http_server_port(server);
}

TestSuite(http_stop, .init = setup, .timeout = 60);

/* A kept-alive connection that the worker knows. */
static int connect_and_ask(void) {
    static struct http_reply reply;
    int fd = http_fixture_connect(port);
    http_fixture_send(fd, TEXT("GET /page HTTP/1.1\r\n" HOST "\r\n"));
    http_fixture_read(fd, false, &reply);
    cr_assert_eq(reply.code, 200);
    return fd;
}

/* Every kind of request that comes in while the worker is held up. */
Test(http_stop, answers_503_to_requests_it_finds) {
    static const struct text late[] = {
        TEXT_CONSTANT("GET /page HTTP/1.1\r\n" HOST "\r\n"),
        TEXT_CONSTANT("POST /form HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx"),
        TEXT_CONSTANT("POST /stream HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx"),
        TEXT_CONSTANT("POST /defer HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx"),
    };
    enum { LATE = sizeof late / sizeof late[0] };
    static struct http_reply reply;
    int fds[LATE];
    for (int i = 0; i < LATE; i++)
        fds[i] = connect_and_ask();
    int held_up = connect_and_ask();
    http_fixture_send(held_up, TEXT("GET /block HTTP/1.1\r\n" HOST "\r\n"));
    while (!atomic_load(&blocked))
        sched_yield();
    for (int i = 0; i < LATE; i++)
        http_fixture_send(fds[i], late[i]);
    http_server_destroy(&server);
    for (int i = 0; i < LATE; i++) {
        http_fixture_read(fds[i], false, &reply);
        cr_expect_eq(reply.code, 503, "%d: %d", i, reply.code);
        cr_expect_str_eq(http_fixture_body(&reply), "{\"detail\":\"Service is stopping\"}");
        close(fds[i]);
    }
    http_fixture_read(held_up, false, &reply);
    cr_expect_eq(reply.code, 200, "what was being answered is");
    close(held_up);
}
