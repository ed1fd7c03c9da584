/* wire_monitor.c: who is connected to a socket, and how much of what it sent libzmq holds, from
 * libzmq's monitor events and the kernel's counts, without a thread. */
#include "common/wire_monitor.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xxhash.h>
#include <zmq.h>

#define MONITOR_EVENTS                                                                             \
    (ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_CONNECTED | ZMQ_EVENT_DISCONNECTED |                           \
     ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |                        \
     ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)

/* What a connection may send for ever without its being held against it: a heartbeat of libzmq has
 * 9 bytes, and hardly anybody sends more than ten of them a second. */
#define FORGIVEN_PER_S 128

/* The connection of one descriptor; a descriptor names one at a time. */
struct connection {
    bool is_open;
    bool is_cut;
    uint64_t endpoint;      /* hash of its address */
    uint64_t cookie;        /* the kernel's name for its socket; 0: it has none */
    struct mono_time since; /* when its event was read */
    uint64_t delivered;     /* bytes of it that the socket's owner was given */
    uint64_t recent;        /* bytes given under this descriptor since the last drain, */
    uint64_t drain;         /* if that was this one */
    uint64_t held;          /* by the last count */
};

struct wire_monitor {
    void *socket;                   /* watched; borrowed */
    void *events;                   /* PAIR */
    struct connection *connections; /* by descriptor */
    size_t size;                    /* of that table */
    size_t count;                   /* of open ones in it */
    size_t handshaken;              /* of them */
    bool handshake_failed;          /* the connection that goes next never was a peer */
    uint64_t lost;
    uint64_t drains; /* done */
};

struct monitor_event {
    uint16_t number;
    uint32_t value;
    uint64_t endpoint;
};

struct wire_monitor *wire_monitor_new(void *zmq_context, void *socket) {
    static atomic_uint next_number;
    char endpoint[64];
    snprintf(endpoint, sizeof(endpoint), "inproc://wire-monitor-%u",
             atomic_fetch_add(&next_number, 1));
    struct wire_monitor *monitor = calloc(1, sizeof(*monitor));
    if (monitor == NULL)
        abort();
    monitor->socket = socket;
    monitor->events = zmq_socket(zmq_context, ZMQ_PAIR);
    int queue = MONITOR_QUEUE_MAX, linger = 0;
    if (monitor->events == NULL ||
        zmq_setsockopt(monitor->events, ZMQ_RCVHWM, &queue, sizeof(queue)) != 0 ||
        zmq_setsockopt(monitor->events, ZMQ_LINGER, &linger, sizeof(linger)) != 0 ||
        zmq_socket_monitor(socket, endpoint, MONITOR_EVENTS) != 0 ||
        zmq_connect(monitor->events, endpoint) != 0)
        wire_monitor_destroy(&monitor);
    return monitor;
}

void wire_monitor_destroy(struct wire_monitor **monitor) {
    if (*monitor == NULL)
        return;
    (void)zmq_socket_monitor((*monitor)->socket, NULL, 0);
    if ((*monitor)->events != NULL)
        zmq_close((*monitor)->events);
    free((*monitor)->connections);
    free(*monitor);
    *monitor = NULL;
}

/* The kernel's name for the socket behind a descriptor, which libzmq may have closed since. */
static uint64_t cookie_of(uint32_t descriptor) {
    uint64_t cookie = 0;
    socklen_t length = sizeof(cookie);
    return getsockopt((int)descriptor, SOL_SOCKET, SO_COOKIE, &cookie, &length) == 0 ? cookie : 0;
}

/* A connection went. Which ones of the open are handshaken is not known, only that no more can be
 * than are open. */
static void remove_connection(struct wire_monitor *monitor, struct connection *connection) {
    connection->is_open = false;
    monitor->count--;
    if (!monitor->handshake_failed)
        monitor->lost++;
    if (monitor->handshaken > monitor->count)
        monitor->handshaken = monitor->count;
    monitor->handshake_failed = false;
}

