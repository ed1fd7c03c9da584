/* http_tls_private.h: a connection with TLS, shared by http_tls.c (its life) and http_tls_pump.c
 * (its bytes).
 *
 * libmicrohttpd reads and writes one end of a socket pair; the other end, and the client's socket,
 * are here. So everything above this, from deadlines to suspended requests, is the same with TLS
 * and without. Owner: an http_tls belongs to its worker, from accept until both directions are
 * over. Threads: the worker's. Limits: TLS_HELD_MAX bytes each way wait in memory for a peer that
 * does not take them, beside the pair's own buffers.
 */
#ifndef SIEM_COMMON_HTTP_TLS_PRIVATE_H
#define SIEM_COMMON_HTTP_TLS_PRIVATE_H

#include "common/http_private.h"

#include <openssl/ssl.h>

/* A record's plain text; also what is read from the pair at a time. */
#define TLS_HELD_MAX 16384

/* One of the two sockets, as epoll last told of it. */
struct tls_end {
    struct http_tls *tls;
    int fd; /* -1: not open */
    bool readable;
    bool writable;
};

/* Bytes that could not be passed on yet. */
struct tls_held {
    uint8_t *data; /* NULL: none */
    size_t at;
    size_t length;
};

struct http_tls {
    struct http_connection *connection; /* NULL once closed */
    struct http_tls *prev, *next;       /* in the worker's list; `next` also among the closed */
    SSL *ssl;
    struct tls_end socket;
    struct tls_end pair;
    bool is_open;     /* the handshake is done; libmicrohttpd has the pair's other end */
    bool is_ending;   /* shall close as soon as it would have to wait */
    bool input_over;  /* the client sends no more */
    bool output_over; /* libmicrohttpd sends no more */
    struct tls_held inward;
    struct tls_held outward;
    uint64_t received;            /* bytes of plain text */
    struct mono_time stuck_since; /* the client does not take what it gets; 0: it does */
};

struct http_tls_worker {
    struct http_worker *worker;
    int epoll_fd;
    struct http_tls *open;
    struct http_tls *closed; /* may still be named by events under way */
    uint8_t scratch[TLS_HELD_MAX];
};

/* http_tls_pump.c */

/* Passes on what can be passed on; false when the connection is of no more use. */
bool http_tls_pump(struct http_tls_worker *tls_worker, struct http_tls *tls);

/* Frees what is held. */
void http_tls_held_fini(struct tls_held *held);

#endif
