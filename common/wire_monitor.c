/* wire_monitor.c: who is connected to a socket, and how much of what it sent libzmq holds, from
 * libzmq's monitor events and the kernel's counts, without a thread. */
#include "common/wire_monitor.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <xxhash.h>
#include <zmq.h>

#define MONITOR_EVENTS                                                                             \
    (ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_CONNECTED | ZMQ_EVENT_DISCONNECTED |                           \
     ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |                        \
     ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)

/* An open connection. */
struct connection {
    uint32_t descriptor;
    uint64_t endpoint;  /* hash of its address */
    uint64_t cookie;    /* the kernel's name for its socket; 0: it has none */
    uint64_t delivered; /* bytes of it that the socket's owner was given */
    bool is_cut;
};

struct wire_monitor {
    void *socket; /* watched; borrowed */
    void *events; /* PAIR */
    struct connection *connections;
    size_t count;
    size_t capacity;
    size_t handshaken;     /* of them */
    bool handshake_failed; /* the connection that goes next never was a peer */
    uint64_t lost;
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

static void add_connection(struct wire_monitor *monitor, const struct monitor_event *event) {
    if (monitor->count == monitor->capacity) {
        monitor->capacity = monitor->capacity == 0 ? 8 : monitor->capacity * 2;
        monitor->connections =
            realloc(monitor->connections, monitor->capacity * sizeof(*monitor->connections));
        if (monitor->connections == NULL)
            abort();
    }
    monitor->connections[monitor->count++] = (struct connection){
        .descriptor = event->value, .endpoint = event->endpoint, .cookie = cookie_of(event->value)};
}

/* A connection went. Which ones of the open are handshaken is not known, only that no more can be
 * than are open. */
static void remove_connection(struct wire_monitor *monitor, size_t index) {
    monitor->connections[index] = monitor->connections[--monitor->count];
    if (!monitor->handshake_failed)
        monitor->lost++;
    if (monitor->handshaken > monitor->count)
        monitor->handshaken = monitor->count;
    monitor->handshake_failed = false;
}

static void remove_descriptor(struct wire_monitor *monitor, uint32_t descriptor) {
    for (size_t i = 0; i < monitor->count; i++) {
        if (monitor->connections[i].descriptor == descriptor) {
            remove_connection(monitor, i);
            return;
        }
    }
}

void wire_monitor_forget(struct wire_monitor *monitor, const char *endpoint) {
    uint64_t hash = XXH3_64bits(endpoint, strlen(endpoint));
    monitor->handshake_failed = false;
    for (size_t i = monitor->count; i > 0; i--) {
        if (monitor->connections[i - 1].endpoint == hash)
            remove_connection(monitor, i - 1);
    }
}

static void take_event(struct wire_monitor *monitor, const struct monitor_event *event) {
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
        remove_descriptor(monitor, event->value);
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
}

int wire_monitor_peer_count(const struct wire_monitor *monitor) {
    return (int)monitor->handshaken;
}

uint64_t wire_monitor_peers_lost(const struct wire_monitor *monitor) {
    return monitor->lost;
}

static struct connection *find_descriptor(struct wire_monitor *monitor, uint32_t descriptor) {
    for (size_t i = 0; i < monitor->count; i++) {
        if (monitor->connections[i].descriptor == descriptor)
            return &monitor->connections[i];
    }
    return NULL;
}

void wire_monitor_note_delivered(struct wire_monitor *monitor, int descriptor, size_t bytes) {
    struct connection *connection = find_descriptor(monitor, (uint32_t)descriptor);
    if (connection == NULL) { /* its event may wait still */
        wire_monitor_drain(monitor);
        connection = find_descriptor(monitor, (uint32_t)descriptor);
    }
    if (connection != NULL)
        connection->delivered += bytes;
}

/* Bytes that libzmq read from it and holds; 0 for what is no TCP connection, or none any more. */
static uint64_t held_of(const struct connection *connection) {
    struct tcp_info info = {0};
    socklen_t length = sizeof(info);
    int descriptor = (int)connection->descriptor, unread = 0;
    if (connection->is_cut || connection->cookie == 0 ||
        connection->cookie != cookie_of(connection->descriptor) ||
        getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &length) != 0 ||
        ioctl(descriptor, FIONREAD, &unread) != 0)
        return 0;
    uint64_t elsewhere = (uint64_t)unread + connection->delivered;
    return info.tcpi_bytes_received > elsewhere ? info.tcpi_bytes_received - elsewhere : 0;
}

uint64_t wire_monitor_most_held(struct wire_monitor *monitor, int *ret_descriptor) {
    uint64_t most = 0;
    for (size_t i = 0; i < monitor->count; i++) {
        uint64_t held = held_of(&monitor->connections[i]);
        if (held > most) {
            most = held;
            *ret_descriptor = (int)monitor->connections[i].descriptor;
        }
    }
    return most;
}

void wire_monitor_cut(struct wire_monitor *monitor, int descriptor) {
    struct connection *connection = find_descriptor(monitor, (uint32_t)descriptor);
    if (connection == NULL || connection->is_cut)
        return;
    connection->is_cut = true;
    if (connection->cookie == cookie_of(connection->descriptor))
        (void)shutdown(descriptor, SHUT_RDWR);
}
