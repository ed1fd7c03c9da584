/* test_http_poll.c: when a worker waits awake, and when it stops; told by what it counts. It begins
 * with an answer, so the tests give one first. And when it keeps idle processors awake instead;
 * told by what it writes to their device, which is a file here. */
#include "../support/http_fixture.h"
#include "common/buffer.h"
#include "common/counters.h"
#include "common/http_server.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FROM 16 /* HTTP_POLL_FROM, HTTP_AWAKE_FROM */
#define HELD_MAX 64
#define WAIT_MS 60000
#define SOON_MS 2000
#define BODY_MAX (FROM * 1024)
#define LATE_MS 50
#define HOST "Host: here\r\n"

static struct http_server *server;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct http_request *held[HELD_MAX];
static int held_count;
static int clients[HELD_MAX], client_count;

static void answer_text(struct http_request *request, int code, struct text text) {
    struct buffer body;
    buffer_init(&body, 1 << 16);
    buffer_append_text(&body, text);
    http_answer(request, code, "text/plain", &body);
}

static void on_deadline(struct http_request *request) {
    answer_text(request, 504, TEXT("late"));
}

static void hold(struct http_request *request, int64_t deadline_ms) {
    http_defer(request, deadline_ms, on_deadline);
    pthread_mutex_lock(&lock);
    held[held_count++] = request;
    pthread_mutex_unlock(&lock);
}

static void on_deferred(struct http_request *request) {
    hold(request, WAIT_MS);
}

static void on_late(struct http_request *request) {
    hold(request, LATE_MS);
}

static void on_piece(struct http_request *request, struct bytes piece) {
    (void)request, (void)piece;
}

static void on_plain(struct http_request *request) {
    answer_text(request, 200, TEXT("plain"));
}

static const struct http_route routes[] = {
    {"GET", "/defer", HTTP_OPEN, 0, NULL, NULL, on_deferred},
    {"GET", "/late", HTTP_OPEN, 0, NULL, NULL, on_late},
    {"POST", "/defer", HTTP_OPEN, BODY_MAX, NULL, NULL, on_deferred},
    {"POST", "/bulk", HTTP_OPEN, BODY_MAX, NULL, on_piece, on_deferred},
    {"GET", "/plain", HTTP_OPEN, 0, NULL, NULL, on_plain},
};

static char device[] = "/tmp/siem-poll-XXXXXX";

static void start_with(int workers, int64_t busy_poll_ms, int64_t keep_awake_ms,
                       const char *latency_device) {
    server =
        http_server_new(&(struct http_options){.listen = "127.0.0.1:0",
                                               .workers = workers,
                                               .connections_max = 2 * HELD_MAX,
                                               .request_timeout_ms = WAIT_MS,
                                               .busy_poll_ms = busy_poll_ms,
                                               .keep_awake_ms = keep_awake_ms,
                                               .latency_device = latency_device,
                                               .routes = routes,
                                               .routes_count = sizeof routes / sizeof routes[0]});
    cr_assert_not_null(server);
}

static void start(int64_t busy_poll_ms) {
    start_with(1, busy_poll_ms, 0, NULL);
}

static void start_keeping(int workers, int64_t keep_awake_ms) {
    int file = mkstemp(device);
    cr_assert_geq(file, 0);
    close(file);
    start_with(workers, WAIT_MS, keep_awake_ms, device);
}

/* How often something was written to the device: first that they stay awake, then that they do not.
 */
static int asked(void) {
    struct stat stat_of;
    cr_assert_eq(stat(device, &stat_of), 0);
    return (int)(stat_of.st_size / 4);
}

static int count_held(void) {
    pthread_mutex_lock(&lock);
    int count = held_count;
    pthread_mutex_unlock(&lock);
    return count;
}

/* What the page says of a series; it has to be there. */
static int series(const char *name) {
    struct buffer page;
    char line[96];
    buffer_init(&page, 1 << 20);
    counters_render_prometheus(&page);
    buffer_append_text(&page, (struct text){"", 1});
    snprintf(line, sizeof line, "\n%s ", name);
    const char *at = strstr((const char *)page.data, line);
    cr_assert_not_null(at);
    int value = atoi(at + strlen(line));
    buffer_fini(&page);
    return value;
}

