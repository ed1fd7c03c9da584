/* test_http_limits.c: who takes too long is ended, who holds connections locks nobody out. */
#include "../support/http_echo.h"
#include "../support/http_fixture.h"
#include "common/counters.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define RAW HTTP_EXCHANGE_RAW
#define HOST "Host: here\r\n"
#define HELLO "GET /hello HTTP/1.1\r\n" HOST "\r\n"
#define LATER "POST /later HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx"
/* A time limit that is reached, and one that is not. */
#define SOON_MS 1500
#define NEVER_MS 300000
#define RATE (16 << 20)

static struct http_server *server;
static struct http_reply reply;

static int start_workers(int workers, int connections_max, int per_address) {
    server = http_echo_new(&(struct http_options){.workers = workers,
                                                  .connections_max = connections_max,
                                                  .connections_per_address = per_address,
                                                  .request_timeout_ms = NEVER_MS,
                                                  .bytes_per_second_min = RATE});
    return http_server_port(server);
}

static int start(int connections_max, int per_address) {
    return start_workers(2, connections_max, per_address);
}

static int start_hasty(int64_t bytes_per_second_min) {
    server = http_echo_new(&(struct http_options){.workers = 2,
                                                  .connections_max = 100,
                                                  .request_timeout_ms = SOON_MS,
                                                  .bytes_per_second_min = bytes_per_second_min});
    return http_server_port(server);
}

static void teardown(void) {
    http_server_destroy(&server);
}

TestSuite(http_limits, .fini = teardown, .timeout = 300);

/* A connection that was served once. */
static int open_served(int port) {
    int fd = http_fixture_connect(port);
    http_fixture_send(fd, TEXT(HELLO));
    http_fixture_read(fd, false, &reply);
    cr_assert_eq(reply.code, 200, "%d %s", reply.code, reply.text);
    return fd;
}

static void expect_served(int fd) {
    http_fixture_send(fd, TEXT(HELLO));
    http_fixture_read(fd, false, &reply);
    cr_expect_eq(reply.code, 200, "%d %s", reply.code, reply.text);
}

/* One byte now and then keeps no connection: the limit is of the whole request. */
Test(http_limits, ends_requests_that_never_end) {
    static const struct http_exchange starts[] = {
        {"body", RAW("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 100\r\n\r\nx"), 408,
         "{\"detail\":\"Request Timeout\"}", true},
        {"chunk", RAW("POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nx"),
         408, NULL, true},
        {"refused body", RAW("POST /nowhere HTTP/1.1\r\n" HOST "Content-Length: 100\r\n\r\nx"), 408,
         NULL, true},
        {"headers", RAW("POST /echo HTTP/1.1\r\n" HOST), 408, NULL, true},
        {"method", RAW("P"), 408, NULL, true},
        {"nothing", RAW(""), 0, NULL, true},
    };
    int port = start_hasty(RATE);
    http_fixture_check(port, starts, sizeof starts / sizeof starts[0]);
    int fd = open_served(port);
    http_fixture_send(fd, TEXT("GET /"));
    http_fixture_read(fd, false, &reply);
    cr_expect_eq(reply.code, 408, "a second request: %d", reply.code);
    close(fd);
    close(open_served(port));
}

/* An end of the client's side that came with its request is seen soon, not at a time limit. */
Test(http_limits, ends_with_a_client_that_has_ended) {
    int port = start(100, 0);
    int fd = http_fixture_connect(port);
    http_fixture_send(fd, TEXT(HELLO));
    shutdown(fd, SHUT_WR);
    http_fixture_read(fd, false, &reply);
    cr_expect_eq(reply.code, 200);
    http_fixture_read(fd, false, &reply);
    cr_expect(reply.closed && reply.length == 0, "%s", reply.text);
    close(fd);
}

/* Beyond the time for any request, a rate must be kept: then long bodies may take longer. */
Test(http_limits, lets_a_body_take_as_long_as_it_keeps_its_rate) {
    enum { BODY = 33554432 };
    static char piece[16384];
    int port = start_hasty(1 << 20);
    int fd = http_fixture_connect(port);
    http_fixture_send(fd,
                      TEXT("POST /nowhere HTTP/1.1\r\n" HOST "Content-Length: 33554432\r\n\r\n"));
    struct mono_time began = clock_mono();
    for (int i = 0; i < BODY / (int)sizeof piece; i++) {
        /* Above the rate, and more than twice as long in all as a short request may take. */
        while (clock_elapsed_ms(began) < 2 * i)
            (void)poll(NULL, 0, 1);
        http_fixture_send(fd, (struct text){piece, sizeof piece});
    }
    http_fixture_read(fd, false, &reply);
    cr_expect_gt(clock_elapsed_ms(began), 2 * SOON_MS);
    cr_expect_eq(reply.code, 404, "%d", reply.code);
    close(fd);
}

