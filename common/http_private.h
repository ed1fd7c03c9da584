/* http_private.h: what the files of the HTTP server share with each other, and with nobody else.
 *
 * http_server.c opens the listening socket and the workers · http_worker.c is a worker's loop ·
 * http_listen.c accepts connections and deals them out · http_origin.c counts them by address ·
 * http_connection.c holds them · http_tls*.c is the TLS of them · http_limits.c ends those that
 * take too long · http_handler.c is the way of one request through libmicrohttpd · http_guard.c and
 * http_framing.c refuse what two readers could see differently · http_refusal.c words
 * libmicrohttpd's own refusals · http_forwarded.c believes trusted proxies · http_https.c and
 * http_cors.c speak to browsers · http_location.c sends clients elsewhere · http_route.c finds the
 * route · http_hold.c has a route wait · http_request.c holds requests, answers and their accessors
 * · http_awake.c keeps processors awake and http_poll.c a worker, while many wait · http_metrics.c
 * counts. Owner: a server owns its workers, a worker its
 * connections and its free requests. A request belongs to its worker, but for the reference
 * http_defer gave away. Threads: everything of a worker is its thread's, except what is marked
 * atomic. Limits: as named here.
 */
#ifndef SIEM_COMMON_HTTP_PRIVATE_H
#define SIEM_COMMON_HTTP_PRIVATE_H

#include "common/http_server.h"
#include "common/networks.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

/* Bytes of all header names and values of a request; more is answered 431. */
#define HTTP_HEADERS_MAX 8192
/* Memory of a connection in libmicrohttpd, which clears it for every request: its default of 32 KiB
 * cost 1 µs. Holds HTTP_HEADERS_MAX as received and as parsed, or a piece of the body, and the head
 * of the answer. */
#define HTTP_CONNECTION_MEMORY (16 * 1024)
/* What it takes there for each header, cookie and argument, and the most an answer's head needs:
 * HTTP_ANSWER_HEADERS_SIZE of the route's, and those every answer has. */
#define HTTP_VALUE_SIZE 64
#define HTTP_ANSWER_ROOM 2048
/* How much further than it has to it reads at most, unless a line ends with what was read. */
#define HTTP_READ_STEP 1024
/* Bytes of a body that a route without one reads and drops; more is answered 413. */
#define HTTP_IGNORED_MAX (64 * 1024)
/* Bytes of a refused body that are read and dropped, so that the sender gets to see the answer. */
#define HTTP_SWALLOW_MAX (64 * 1024 * 1024)
/* A connection whose answer is given may take this long to close. */
#define HTTP_LINGER_MS 2000
/* A connection may wait this long for its next request. */
#define HTTP_IDLE_MS 60000
/* How often connections are looked over for time limits. */
#define HTTP_SCAN_MS 500
/* So many are ended at a time, and the next ones after this: hundreds that began together end
 * together, and others shall not wait for that. */
#define HTTP_SCAN_ENDS 16
#define HTTP_SCAN_AGAIN_MS 5
/* So many requests of a worker have to wait for answers before it waits for them awake. */
#define HTTP_POLL_FROM 16
/* So many of all workers together have to wait, and get answers, before processors are kept awake.
 */
#define HTTP_AWAKE_FROM 16
/* Names in a route's path. */
#define HTTP_PATH_VALUES_MAX 4
/* Headers a route can add to an answer, and the bytes of them all. */
#define HTTP_ANSWER_HEADERS_SIZE 1024
/* Memory of a body or an answer kept for the next request. */
#define HTTP_KEEP_BYTES (64 * 1024)
/* Requests kept for reuse by a worker. */
#define HTTP_FREE_MAX 256
/* What 413 says, whoever finds it. */
#define HTTP_TOO_LARGE "Request body too large"
/* Content-Security-Policy of what is no page. */
#define HTTP_POLICY_NOTHING "default-src 'none'; frame-ancestors 'none'"

struct epoll_event;
struct gauge;
struct http_origin;
struct http_origins;
struct http_tls;
struct http_tls_context;
struct http_tls_worker;
struct http_worker;
struct http_route_metrics;

/* Where a request stands; its worker's thread only. */
enum http_phase {
    HTTP_PHASE_BODY,      /* headers are there, the body is coming */
    HTTP_PHASE_DEFERRED,  /* somebody will answer; its connection is about to be suspended */
    HTTP_PHASE_SUSPENDED, /* it is */
    HTTP_PHASE_RESUMED,   /* the worker has it back; libmicrohttpd is about to ask again */
    HTTP_PHASE_ANSWERED,  /* the answer was given to libmicrohttpd */
};

