/* http_connection.c: connections, from accept to close. A worker keeps those that wait for their
 * peer in the order of their last step, so that the one that has waited longest is found at once;
 * those whose answer we still owe are not among them. */
#include "common/http_private.h"

#include "common/counters.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Bytes that came behind a refused request are read and dropped up to this, so that the answer is
 * not lost to a reset. */
#define DISCARD_MAX (256 * 1024)

struct http_connection *http_connection_new(struct http_server *server, int fd,
                                            const struct sockaddr_storage *address,
                                            socklen_t address_length) {
    struct http_connection *connection = calloc(1, sizeof *connection);
    uint8_t bytes[NETWORK_ADDRESS_SIZE];
    if (connection == NULL)
        abort();
    connection->fd = fd;
    memcpy(&connection->address, address, sizeof *address);
    connection->address_length = address_length;
    if (network_address_of((const struct sockaddr *)address, bytes)) {
        network_address_format(bytes, connection->peer);
        connection->is_proxy = networks_hold(&server->proxies, bytes);
    }
    gauge_add(server->connections, 1);
    return connection;
}

/* Worker 0 looks for it where a connection may take the place of another. */
static void set_oldest(struct http_worker *worker, struct http_connection *connection) {
    worker->oldest = connection;
    atomic_store_explicit(&worker->oldest_ns,
                          connection != NULL ? connection->stepped_at.ns : INT64_MAX,
                          memory_order_relaxed);
}

static void unlist(struct http_connection *connection) {
    struct http_worker *worker = connection->worker;
    if (connection->prev != NULL)
        connection->prev->next = connection->next;
    else
        set_oldest(worker, connection->next);
    if (connection->next != NULL)
        connection->next->prev = connection->prev;
    else
        worker->newest = connection->prev;
    connection->is_listed = false;
}

static void connection_free(struct http_connection *connection) {
    struct http_worker *worker = connection->worker;
    if (connection->is_listed)
        unlist(connection);
    if (connection->origin != NULL)
        http_origin_leave(worker->server->origins, connection->origin, worker->index);
    atomic_fetch_sub(&worker->connection_count, 1);
    gauge_add(worker->server->connections, -1);
    free(connection);
}

void http_connection_drop(struct http_connection *connection) {
    close(connection->fd);
    connection_free(connection);
}

void http_connection_add(struct http_connection *connection) {
    struct http_worker *worker = connection->worker;
    worker->adding = connection;
    connection->has_mhd = true;
    if (MHD_add_connection(worker->daemon, connection->fd, (struct sockaddr *)&connection->address,
                           connection->address_length) == MHD_YES)
        return;
    /* libmicrohttpd closed it already; when it had told of it, that is over, too. */
    count_drop(STATUS_FULL);
    if (worker->adding == NULL)
        return;
    worker->adding = NULL;
    connection->has_mhd = false;
    connection->fd = -1;
    http_connection_part(connection);
}

void http_connection_open(struct http_connection *connection) {
    if (connection->worker->tls != NULL)
        http_tls_open(connection);
    else
        http_connection_add(connection);
}

void http_connection_part(struct http_connection *connection) {
    if (!connection->has_mhd && connection->tls == NULL)
        connection_free(connection);
}

void http_connection_notify(void *context, struct MHD_Connection *mhd, void **socket_context,
                            enum MHD_ConnectionNotificationCode code) {
    (void)mhd;
    struct http_worker *worker = context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        assert(worker->adding != NULL);
        *socket_context = worker->adding;
        http_connection_step(worker->adding, worker->now);
        worker->adding = NULL;
        return;
    }
    struct http_connection *connection = *socket_context;
    connection->has_mhd = false;
    connection->fd = -1;
    http_connection_part(connection);
}

void http_connection_step(struct http_connection *connection, struct mono_time now) {
    struct http_worker *worker = connection->worker;
    connection->stepped_at = now;
    if (connection->is_listed) {
        if (worker->newest == connection && worker->oldest != connection)
            return;
        unlist(connection);
    }
    connection->next = NULL;
    connection->prev = worker->newest;
    if (worker->newest != NULL)
        worker->newest->next = connection;
    else
        set_oldest(worker, connection);
    worker->newest = connection;
    connection->is_listed = true;
}

void http_connection_pause(struct http_connection *connection) {
    if (connection->is_listed)
        unlist(connection);
}

void http_connection_wait(struct http_connection *connection) {
    connection->consumed += connection->request->head_length + connection->request->body_length;
    connection->request = NULL;
    connection->served = true;
    connection->started_at.ns = 0;
    http_connection_step(connection, connection->worker->now);
}

void http_connection_end(struct http_connection *connection) {
    http_connection_pause(connection);
    connection->worker->ended++;
    if (connection->tls != NULL)
        http_tls_end(connection->tls);
    else
        shutdown(connection->fd, SHUT_RDWR);
}

/* Sends an answer, with what is said about staying with https unless that is "". */
static void say(struct http_connection *connection, int code, const char *reason,
                const char *hsts) {
    char answer[640];
    int length = snprintf(answer, sizeof answer,
                          "HTTP/1.1 %d %s\r\nConnection: close\r\n"
                          "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
                          "Content-Security-Policy: " HTTP_POLICY_NOTHING "\r\n%s%s%s%s"
                          "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n"
                          "{\"detail\":\"%s\"}",
                          code, reason, code == 503 ? "Retry-After: 1\r\n" : "",
                          hsts[0] != '\0' ? "Strict-Transport-Security: " : "", hsts,
                          hsts[0] != '\0' ? "\r\n" : "",
                          strlen(reason) + sizeof "{\"detail\":\"\"}" - 1, reason);
    assert(length > 0 && (size_t)length < sizeof answer);
    http_metrics_refused(code);
    (void)!send(connection->fd, answer, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL);
    shutdown(connection->fd, SHUT_WR);
    char dropped[16384];
    for (size_t seen = 0; seen < DISCARD_MAX;) {
        ssize_t count = recv(connection->fd, dropped, sizeof dropped, MSG_DONTWAIT);
        if (count <= 0)
            break;
        seen += (size_t)count;
    }
}

void http_connection_say_plain(struct http_connection *connection, int code, const char *reason) {
    say(connection, code, reason, "");
}

void http_connection_say(struct http_connection *connection, int code, const char *reason) {
    if (connection->tls == NULL)
        say(connection, code, reason, "");
    else if (http_tls_is_open(connection->tls))
        say(connection, code, reason, connection->worker->server->hsts);
}
