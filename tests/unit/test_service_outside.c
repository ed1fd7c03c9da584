/* test_service_outside.c: what others see of a service: its heartbeat in Redis and its three pages.
 */
#include "common/clock.h"
#include "common/counters.h"
#include "common/redis_client.h"
#include "common/service.h"
#include "tests/support/redis_fixture.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEADLINE_MS 60000
#define KEY "test:processes"
#define FIELD "tester/one"

/* The service under test. It is ready when the file that its option names is there. */
static struct { const char *ready_file; } config;

static enum status on_start(struct service *service) {
    (void)service;
    counter_add(counter_new("test_started_total", NULL, "Starts"), 1);
    return STATUS_OK;
}

static void on_stop(struct service *service) {
    (void)service;
}

static bool is_ready(struct service *service, struct buffer *why_not) {
    (void)service;
    buffer_append_text(why_not, TEXT("\"no\" file"));
    return access(config.ready_file, F_OK) == 0;
}

static const struct conf_option options[] = {{"ready_file", CONF_TEXT, 0, "", 0, 0, "the file"}};

static const struct service_spec spec = {
    .name = "tester",
    .summary = "Tests the skeleton.",
    .options = options,
    .options_count = 1,
    .config = &config,
    .start = on_start,
    .stop = on_stop,
    .ready = is_ready,
    .heartbeat_key = KEY,
};

static struct redis_fixture redis;
static struct redis_client *client;
static pid_t pid;
static int port;
static char ready_file[128];

/* A free port that nobody is given without asking for it: it lies below those of outgoing
 * connections, and above those of tests/support/pipeline.py. */
static int free_port(void) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    bool is_free = false;
    int found = 31001 + getpid() % 1000;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (; !is_free && found < 32768; found++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        address.sin_port = htons((uint16_t)found);
        is_free = bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
        close(fd);
    }
    cr_assert(is_free);
    return found - 1;
}

static void start(void) {
    redis_fixture_start(&redis, NULL);
    client = redis_client_new(redis.url, DEADLINE_MS, DEADLINE_MS);
    port = free_port();
    snprintf(ready_file, sizeof ready_file, "%s/ready", redis.directory);
    pid = fork();
    cr_assert_neq(pid, -1);
    if (pid > 0)
        return;
    char arguments[5][192];
    char *argv[6] = {NULL};
    snprintf(arguments[0], sizeof arguments[0], "siem-tester");
    snprintf(arguments[1], sizeof arguments[1], "--redis-url=%s", redis.url);
    snprintf(arguments[2], sizeof arguments[2], "--metrics-listen=127.0.0.1:%d", port);
    snprintf(arguments[3], sizeof arguments[3], "--instance=one");
    snprintf(arguments[4], sizeof arguments[4], "--ready-file=%s", ready_file);
    for (int i = 0; i < 5; i++)
        argv[i] = arguments[i];
    _exit(service_main(5, argv, &spec));
}

/* Stops the service; whether it ended well. */
static bool stop_service(void) {
    int status = -1;
    kill(pid, SIGTERM);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    pid = 0;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void stop(void) {
    if (pid != 0)
        stop_service();
    redis_client_destroy(&client);
    unlink(ready_file);
    redis_fixture_stop(&redis);
}

TestSuite(service_outside, .init = start, .fini = stop);

/* The heartbeat's row, "" when there is none. */
static const char *read_row(void) {
    static char row[65536];
    struct redis_reply *reply = NULL;
    cr_assert_eq(redis_command(client, &reply, TEXT("HGET"), TEXT(KEY), TEXT(FIELD)), STATUS_OK);
    snprintf(row, sizeof row, "%.*s", TEXT_ARG(redis_reply_text(reply)));
    redis_reply_destroy(&reply);
    return row;
}

/* Asks the service for a page; "" while it does not listen yet. */
static const char *get(const char *path) {
    static char page[131072];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    size_t length = 0;
    page[0] = '\0';
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) {
        char request[128];
        int size = snprintf(request, sizeof request,
                            "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
        cr_assert_eq(write(fd, request, (size_t)size), size);
        ssize_t piece;
        while ((piece = read(fd, page + length, sizeof page - 1 - length)) > 0)
            length += (size_t)piece;
        page[length] = '\0';
    }
    close(fd);
    return page;
}

/* Waits until the page holds the text. */
static const char *wait_for_page(const char *path, const char *text) {
    struct mono_time since = clock_mono();
    const char *page = get(path);
    while (strstr(page, text) == NULL && clock_elapsed_ms(since) < DEADLINE_MS) {
        poll(NULL, 0, 5);
        page = get(path);
    }
    cr_assert_not_null(strstr(page, text), "%s: %s", path, page);
    return page;
}

/* Waits until the row holds the text. */
static void wait_for_row(const char *text) {
    struct mono_time since = clock_mono();
    while (strstr(read_row(), text) == NULL && clock_elapsed_ms(since) < DEADLINE_MS)
        poll(NULL, 0, 5);
    cr_assert_not_null(strstr(read_row(), text), "%s", read_row());
}

Test(service_outside, the_heartbeat_tells_who_it_is_and_goes_at_a_clean_stop) {
    char expected[64];
    wait_for_row("\"service\":\"tester\",\"instance\":\"one\"");
    snprintf(expected, sizeof expected, "\"pid\":%ld,\"host\":\"", (long)pid);
    wait_for_row(expected);
    wait_for_row("\"draining\":false,\"counters\":{\"");
    wait_for_row("\"test_started_total\":1");
    wait_for_row("\"process_resident_memory_bytes\":");
    cr_expect(stop_service());
    cr_expect_str_eq(read_row(), "");
}

Test(service_outside, the_heartbeat_comes_back_with_redis) {
    wait_for_row("\"instance\":\"one\"");
    redis_fixture_kill(&redis);
    redis_fixture_restart(&redis);
    redis_client_destroy(&client);
    client = redis_client_new(redis.url, DEADLINE_MS, DEADLINE_MS);
    wait_for_row("\"instance\":\"one\"");
}

Test(service_outside, pages_tell_life_readiness_and_numbers) {
    wait_for_page("/healthz", "HTTP/1.1 200 ");
    cr_expect_not_null(strstr(get("/healthz"), "{\"status\":\"ok\"}"));
    const char *page = get("/readyz");
    cr_expect_not_null(strstr(page, "HTTP/1.1 503 "), "%s", page);
    cr_expect_not_null(strstr(page, "{\"status\":\"not_ready\",\"reason\":\"\\\"no\\\" file\"}"),
                       "%s", page);
    FILE *file = fopen(ready_file, "w");
    cr_assert_not_null(file);
    fclose(file);
    wait_for_page("/readyz", "{\"status\":\"ready\"}");
    page = get("/metrics");
    cr_expect_not_null(strstr(page, "\ntest_started_total 1\n"), "%s", page);
    cr_expect_not_null(strstr(page, "text/plain; version=0.0.4"), "%s", page);
    cr_expect_not_null(strstr(get("/nothing"), "HTTP/1.1 404 "));
}

Test(service_outside, a_taken_port_stops_the_start) {
    wait_for_page("/healthz", "HTTP/1.1 200 ");
    pid_t first = pid;
    pid = fork();
    if (pid == 0) {
        char name[] = "siem-tester", listen[64], url[192];
        char *argv[] = {name, listen, url, NULL};
        snprintf(url, sizeof url, "--redis-url=%s", redis.url);
        snprintf(listen, sizeof listen, "--metrics-listen=127.0.0.1:%d", port);
        _exit(service_main(3, argv, &spec));
    }
    int status = 0;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    pid = first;
}
