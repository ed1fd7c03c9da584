/* http_listen.c: the listening socket. Worker 0 accepts and deals each connection to the worker
 * that has the fewest. Both other ways spread badly: of several epolls on one socket the idlest
 * takes almost all, and SO_REUSEPORT deals by hash, which gives one of two workers 20 or more of 32
 * connections in every fifth start. Dealing costs one wake-up a connection, and makes the limit of
 * connections exact. When it is reached, a new connection takes the place of the one that has
 * waited longest for its peer, so that those who only hold connections lock nobody out. */
#include "common/http_private.h"

#include "common/counters.h"
#include "common/log.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 1024
#define ACCEPT_PAUSE_MS 100
#define ACCEPT_ROUND 64
/* Of each connection, inherited. The kernel would let it grow to megabytes: hundreds of clients
 * that fetch long answers slowly would get as much memory, and a turn of the loop would last until
 * all of it is filled. */
#define SEND_BUFFER (128 * 1024)

/* Splits "host:port" or "[host]:port". */
static bool split_listen(const char *listen, char host[256], const char **ret_port) {
    const char *colon = strrchr(listen, ':');
    if (colon == NULL || colon[1] == '\0' || (size_t)(colon - listen) >= 256)
        return false;
    size_t length = (size_t)(colon - listen);
    bool brackets = length >= 2 && listen[0] == '[' && listen[length - 1] == ']';
    memcpy(host, listen + (brackets ? 1 : 0), length - (brackets ? 2 : 0));
    host[length - (brackets ? 2 : 0)] = '\0';
    *ret_port = colon + 1;
    char *end;
    return strspn(colon + 1, "0123456789") > 0 && strtoul(colon + 1, &end, 10) <= UINT16_MAX &&
           *end == '\0';
}

/* Binds to one address; -1 with errno. */
static int bind_to(const struct addrinfo *address) {
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int on = 1;
    int off = 0;
    int send_buffer = SEND_BUFFER;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
    if (address->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static int port_of(int fd) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &length) != 0)
        return 0;
    if (address.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

static const char *remedy_of(int error) {
    if (error == EADDRINUSE)
        return "another process listens there; stop it or choose another port";
    if (error == EACCES)
        return "ports below 1024 need CAP_NET_BIND_SERVICE; choose a higher one";
    if (error == EADDRNOTAVAIL)
        return "this machine has no such address";
    return "write it as host:port, e.g. 0.0.0.0:8000";
}

static void say_failure(const char *address, int error) {
    log_error("cannot listen", LOG_STRING("address", address),
              LOG_STRING("reason", strerror(error)), LOG_STRING("remedy", remedy_of(error)));
}

int http_listen_open(const char *listen, int *ret_port) {
    char host[256];
    const char *port = NULL;
    struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int fd = -1;
    errno = EINVAL;
    if (split_listen(listen, host, &port) &&
        getaddrinfo(host[0] != '\0' ? host : NULL, port, &hints, &found) == 0) {
        fd = bind_to(found);
        int error = errno;
        freeaddrinfo(found);
        errno = error;
    }
    if (fd < 0) {
        say_failure(listen, errno);
        return -1;
    }
    *ret_port = port_of(fd);
    return fd;
}

enum status http_listen_start(const struct http_server *server) {
    if (listen(server->listen_fd, BACKLOG) == 0)
        return STATUS_OK;
    say_failure(server->options.listen, errno);
    return STATUS_IO_ERROR;
}

void http_listen_watch(struct http_worker *worker, bool on) {
    struct http_server *server = worker->server;
    if (server->accepting == on)
        return;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = server->listen_fd};
    epoll_ctl(worker->epoll_fd, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, server->listen_fd, &event);
    server->accepting = on;
}

/* The worker with the fewest connections; `ret_total` is how many there are in all. */
static int least_busy(const struct http_server *server, int *ret_total) {
    int best = 0, least = INT_MAX, total = 0;
    for (int i = 0; i < server->options.workers; i++) {
        int count = atomic_load(&server->workers[i].connection_count);
        total += count;
        if (count < least) {
            least = count;
            best = i;
        }
    }
    *ret_total = total;
    return best;
}