/* An answer that nobody fetches keeps no connection either. */
Test(http_limits, ends_answers_that_are_not_fetched) {
    static char piece[65536];
    const struct gauge *open = gauge_new("http_connections", NULL, "");
    int port = start_hasty(RATE);
    int fd = http_fixture_connect(port);
    http_fixture_send(fd, TEXT("GET /large HTTP/1.1\r\n" HOST "\r\n"));
    http_fixture_read(fd, true, &reply);
    cr_expect_eq(reply.code, 200);
    struct mono_time began = clock_mono();
    while (gauge_read(open) > 0 && clock_elapsed_ms(began) < HTTP_FIXTURE_WAIT_MS)
        (void)poll(NULL, 0, 1);
    cr_expect_eq(gauge_read(open), 0);
    size_t seen = 0;
    for (ssize_t count; (count = recv(fd, piece, sizeof piece, 0)) > 0;)
        seen += (size_t)count;
    cr_expect_lt(seen, HTTP_ECHO_LARGE);
    close(fd);
    close(open_served(port));
}

/* Idle connections give way: the longest idle one first. The order is exact within a worker; between
 * two it is that of their turns. */
Test(http_limits, a_new_connection_takes_the_place_of_the_longest_idle) {
    enum { MAX = 20, NEW = 15 };
    int port = start_workers(1, MAX, 0);
    int old[MAX], new[NEW];
    for (int i = 0; i < MAX; i++)
        old[i] = open_served(port);
    expect_served(old[0]); /* now the last one is busy, the second the longest idle */
    for (int i = 0; i < NEW; i++)
        new[i] = open_served(port);
    for (int i = 1; i <= NEW; i++)
        cr_expect(http_fixture_is_closed(old[i]), "%d was not the longest idle?", i);
    expect_served(old[0]);
    for (int i = NEW + 1; i < MAX; i++)
        expect_served(old[i]);
    for (int i = 0; i < NEW; i++)
        expect_served(new[i]);
    for (int i = 0; i < MAX; i++)
        close(old[i]);
    for (int i = 0; i < NEW; i++)
        close(new[i]);
}

/* Begun requests that do not go on lock nobody out, and neither does one address. */
Test(http_limits, slow_requests_lock_nobody_out) {
    static const struct text starts[] = {
        TEXT_CONSTANT("GET /hello HTTP/1.1\r\nX"),
        TEXT_CONSTANT("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 100\r\n\r\nx"),
        TEXT_CONSTANT("GET /large HTTP/1.1\r\n" HOST "\r\n"),
        TEXT_CONSTANT(""),
    };
    enum { MAX = 20, MANY = 200 };
    int port = start(MAX, MAX / 2);
    int fds[MANY];
    for (int i = 0; i < MANY; i++) {
        fds[i] = http_fixture_connect(port);
        http_fixture_send(fds[i], starts[i % 4]);
        if (i % 10 == 9)
            close(open_served(port));
    }
    for (int i = 0; i < MANY; i++)
        close(fds[i]);
}

/* Nobody's answer is given up for a new connection: that is turned away. */
Test(http_limits, what_is_worked_on_is_not_given_up) {
    enum { MAX = 6 };
    int port = start(MAX, 0);
    int fds[MAX];
    for (int i = 0; i < MAX; i++) {
        fds[i] = http_fixture_connect(port);
        http_fixture_send_piecewise(fds[i], TEXT(LATER), sizeof LATER - 1);
    }
    int fd = http_fixture_connect(port);
    http_fixture_read(fd, false, &reply);
    cr_expect_eq(reply.code, 503, "%d", reply.code);
    cr_expect_not_null(strstr(reply.text, "Retry-After: 1"));
    cr_expect_not_null(strstr(reply.text, "nosniff"));
    cr_expect(http_fixture_is_closed(fd));
    close(fd);
    for (int i = 0; i < MAX; i++) {
        http_fixture_read(fds[i], false, &reply);
        cr_expect_eq(reply.code, 200, "%d: %d", i, reply.code);
        close(fds[i]);
    }
}

/* Connects from another address of the loopback network. */
static int connect_from(int port, const char *address) {
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval wait = {.tv_sec = HTTP_FIXTURE_WAIT_MS / 1000};
    to.sin_port = htons((uint16_t)port);
    cr_assert_eq(inet_pton(AF_INET, address, &from.sin_addr), 1);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert_eq(bind(fd, (struct sockaddr *)&from, sizeof from), 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait), 0);
    return fd;
}

/* One address' connections take each other's places, never those of others. */
Test(http_limits, an_address_has_its_own_limit) {
    enum { EACH = 5, MANY = 30 };
    int port = start(100, EACH);
    int other[EACH], many[MANY];
    for (int i = 0; i < EACH; i++) {
        other[i] = connect_from(port, "127.0.0.2");
        expect_served(other[i]);
    }
    for (int i = 0; i < MANY; i++)
        many[i] = open_served(port);
    int served = 0;
    for (int i = 0; i < MANY; i++) {
        http_fixture_send(many[i], TEXT(HELLO));
        http_fixture_read(many[i], false, &reply);
        served += reply.code == 200;
    }
    cr_expect_eq(served, EACH, "%d", served);
    for (int i = 0; i < EACH; i++)
        expect_served(other[i]);
    for (int i = 0; i < EACH; i++)
        close(other[i]);
    for (int i = 0; i < MANY; i++)
        close(many[i]);
}
