/* wire_fixture.c: two ends of a wire in one process, and short messages between them. */
#include "tests/support/wire_fixture.h"

#include "common/counters.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

const struct wire_row pause_row = {"TEST", WIRE_PUSH_PULL, "tcp://127.0.0.1:*", 4, WIRE_PAUSE};
const struct wire_row topic_row = {"TEST", WIRE_PUB_SUB, "tcp://127.0.0.1:*", 100, WIRE_DROP};

enum status send_words(struct wire *wire, const char *first, const char *second) {
    zmq_msg_t frames[2];
    int count = second != NULL ? 2 : 1;
    wire_frame_copy(&frames[0], (struct bytes){(const uint8_t *)first, strlen(first)});
    if (second != NULL)
        wire_frame_copy(&frames[1], (struct bytes){(const uint8_t *)second, strlen(second)});
    enum status status = wire_send(wire, frames, count);
    for (int i = 0; status != STATUS_OK && i < count; i++) {
        cr_assert_eq(zmq_msg_size(&frames[i]), strlen(i == 0 ? first : second),
                     "nothing was taken");
        zmq_msg_close(&frames[i]);
    }
    return status;
}

bool frame_is(zmq_msg_t *frame, const char *word) {
    struct bytes bytes = wire_frame_bytes(frame);
    return bytes.length == strlen(word) && memcmp(bytes.data, word, bytes.length) == 0;
}

void expect_words(struct wire *wire, const char *first, const char *second) {
    struct wire_message message;
    WAIT_FOR(wire_receive(wire, &message) == STATUS_OK);
    cr_assert_eq(message.count, second != NULL ? 2 : 1);
    cr_assert(frame_is(&message.frames[0], first));
    cr_assert(second == NULL || frame_is(&message.frames[1], second));
    wire_message_close(&message);
}

uint64_t drops(enum status reason) {
    char labels[64];
    snprintf(labels, sizeof(labels), "reason=\"%s\"", status_reason(reason));
    return counter_read(counter_new("siem_drops_total", labels, "things dropped, by reason"));
}

struct pair open_pair(const struct wire_row *row, bool binder_sends) {
    struct pair pair;
    pair.binder = wire_bind(row, NULL, binder_sends);
    cr_assert_not_null(pair.binder);
    pair.connector = wire_connect(row, wire_endpoint(pair.binder), !binder_sends);
    cr_assert_not_null(pair.connector);
    WAIT_FOR(wire_peer_count(pair.binder) == 1 && wire_peer_count(pair.connector) == 1);
    return pair;
}

void close_pair(struct pair *pair) {
    wire_destroy(&pair->binder);
    wire_destroy(&pair->connector);
}

int connect_plainly(const char *endpoint) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)strtol(strrchr(endpoint, ':') + 1, NULL, 10));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}
