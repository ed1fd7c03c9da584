/* http_listen.c: the listening socket. Worker 0 accepts and deals each connection to the worker
 * that has the fewest. Both other ways spread badly: of several epolls on one socket the idlest
 * takes almost all, and SO_REUSEPORT deals by hash, which gives one of two workers 20 or more of 32
 * connections in every fifth start. Dealing costs one wake-up a connection, and makes the limit of
 * connections exact. */
#include "common/http_private.h"

#include "common/counters.h"
#include "common/log.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPT_PAUSE_MS 100
#define ACCEPT_ROUND 64

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
    return true;
}

/* Binds and listens on one address; -1 with errno. */
static int listen_on(const struct addrinfo *address) {
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int on = 1;
    int off = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, 1024) == 0)
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

int http_listen_open(const char *listen, int *ret_port) {
    char host[256];
    const char *port = NULL;
    struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int fd = -1;
    errno = EINVAL;
    if (split_listen(listen, host, &port) &&
        getaddrinfo(host[0] != '\0' ? host : NULL, port, &hints, &found) == 0) {
        fd = listen_on(found);
        int error = errno;
        freeaddrinfo(found);
        errno = error;
    }
    if (fd < 0) {
        int error = errno;
        log_error("cannot listen", LOG_STRING("address", listen),
                  LOG_STRING("reason", strerror(error)), LOG_STRING("remedy", remedy_of(error)));
        return -1;
    }
    *ret_port = port_of(fd);
    return fd;
}

void http_listen_watch(struct http_worker *worker, bool on) {
    struct http_server *server = worker->server;
    if (server->accepting == on)
        return;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = server->listen_fd};
    epoll_ctl(worker->epoll_fd, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, server->listen_fd, &event);
    server->accepting = on;
}

/* The worker with the fewest connections, or NULL when there are too many in all. */
static struct http_worker *choose_worker(struct http_server *server) {
    int total = 0;
    struct http_worker *best = &server->workers[0];
    int least = atomic_load(&best->connection_count);
    for (int i = 0; i < server->options.workers; i++) {
        int count = atomic_load(&server->workers[i].connection_count);
        total += count;
        if (count < least) {
            least = count;
            best = &server->workers[i];
        }
    }
    return total < server->options.connections_max ? best : NULL;
}

/* Says 503 without reading; the sender may come again. */
static void turn_away(int fd) {
    static const char answer[] =
        "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\n"
        "X-Content-Type-Options: nosniff\r\nContent-Type: application/json\r\n"
        "Content-Length: 33\r\n\r\n{\"detail\":\"Too many connections\"}";
    (void)!send(fd, answer, sizeof answer - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    count_drop(STATUS_FULL);
    close(fd);
}

static void deal(struct http_worker *to, const struct http_arrival *from) {
    struct http_arrival *arrival = malloc(sizeof *arrival);
    if (arrival == NULL)
        abort();
    *arrival = *from;
    atomic_fetch_add(&to->connection_count, 1);
    arrival->next = atomic_load(&to->arrivals);
    while (!atomic_compare_exchange_weak(&to->arrivals, &arrival->next, arrival))
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
        struct http_arrival arrival = {.address_length = sizeof arrival.address};
        arrival.fd = accept4(worker->server->listen_fd, (struct sockaddr *)&arrival.address,
                             &arrival.address_length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (arrival.fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                accept_pause(worker, errno);
            return;
        }
        struct http_worker *to = choose_worker(worker->server);
        if (to == NULL)
            turn_away(arrival.fd);
        else
            deal(to, &arrival);
    }
}

void http_listen_take_arrivals(struct http_worker *worker) {
    struct http_arrival *list = atomic_exchange(&worker->arrivals, NULL);
    while (list != NULL) {
        struct http_arrival *next = list->next;
        if (MHD_add_connection(worker->daemon, list->fd, (struct sockaddr *)&list->address,
                               list->address_length) != MHD_YES) {
            /* libmicrohttpd closed it already. */
            atomic_fetch_sub(&worker->connection_count, 1);
            count_drop(STATUS_FULL);
        }
        free(list);
        list = next;
    }
}

void http_listen_drop_arrivals(struct http_worker *worker) {
    struct http_arrival *list = atomic_exchange(&worker->arrivals, NULL);
    while (list != NULL) {
        struct http_arrival *next = list->next;
        close(list->fd);
        free(list);
        list = next;
    }
}