/* The worker with the connection that has waited longest for its peer. */
static int longest_waiting(const struct http_server *server) {
    int best = 0;
    int64_t oldest_ns = INT64_MAX;
    for (int i = 0; i < server->options.workers; i++) {
        int64_t ns = atomic_load_explicit(&server->workers[i].oldest_ns, memory_order_relaxed);
        if (ns < oldest_ns) {
            oldest_ns = ns;
            best = i;
        }
    }
    return best;
}

/* Where a connection goes, and in whose place. */
static struct http_worker *place(struct http_server *server, struct http_connection *connection) {
    const struct http_options *options = &server->options;
    uint8_t address[NETWORK_ADDRESS_SIZE];
    int total = 0;
    int worker = least_busy(server, &total);
    if (total >= options->connections_max) {
        connection->replaces = HTTP_REPLACE_ANY;
        worker = longest_waiting(server);
    }
    if (options->connections_per_address > 0 && !connection->is_proxy &&
        network_address_of((const struct sockaddr *)&connection->address, address) &&
        !http_origin_enter(server->origins, address, options->connections_per_address, &worker,
                           &connection->origin))
        connection->replaces = HTTP_REPLACE_SAME_ADDRESS;
    return &server->workers[worker];
}

static void deal(struct http_server *server, struct http_connection *connection) {
    struct http_worker *to = place(server, connection);
    connection->worker = to;
    atomic_fetch_add(&to->connection_count, 1);
    connection->next = atomic_load(&to->arrivals);
    while (!atomic_compare_exchange_weak(&to->arrivals, &connection->next, connection))
        continue;
    http_worker_wake(to);
}

/* Descriptors or memory ran out: the socket is left alone for a moment instead of spinning on it.
 */
static void accept_pause(struct http_worker *worker, int error) {
    log_warning("cannot accept connections for now", LOG_STRING("reason", strerror(error)));
    count_drop(STATUS_FULL);
    http_listen_watch(worker, false);
    worker->server->accept_again_at = clock_mono_add_ms(clock_mono(), ACCEPT_PAUSE_MS);
}

void http_listen_accept(struct http_worker *worker) {
    for (int i = 0; i < ACCEPT_ROUND; i++) {
        struct sockaddr_storage address;
        socklen_t length = sizeof address;
        int fd = accept4(worker->server->listen_fd, (struct sockaddr *)&address, &length,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                accept_pause(worker, errno);
            return;
        }
        deal(worker->server, http_connection_new(worker->server, fd, &address, length));
    }
}

/* Makes room for a connection; false when all others are being worked for. */
static bool make_room(struct http_worker *worker, const struct http_connection *connection) {
    if (connection->replaces == HTTP_REPLACE_NONE)
        return true;
    return http_limits_evict(
        worker, connection->replaces == HTTP_REPLACE_SAME_ADDRESS ? connection->origin : NULL);
}

/* Says 503 without reading; the sender may come again. */
static void turn_away(struct http_connection *connection) {
    if (connection->worker->tls == NULL)
        http_connection_say_plain(connection, 503, "Too many connections");
    count_drop(STATUS_FULL);
    http_connection_drop(connection);
}

/* What arrived, in the order it came: one may take the place of one before it. */
static struct http_connection *take_list(struct http_worker *worker) {
    struct http_connection *newest_first = atomic_exchange(&worker->arrivals, NULL);
    struct http_connection *list = NULL;
    while (newest_first != NULL) {
        struct http_connection *next = newest_first->next;
        newest_first->next = list;
        list = newest_first;
        newest_first = next;
    }
    return list;
}

void http_listen_take_arrivals(struct http_worker *worker) {
    if (atomic_load_explicit(&worker->arrivals, memory_order_relaxed) == NULL)
        return;
    struct http_connection *list = take_list(worker);
    while (list != NULL) {
        struct http_connection *connection = list;
        list = connection->next;
        connection->next = NULL;
        if (make_room(worker, connection))
            http_connection_open(connection);
        else
            turn_away(connection);
    }
}

void http_listen_drop_arrivals(struct http_worker *worker) {
    struct http_connection *list = atomic_exchange(&worker->arrivals, NULL);
    while (list != NULL) {
        struct http_connection *next = list->next;
        http_connection_drop(list);
        list = next;
    }
}