/* How many polls ended so: "news", "none". */
static int polls(const char *outcome) {
    char name[80];
    snprintf(name, sizeof name, "http_busy_poll_duration_seconds_count{outcome=\"%s\"}", outcome);
    return series(name);
}

static void wait_for(int (*number)(void), int wanted) {
    struct mono_time since = clock_mono();
    while (number() < wanted && clock_elapsed_ms(since) < WAIT_MS)
        poll(NULL, 0, 1);
    cr_assert_geq(number(), wanted);
}

/* So many more such requests wait for their answers. */
static void defer_such(int count, struct text request) {
    int before = count_held();
    for (int i = 0; i < count; i++) {
        clients[client_count] = http_fixture_connect(http_server_port(server));
        http_fixture_send(clients[client_count++], request);
    }
    wait_for(count_held, before + count);
}

static void defer(int count) {
    defer_such(count, TEXT("GET /defer HTTP/1.1\r\n" HOST "\r\n"));
}

/* One request with a body of so many bytes waits. */
static void defer_body(const char *path, int size) {
    static char request[BODY_MAX + 256];
    int length = snprintf(request, sizeof request,
                          "POST %s HTTP/1.1\r\n" HOST "Content-Length: %d\r\n\r\n", path, size);
    memset(request + length, 'x', (size_t)size);
    defer_such(1, (struct text){request, (size_t)(length + size)});
}

/* Every client gets its answer. */
static void take_answers(int code) {
    static struct http_reply reply;
    for (; client_count > 0; close(clients[client_count])) {
        http_fixture_read(clients[--client_count], false, &reply);
        cr_expect_eq(reply.code, code);
    }
    for (; held_count > 0; held_count--)
        http_release(held[held_count - 1]);
}

static void answer(void) {
    for (int i = 0; i < held_count; i++)
        answer_text(held[i], 200, TEXT("answered"));
    take_answers(200);
}

/* The one that came last; its client goes on with the others. */
static void answer_one(void) {
    static struct http_reply reply;
    pthread_mutex_lock(&lock);
    struct http_request *request = held[--held_count];
    pthread_mutex_unlock(&lock);
    answer_text(request, 200, TEXT("answered"));
    http_release(request);
    http_fixture_read(clients[--client_count], false, &reply);
    cr_expect_eq(reply.code, 200);
    close(clients[client_count]);
}

/* A request that is answered at once. */
static void ask(void) {
    static struct http_reply reply;
    http_fixture_ask(http_server_port(server),
                     TEXT("GET /plain HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"), &reply);
    cr_assert_eq(reply.code, 200);
}

static void stop(void) {
    http_server_destroy(&server);
    (void)unlink(device);
}

/* However long the worker may wait awake, that ends when something comes: a request here, then the
 * answers. */
static void expect_news(void) {
    defer(1);
    answer();
    defer(FROM);
    struct mono_time since = clock_mono();
    while (polls("news") == 0 && clock_elapsed_ms(since) < WAIT_MS)
        ask();
    cr_expect_geq(polls("news"), 1);
    answer();
}

TestSuite(http_poll, .fini = stop, .timeout = 300);

Test(http_poll, ends_with_news) {
    start(WAIT_MS);
    expect_news();
}

Test(http_poll, few_are_waited_for_asleep) {
    start(WAIT_MS);
    defer(1);
    answer();
    defer(FROM - 1);
    answer();
    cr_expect_eq(polls("news"), 0);
    cr_expect_eq(polls("none"), 0);
}

Test(http_poll, is_off_where_it_is_not_wanted) {
    start(0);
    defer(1);
    answer();
    defer(FROM);
    answer();
    cr_expect_eq(polls("news") + polls("none"), 0);
}

