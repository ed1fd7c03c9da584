/* test_wire_guard.c: who has libzmq hold too much is cut off, and nobody else is; over real
 * sockets.
 */
#include "common/clock.h"
#include "common/wire.h"
#include "common/wire_monitor.h"
#include "tests/support/wire_fixture.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Connects as a socket of a type of four letters does that speaks ZMTP 3.0, by hand: libzmq itself
 * sends no message that has no end. */
static int connect_by_hand(const char *endpoint, const char *type) {
    static const char ready[] = "\4\x1a\5READY\13Socket-Type\0\0\0\4";
    uint8_t hello[64 + sizeof(ready) - 1 + 4] = {0xff, [9] = 0x7f, [10] = 3};
    memcpy(hello + 12, "NULL", 4);
    memcpy(hello + 64, ready, sizeof(ready) - 1);
    memcpy(hello + sizeof(hello) - 4, type, 4);
    int fd = connect_plainly(endpoint);
    cr_assert_eq(send(fd, hello, sizeof(hello), MSG_NOSIGNAL), (ssize_t)sizeof(hello));
    return fd;
}

/* Sends it all; false when the connection has ended. */
static bool send_bytes(int fd, const uint8_t *bytes, size_t length) {
    for (size_t sent = 0; sent < length;) {
        ssize_t count = send(fd, bytes + sent, length - sent, MSG_NOSIGNAL);
        if (count <= 0)
            return false;
        sent += (size_t)count;
    }
    return true;
}

/* Sends a frame that more are to follow; false when the connection has ended. */
static bool send_part(int fd) {
    static const uint8_t frame[9 + 65536] = {3, 0, 0, 0, 0, 0, 1, 0, 0}; /* long, more */
    return send_bytes(fd, frame, sizeof(frame));
}

/* Sends a message of the largest frame there may be, and receives it. */
static void pass_large(int fd, struct wire *wire) {
    static const uint8_t frame[9 + WIRE_FRAME_SIZE_MAX] = {2, 0, 0, 0, 0, 0, 0x10, 0, 0}; /* long */
    cr_assert(send_bytes(fd, frame, sizeof(frame)));
    zmq_pollitem_t item = {.socket = wire_socket(wire), .events = ZMQ_POLLIN};
    cr_assert_eq(zmq_poll(&item, 1, DEADLINE_MS), 1);
    struct wire_message message;
    cr_assert_eq(wire_receive(wire, &message), STATUS_OK);
    cr_assert_eq(wire_frame_bytes(&message.frames[0]).length, WIRE_FRAME_SIZE_MAX);
    wire_message_close(&message);
}

/* The descriptor that this process has of the other end of a connection; -1: none. */
static int other_end(int fd) {
    struct sockaddr_in own;
    struct sockaddr_in6 peer = {0}; /* both have the port in one place */
    socklen_t length = sizeof(own);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&own, &length), 0);
    for (int other = 0; other < 1024; other++) {
        length = sizeof(peer);
        if (getpeername(other, (struct sockaddr *)&peer, &length) == 0 &&
            (peer.sin6_family == AF_INET || peer.sin6_family == AF_INET6) &&
            peer.sin6_port == own.sin_port)
            return other;
    }
    return -1;
}

/* A peer goes, and the next is given its descriptor and sends a good deal, all before anybody asks
 * who is there. */
Test(wire_guard, what_comes_over_a_used_descriptor_is_credited_to_its_new_connection) {
    struct wire *wire = wire_bind(&pause_row, NULL, false);
    int first = connect_by_hand(wire_endpoint(wire), "PUSH");
    WAIT_FOR(wire_peer_count(wire) == 1);
    pass_large(first, wire);
    int descriptor = other_end(first);
    cr_assert_geq(descriptor, 0);
    close(first);
    WAIT_FOR(fcntl(descriptor, F_GETFD) < 0);
    int second = connect_by_hand(wire_endpoint(wire), "PUSH");
    for (int i = 0; i < 8; i++)
        pass_large(second, wire);
    cr_assert_eq(other_end(second), descriptor);
    uint64_t before = drops(STATUS_TOO_LARGE);
    for (int i = 0; i < 8; i++) {
        wire_refresh(wire);
        pass_large(second, wire);
    }
    cr_expect_eq(drops(STATUS_TOO_LARGE), before);
    cr_expect_eq(wire_peer_count(wire), 1);
    cr_expect_eq(wire_peers_lost(wire), 1);
    close(second);
    wire_destroy(&wire);
}

