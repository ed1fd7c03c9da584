/* test_wire.c: what a wire does when it is full, alone, or its peer misbehaves; over real sockets.
 */
#include "common/clock.h"
#include "common/counters.h"
#include "common/wire.h"
#include "tests/support/wire_fixture.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct wire_row drop_row = {"TEST", WIRE_PUSH_PULL, "tcp://127.0.0.1:*", 4, WIRE_DROP};

Test(wire, carries_messages_of_one_and_two_frames) {
    struct pair pair = open_pair(&pause_row, true);
    cr_assert_eq(send_words(pair.binder, "one", "two"), STATUS_OK);
    cr_assert_eq(send_words(pair.binder, "alone", NULL), STATUS_OK);
    cr_assert_eq(send_words(pair.binder, "", ""), STATUS_OK);
    expect_words(pair.connector, "one", "two");
    expect_words(pair.connector, "alone", NULL);
    expect_words(pair.connector, "", "");
    struct wire_message message;
    cr_assert_eq(wire_receive(pair.connector, &message), STATUS_AGAIN);
    close_pair(&pair);
}

Test(wire, a_pause_wire_without_a_peer_takes_nothing) {
    struct wire *binder = wire_bind(&pause_row, NULL, true);
    cr_assert_eq(send_words(binder, "one", "two"), STATUS_AGAIN);
    struct wire *connector = wire_connect(&pause_row, "tcp://127.0.0.1:1", true);
    cr_assert_eq(send_words(connector, "one", "two"), STATUS_AGAIN,
                 "an unfinished connection queues");
    wire_destroy(&binder);
    wire_destroy(&connector);
}

Test(wire, a_drop_wire_without_a_peer_counts_and_goes_on) {
    struct wire *binder = wire_bind(&drop_row, NULL, true);
    uint64_t before = drops(STATUS_FULL);
    cr_assert_eq(send_words(binder, "one", "two"), STATUS_OK);
    cr_assert_eq(drops(STATUS_FULL), before + 1);
    wire_destroy(&binder);
}

/* Sends 64 KiB messages until the wire is full; how many it took. */
static int fill(struct wire *wire) {
    static char word[65536];
    memset(word, 'x', sizeof(word) - 1);
    int taken = 0;
    struct mono_time last = clock_mono();
    while (clock_elapsed_ms(last) < 200) {
        if (send_words(wire, "head", word) != STATUS_OK)
            continue;
        taken++;
        last = clock_mono();
        cr_assert_lt(taken, 10000, "the wire has no bound");
    }
    return taken;
}

Test(wire, a_full_pause_wire_loses_nothing) {
    struct pair pair = open_pair(&pause_row, true);
    int taken = fill(pair.binder);
    cr_assert_geq(taken, pause_row.high_water);
    for (int i = 0; i < taken; i++) {
        struct wire_message message;
        WAIT_FOR(wire_receive(pair.connector, &message) == STATUS_OK);
        cr_assert_eq(message.count, 2);
        wire_message_close(&message);
    }
    WAIT_FOR(send_words(pair.binder, "after", NULL) == STATUS_OK);
    expect_words(pair.connector, "after", NULL);
    close_pair(&pair);
}

Test(wire, topics_reach_their_subscribers) {
    struct pair pair = open_pair(&topic_row, true);
    zmq_setsockopt(wire_socket(pair.connector), ZMQ_SUBSCRIBE, "mine", 4);
    struct wire_message message;
    enum status status = STATUS_AGAIN;
    WAIT_FOR(send_words(pair.binder, "yours", "no") == STATUS_OK &&
             send_words(pair.binder, "mine", "yes") == STATUS_OK &&
             (status = wire_receive(pair.connector, &message)) == STATUS_OK);
    cr_assert(frame_is(&message.frames[0], "mine"));
    wire_message_close(&message);
    close_pair(&pair);
}

/* A peer of ours that was written by somebody else. */
struct stranger {
    void *context;
    void *socket;
};

static struct stranger open_stranger(int type, const char *endpoint) {
    struct stranger stranger = {.context = zmq_ctx_new()};
    stranger.socket = zmq_socket(stranger.context, type);
    int linger = 0;
    zmq_setsockopt(stranger.socket, ZMQ_LINGER, &linger, sizeof(linger));
    cr_assert_eq(zmq_connect(stranger.socket, endpoint), 0);
    return stranger;
}

static void close_stranger(struct stranger *stranger) {
    zmq_close(stranger->socket);
    zmq_ctx_term(stranger->context);
}

Test(wire, a_message_of_three_frames_is_skipped_and_counted) {
    struct wire *wire = wire_bind(&pause_row, NULL, false);
    struct stranger stranger = open_stranger(ZMQ_PUSH, wire_endpoint(wire));
    uint64_t before = drops(STATUS_BAD_FRAMES);
    for (int i = 0; i < 5; i++)
        zmq_send(stranger.socket, "x", 1, i < 4 ? ZMQ_SNDMORE : 0);
    zmq_send(stranger.socket, "good", 4, 0);
    struct wire_message message;
    WAIT_FOR(wire_receive(wire, &message) == STATUS_BAD_FRAMES);
    cr_assert_eq(drops(STATUS_BAD_FRAMES), before + 1);
    expect_words(wire, "good", NULL);
    close_stranger(&stranger);
    wire_destroy(&wire);
}