/* The open connection of a descriptor; NULL: none, as far as the events are read. */
static struct connection *find_descriptor(struct wire_monitor *monitor, uint32_t descriptor) {
    if (descriptor >= monitor->size || !monitor->connections[descriptor].is_open)
        return NULL;
    return &monitor->connections[descriptor];
}

/* Makes room for a descriptor. The kernel gives the lowest that is free, so the table is not larger
 * than twice the most files that were open at a time. */
static void grow_table(struct wire_monitor *monitor, uint32_t descriptor) {
    size_t size = monitor->size == 0 ? 64 : monitor->size;
    while (size <= descriptor)
        size *= 2;
    if (size == monitor->size)
        return;
    monitor->connections = realloc(monitor->connections, size * sizeof(*monitor->connections));
    if (monitor->connections == NULL)
        abort();
    memset(&monitor->connections[monitor->size], 0,
           (size - monitor->size) * sizeof(*monitor->connections));
    monitor->size = size;
}

/* What the owner was given under the descriptor before this event was read may have been of this
 * connection or of the one before. It is taken for this one's: bytes that are credited to the wrong
 * one let a greedy peer go on for longer, bytes that are missing would cut a peer of ours. */
static void add_connection(struct wire_monitor *monitor, const struct monitor_event *event) {
    if (event->value > INT_MAX)
        return;
    grow_table(monitor, event->value);
    struct connection *connection = &monitor->connections[event->value];
    if (connection->is_open) /* and its end has gone unreported */
        remove_connection(monitor, connection);
    *connection = (struct connection){
        .is_open = true,
        .endpoint = event->endpoint,
        .cookie = cookie_of(event->value),
        .since = clock_mono(),
        .drain = connection->drain,
        .recent = connection->recent,
        .delivered = connection->drain == monitor->drains ? connection->recent : 0};
    monitor->count++;
}

void wire_monitor_forget(struct wire_monitor *monitor, const char *endpoint) {
    uint64_t hash = XXH3_64bits(endpoint, strlen(endpoint));
    monitor->handshake_failed = false;
    for (size_t i = 0; i < monitor->size; i++) {
        struct connection *connection = &monitor->connections[i];
        if (connection->is_open && connection->endpoint == hash)
            remove_connection(monitor, connection);
    }
}

static void take_event(struct wire_monitor *monitor, const struct monitor_event *event) {
    struct connection *ended;
    switch (event->number) {
    case ZMQ_EVENT_ACCEPTED:
    case ZMQ_EVENT_CONNECTED:
        add_connection(monitor, event);
        break;
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        if (monitor->handshaken < monitor->count)
            monitor->handshaken++;
        break;
    case ZMQ_EVENT_DISCONNECTED:
        ended = find_descriptor(monitor, event->value);
        if (ended != NULL)
            remove_connection(monitor, ended);
        break;
    default: /* a failed handshake; its DISCONNECTED follows at once */
        monitor->handshake_failed = true;
        break;
    }
}

/* One event: a frame of number and value, a frame of the address. */
static bool read_event(struct wire_monitor *monitor, struct monitor_event *ret_event) {
    unsigned char head[6];
    if (zmq_recv(monitor->events, head, sizeof(head), ZMQ_DONTWAIT) != (int)sizeof(head))
        return false;
    char address[256];
    int length = zmq_recv(monitor->events, address, sizeof(address), ZMQ_DONTWAIT);
    if (length < 0)
        return false;
    size_t kept = (size_t)length < sizeof(address) ? (size_t)length : sizeof(address);
    memcpy(&ret_event->number, head, sizeof(ret_event->number));
    memcpy(&ret_event->value, head + 2, sizeof(ret_event->value));
    ret_event->endpoint = XXH3_64bits(address, kept);
    return true;
}

void wire_monitor_drain(struct wire_monitor *monitor) {
    struct monitor_event event;
    while (read_event(monitor, &event))
        take_event(monitor, &event);
    monitor->drains++;
}

