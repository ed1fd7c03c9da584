/* http_tls_pump.c: the bytes of a connection with TLS: decrypted ones to libmicrohttpd, its answers
 * encrypted to the client. Each direction goes on until its source has no more or its sink takes no
 * more; what the sink did not take is held. Nobody is asked who said that he has nothing: epoll is
 * edge-triggered, and each end remembers. */
#include "common/http_tls_private.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/socket.h>

void http_tls_held_fini(struct tls_held *held) {
    free(held->data);
    *held = (struct tls_held){.data = NULL};
}

static void hold(struct tls_held *held, const uint8_t *data, size_t length) {
    *held = (struct tls_held){.data = malloc(length), .length = length};
    if (held->data == NULL)
        abort();
    memcpy(held->data, data, length);
}

/* Part of what is held went. */
static void held_advance(struct tls_held *held, size_t length) {
    held->at += length;
    if (held->at == held->length)
        http_tls_held_fini(held);
}

/* Gives bytes to libmicrohttpd; how many it took. It takes none any more when it has closed. */
static size_t give_pair(struct http_tls *tls, const uint8_t *data, size_t length) {
    ssize_t count = send(tls->pair.fd, data, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count >= 0)
        return (size_t)count;
    tls->pair.writable = errno != EAGAIN;
    return tls->pair.writable ? length : 0;
}

/* An operation of TLS did not succeed: false when it never will. */
static bool may_wait(struct http_tls *tls, int result) {
    int error = SSL_get_error(tls->ssl, result);
    if (error == SSL_ERROR_WANT_READ)
        tls->socket.readable = false;
    else if (error == SSL_ERROR_WANT_WRITE)
        tls->socket.writable = false;
    else
        return false;
    return true;
}

/* The client sends no more; what it sent is read first. */
static void end_input(struct http_tls *tls) {
    tls->input_over = true;
    shutdown(tls->pair.fd, SHUT_WR);
}

/* Client to libmicrohttpd; false on an error of the connection. */
static bool pump_inward(struct http_tls_worker *tls_worker, struct http_tls *tls) {
    uint8_t *scratch = tls_worker->scratch;
    for (;;) {
        struct tls_held *held = &tls->inward;
        if (held->data != NULL && tls->pair.writable)
            held_advance(held, give_pair(tls, held->data + held->at, held->length - held->at));
        if (held->data != NULL || tls->input_over || !tls->socket.readable)
            return true;
        ERR_clear_error();
        int count = SSL_read(tls->ssl, scratch, TLS_HELD_MAX);
        if (count <= 0) {
            if (may_wait(tls, count))
                return true;
            if (SSL_get_error(tls->ssl, count) != SSL_ERROR_ZERO_RETURN)
                return false;
            end_input(tls);
            return true;
        }
        tls->received += (uint64_t)count;
        size_t given = tls->output_over ? (size_t)count : give_pair(tls, scratch, (size_t)count);
        if (given < (size_t)count)
            hold(held, scratch + given, (size_t)count - given);
    }
}

/* Encrypts bytes for the client; how many went, or -1 on an error of the connection. */
static ssize_t give_socket(struct http_tls_worker *tls_worker, struct http_tls *tls,
                           const uint8_t *data, size_t length) {
    ERR_clear_error();
    int count = SSL_write(tls->ssl, data, (int)length);
    if (count > 0)
        return count;
    if (!may_wait(tls, count))
        return -1;
    if (tls->stuck_since.ns == 0)
        tls->stuck_since = tls_worker->worker->now;
    return 0;
}

/* Takes up to a record of libmicrohttpd's output; 0 when there is none now. */
static size_t take_pair(struct http_tls_worker *tls_worker, struct http_tls *tls) {
    if (tls->output_over || !tls->pair.readable)
        return 0;
    ssize_t count = recv(tls->pair.fd, tls_worker->scratch, TLS_HELD_MAX, MSG_DONTWAIT);
    if (count > 0)
        return (size_t)count;
    tls->pair.readable = false;
    tls->output_over = count == 0 || errno != EAGAIN;
    return 0;
}

/* Libmicrohttpd to client; false on an error of the connection. */
static bool pump_outward(struct http_tls_worker *tls_worker, struct http_tls *tls) {
    struct tls_held *held = &tls->outward;
    for (;;) {
        if (held->data != NULL) {
            ssize_t went =
                tls->socket.writable
                    ? give_socket(tls_worker, tls, held->data + held->at, held->length - held->at)
                    : 0;
            if (went <= 0)
                return went == 0 && !tls->is_ending;
            held_advance(held, (size_t)went);
            continue;
        }
        tls->stuck_since.ns = 0;
        size_t length = take_pair(tls_worker, tls);
        if (length == 0)
            return true;
        ssize_t went = give_socket(tls_worker, tls, tls_worker->scratch, length);
        if (went < 0)
            return false;
        if ((size_t)went < length)
            hold(held, tls_worker->scratch + went, length - (size_t)went);
    }
}

/* Says good-bye once; then the client's own end is waited for, a moment, because a socket closed
 * with bytes unread would take the answer back. */
static bool finish_output(struct http_tls *tls) {
    if ((SSL_get_shutdown(tls->ssl) & SSL_SENT_SHUTDOWN) == 0) {
        ERR_clear_error();
        (void)SSL_shutdown(tls->ssl);
        shutdown(tls->socket.fd, SHUT_WR);
        http_tls_held_fini(&tls->inward);
    }
    return !tls->is_ending && !tls->input_over;
}

bool http_tls_pump(struct http_tls_worker *tls_worker, struct http_tls *tls) {
    if (!pump_outward(tls_worker, tls) || !pump_inward(tls_worker, tls))
        return false;
    if (tls->output_over && tls->outward.data == NULL)
        return finish_output(tls);
    return true;
}