Test(wire, a_frame_above_its_bound_costs_the_peer_its_connection_and_us_nothing) {
    struct wire *wire = wire_bind(&pause_row, NULL, false);
    struct stranger stranger = open_stranger(ZMQ_PUSH, wire_endpoint(wire));
    WAIT_FOR(wire_peer_count(wire) == 1);
    char *large = calloc(1, WIRE_FRAME_SIZE_MAX + 1);
    zmq_send(stranger.socket, large, WIRE_FRAME_SIZE_MAX + 1, 0);
    WAIT_FOR(wire_peers_lost(wire) == 1);
    zmq_send(stranger.socket, large, WIRE_FRAME_SIZE_MAX, 0); /* it may connect again */
    struct wire_message message;
    WAIT_FOR(wire_receive(wire, &message) == STATUS_OK);
    cr_assert_eq(wire_frame_bytes(&message.frames[0]).length, WIRE_FRAME_SIZE_MAX);
    wire_message_close(&message);
    free(large);
    close_stranger(&stranger);
    wire_destroy(&wire);
}

Test(wire, a_frame_we_made_too_large_is_refused_before_it_cuts_a_connection) {
    struct pair pair = open_pair(&pause_row, true);
    zmq_msg_t frame;
    cr_assert_eq(zmq_msg_init_size(&frame, WIRE_FRAME_SIZE_MAX + 1), 0);
    uint64_t before = drops(STATUS_TOO_LARGE);
    cr_assert_eq(wire_send(pair.binder, &frame, 1), STATUS_TOO_LARGE);
    cr_assert_eq(drops(STATUS_TOO_LARGE), before + 1);
    zmq_msg_close(&frame);
    cr_assert_eq(wire_peer_count(pair.binder), 1);
    close_pair(&pair);
}

Test(wire, who_never_shakes_hands_is_no_peer) {
    struct pair pair = open_pair(&pause_row, false);
    int silent = connect_plainly(wire_endpoint(pair.binder));
    int wrong = connect_plainly(wire_endpoint(pair.binder));
    cr_assert_eq(send(wrong, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27, MSG_NOSIGNAL), 27);
    cr_assert_eq(send_words(pair.connector, "one", NULL), STATUS_OK);
    struct wire_message message;
    WAIT_FOR(wire_receive(pair.binder, &message) == STATUS_OK &&
             frame_is(&message.frames[0], "one"));
    wire_message_close(&message);
    cr_assert_eq(wire_peer_count(pair.binder), 1);
    close(silent);
    close(wrong);
    cr_assert_eq(send_words(pair.connector, "two", NULL), STATUS_OK);
    expect_words(pair.binder, "two", NULL);
    cr_assert_eq(wire_peer_count(pair.binder), 1);
    close_pair(&pair);
}

Test(wire, peers_are_counted_as_they_come_and_go) {
    struct pair pair = open_pair(&pause_row, true);
    struct wire *second = wire_connect(&pause_row, wire_endpoint(pair.binder), false);
    WAIT_FOR(wire_peer_count(pair.binder) == 2);
    wire_destroy(&second);
    WAIT_FOR(wire_peer_count(pair.binder) == 1);
    cr_assert_eq(wire_peers_lost(pair.binder), 1);
    cr_assert_eq(wire_peers_lost(pair.connector), 0);
    close_pair(&pair);
}

Test(wire, a_peer_that_comes_back_is_connected_again) {
    struct pair pair = open_pair(&pause_row, true);
    char endpoint[128];
    snprintf(endpoint, sizeof(endpoint), "%s", wire_endpoint(pair.binder));
    wire_destroy(&pair.binder);
    WAIT_FOR(wire_peers_lost(pair.connector) == 1 && wire_peer_count(pair.connector) == 0);
    WAIT_FOR((pair.binder = wire_bind(&pause_row, endpoint, true)) != NULL);
    WAIT_FOR(wire_peer_count(pair.connector) == 1);
    WAIT_FOR(send_words(pair.binder, "again", NULL) == STATUS_OK);
    expect_words(pair.connector, "again", NULL);
    close_pair(&pair);
}

Test(wire, several_peers_share_the_work) {
    struct pair pair = open_pair(&pause_row, true);
    struct wire *second = wire_connect(&pause_row, wire_endpoint(pair.binder), false);
    WAIT_FOR(wire_peer_count(pair.binder) == 2);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(send_words(pair.binder, "work", NULL), STATUS_OK);
    for (int i = 0; i < 2; i++) {
        expect_words(pair.connector, "work", NULL);
        expect_words(second, "work", NULL);
    }
    wire_destroy(&second);
    close_pair(&pair);
}

Test(wire, an_address_in_use_is_reported) {
    struct wire *first = wire_bind(&pause_row, NULL, true);
    cr_assert_null(wire_bind(&pause_row, wire_endpoint(first), true));
    cr_assert_null(wire_bind(&pause_row, "tcp://203.0.113.1:*", true));
    cr_assert_null(wire_connect(&pause_row, "nonsense", true));
    wire_destroy(&first);
}

Test(wire, ipc_works_like_tcp) {
    char directory[] = "/tmp/siem-wire-XXXXXX", endpoint[128], path[64];
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/wire", directory);
    snprintf(endpoint, sizeof(endpoint), "ipc://%s", path);
    struct wire *binder = wire_bind(&pause_row, endpoint, true);
    struct wire *connector = wire_connect(&pause_row, endpoint, false);
    WAIT_FOR(send_words(binder, "one", "two") == STATUS_OK);
    expect_words(connector, "one", "two");
    cr_assert_eq(wire_peer_count(binder), 1);
    wire_destroy(&connector);
    wire_destroy(&binder);
    unlink(path);
    rmdir(directory);
}
