/* http_limits.c: how long a peer may take, and who goes when there are too many. libmicrohttpd's
 * own limit is of inactivity only, which one byte a second outlives; these are of the whole request
 * and the whole answer, and longer ones must keep up a rate. */
#include "common/http_private.h"

#include "common/counters.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* tcpi_state: the peer has ended its side. */
#define STATE_CLOSE_WAIT 8

/* What a peer has sent so far, and whether it will send more. */
struct received {
    uint64_t bytes;
    bool is_over;
};

static struct received received_from(const struct http_connection *connection) {
    struct tcp_info info = {0};
    socklen_t length = sizeof info;
    if (connection->tls != NULL)
        return (struct received){http_tls_received(connection->tls),
                                 http_tls_input_is_over(connection->tls)};
    if (getsockopt(connection->fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0)
        return (struct received){0, false};
    /* The end itself counts as a byte. */
    return (struct received){info.tcpi_bytes_received, info.tcpi_state == STATE_CLOSE_WAIT};
}

static int64_t elapsed_ms(struct mono_time since, struct mono_time now) {
    return (now.ns - since.ns) / 1000000;
}

/* How long that many bytes may take. */
static int64_t allowed_ms(const struct http_connection *connection, uint64_t bytes) {
    const struct http_options *options = &connection->worker->server->options;
    int64_t rate = options->bytes_per_second_min;
    return options->request_timeout_ms + (rate > 0 ? (int64_t)bytes * 1000 / rate : 0);
}

static void time_out(struct http_connection *connection, bool say_so) {
    count_drop(STATUS_TIMEOUT);
    if (say_so)
        http_connection_say(connection, 408, "Request Timeout");
    http_connection_end(connection);
}

/* A connection between requests: silent ones may stay a while, begun headers must come to an end.
 * One whose end came in one event with a request libmicrohttpd believes open: it read the request,
 * and is not told again. */
static void scan_waiting(struct http_connection *connection, struct mono_time now) {
    int64_t limit_ms = allowed_ms(connection, 0);
    struct received received = received_from(connection);
    if (received.is_over) {
        http_connection_end(connection);
        return;
    }
    if (connection->started_at.ns == 0 && received.bytes > connection->consumed)
        connection->started_at = connection->served ? now : connection->stepped_at;
    if (connection->started_at.ns != 0) {
        if (elapsed_ms(connection->started_at, now) > limit_ms)
            time_out(connection, true);
    } else if (elapsed_ms(connection->stepped_at, now) >
               (connection->served ? HTTP_IDLE_MS : limit_ms)) {
        http_connection_end(connection);
    }
}

/* A connection with TLS of which only that is left, or whose client takes nothing. */
static bool is_overdue(const struct http_connection *connection, struct mono_time now) {
    if (connection->tls == NULL)
        return false;
    struct mono_time stuck_since = http_tls_stuck_since(connection->tls);
    return (stuck_since.ns != 0 && elapsed_ms(stuck_since, now) > allowed_ms(connection, 0)) ||
           (connection->fd < 0 && elapsed_ms(connection->stepped_at, now) > HTTP_LINGER_MS);
}

static void scan(struct http_connection *connection, struct mono_time now) {
    const struct http_request *request = connection->request;
    if (is_overdue(connection, now)) {
        http_connection_end(connection);
    } else if (connection->fd < 0) {
        return;
    } else if (request == NULL) {
        scan_waiting(connection, now);
    } else if (request->phase == HTTP_PHASE_ANSWERED) {
        uint64_t length = request->answer.length + request->constant.length;
        if (elapsed_ms(connection->stepped_at, now) > allowed_ms(connection, length))
            time_out(connection, false);
    } else {
        struct mono_time from =
            connection->started_at.ns != 0 ? connection->started_at : request->began_at;
        if (elapsed_ms(from, now) > allowed_ms(connection, request->body_seen))
            time_out(connection, true);
    }
}

void http_limits_scan(struct http_worker *worker, struct mono_time now) {
    if (elapsed_ms(worker->scanned_at, now) < HTTP_SCAN_MS)
        return;
    worker->scanned_at = now;
    unsigned ended_before = worker->ended;
    struct http_connection *next = NULL;
    for (struct http_connection *at = worker->oldest; at != NULL; at = next) {
        next = at->next;
        if (elapsed_ms(at->stepped_at, now) < HTTP_SCAN_MS)
            return; /* so are all behind it */
        scan(at, now);
        if (worker->ended - ended_before == HTTP_SCAN_ENDS) {
            worker->scanned_at = clock_mono_add_ms(now, HTTP_SCAN_AGAIN_MS - HTTP_SCAN_MS);
            return;
        }
    }
}

bool http_limits_evict(struct http_worker *worker, const struct http_origin *origin) {
    struct http_connection *at = worker->oldest;
    while (at != NULL && origin != NULL && at->origin != origin)
        at = at->next;
    if (at == NULL)
        return false;
    count_drop(STATUS_FULL);
    http_connection_end(at);
    return true;
}