int wire_monitor_peer_count(const struct wire_monitor *monitor) {
    return (int)monitor->handshaken;
}

uint64_t wire_monitor_peers_lost(const struct wire_monitor *monitor) {
    return monitor->lost;
}

void wire_monitor_note_delivered(struct wire_monitor *monitor, int descriptor, size_t bytes) {
    struct connection *connection = find_descriptor(monitor, (uint32_t)descriptor);
    if (connection == NULL) { /* its event may wait still */
        wire_monitor_drain(monitor);
        connection = find_descriptor(monitor, (uint32_t)descriptor);
    }
    if (connection == NULL) /* it has ended, and this was left of it */
        return;
    if (connection->drain != monitor->drains) {
        connection->drain = monitor->drains;
        connection->recent = 0;
    }
    connection->recent += bytes;
    connection->delivered += bytes;
}

/* Bytes that libzmq read from it and has not given to anybody; 0 for what is no TCP connection, or
 * none any more. What comes between the two questions to the kernel is not counted. */
static uint64_t kept_of(const struct connection *connection, int descriptor) {
    struct tcp_info info = {0};
    socklen_t length = sizeof(info);
    int unread = 0;
    if (connection->is_cut || connection->cookie == 0 ||
        getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &length) != 0 ||
        ioctl(descriptor, FIONREAD, &unread) != 0 ||
        connection->cookie != cookie_of((uint32_t)descriptor)) /* last: then it was so all along */
        return 0;
    uint64_t elsewhere = (uint64_t)unread + connection->delivered;
    return info.tcpi_bytes_received > elsewhere ? info.tcpi_bytes_received - elsewhere : 0;
}

/* Bytes of it that heartbeats may have been until now. */
static uint64_t forgiven_of(const struct connection *connection, struct mono_time now) {
    int64_t age_ms = (now.ns - connection->since.ns) / 1000000;
    return age_ms > 0 ? (uint64_t)age_ms * FORGIVEN_PER_S / 1000 : 0;
}

uint64_t wire_monitor_count_held(struct wire_monitor *monitor, struct mono_time now) {
    uint64_t most = 0;
    for (size_t i = 0; i < monitor->size; i++) {
        struct connection *connection = &monitor->connections[i];
        if (!connection->is_open)
            continue;
        uint64_t kept = kept_of(connection, (int)i);
        uint64_t forgiven = forgiven_of(connection, now);
        connection->held = kept > forgiven ? kept - forgiven : 0;
        if (connection->held > most)
            most = connection->held;
    }
    return most;
}

/* Ends a connection that libzmq has open. It is reset when libzmq closes it, not finished: else
 * what it cannot send any more would wait in the kernel for minutes, and the peer with it. */
static void end_abruptly(int descriptor) {
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    (void)shutdown(descriptor, SHUT_RDWR);
}

/* Shuts the socket down; false when it is not the connection's any more. libzmq may close it just
 * now, and somebody else be given the descriptor: so one of our own is looked at and shut down.
 * Only a process that has no descriptor left, and needs them back, takes the one that may change.
 */
static bool shut_down(const struct connection *connection, int descriptor) {
    if (connection->cookie != cookie_of((uint32_t)descriptor))
        return false;
    int own = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    int checked = own >= 0 ? own : descriptor;
    bool is_its = connection->cookie == cookie_of((uint32_t)checked);
    if (is_its)
        end_abruptly(checked);
    if (own >= 0)
        close(own);
    return is_its;
}

int wire_monitor_cut_above(struct wire_monitor *monitor, uint64_t max) {
    int cut = 0;
    for (size_t i = 0; i < monitor->size; i++) {
        struct connection *connection = &monitor->connections[i];
        if (!connection->is_open || connection->is_cut || connection->held <= max)
            continue;
        connection->is_cut = true;
        cut += shut_down(connection, (int)i);
    }
    return cut;
}
