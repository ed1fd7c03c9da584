/* wire.c: ZeroMQ sockets made from the rows of proto/wiring.def, and the only two ways to use them.
 */
#include "common/wire.h"

#include "common/clock.h"
#include "common/counters.h"
#include "common/log.h"
#include "common/peers.h"
#include "common/wire_monitor.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define HANDSHAKE_MS 5000
#define RECONNECT_FIRST_MS 100
#define RECONNECT_MAX_MS 2000
#define KEEPALIVE_IDLE_S 30
#define KEEPALIVE_INTERVAL_S 10
#define KEEPALIVE_PROBES 3
#define SOCKETS_MAX 256
/* What a sending end hears of its peers are subscriptions; anything else is kept by libzmq, unread,
 * for as long as the peer stays. */
#define HEARD_SIZE_MAX 256
/* Bytes a peer may leave in libzmq's hands, which itself bounds a frame, but neither how many a
 * message has nor how many subscriptions a peer; heartbeats are not among them. At a sending end,
 * in the whole life of a connection; */
#define HEARD_MAX ((uint64_t)1024 * 1024)
/* at a receiving end, of a message that is not whole yet; each frame of ours has such a header. */
#define FRAME_HEADER_MAX 9
#define UNFINISHED_MAX ((uint64_t)(WIRE_FRAMES_MAX + 1) * WIRE_FRAME_SIZE_MAX)
#define SHORT_FRAME_MAX 255
#define SHORT_FRAME_HEADER 2
#define ENDPOINT_SIZE 256
/* Monitor events are read once in so many sends and receives. */
#define CALLS_PER_DRAIN 64

struct wire_metrics {
    struct counter *messages, *bytes; /* in the direction of this end */
    struct counter *full;             /* NULL at the receiving end */
    struct gauge *peers;
};

struct wire {
    const struct wire_row *row;
    void *socket;
    struct wire_monitor *monitor;
    struct peers *peers; /* NULL at the binding end */
    bool sends;
    struct wire_metrics metrics;
    unsigned calls;
    char endpoint[ENDPOINT_SIZE]; /* where the binding end listens */
};

/* The process's only ZeroMQ context: there while a wire is. */
static pthread_mutex_t context_lock = PTHREAD_MUTEX_INITIALIZER;
static void *context;
static unsigned context_users;

static void *acquire_context(void) {
    pthread_mutex_lock(&context_lock);
    if (context_users++ == 0) {
        context = zmq_ctx_new();
        if (context == NULL || zmq_ctx_set(context, ZMQ_MAX_SOCKETS, SOCKETS_MAX) != 0)
            abort();
    }
    void *acquired = context;
    pthread_mutex_unlock(&context_lock);
    return acquired;
}

static void release_context(void) {
    pthread_mutex_lock(&context_lock);
    void *unused = --context_users == 0 ? context : NULL;
    pthread_mutex_unlock(&context_lock);
    if (unused != NULL)
        zmq_ctx_term(unused);
}

static int socket_type(enum wire_pattern pattern, bool sends) {
    if (pattern == WIRE_PUSH_PULL)
        return sends ? ZMQ_PUSH : ZMQ_PULL;
    return sends ? ZMQ_PUB : ZMQ_SUB;
}

static void set_option(void *socket, int option, int value) {
    int result = zmq_setsockopt(socket, option, &value, sizeof(value));
    assert(result == 0); /* constants that this libzmq knows */
    (void)result;
}

/* All of this must stand before bind or connect: libzmq 4.3.4 crashes when it changes under
 * traffic. */
