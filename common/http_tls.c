/* http_tls.c: the life of connections with TLS. OpenSSL does it, in the worker's own loop.
 *
 * libmicrohttpd's own TLS (GnuTLS) is not used: with epoll it asks a connection under handshake
 * again and again without waiting, so that three bytes from anybody keep a worker at 100 % of a
 * processor (measured with 0.9.75), and its errors and time-outs could not be worded over TLS. TLS
 * by the kernel would spare the socket pair, but is a module that containers and small kernels
 * lack. The pair costs some system calls a request, only where there is TLS. */
#include "common/http_tls_private.h"

#include "common/counters.h"
#include "common/log.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_MAX 64
#define TLS_PAIR_BYTES (64 * 1024) /* that a pair holds each way */

static void watch(struct http_tls_worker *tls_worker, struct tls_end *end) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = end};
    if (epoll_ctl(tls_worker->epoll_fd, EPOLL_CTL_ADD, end->fd, &event) != 0)
        log_warning("cannot watch a connection", LOG_STRING("reason", strerror(errno)));
}

static void unlink_open(struct http_tls_worker *tls_worker, struct http_tls *tls) {
    if (tls->prev != NULL)
        tls->prev->next = tls->next;
    else
        tls_worker->open = tls->next;
    if (tls->next != NULL)
        tls->next->prev = tls->prev;
}

/* Nothing more goes either way. Its memory is freed when no event can name it any more. */
static void tls_close(struct http_tls_worker *tls_worker, struct http_tls *tls) {
    struct http_connection *connection = tls->connection;
    unlink_open(tls_worker, tls);
    tls->connection = NULL;
    tls->next = tls_worker->closed;
    tls_worker->closed = tls;
    SSL_free(tls->ssl);
    close(tls->socket.fd);
    if (tls->pair.fd >= 0)
        close(tls->pair.fd);
    http_tls_held_fini(&tls->inward);
    http_tls_held_fini(&tls->outward);
    connection->tls = NULL;
    http_connection_part(connection);
}

static void free_closed(struct http_tls_worker *tls_worker) {
    while (tls_worker->closed != NULL) {
        struct http_tls *next = tls_worker->closed->next;
        free(tls_worker->closed);
        tls_worker->closed = next;
    }
}

void http_tls_open(struct http_connection *connection) {
    struct http_tls_worker *tls_worker = connection->worker->tls;
    static const int on = 1;
    struct http_tls *tls = calloc(1, sizeof *tls);
    if (tls == NULL)
        abort();
    (void)setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    tls->ssl = http_tls_context_session(connection->worker->server->tls);
    if (tls->ssl == NULL || SSL_set_fd(tls->ssl, connection->fd) != 1)
        abort();
    SSL_set_accept_state(tls->ssl);
    tls->connection = connection;
    tls->socket = (struct tls_end){.tls = tls, .fd = connection->fd};
    tls->pair = (struct tls_end){.tls = tls, .fd = -1};
    tls->next = tls_worker->open;
    if (tls->next != NULL)
        tls->next->prev = tls;
    tls_worker->open = tls;
    connection->tls = tls;
    http_connection_step(connection, connection->worker->now);
    watch(tls_worker, &tls->socket);
}

/* The handshake is done: libmicrohttpd gets one end of a pair. */
static bool open_pair(struct http_tls_worker *tls_worker, struct http_tls *tls) {
    static const int buffer = TLS_PAIR_BYTES;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
        log_warning("cannot take a connection for now", LOG_STRING("reason", strerror(errno)));
        count_drop(STATUS_FULL);
        return false;
    }
    for (int i = 0; i < 2; i++)
        (void)setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    tls->pair.fd = ends[0];
    tls->is_open = true;
    /* What came behind the handshake may be inside OpenSSL already, and no event tells of it. */
    tls->socket.readable = true;
    tls->socket.writable = true;
    watch(tls_worker, &tls->pair);
    tls->connection->fd = ends[1];
    http_connection_add(tls->connection);
    return true;
}

/* Why a handshake failed, for those who look; a client that speaks plain HTTP is told. */
static void note_failure(const struct http_tls *tls) {
    unsigned long error = ERR_peek_error();
    const char *reason = ERR_reason_error_string(error);
    count_drop(STATUS_REFUSED);
    log_debug("TLS handshake failed", LOG_STRING("peer", tls->connection->peer),
              LOG_STRING("reason", reason != NULL ? reason : "the client left"));
    if (ERR_GET_REASON(error) == SSL_R_HTTP_REQUEST)
        http_connection_say_plain(tls->connection, 400, "Use https on this port");
}

/* Goes on with the handshake; false when it failed. */
static bool shake_hands(struct http_tls_worker *tls_worker, struct http_tls *tls) {
    ERR_clear_error();
    int result = SSL_do_handshake(tls->ssl);
    if (result == 1)
        return open_pair(tls_worker, tls);
    int error = SSL_get_error(tls->ssl, result);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        return true;
    note_failure(tls);
    return false;
}

/* Something happened at one of its ends. */
static void drive(struct http_tls_worker *tls_worker, struct http_tls *tls) {
    bool good = tls->is_open || shake_hands(tls_worker, tls);
    if (good && tls->is_open)
        good = http_tls_pump(tls_worker, tls);
    if (!good)
        tls_close(tls_worker, tls);
}

void http_tls_turn(struct http_tls_worker *tls_worker) {
    struct epoll_event events[EVENTS_MAX];
    int count;
    do {
        count = epoll_wait(tls_worker->epoll_fd, events, EVENTS_MAX, 0);
        for (int i = 0; i < count; i++) {
            struct tls_end *end = events[i].data.ptr;
            if (end->tls->connection == NULL)
                continue;
            end->readable |= (events[i].events & ~(uint32_t)EPOLLOUT) != 0;
            end->writable |= (events[i].events & ~(uint32_t)(EPOLLIN | EPOLLRDHUP)) != 0;
            drive(tls_worker, end->tls);
        }
        free_closed(tls_worker);
    } while (count == EVENTS_MAX);
}

void http_tls_end(struct http_tls *tls) {
    struct http_connection *connection = tls->connection;
    tls->is_ending = true;
    if (tls->is_open && connection->fd >= 0)
        shutdown(connection->fd, SHUT_RDWR); /* libmicrohttpd closes, and the pump sees it */
    else
        tls_close(connection->worker->tls, tls);
}

bool http_tls_is_open(const struct http_tls *tls) {
    return tls->is_open;
}

uint64_t http_tls_received(const struct http_tls *tls) {
    return tls->received;
}

bool http_tls_input_is_over(const struct http_tls *tls) {
    return tls->input_over;
}

struct mono_time http_tls_stuck_since(const struct http_tls *tls) {
    return tls->stuck_since;
}

struct http_tls_worker *http_tls_worker_new(struct http_worker *worker) {
    struct http_tls_worker *tls_worker = calloc(1, sizeof *tls_worker);
    if (tls_worker == NULL)
        abort();
    tls_worker->worker = worker;
    tls_worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (tls_worker->epoll_fd < 0) {
        free(tls_worker);
        return NULL;
    }
    return tls_worker;
}

int http_tls_worker_fd(const struct http_tls_worker *tls_worker) {
    return tls_worker->epoll_fd;
}

void http_tls_worker_destroy(struct http_tls_worker **tls_worker) {
    if (*tls_worker == NULL)
        return;
    while ((*tls_worker)->open != NULL)
        tls_close(*tls_worker, (*tls_worker)->open);
    free_closed(*tls_worker);
    close((*tls_worker)->epoll_fd);
    free(*tls_worker);
    *tls_worker = NULL;
}