struct http_request {
    struct http_worker *worker;
    struct http_request *next;          /* in the done list, or in a free list */
    struct http_request *deferred_prev; /* list of deferred requests of the worker */
    struct http_request *deferred_next;
    struct http_connection *connection;
    struct MHD_Connection *mhd; /* NULL once libmicrohttpd is done with it */
    const struct http_route *route;
    size_t route_index;
    struct text method;
    struct text path;
    struct text path_values[HTTP_PATH_VALUES_MAX];
    enum http_phase phase;
    bool deferred;    /* http_defer was called */
    bool is_late;     /* what it waits for has not come in time */
    bool close_after; /* the connection ends with this answer */
    bool has_body;    /* the headers announce one */
    bool expects;     /* the sender waits for 100 Continue */
    bool is_secure;   /* came by TLS, here or to a trusted proxy */
    bool came_plain;  /* a trusted proxy says that it did not */
    uint64_t head_length;
    uint64_t body_length; /* announced; UINT64_MAX when chunked */
    uint64_t body_seen;
    struct mono_time began_at;
    struct mono_time deadline;
    void (*on_deadline)(struct http_request *request);
    void (*on_ready)(struct http_request *request); /* of its hold */
    struct buffer body;
    void *state;
    void (*state_destroy)(void *state);
    char peer[NETWORK_ADDRESS_TEXT_SIZE];

    atomic_int references;
    atomic_int hold;        /* see http_hold.c */
    atomic_uintptr_t claim; /* the thread that began to answer; the first one wins */
    atomic_bool answered;   /* its answer is whole */
    int code;
    const char *content_type;
    struct buffer answer;
    struct bytes constant;                  /* instead of `answer` when it is not empty */
    char headers[HTTP_ANSWER_HEADERS_SIZE]; /* name NUL value NUL ... */
    size_t headers_length;
};

/* What a new connection takes the place of, when there is none left for it. */
enum http_replace { HTTP_REPLACE_NONE, HTTP_REPLACE_ANY, HTTP_REPLACE_SAME_ADDRESS };

/* A connection, from accept to close; its worker's thread only, once that has taken it over. */
struct http_connection {
    struct http_worker *worker;
    struct http_connection *prev, *next; /* in the worker's list; `next` also on the way to it */
    struct http_request *request;        /* the one under way */
    struct http_origin *origin;          /* its address among the others; NULL: not counted */
    struct http_tls *tls;                /* NULL: plain, or closed on that side already */
    int fd;                              /* what libmicrohttpd has; -1: closed */
    enum http_replace replaces;
    bool is_listed;              /* waits for its peer: is in the worker's list */
    bool has_mhd;                /* libmicrohttpd knows it */
    bool is_proxy;               /* may say for whom it speaks */
    bool served;                 /* has completed a request */
    const char *target_end;      /* of the request line under way; NULL: it is not clean */
    uint64_t consumed;           /* bytes of the requests completed */
    struct mono_time stepped_at; /* accepted, request begun, answer given, or answer fetched */
    struct mono_time started_at; /* bytes of a next request were seen; 0: none */
    char peer[NETWORK_ADDRESS_TEXT_SIZE];
    struct sockaddr_storage address;
    socklen_t address_length;
};

struct http_worker {
    struct http_server *server;
    struct MHD_Daemon *daemon;
    pthread_t thread;
    bool started;
    bool winding_up; /* no request is handed to its route any more */
    int index;
    int epoll_fd;
    int wake_fd;
    struct http_tls_worker *tls; /* NULL: connections are plain */
    struct http_connection *oldest,
        *newest;                    /* those that wait for their peer, by their last step */
    struct http_connection *adding; /* libmicrohttpd is about to tell of this one */
    struct mono_time now;           /* of this turn of the loop */
    struct http_request *deferred;
    size_t deferred_count;
    struct mono_time awake_until;   /* it waits awake, */
    struct mono_time crowded_until; /* but not before this */
    int64_t next_deadline_ns;       /* earliest that may be due; INT64_MAX: none */
    struct mono_time scanned_at;
    unsigned ended; /* connections, so far */
    struct http_request *free_requests;
    int free_count;

    _Atomic(struct http_request *) done;     /* answered elsewhere: to be resumed */
    _Atomic(struct http_request *) returned; /* released elsewhere: to be reused */
    _Atomic(struct http_connection *) arrivals;
    atomic_int connection_count;
    atomic_int_fast64_t oldest_ns; /* last step of `oldest`; INT64_MAX: there is none */
};