static void set_options(void *socket, const struct wire_row *row, bool sends) {
    assert(row->high_water > 0);
    set_option(socket, ZMQ_SNDHWM, row->high_water);
    set_option(socket, ZMQ_RCVHWM, sends ? 1 : row->high_water);
    set_option(socket, ZMQ_LINGER, 0);
    set_option(socket, ZMQ_IMMEDIATE, 1);
    set_option(socket, ZMQ_IPV6, 1);
    set_option(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);
    set_option(socket, ZMQ_RECONNECT_IVL, RECONNECT_FIRST_MS);
    set_option(socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS);
    set_option(socket, ZMQ_TCP_KEEPALIVE, 1);
    set_option(socket, ZMQ_TCP_KEEPALIVE_IDLE, KEEPALIVE_IDLE_S);
    set_option(socket, ZMQ_TCP_KEEPALIVE_INTVL, KEEPALIVE_INTERVAL_S);
    set_option(socket, ZMQ_TCP_KEEPALIVE_CNT, KEEPALIVE_PROBES);
    int64_t size = sends ? HEARD_SIZE_MAX : WIRE_FRAME_SIZE_MAX;
    int result = zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &size, sizeof(size));
    assert(result == 0);
    (void)result;
}

static struct wire_metrics make_metrics(const char *name, bool sends) {
    char one[64], both[96];
    snprintf(one, sizeof one, "wire=\"%s\"", name);
    snprintf(both, sizeof both, "wire=\"%s\",direction=\"%s\"", name, sends ? "sent" : "received");
    return (struct wire_metrics){
        counter_new("siem_wire_messages_total", both, "Messages through a wire"),
        counter_new("siem_wire_bytes_total", both, "Bytes of messages through a wire"),
        sends ? counter_new("siem_wire_full_total", one,
                            "Sends that found a wire full, or nobody there")
              : NULL,
        gauge_new("siem_wire_peers", one, "Peers connected to a wire")};
}

static void count_message(const struct wire *wire, size_t bytes) {
    counter_add(wire->metrics.messages, 1);
    counter_add(wire->metrics.bytes, bytes);
}

static struct wire *open_wire(const struct wire_row *row, bool sends) {
    struct wire *wire = calloc(1, sizeof(*wire));
    if (wire == NULL)
        abort();
    wire->row = row;
    wire->sends = sends;
    wire->metrics = make_metrics(row->name, sends);
    void *zmq_context = acquire_context();
    wire->socket = zmq_socket(zmq_context, socket_type(row->pattern, sends));
    if (wire->socket != NULL) {
        set_options(wire->socket, row, sends);
        wire->monitor = wire_monitor_new(zmq_context, wire->socket);
    }
    if (wire->monitor == NULL) {
        log_error("cannot open a ZeroMQ socket", LOG_STRING("wire", row->name),
                  LOG_STRING("reason", zmq_strerror(errno)));
        wire_destroy(&wire);
    }
    return wire;
}

struct wire *wire_bind(const struct wire_row *row, const char *endpoint, bool sends) {
    /* libzmq drops unread what a SUB socket has not subscribed to: it would be held against a peer.
     */
    assert(sends || row->pattern == WIRE_PUSH_PULL);
    const char *wanted = endpoint != NULL ? endpoint : row->endpoint;
    struct wire *wire = open_wire(row, sends);
    if (wire == NULL)
        return NULL;
    size_t size = sizeof(wire->endpoint);
    if (zmq_bind(wire->socket, wanted) != 0 ||
        zmq_getsockopt(wire->socket, ZMQ_LAST_ENDPOINT, wire->endpoint, &size) != 0) {
        log_error("cannot bind", LOG_STRING("wire", row->name), LOG_STRING("endpoint", wanted),
                  LOG_STRING("reason", zmq_strerror(errno)),
                  LOG_STRING("remedy", "name an address of this host on which no other process "
                                       "listens, as tcp://host:port or ipc:///path"));
        wire_destroy(&wire);
    }
    return wire;
}

struct wire *wire_connect(const struct wire_row *row, const char *endpoints, bool sends) {
    struct peers *peers = peers_new(endpoints);
    if (peers == NULL)
        return NULL;
    struct wire *wire = open_wire(row, sends);
    if (wire == NULL) {
        peers_destroy(&peers);
        return NULL;
    }
    wire->peers = peers;
    wire_refresh(wire);
    return wire;
}

