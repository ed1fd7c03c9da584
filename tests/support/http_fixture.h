/* http_fixture.h: a client on raw sockets, for tests of the HTTP server.
 *
 * Owner: sockets are the caller's to close. Errors: a failing system call ends the test's process.
 * Limits: every wait ends after HTTP_FIXTURE_WAIT_MS.
 */
#ifndef SIEM_TESTS_HTTP_FIXTURE_H
#define SIEM_TESTS_HTTP_FIXTURE_H

#include "common/bytes.h"

#define HTTP_FIXTURE_WAIT_MS 60000
#define HTTP_REPLY_MAX 65536

struct http_reply {
    int code;    /* 0: the connection ended without an answer */
    bool closed; /* the server closed it behind the answer */
    size_t length;
    char text[HTTP_REPLY_MAX]; /* head and body, with a NUL */
};

/* Connects to a port of 127.0.0.1. */
int http_fixture_connect(int port);

/* Sends bytes; a peer that closed already is no error. */
void http_fixture_send(int fd, struct text bytes);

/* Sends bytes in two pieces, the second when the server has taken the first. */
void http_fixture_send_piecewise(int fd, struct text bytes, size_t cut);

/* Reads one answer: head, and Content-Length bytes of body (none for `head_only`). */
void http_fixture_read(int fd, bool head_only, struct http_reply *ret_reply);

/* Reads until the server closes. */
bool http_fixture_is_closed(int fd);

/* One request on a connection of its own: sends, half-closes nothing, reads an answer. */
void http_fixture_ask(int port, struct text bytes, struct http_reply *ret_reply);

/* A request, and how it is answered. */
struct http_exchange {
    const char *name;
    struct text request;
    int code;          /* 0: closed without an answer */
    const char *holds; /* stands in the answer's text; NULL: anything */
    bool closes;       /* nothing follows but the end of the connection */
};

/* A string literal as http_exchange.request; it may hold NULs. */
#define HTTP_EXCHANGE_RAW(text)                                                                    \
    { text, sizeof(text) - 1 }

/* Has every exchange on a connection of its own, and expects what it says; every answer carries
 * the headers that all have. */
void http_fixture_check(int port, const struct http_exchange *exchanges, size_t count);

/* The body of a reply. */
const char *http_fixture_body(const struct http_reply *reply);

#endif
