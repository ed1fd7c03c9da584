/* http_target.c: an HTTP server in the fuzzer's own process, and a client of it. */
#include "http_target.h"

#include "common/http_server.h"
#include "common/log.h"
#include "proto/vocabulary.h"
#include "services/ingest/query.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* The server answers within this, or has nothing to answer. */
#define MOMENT_NS 300000

void http_target_require(bool holds) {
    if (!holds)
        abort();
}

static void answer(struct http_request *request, struct text text) {
    struct buffer body;
    buffer_init(&body, 1 << 20);
    buffer_append_text(&body, text);
    http_answer(request, 200, "text/plain", &body);
}

/* Arguments as the lists of the API take them. */
static void on_list(struct http_request *request) {
    struct query_errors errors = {0};
    uint64_t limit = 50, cursor = UINT64_MAX, hours = 24;
    enum incident_status status;
    enum severity severity;
    query_number(request, (struct query_bounds){"limit", 1, 500}, &limit, &errors);
    query_number(request, (struct query_bounds){"cursor", 1, INT64_MAX}, &cursor, &errors);
    query_number(request, (struct query_bounds){"hours", 1, 168}, &hours, &errors);
    (void)incident_status_parse(query_text(request, "status"), &status);
    (void)severity_parse(query_text(request, "severity"), &severity);
    if (!query_is_fine(request, &errors))
        return;
    http_target_require(limit >= 1 && limit <= 500 && cursor >= 1 && hours >= 1 && hours <= 168);
    answer(request, query_text(request, "q"));
}

static void on_peer(struct http_request *request) {
    answer(request, http_peer(request));
}

static void on_echo(struct http_request *request) {
    struct bytes body = http_body(request);
    answer(request, (struct text){(const char *)body.data, body.length});
}

static void on_piece(struct http_request *request, struct bytes piece) {
    (void)request;
    http_target_require(piece.length > 0);
}

static void on_streamed(struct http_request *request) {
    answer(request, http_path_value(request, "id"));
}

static int start(void) {
    static const struct http_route routes[] = {
        {"GET", "/list", HTTP_OPEN, 0, NULL, NULL, on_list},
        {"GET", "/peer", HTTP_OPEN, 0, NULL, NULL, on_peer},
        {"POST", "/echo", HTTP_OPEN, 4096, NULL, NULL, on_echo},
        {"POST", "/stream/{id}", HTTP_OPEN, 65536, NULL, on_piece, on_streamed},
    };
    log_init("fuzz", LOG_LEVEL_ERROR);
    signal(SIGPIPE, SIG_IGN);
    struct http_server *server = http_server_new(&(struct http_options){
        .listen = "127.0.0.1:0",
        .workers = 1,
        .connections_max = 100,
        .request_timeout_ms = 1000,
        .bytes_per_second_min = 1 << 20,
        .trusted_proxies = "127.0.0.0/8, 10.0.0.0/8",
        .https_only = true,
        .hsts_ms = 1000000,
        .cors = {"https://soc.example, http://localhost:3000", "GET, POST", "X-API-Key"},
        .routes = routes,
        .routes_count = sizeof routes / sizeof routes[0],
    });
    http_target_require(server != NULL);
    return http_server_port(server);
}

/* From another address of the loopback network each time, for their ports run out. */
static int open_socket(void) {
    static uint32_t number;
    struct sockaddr_in from = {.sin_family = AF_INET};
    struct linger none = {.l_onoff = 1}; /* no TIME_WAIT */
    struct timeval wait = {.tv_sec = 5};
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 65536 + number++ % 65536);
    http_target_require(fd >= 0);
    http_target_require(setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none) == 0);
    http_target_require(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0);
    http_target_require(setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) == 0);
    http_target_require(bind(fd, (struct sockaddr *)&from, sizeof from) == 0);
    return fd;
}

static int connect_to(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = open_socket();
    int failed;
    do /* libFuzzer's clock interrupts */
        failed = connect(fd, (struct sockaddr *)&address, sizeof address);
    while (failed != 0 && errno == EINTR);
    if (failed != 0) {
        perror("connect");
        abort();
    }
    return fd;
}

/* Reads what has come, and comes within a moment. */
static size_t read_while_it_comes(int fd, char *reply, size_t length) {
    const struct timespec moment = {.tv_nsec = MOMENT_NS};
    struct pollfd coming = {.fd = fd, .events = POLLIN};
    while (length < HTTP_TARGET_REPLY_MAX && ppoll(&coming, 1, &moment, NULL) > 0) {
        ssize_t count = recv(fd, reply + length, HTTP_TARGET_REPLY_MAX - length, 0);
        if (count <= 0)
            break;
        length += (size_t)count;
    }
    return length;
}

struct text http_target_exchange(struct bytes request) {
    static char reply[HTTP_TARGET_REPLY_MAX];
    static int port;
    if (port == 0)
        port = start();
    int fd = connect_to(port);
    ssize_t count = 0;
    (void)!send(fd, request.data, request.length, MSG_NOSIGNAL);
    size_t length = read_while_it_comes(fd, reply, 0);
    shutdown(fd, SHUT_WR);
    while (length < sizeof reply &&
           (count = recv(fd, reply + length, sizeof reply - length, 0)) > 0)
        length += (size_t)count;
    close(fd);
    return (struct text){reply, length};
}
