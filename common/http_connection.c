/* http_connection.c: connections and their time limits. libmicrohttpd's own limit is of inactivity
 * only, which one byte a second outlives; these are of the whole request, the whole wait, the whole
 * answer. */
#include "common/http_private.h"

#include "common/counters.h"

#include <arpa/inet.h>
#include <assert.h>
#include <linux/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

/* The address as text; IPv4 over IPv6 as IPv4. */
static void name_peer(struct http_connection *connection, const struct sockaddr *address) {
    connection->peer[0] = '\0';
    if (address == NULL)
        return;
    const void *bytes = &((const struct sockaddr_in *)(const void *)address)->sin_addr;
    int family = address->sa_family;
    if (family == AF_INET6) {
        const struct in6_addr *six =
            &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
        bool mapped = IN6_IS_ADDR_V4MAPPED(six);
        family = mapped ? AF_INET : AF_INET6;
        bytes = mapped ? (const void *)&six->s6_addr[12] : six;
    }
    if (inet_ntop(family, bytes, connection->peer, sizeof connection->peer) == NULL)
        connection->peer[0] = '\0';
}

static struct http_connection *connection_new(struct http_worker *worker,
                                              struct MHD_Connection *mhd) {
    struct http_connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL)
        abort();
    connection->worker = worker;
    connection->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    name_peer(connection,
              MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr);
    connection->since = clock_mono();
    connection->next = worker->connections;
    if (connection->next != NULL)
        connection->next->prev = connection;
    worker->connections = connection;
    gauge_add(worker->server->connections, 1);
    return connection;
}

static void connection_free(struct http_connection *connection) {
    struct http_worker *worker = connection->worker;
    if (connection->prev != NULL)
        connection->prev->next = connection->next;
    else
        worker->connections = connection->next;
    if (connection->next != NULL)
        connection->next->prev = connection->prev;
    atomic_fetch_sub(&worker->connection_count, 1);
    gauge_add(worker->server->connections, -1);
    free(connection);
}

void http_connection_notify(void *context, struct MHD_Connection *mhd, void **socket_context,
                            enum MHD_ConnectionNotificationCode code) {
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        *socket_context = connection_new(context, mhd);
    else
        connection_free(*socket_context);
}

void http_connection_wait(struct http_connection *connection) {
    connection->request = NULL;
    connection->served = true;
    connection->marked = false;
    connection->started_at.ns = 0;
    connection->since = clock_mono();
}

/* Bytes the peer has sent so far. */
static uint64_t bytes_received(const struct http_connection *connection) {
    struct tcp_info info = {0};
    socklen_t length = sizeof info;
    if (getsockopt(connection->fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0)
        return 0;
    return info.tcpi_bytes_received;
}

/* Ends a connection that libmicrohttpd is still reading a request from; the answer can only go
 * around it. */
static void connection_time_out(struct http_connection *connection, bool say_so) {
    static const char answer[] = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n"
                                 "X-Content-Type-Options: nosniff\r\n"
                                 "Content-Type: application/json\r\nContent-Length: 28\r\n\r\n"
                                 "{\"detail\":\"Request Timeout\"}";
    if (say_so)
        (void)!send(connection->fd, answer, sizeof answer - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    count_drop(STATUS_TIMEOUT);
    shutdown(connection->fd, SHUT_RDWR);
}

static int64_t elapsed_ms(struct mono_time since, struct mono_time now) {
    return (now.ns - since.ns) / 1000000;
}

/* A connection between requests: silent ones may stay a while, begun headers must come to an end.
 */
static void scan_waiting(struct http_connection *connection, struct mono_time now) {
    int64_t limit_ms = connection->worker->server->options.request_timeout_ms;
    uint64_t bytes = bytes_received(connection);
    if (!connection->marked) {
        connection->bytes_mark = connection->served ? bytes : 0;
        connection->marked = true;
    }
    if (bytes > connection->bytes_mark && connection->started_at.ns == 0)
        connection->started_at = connection->served ? now : connection->since;
    if (connection->started_at.ns != 0) {
        if (elapsed_ms(connection->started_at, now) > limit_ms)
            connection_time_out(connection, true);
    } else if (elapsed_ms(connection->since, now) >
               (connection->served ? HTTP_IDLE_MS : limit_ms)) {
        shutdown(connection->fd, SHUT_RDWR);
    }
}

static void connection_scan(struct http_connection *connection, struct mono_time now) {
    const struct http_request *request = connection->request;
    if (request == NULL) {
        if (elapsed_ms(connection->since, now) >= HTTP_SCAN_MS)
            scan_waiting(connection, now);
        return;
    }
    if (request->phase == HTTP_PHASE_DEFERRED)
        return;
    int64_t limit_ms = connection->worker->server->options.request_timeout_ms;
    bool body = request->phase == HTTP_PHASE_BODY;
    struct mono_time from =
        connection->started_at.ns != 0 ? connection->started_at : request->began_at;
    if (elapsed_ms(from, now) > (body ? limit_ms : limit_ms + HTTP_IDLE_MS))
        connection_time_out(connection, body);
}

void http_connection_scan(struct http_worker *worker, struct mono_time now) {
    if (elapsed_ms(worker->scanned_at, now) < HTTP_SCAN_MS)
        return;
    worker->scanned_at = now;
    struct http_connection *next = NULL;
    for (struct http_connection *at = worker->connections; at != NULL; at = next) {
        next = at->next;
        connection_scan(at, now);
    }
}
