/* http_server.h: HTTP/1.1 on libmicrohttpd; the only file that sees it. A table of routes, requests that
 * can be answered at once or later from any thread.
 *
 * Each worker thread runs its own MHD daemon in external epoll mode around MHD_run, on one shared
 * listening socket; its own eventfd wakes it once for any number of answers given elsewhere. (libmicrohttpd's
 * own epoll thread stalls at 128 active connections.) Requests with doubtful framing are refused before
 * the body is read (see http_guard.c, http_framing.c).
 * Owner: new/destroy; a request lives until it is answered and released. Threads: route callbacks run on
 * worker threads; http_answer may be called from any thread, once. Errors: the API's error bodies are
 * the routes' business; the server itself answers 400, 404, 405 (with Allow), 408, 413, 503.
 * Limits: body per route, headers 8 KiB, connections in total and per address (a new one takes the place of
 * the one that has waited longest for its peer), time and rate of a request and of its answer.
 * Source: RFC 9110, RFC 9112; libmicrohttpd 0.9.75.
 */
#ifndef SIEM_COMMON_HTTP_SERVER_H
#define SIEM_COMMON_HTTP_SERVER_H

#include "common/buffer.h"
#include "common/clock.h"
#include "common/status.h"

struct http_server;
struct http_request;

/* What a route needs of its caller; the service decides what counts (see http_options.authorize). */
enum http_access { HTTP_OPEN, HTTP_READ, HTTP_WRITE, HTTP_ADMIN };

struct http_route {
    const char *method;    /* "GET"; HEAD is answered by GET's route */
    const char *path;      /* "/incidents/{id}": a {name} takes one whole segment */
    enum http_access access;
    size_t body_limit;     /* bytes; more is refused with 413, from Content-Length alone if it says so. 0: the
                            * route takes none; up to 64 KiB of one are read and dropped */
    /* Called at the headers; may answer (e.g. 415). NULL: nothing to do. */
    void (*on_begin)(struct http_request *request);
    /* Called for each piece of the body, borrowed. NULL: the body is collected for http_body. */
    void (*on_body)(struct http_request *request, struct bytes piece);
    /* Called when the request is whole, unless it was answered: answers, or defers. */
    void (*on_complete)(struct http_request *request);
};

/* Pages of which other origins may use the server from a browser (CORS): lists with commas. */
struct http_cors {
    const char *origins; /* "https://soc.example, ..."; "*": all; NULL or "": none, and CORS is off */
    const char *methods;
    const char *headers;
};

struct http_options {
    const char *listen;        /* "0.0.0.0:8000", "[::]:8000", "127.0.0.1:0" */
    int workers;               /* threads */
    int connections_max;       /* in total; beyond it the longest idle one goes */
    int connections_per_address; /* the same among those of one address; 0: no limit of its own */
    int64_t request_timeout_ms;/* from the first byte to the whole request, and for an answer to be fetched */
    int64_t busy_poll_ms;      /* with many more to wait for, a worker stays awake so long after an answer; 0: it sleeps */
    int64_t keep_awake_ms;     /* rather than that, idle processors are kept awake so long, */
    const char *latency_device; /* by this (cpu_latency.h); NULL, or none that opens: they sleep */
    int64_t bytes_per_second_min; /* what bodies and answers must keep up beyond that time; 0: nothing is added */
    const char *tls_certificate; /* files in PEM form, the server's own certificate first; NULL or "": plain HTTP */
    const char *tls_key;
    const char *trusted_proxies; /* networks whose X-Forwarded-For and -Proto count; NULL: none */
    struct http_cors cors;
    int64_t hsts_ms;           /* how long browsers shall stay with https, said when they came by it; 0: unsaid */
    bool redirect;             /* serves nothing: sends everybody to https */
    bool https_only;           /* sends those to https that a trusted proxy got without TLS */
    int https_port;            /* where https is; 0: where it usually is */
    const struct http_route *routes;
    size_t routes_count;
    void *context;             /* for http_context */
    /* Called before on_begin for routes that are not HTTP_OPEN; answers and returns false to refuse. NULL: all may. */
    bool (*authorize)(struct http_request *request, enum http_access access);
    /* Writes the body of an error the server itself makes ({"detail": ...}); NULL: that default. */
    void (*on_error)(struct http_request *request, int code, const char *reason);
};

/* Looks at the options and binds the address, but serves nobody yet. On failure logs the remedy: BAD_VALUE is
 * an option that is wrong, IO_ERROR an address that can not be had. */