void wire_destroy(struct wire **wire) {
    if (*wire == NULL)
        return;
    peers_destroy(&(*wire)->peers);
    wire_monitor_destroy(&(*wire)->monitor);
    if ((*wire)->socket != NULL)
        zmq_close((*wire)->socket);
    free(*wire);
    *wire = NULL;
    release_context();
}

static void on_peer_changed(void *wire_of_peer, const char *endpoint, bool connect) {
    struct wire *wire = wire_of_peer;
    int result =
        connect ? zmq_connect(wire->socket, endpoint) : zmq_disconnect(wire->socket, endpoint);
    if (!connect)
        wire_monitor_forget(wire->monitor, endpoint);
    if (result != 0)
        log_warning(connect ? "cannot connect" : "cannot disconnect",
                    LOG_STRING("wire", wire->row->name), LOG_STRING("endpoint", endpoint),
                    LOG_STRING("reason", zmq_strerror(errno)));
    else
        log_info(connect ? "peer added" : "peer removed", LOG_STRING("wire", wire->row->name),
                 LOG_STRING("endpoint", endpoint));
}

/* What libzmq may hold of one peer just now. When no message waits, what it holds is the beginning
 * of one; else there may be as many as the row queues. */
static uint64_t held_max(const struct wire *wire) {
    int events = 0;
    size_t size = sizeof(events);
    if (wire->sends)
        return HEARD_MAX;
    if (zmq_getsockopt(wire->socket, ZMQ_EVENTS, &events, &size) == 0 && (events & ZMQ_POLLIN) == 0)
        return UNFINISHED_MAX;
    return (uint64_t)wire->row->high_water * WIRE_FRAMES_MAX *
               (WIRE_FRAME_SIZE_MAX + FRAME_HEADER_MAX) +
           UNFINISHED_MAX;
}

/* Cuts the connections of peers that have libzmq hold more than a peer of ours ever would. */
static void cut_greedy(struct wire *wire) {
    uint64_t most = wire_monitor_count_held(wire->monitor, clock_mono());
    if (most == 0)
        return;
    /* What may be held is asked for after the count: nobody receives meanwhile. */
    int cut = wire_monitor_cut_above(wire->monitor, held_max(wire));
    for (int i = 0; i < cut; i++)
        count_drop(STATUS_TOO_LARGE);
    if (cut > 0)
        log_warning("peers sent more than any of ours; their connections are cut",
                    LOG_STRING("wire", wire->row->name), LOG_INT("peers", cut),
                    LOG_INT("most_bytes", most));
}

void wire_refresh(struct wire *wire) {
    gauge_set(wire->metrics.peers, wire_peer_count(wire));
    if (wire->peers != NULL)
        peers_poll(wire->peers, on_peer_changed, wire);
    else
        cut_greedy(wire);
}

void *wire_socket(struct wire *wire) {
    return wire->socket;
}

const char *wire_endpoint(const struct wire *wire) {
    return wire->endpoint;
}

/* Keeps the monitor's queue short also when nobody asks for the peers. */
static void drain_at_times(struct wire *wire) {
    if (++wire->calls % CALLS_PER_DRAIN == 0)
        wire_monitor_drain(wire->monitor);
}

static void close_frames(zmq_msg_t *frames, int from, int count) {
    for (int i = from; i < count; i++)
        zmq_msg_close(&frames[i]);
}

/* Adds up the bytes of all frames; false when one of them is too large to be sent. */
static bool frames_fit(zmq_msg_t *frames, int count, size_t *ret_bytes) {
    size_t bytes = 0;
    for (int i = 0; i < count; i++) {
        size_t size = zmq_msg_size(&frames[i]);
        if (size > WIRE_FRAME_SIZE_MAX)
            return false;
        bytes += size;
    }
    *ret_bytes = bytes;
    return true;
}

/* Sends one frame; false with errno EAGAIN, or when the peer went in the middle of a message. */
static bool send_frame(struct wire *wire, zmq_msg_t *frame, bool more) {
    int flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0);
    int result;
    do
        result = zmq_msg_send(frame, wire->socket, flags);
    while (result < 0 && errno == EINTR);
    assert(result >= 0 || errno == EAGAIN);
    return result >= 0;
}

