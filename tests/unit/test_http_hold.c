/* test_http_hold.c: a route that waits for a word from elsewhere, ended at every moment. */
#include "../support/http_fixture.h"
#include "common/http_server.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <unistd.h>

#define WAIT_S 60
#define HELD_MAX 64
#define HOST "Host: here\r\n"

static struct http_server *server;
static int port;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct http_request *held[HELD_MAX]; /* whose holds are to be ended */
static int held_count;
static int gone; /* requests whose memory was given back */

static void note_held(struct http_request *request) {
    pthread_mutex_lock(&lock);
    cr_assert_lt(held_count, HELD_MAX);
    held[held_count++] = request;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void note_gone(void *state) {
    (void)state;
    pthread_mutex_lock(&lock);
    gone++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

/* Waits until `*number` is `wanted`. */
static void wait_for(const int *number, int wanted) {
    struct timespec until;
    int result = 0;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += WAIT_S;
    pthread_mutex_lock(&lock);
    while (*number != wanted && result == 0)
        result = pthread_cond_clockwait(&changed, &lock, CLOCK_MONOTONIC, &until);
    cr_expect_eq(*number, wanted);
    pthread_mutex_unlock(&lock);
}

/* Takes a request whose hold is to be ended, when there is one. */
static struct http_request *take_held(void) {
    wait_for(&held_count, 1);
    pthread_mutex_lock(&lock);
    struct http_request *request = held[--held_count];
    pthread_mutex_unlock(&lock);
    return request;
}

static void answer_text(struct http_request *request, int code, struct text text) {
    struct buffer body;
    buffer_init(&body, 1 << 16);
    buffer_append_text(&body, text);
    http_answer(request, code, "text/plain", &body);
}

static void on_ready(struct http_request *request);

static void begin_hold(struct http_request *request) {
    http_hold(request, on_ready);
    note_held(request);
}

/* What the query wants: nothing, an answer, or another hold. */
static void on_ready(struct http_request *request) {
    struct text wish = http_query(request, "ready");
    if (text_is(wish, "answer"))
        answer_text(request, 429, TEXT("refused"));
    else if (text_is(wish, "again") && http_state(request) == NULL)
        begin_hold(request);
    http_state_set(request, request, note_gone);
}

static void on_whole(struct http_request *request) {
    struct bytes body = http_body(request);
    answer_text(request, 200, (struct text){(const char *)body.data, body.length});
}

static void on_deadline(struct http_request *request) {
    answer_text(request, 504, TEXT("late"));
}

/* Answers at its deadline, for which it is suspended a second time. */
static void on_deferred(struct http_request *request) {
    http_defer(request, 1, on_deadline);
    http_release(request);
}

static const struct http_route routes[] = {
    {"POST", "/hold", HTTP_OPEN, 1000, begin_hold, NULL, on_whole},
    {"POST", "/defer", HTTP_OPEN, 1000, begin_hold, NULL, on_deferred},
};

static void setup(void) {
    server = http_server_new(&(struct http_options){.listen = "127.0.0.1:0",
                                                    .workers = 1,
                                                    .connections_max = 100,
                                                    .request_timeout_ms = 60000,
                                                    .routes = routes,
                                                    .routes_count = 2});
    cr_assert_not_null(server);
    port = http_server_port(server);
}

static void teardown(void) {
    http_server_destroy(&server);
}

TestSuite(http_hold, .init = setup, .fini = teardown, .timeout = 300);

static void expect(int fd, int code, const char *text) {
    static struct http_reply reply;
    http_fixture_read(fd, false, &reply);
    cr_expect_eq(reply.code, code, "%d: %s", reply.code, reply.text);
    cr_expect_str_eq(http_fixture_body(&reply), text);
}

#define POST(path) TEXT("POST " path " HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\n")

Test(http_hold, ends_before_the_request_is_whole) {
    int fd = http_fixture_connect(port);
    http_fixture_send(fd, POST("/hold"));
    http_hold_end(take_held());
    http_fixture_send(fd, TEXT("body"));
    expect(fd, 200, "body");
    close(fd);
}

/* A second request behind it waits its turn; so the first one is whole, and surely suspended. */
Test(http_hold, ends_after_the_request_is_whole) {
    int fd = http_fixture_connect(port);
    for (int round = 0; round < 20; round++) {
        int other = http_fixture_connect(port);
        http_fixture_send(fd, TEXT("POST /hold HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nbody"));
        struct http_request *first = take_held();
        http_fixture_send(other,
                          TEXT("POST /hold HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nbody"));
        http_hold_end(take_held());
        expect(other, 200, "body");
        http_hold_end(first);
        expect(fd, 200, "body");
        close(other);
    }
    close(fd);
}

Test(http_hold, may_be_answered_instead_and_held_again) {
    int fd = http_fixture_connect(port);
    http_fixture_send(fd, POST("/hold?ready=answer"));
    http_fixture_send(fd, TEXT("body"));
    http_hold_end(take_held());
    expect(fd, 429, "refused");
    http_fixture_send(fd, POST("/hold?ready=again"));
    http_hold_end(take_held());
    http_fixture_send(fd, TEXT("body"));
    http_hold_end(take_held());
    expect(fd, 200, "body");
    http_fixture_send(fd, POST("/defer"));
    http_fixture_send(fd, TEXT("body"));
    http_hold_end(take_held());
    expect(fd, 504, "late");
    close(fd);
}

/* What the worker answers itself, or a client that leaves, does not wait for the end. */
Test(http_hold, outlives_its_request) {
    static struct http_reply reply;
    int fd = http_fixture_connect(port);
    http_fixture_send(
        fd, TEXT("POST /hold HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3e9\r\n"));
    struct http_request *first = take_held();
    char piece[1001 + 7];
    memset(piece, 'x', 1001);
    memcpy(piece + 1001, "\r\n0\r\n\r\n", 7);
    http_fixture_send(fd, (struct text){piece, sizeof piece});
    http_fixture_read(fd, false, &reply);
    cr_expect_eq(reply.code, 413);
    http_hold_end(first);
    int left = http_fixture_connect(port);
    http_fixture_send(left, POST("/hold"));
    struct http_request *second = take_held();
    close(left);
    close(fd); /* a request in chunks is the last of its connection */
    fd = http_fixture_connect(port);
    http_fixture_send(fd, POST("/hold"));
    http_fixture_send(fd, TEXT("next"));
    struct http_request *third = take_held();
    http_hold_end(second);
    http_hold_end(third);
    expect(fd, 200, "next");
    close(fd);
    wait_for(&gone, 1);
}

static void *end_late(void *context) {
    (void)context;
    struct http_request *first = take_held();
    http_hold_end(first);
    return NULL;
}

/* The server waits for the end of a hold, and answers 503. */
Test(http_hold, ends_while_the_server_stops) {
    pthread_t thread;
    int fd = http_fixture_connect(port);
    http_fixture_send(fd, TEXT("POST /hold HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nbody"));
    wait_for(&held_count, 1);
    cr_assert_eq(pthread_create(&thread, NULL, end_late, NULL), 0);
    http_server_destroy(&server);
    pthread_join(thread, NULL);
    static struct http_reply reply;
    http_fixture_read(fd, false, &reply);
    cr_expect(reply.code == 503 || reply.code == 200, "%d", reply.code);
    close(fd);
}