/* Two days of one each second; the hours go by here, and not for libzmq. */
Test(wire_guard, heartbeats_are_held_against_nobody) {
    enum { SECONDS = 3600, HOURS = 48, PING_SIZE = 9 };
    static uint8_t pings[SECONDS][PING_SIZE];
    for (int i = 0; i < SECONDS; i++)
        memcpy(pings[i], "\4\7\4PING\0\0", PING_SIZE);
    void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_XPUB);
    struct wire_monitor *monitor = wire_monitor_new(context, socket);
    cr_assert_eq(zmq_bind(socket, "tcp://127.0.0.1:*"), 0);
    char endpoint[64], pongs[65536];
    size_t size = sizeof(endpoint);
    cr_assert_eq(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &size), 0);
    const struct mono_time begun = clock_mono();
    int peer = connect_by_hand(endpoint, "XSUB");
    WAIT_FOR((wire_monitor_drain(monitor), wire_monitor_peer_count(monitor)) == 1);
    struct mono_time now = clock_mono();
    for (uint64_t hours = 1; hours <= HOURS; hours++) {
        cr_assert(send_bytes(peer, pings[0], sizeof(pings)));
        WAIT_FOR(wire_monitor_count_held(monitor, begun) >= hours * sizeof(pings));
        now = clock_mono_add_ms(now, SECONDS * INT64_C(1000));
        cr_assert_eq(wire_monitor_count_held(monitor, now), 0);
        while (recv(peer, pongs, sizeof(pongs), MSG_DONTWAIT) > 0)
            continue;
    }
    cr_assert_eq(wire_monitor_cut_above(monitor, 0), 0);
    /* the same, had all come at once */
    cr_assert_gt(wire_monitor_count_held(monitor, begun), 1024 * 1024);
    cr_assert_eq(wire_monitor_cut_above(monitor, 1024 * 1024), 1);
    cr_assert_eq(wire_monitor_count_held(monitor, begun), 0, "it is cut but once");
    close(peer);
    wire_monitor_destroy(&monitor);
    zmq_close(socket);
    zmq_ctx_term(context);
}

/* Refreshes until a connection was lost. */
static bool is_cut(struct wire *wire) {
    wire_refresh(wire);
    return wire_peers_lost(wire) > 0;
}

Test(wire_guard, a_message_that_never_ends_costs_the_peer_its_connection) {
    struct pair pair = open_pair(&pause_row, false);
    int hostile = connect_by_hand(wire_endpoint(pair.binder), "PUSH");
    WAIT_FOR(wire_peer_count(pair.binder) == 2);
    uint64_t before = drops(STATUS_TOO_LARGE);
    int parts = 0;
    while (!is_cut(pair.binder)) {
        cr_assert_lt(parts, 1000, "60 MiB came, and nobody minded");
        parts += send_part(hostile);
    }
    cr_expect_gt(parts, 2 * 16, "a message of two frames may be as large");
    cr_expect_eq(drops(STATUS_TOO_LARGE), before + 1);
    WAIT_FOR(send_words(pair.connector, "still", "here") == STATUS_OK);
    expect_words(pair.binder, "still", "here");
    close(hostile);
    close_pair(&pair);
}

Test(wire_guard, endless_subscriptions_cost_the_peer_its_connection) {
    struct pair pair = open_pair(&topic_row, true);
    WAIT_FOR(wire_peer_count(pair.binder) == 1);
    void *context = zmq_ctx_new(), *hostile = zmq_socket(context, ZMQ_SUB);
    int none = 0, all = 100000;
    zmq_setsockopt(hostile, ZMQ_LINGER, &none, sizeof(none));
    zmq_setsockopt(hostile, ZMQ_SNDHWM, &all, sizeof(all));
    uint64_t before = drops(STATUS_TOO_LARGE);
    for (int i = 0; i < 6000; i++) {
        char topic[200];
        memset(topic, 'x', sizeof(topic));
        memcpy(topic, &i, sizeof(i));
        cr_assert_eq(zmq_setsockopt(hostile, ZMQ_SUBSCRIBE, topic, sizeof(topic)), 0);
    }
    cr_assert_eq(zmq_connect(hostile, wire_endpoint(pair.binder)), 0);
    WAIT_FOR(send_words(pair.binder, "b", NULL) == STATUS_OK && is_cut(pair.binder));
    zmq_close(hostile);
    zmq_ctx_term(context);
    cr_expect_geq(drops(STATUS_TOO_LARGE), before + 1);
    cr_assert_eq(zmq_setsockopt(wire_socket(pair.connector), ZMQ_SUBSCRIBE, "a", 1), 0);
    struct wire_message message;
    WAIT_FOR(send_words(pair.binder, "a", "b") == STATUS_OK &&
             wire_receive(pair.connector, &message) == STATUS_OK);
    wire_message_close(&message);
    close_pair(&pair);
}

/* As much as ever may be on its way, and a good deal in all: nobody is cut over it. */
Test(wire_guard, what_a_busy_peer_sends_is_not_too_much) {
    enum { ROUNDS = 12 };
    struct pair pair = open_pair(&pause_row, false);
    WAIT_FOR(wire_peer_count(pair.binder) == 1);
    static uint8_t bytes[WIRE_FRAME_SIZE_MAX];
    uint64_t before = drops(STATUS_TOO_LARGE);
    for (int round = 0; round < ROUNDS; round++) {
        int sent = 0, received = 0;
        zmq_msg_t frames[2];
        struct wire_message message;
        do {
            wire_frame_copy(&frames[0], (struct bytes){bytes, sizeof(bytes)});
            wire_frame_copy(&frames[1], (struct bytes){bytes, sizeof(bytes)});
            wire_refresh(pair.binder);
        } while (wire_send(pair.connector, frames, 2) == STATUS_OK && ++sent);
        zmq_msg_close(&frames[0]);
        zmq_msg_close(&frames[1]);
        while (received < sent) {
            WAIT_FOR(wire_receive(pair.binder, &message) == STATUS_OK);
            wire_message_close(&message);
            wire_refresh(pair.binder);
            received++;
        }
    }
    cr_expect_eq(drops(STATUS_TOO_LARGE), before);
    cr_expect_eq(wire_peers_lost(pair.binder), 0);
    close_pair(&pair);
}