MUST_CHECK enum status http_server_open(const struct http_options *options, struct http_server **ret_server);

/* Lets clients in: starts the threads. On failure logs the remedy; the server is still the caller's to destroy. */
MUST_CHECK enum status http_server_start(struct http_server *server);

/* Does both. On failure logs the remedy and returns NULL. */
struct http_server *http_server_new(const struct http_options *options);

/* Stops listening, answers what is deferred with 503, joins the threads. */
void http_server_destroy(struct http_server **server);

/* Stops accepting new connections; those that exist are served on. */
void http_server_quiesce(struct http_server *server);

/* Loads certificate and key again if their files changed, or anyway; connections that exist keep theirs. What
 * can not be used is logged and left. The owner's thread. */
void http_server_check_certificate(struct http_server *server, bool even_if_unchanged);

/* The port it listens on (useful after ":0"). */
int http_server_port(const struct http_server *server);

/* ---- Looking at a request; texts borrow until it is released. ---- */

/* The service's own context, as the options gave it. */
void *http_context(const struct http_request *request);

/* What the request's route needs of its caller. */
enum http_access http_access(const struct http_request *request);

/* The path, decoded and without the query. */
struct text http_path(const struct http_request *request);

/* What stands for `{name}` of the route's path; null when the route has no such part. */
struct text http_path_value(const struct http_request *request, const char *name);

/* An argument of the query, decoded; empty when it has no value, null when it is absent or
 * the client has gone. */
struct text http_query(const struct http_request *request, const char *name);

/* A header by its name, whatever its case, without the blanks around its value; null when it is absent or the
 * client has gone. No NUL need follow. */
struct text http_header(const struct http_request *request, const char *name);

/* Calls `visit` for each item of a list header (RFC 9110 §5.6.1) until it says false: all lines of that name count,
 * in their order; items come without the blanks around them, empty ones not at all. A comma in quotes is none. */
void http_header_each(const struct http_request *request, const char *name,
                      bool (*visit)(struct text item, void *context), void *context);

/* Whether an item of a list header is one `is_it` says yes to. */
bool http_header_any(const struct http_request *request, const char *name,
                     bool (*is_it)(struct text item, const void *context), const void *context);

/* The whole body; empty for a route that takes it piece by piece. */
struct bytes http_body(const struct http_request *request);

/* The client's address as text, without its port; empty when it is unknown. Behind a trusted proxy, the one
 * it names. */
struct text http_peer(const struct http_request *request);

/* The route's own state for this request; `destroy` is called when the request is released. */
void http_state_set(struct http_request *request, void *state, void (*destroy)(void *state));

/* What http_state_set gave this request; NULL before. */
void *http_state(const struct http_request *request);

/* Adds a header to the answer to come; before http_answer. `name` and `value` are copied. */
void http_answer_header(struct http_request *request, const char *name, const char *value);

/* Answers; takes the buffer's memory (it is empty afterwards). The first answer counts: false when the
 * request was answered before (the buffer is emptied all the same). */
bool http_answer(struct http_request *request, int code, const char *content_type,
                 struct buffer *body);

/* The same with a body that lives as long as the process, so that however many fetch it slowly, it is
 * in memory once. */
bool http_answer_constant(struct http_request *request, int code, const char *content_type,
                          struct bytes body);

/* Has the route's on_complete wait until somebody calls http_hold_end; called in `authorize`, on_begin or
 * on_ready. Then, and when the request is whole, `on_ready` runs on the worker: it may answer, or hold again;
 * else on_complete follows. The body is read meanwhile. Whoever takes the hold must end it, whatever becomes
 * of the request (which may be answered or gone by then: on_ready does not run any more). */
void http_hold(struct http_request *request, void (*on_ready)(struct http_request *request));

/* Ends the hold, and its reference to the request; any thread, once. */
void http_hold_end(struct http_request *request);

/* Keeps the request open after on_complete returns; someone must http_answer it. If none has by
 * `deadline_ms`, `on_deadline` runs on the worker and must answer. One reference is taken for the
 * answering side, which ends it with http_release. */
void http_defer(struct http_request *request, int64_t deadline_ms,
                void (*on_deadline)(struct http_request *request));

/* Before http_answer: it will only say that what was waited for has not come. */
void http_mark_late(struct http_request *request);

/* Ends the reference http_defer took. */
void http_release(struct http_request *request);

#endif