/* Whether idle processors are kept awake (http_awake.c). */
struct http_awake {
    int latency_fd; /* see cpu_latency.h; -1: it can not be had */
    struct gauge *gauge;
    atomic_bool possible;         /* there is a descriptor, and the kernel takes what is asked */
    atomic_bool on;               /* it was asked for */
    atomic_int_fast64_t until_ns; /* it is due until then */
    atomic_size_t waiting;        /* weight of the requests that wait for answers */
    pthread_mutex_t lock;         /* over each switch, and the rest */
    int64_t since_ns;
    size_t answered; /* weight, since then, */
    size_t waited;   /* and of those that waited at once, at most */
};

struct http_server {
    struct http_options options;
    struct http_worker *workers;
    struct http_route_metrics *metrics; /* one per route, and some for no route */
    struct gauge *connections;
    struct histogram *polls[2]; /* those with news, and those without */
    struct http_awake awake;
    struct http_origins *origins;
    bool has_cors;
    struct http_tls_context *tls; /* NULL: connections are plain */
    char hsts[48];                /* what answers over TLS say about staying with it; "": nothing */
    struct networks proxies;      /* may say for whom they speak, and are not counted by address */
    int listen_fd;
    int port;
    bool accepting;                   /* worker 0 only: the listening socket is in its epoll */
    struct mono_time accept_again_at; /* after descriptors ran out */
    atomic_bool quiesced;             /* no new connections */
    atomic_bool stopping;             /* workers end */
    atomic_bool closed;               /* workers have ended; requests are freed, not reused */
    atomic_int references;            /* the owner, and each request in existence */
};

/* http_server.c */

/* Ends one reference to the server's memory. */
void http_server_release(struct http_server *server);

/* http_worker.c */

/* Makes a worker's daemon and descriptors, without a thread. */
MUST_CHECK enum status http_worker_open(struct http_worker *worker);

/* Starts its thread; when all workers are open, because they hand each other connections. */
MUST_CHECK enum status http_worker_start(struct http_worker *worker);

/* Waits for the thread's end; nothing to do when it never started. */
void http_worker_join(struct http_worker *worker);

/* Closes what it had; when all threads have ended. */
void http_worker_close(struct http_worker *worker);

/* True on the worker's own thread. */
bool http_worker_is_current(const struct http_worker *worker);

/* Wakes the worker; any thread. */
void http_worker_wake(struct http_worker *worker);

/* Hands an answered, deferred request back to its worker; any thread. */
void http_worker_give_back(struct http_request *request);

/* Puts a request into the worker's list of deferred ones; on the worker's thread. */
void http_worker_watch(struct http_request *request);

/* http_listen.c */

/* Binds a socket to "host:port", on which nobody can connect yet; logs the remedy and gives -1 when
 * it can not. */
int http_listen_open(const char *listen, int *ret_port);

/* From now on clients can connect; logs the remedy. */
MUST_CHECK enum status http_listen_start(const struct http_server *server);

/* Watches the listening socket, or leaves it alone (worker 0's thread). */
void http_listen_watch(struct http_worker *worker, bool on);

/* Accepts what waits and deals it to the workers with the fewest connections (worker 0's thread).
 */
void http_listen_accept(struct http_worker *worker);

/* Takes over the connections dealt to this worker. */
void http_listen_take_arrivals(struct http_worker *worker);

/* Closes the connections dealt to a worker that has ended. */
void http_listen_drop_arrivals(struct http_worker *worker);

/* http_origin.c */

/* Makes the table of addresses. */
struct http_origins *http_origins_new(size_t workers);

/* Frees it; nothing is counted any more. */
void http_origins_destroy(struct http_origins **origins);

/* Counts a connection from that address. Up to `limit` it goes to `worker`; beyond it, to the
 * worker that has most of that address, in the place of one of those: then gives false. */
bool http_origin_enter(struct http_origins *origins, const uint8_t address[NETWORK_ADDRESS_SIZE],
                       int limit, int *worker, struct http_origin **ret_origin);

/* It is gone from that worker. */
void http_origin_leave(struct http_origins *origins, struct http_origin *origin, int worker);

/* http_connection.c */

/* Makes the connection of an accepted socket; worker 0's thread. */
struct http_connection *http_connection_new(struct http_server *server, int fd,
                                            const struct sockaddr_storage *address,
                                            socklen_t address_length);