/* What comes in meanwhile is served, and is no reason to try once more; an answer is. */
Test(http_poll, is_over_some_time_after_the_last_answer) {
    start(SOON_MS);
    defer(FROM - 1);
    defer(1); /* so that it is known which came last */
    for (int i = 0; i < 100; i++)
        ask();
    cr_expect_eq(polls("news") + polls("none"), 0, "before any answer");
    answer_one();
    struct mono_time since = clock_mono();
    defer(1);
    while (clock_elapsed_ms(since) <= SOON_MS)
        ask();
    int news = polls("news"), none = polls("none");
    cr_expect_geq(news + none, 1);
    for (int i = 0; i < 100; i++)
        ask();
    cr_expect_eq(polls("news"), news);
    cr_expect_eq(polls("none"), none);
    answer();
}

/* From the answers to many on, until some time after them; whoever asks meanwhile, and whichever
 * worker they are of. */
Test(http_poll, processors_are_kept_awake_for_many) {
    start_keeping(2, SOON_MS);
    defer(FROM);
    cr_expect_eq(asked(), 0, "before any answer");
    struct mono_time since = clock_mono();
    answer();
    wait_for(asked, 1);
    wait_for(asked, 2);
    cr_expect_geq(clock_elapsed_ms(since), SOON_MS / 2);
    for (int i = 0; i < 100; i++)
        ask();
    cr_expect_eq(asked(), 2);
    defer(FROM - 1);
    answer();
    ask();
    cr_expect_eq(asked(), 2, "for fewer");
    cr_expect_eq(polls("news") + polls("none"), 0, "the worker itself slept");
}

/* Many who wait, but not for what is answered now. */
Test(http_poll, processors_sleep_while_many_wait_in_vain) {
    start_keeping(1, WAIT_MS);
    defer(FROM);
    for (int i = 1; i <= FROM; i++) {
        ask();
        cr_expect_eq(asked(), 0);
        defer(1);
        answer_one();
    }
    wait_for(asked, 1);
    answer();
}

/* A bulk request counts for as many as it has KiB; another for one. */
Test(http_poll, processors_are_kept_awake_for_bulk_requests) {
    start_keeping(1, WAIT_MS);
    defer_body("/bulk", BODY_MAX - 1);
    answer();
    defer_body("/defer", BODY_MAX);
    answer();
    ask();
    cr_expect_eq(asked(), 0);
    defer_body("/bulk", BODY_MAX);
    answer();
    wait_for(asked, 1);
}

/* Who waits for something that stands still is told so in the end: no reason to stay awake. */
Test(http_poll, what_comes_too_late_is_no_answer) {
    start_keeping(1, WAIT_MS);
    for (int i = 0; i < 3; i++) {
        defer_such(FROM, TEXT("GET /late HTTP/1.1\r\n" HOST "\r\n"));
        take_answers(504);
    }
    ask();
    cr_expect_eq(asked(), 0);
}

/* Whether this process holds the device. */
static bool holds_device(void) {
    DIR *directory = opendir("/proc/self/fd");
    cr_assert_not_null(directory);
    bool holds = false;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char target[PATH_MAX] = "";
        (void)!readlinkat(dirfd(directory), entry->d_name, target, sizeof target - 1);
        holds |= strcmp(target, device) == 0;
    }
    closedir(directory);
    return holds;
}

/* What is still asked for ends with the descriptor, as the kernel has it. */
Test(http_poll, stops_while_processors_are_kept_awake) {
    start_keeping(1, WAIT_MS);
    defer(FROM);
    answer();
    wait_for(asked, 1);
    ask();
    cr_expect_eq(series("http_keeping_awake"), 1);
    cr_expect(holds_device());
    http_server_destroy(&server);
    cr_expect_eq(asked(), 1);
    cr_expect_eq(series("http_keeping_awake"), 0);
    cr_expect_not(holds_device());
}

Test(http_poll, waits_awake_itself_without_the_device) {
    start_with(1, WAIT_MS, WAIT_MS, "/nowhere/cpu_dma_latency");
    expect_news();
}

/* The device takes nothing that is written to it. */
Test(http_poll, waits_awake_itself_when_the_device_fails) {
    start_with(1, WAIT_MS, WAIT_MS, "/dev/full");
    defer(FROM);
    answer();
    expect_news();
    cr_expect_eq(series("http_keeping_awake"), 0);
}