enum status wire_send(struct wire *wire, zmq_msg_t *frames, int count) {
    assert(count > 0 && count <= WIRE_FRAMES_MAX);
    drain_at_times(wire);
    size_t bytes = 0;
    if (!frames_fit(frames, count, &bytes)) { /* every receiver would cut the connection over it */
        count_drop(STATUS_TOO_LARGE);
        return STATUS_TOO_LARGE;
    }
    if (!send_frame(wire, &frames[0], count > 1)) {
        counter_add(wire->metrics.full, 1);
        if (wire->row->when_full == WIRE_PAUSE)
            return STATUS_AGAIN;
        count_drop(STATUS_FULL);
        close_frames(frames, 0, count);
        return STATUS_OK;
    }
    /* libzmq takes the other frames of a message it has begun. Should the peer vanish right now, it
     * drops the whole message, which is then lost like all others that were on their way to it. */
    for (int i = 1; i < count; i++) {
        if (!send_frame(wire, &frames[i], i + 1 < count)) {
            close_frames(frames, i, count);
            break;
        }
    }
    count_message(wire, bytes);
    return STATUS_OK;
}

void wire_frame_copy(zmq_msg_t *frame, struct bytes bytes) {
    if (zmq_msg_init_size(frame, bytes.length) != 0)
        abort();
    if (bytes.length > 0)
        memcpy(zmq_msg_data(frame), bytes.data, bytes.length);
}

struct bytes wire_frame_bytes(zmq_msg_t *frame) {
    return (struct bytes){zmq_msg_data(frame), zmq_msg_size(frame)};
}

/* Receives one frame into `frame`, which is empty after a failure. */
static bool receive_frame(struct wire *wire, zmq_msg_t *frame) {
    zmq_msg_init(frame);
    int result;
    do
        result = zmq_msg_recv(frame, wire->socket, ZMQ_DONTWAIT);
    while (result < 0 && errno == EINTR);
    if (result < 0) {
        zmq_msg_close(frame);
        return false;
    }
    int descriptor = wire->peers == NULL ? zmq_msg_get(frame, ZMQ_SRCFD) : -1;
    size_t size = zmq_msg_size(frame);
    if (descriptor >= 0)
        wire_monitor_note_delivered(
            wire->monitor, descriptor,
            size + (size > SHORT_FRAME_MAX ? FRAME_HEADER_MAX : SHORT_FRAME_HEADER));
    return true;
}

/* Reads a message that is too long to its end. */
static void skip_frames(struct wire *wire) {
    zmq_msg_t frame;
    bool more = true;
    while (more && receive_frame(wire, &frame)) {
        more = zmq_msg_more(&frame) != 0;
        zmq_msg_close(&frame);
    }
}

enum status wire_receive(struct wire *wire, struct wire_message *ret_message) {
    drain_at_times(wire);
    int count = 0;
    size_t bytes = 0;
    bool more = true;
    while (more && count < WIRE_FRAMES_MAX) {
        if (!receive_frame(wire, &ret_message->frames[count])) {
            close_frames(ret_message->frames, 0, count);
            return STATUS_AGAIN;
        }
        more = zmq_msg_more(&ret_message->frames[count]) != 0;
        bytes += zmq_msg_size(&ret_message->frames[count]);
        count++;
    }
    if (more) {
        close_frames(ret_message->frames, 0, count);
        skip_frames(wire);
        count_drop(STATUS_BAD_FRAMES);
        return STATUS_BAD_FRAMES;
    }
    ret_message->count = count;
    count_message(wire, bytes);
    return STATUS_OK;
}

void wire_message_close(struct wire_message *message) {
    close_frames(message->frames, 0, message->count);
    message->count = 0;
}

int wire_peer_count(struct wire *wire) {
    wire_monitor_drain(wire->monitor);
    return wire_monitor_peer_count(wire->monitor);
}

uint64_t wire_peers_lost(struct wire *wire) {
    wire_monitor_drain(wire->monitor);
    return wire_monitor_peers_lost(wire->monitor);
}