/* Its worker takes it over. */
void http_connection_open(struct http_connection *connection);

/* Hands it to libmicrohttpd. */
void http_connection_add(struct http_connection *connection);

/* One of the sides that had it is done; frees it when it was the last. */
void http_connection_part(struct http_connection *connection);

/* Ends one that libmicrohttpd does not have: closes its socket. */
void http_connection_drop(struct http_connection *connection);

/* libmicrohttpd's notice of a connection's start and end. */
void http_connection_notify(void *context, struct MHD_Connection *mhd, void **socket_context,
                            enum MHD_ConnectionNotificationCode code);

/* It took a step: from now on it waits for its peer again. */
void http_connection_step(struct http_connection *connection, struct mono_time now);

/* It waits for us, not for its peer. */
void http_connection_pause(struct http_connection *connection);

/* The connection is between requests again. */
void http_connection_wait(struct http_connection *connection);

/* Has libmicrohttpd find it closed. */
void http_connection_end(struct http_connection *connection);

/* Sends an answer without TLS, to a client that spoke without it. */
void http_connection_say_plain(struct http_connection *connection, int code, const char *reason);

/* Sends an answer around libmicrohttpd, which is still reading a request from it; nothing before
 * TLS is there. */
void http_connection_say(struct http_connection *connection, int code, const char *reason);

/* http_tls.c */

/* Begins a handshake on the connection's socket, which it takes. */
void http_tls_open(struct http_connection *connection);

/* Ends a connection, without waiting for its client. */
void http_tls_end(struct http_tls *tls);

/* Whether its handshake is done. */
bool http_tls_is_open(const struct http_tls *tls);

/* Bytes of plain text it has received. */
uint64_t http_tls_received(const struct http_tls *tls);

/* Whether its client sends no more. */
bool http_tls_input_is_over(const struct http_tls *tls);

/* Since when the client has not taken what it gets; 0: it does. */
struct mono_time http_tls_stuck_since(const struct http_tls *tls);

/* Makes the worker's side of TLS; NULL when descriptors have run out. */
struct http_tls_worker *http_tls_worker_new(struct http_worker *worker);

/* The descriptor that becomes readable when there is something to do. */
int http_tls_worker_fd(const struct http_tls_worker *tls_worker);

/* Does what there is to do. */
void http_tls_turn(struct http_tls_worker *tls_worker);

/* Closes its connections. */
void http_tls_worker_destroy(struct http_tls_worker **tls_worker);

/* http_tls_context.c */

/* Loads certificate and key; logs the remedy and gives NULL when it can not. Borrows the paths. */
struct http_tls_context *http_tls_context_new(const char *certificate, const char *key);

/* Frees them; sessions that exist keep theirs. */
void http_tls_context_destroy(struct http_tls_context **tls);

/* A new session with the certificate of now; the caller frees it. Any thread. */
struct ssl_st *http_tls_context_session(struct http_tls_context *tls);

/* Loads the files again if they changed; one thread at a time. */
void http_tls_context_check(struct http_tls_context *tls, bool even_if_unchanged);

/* http_limits.c */

/* Ends the connection that has waited longest for its peer, of that address unless it is NULL;
 * false when there is none. */
bool http_limits_evict(struct http_worker *worker, const struct http_origin *origin);

/* Ends the worker's connections that took too long. */
void http_limits_scan(struct http_worker *worker, struct mono_time now);

/* http_handler.c */

/* libmicrohttpd's access handler: called with the headers, each piece of the body, and its end. */
enum MHD_Result http_handler_access(void *context, struct MHD_Connection *mhd, const char *url,
                                    const char *method, const char *version,
                                    const char *upload_data, size_t *upload_size,
                                    void **request_context);

/* libmicrohttpd's notice that a request is over, answered or not; releases it. */
void http_handler_completed(void *context, struct MHD_Connection *mhd, void **request_context,
                            enum MHD_RequestTerminationCode code);

/* Answers with the server's own error body, or the service's (http_options.on_error). */
void http_handler_fail(struct http_request *request, int code, const char *reason);

/* http_hold.c */

/* The request is whole: lets its holds have their say. True when one still waits, and the
 * request is deferred. */
bool http_hold_settle(struct http_request *request);

/* http_guard.c */

/* Whether libmicrohttpd's memory has room for an answer beside the request's head. Without, it
 * would close the connection in place of the answer, whatever had been done by then. */
bool http_guard_has_room(struct MHD_Connection *mhd, const char *method, const char *version);

/* Looks at the framing. 0 when it is beyond doubt, else the code to refuse it with and why; sets
 * the request's head_length, has_body, expects and body_length. */
int http_guard_check(struct http_request *request, const char *version, const char **ret_reason);

/* Whether it is a token of RFC 9110 §5.6.2: a method, or a header's name. */
bool http_guard_is_token(const char *data, size_t length);

/* http_framing.c */

/* libmicrohttpd's callback with the target as it came, before it is decoded. */
void *http_framing_see_target(void *context, const char *target, struct MHD_Connection *mhd);

/* Whether the piece, if a chunk begins with it, stands behind a line that is a chunk's. */
bool http_framing_check_piece(struct bytes piece);

/* http_refusal.c */

/* Finds the library's function; before the first answer. */
void http_refusal_init(void);

/* libmicrohttpd's own MHD_queue_response. */
enum MHD_Result http_refusal_queue(struct MHD_Connection *mhd, unsigned code,
                                   struct MHD_Response *response);

/* http_forwarded.c */

/* Behind a trusted proxy: the client's address, and whether it came by TLS. */
void http_forwarded_read(struct http_request *request);

/* http_https.c */

/* Writes what HSTS says. */
void http_https_prepare(struct http_server *server);

/* Answers with a redirection to https if that is due; false when it is not. */
bool http_https_redirect(struct http_request *request);

/* http_location.c */

/* Appends the path and the request's query. */
void http_location_append(const struct http_request *request, struct text path, struct buffer *out);

/* Sends a request whose path would have a route without slashes at its end there; false: it has
 * none. */
bool http_location_trim(struct http_request *request);

/* http_cors.c */

/* Whether the lists are lists; logs the remedy. */
MUST_CHECK enum status http_cors_check(const struct http_cors *cors);

/* Answers a preflight request; false when it is none. */
bool http_cors_preflight(struct http_request *request);

/* Adds to an answer what its origin may. */
void http_cors_mark(const struct http_request *request, struct MHD_Response *response);

/* http_route.c */

/* Finds the route of a request and its path values; 0, or 404, or 405 with `Allow` added. */
int http_route_find(struct http_request *request);

/* Whether a path has a route, whatever the method. */
bool http_route_exists(const struct http_request *request, struct text path);

/* http_request.c */

/* Takes a request from the worker's free list, or makes one; it has the server's reference. */
struct http_request *http_request_new(struct http_worker *worker);

/* Frees the requests in a list linked by `next`. */
void http_request_free_list(struct http_server *server, struct http_request *list);

/* Gives the answer to libmicrohttpd. */
enum MHD_Result http_request_send(struct http_request *request);

/* http_poll.c */

/* Registers what it counts. */
void http_poll_init(struct http_server *server);

/* An answer came: for a while more of them are worth waiting for awake. */
void http_poll_note_answer(struct http_worker *worker);

/* Whether the worker should wait awake. */
bool http_poll_is_due(const struct http_worker *worker);

/* Waits awake for events of the worker's epoll, at most `wait_ms` (negative: no bound); how many
 * there are. */
int http_poll(struct http_worker *worker, struct epoll_event *events, int most, int wait_ms);

/* http_awake.c */

/* Has the server ready to keep processors awake, where that is wanted and can be had. */
void http_awake_open(struct http_server *server);

/* Ends that; no worker runs any more. */
void http_awake_close(struct http_server *server);

/* A request waits for its answer from now on; a bulk one counts for each of its KiB. */
void http_awake_add(const struct http_request *request);

/* It does no more; how much it counted. */
size_t http_awake_remove(const struct http_request *request);

/* How much waits. */
size_t http_awake_waiting(const struct http_server *server);

/* Of what waited then so much has its answers, and was removed since. */
void http_awake_note_answers(struct http_worker *worker, size_t waited, size_t answered);

/* Begins or ends to keep processors awake, when that is due. */
void http_awake_switch(struct http_worker *worker);

/* http_metrics.c */

/* Makes the counters of every route. */
struct http_route_metrics *http_metrics_new(const struct http_options *options);

/* Frees the table; the counters in it stay registered. */
void http_metrics_destroy(struct http_route_metrics **metrics);

/* A request began, and its route is known. */
void http_metrics_begin(const struct http_request *request);

/* It was answered, or is over without an answer (code 0). */
void http_metrics_end(const struct http_request *request);

/* An answer was given around the routes, to what came to be no request of theirs. */
void http_metrics_refused(int code);

/* The gauge of open connections, moved where they open and close. */
struct gauge *http_metrics_connections(void);

#endif
