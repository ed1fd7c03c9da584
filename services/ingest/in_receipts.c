/* in_receipts.c: receives RECEIPTS: topic and receipt, checked, decoded, handed on. */
#include "services/ingest/in_receipts.h"

#include "common/counters.h"
#include "common/wire.h"
#include "proto/wiring.h"

#include <stdlib.h>

/* One wake-up takes no more, so that submissions get their turn. */
#define RECEIPTS_AT_ONCE 256

struct in_receipts {
    zloop_t *loop;
    struct wire *wire;
    struct msgpack_frame frame;
    void (*on_receipt)(void *context, const struct receipt *receipt);
    void *context;
};

/* One message: two frames, of which the topic only brought it here. */
static void take(struct in_receipts *receipts, struct wire_message *message) {
    struct receipt receipt;
    enum status status = STATUS_BAD_FRAMES;
    if (message->count == 2)
        status = receipt_decode(wire_frame_bytes(&message->frames[1]), &receipts->frame, &receipt);
    if (status != STATUS_OK) {
        count_drop(status);
        return;
    }
    receipts->on_receipt(receipts->context, &receipt);
}

static int on_readable(zloop_t *loop, zmq_pollitem_t *item, void *context) {
    (void)loop;
    (void)item;
    struct in_receipts *receipts = context;
    for (int i = 0; i < RECEIPTS_AT_ONCE; i++) {
        struct wire_message message;
        enum status status = wire_receive(receipts->wire, &message);
        if (status == STATUS_AGAIN)
            break;
        if (status != STATUS_OK)
            continue; /* counted there */
        take(receipts, &message);
        wire_message_close(&message);
    }
    return 0;
}

struct in_receipts *
in_receipts_new(zloop_t *loop, const char *endpoints,
                void (*on_receipt)(void *context, const struct receipt *receipt), void *context) {
    struct in_receipts *receipts = calloc(1, sizeof *receipts);
    if (receipts == NULL)
        abort();
    receipts->loop = loop;
    receipts->on_receipt = on_receipt;
    receipts->context = context;
    msgpack_frame_init(&receipts->frame);
    receipts->wire = wire_connect(wire_row(WIRE_RECEIPTS), endpoints, false);
    if (receipts->wire == NULL) {
        in_receipts_destroy(&receipts);
        return NULL;
    }
    zmq_pollitem_t item = {.socket = wire_socket(receipts->wire), .events = ZMQ_POLLIN};
    if (zloop_poller(loop, &item, on_readable, receipts) != 0)
        abort();
    zloop_poller_set_tolerant(loop, &item);
    return receipts;
}

void in_receipts_destroy(struct in_receipts **receipts) {
    struct in_receipts *self = *receipts;
    if (self == NULL)
        return;
    if (self->wire != NULL) {
        zmq_pollitem_t item = {.socket = wire_socket(self->wire), .events = ZMQ_POLLIN};
        zloop_poller_end(self->loop, &item);
    }
    wire_destroy(&self->wire);
    msgpack_frame_fini(&self->frame);
    free(self);
    *receipts = NULL;
}

void in_receipts_subscribe(struct in_receipts *receipts, uint64_t producer) {
    char topic[RECEIPT_TOPIC_SIZE];
    receipt_topic(producer, topic);
    if (zmq_setsockopt(wire_socket(receipts->wire), ZMQ_SUBSCRIBE, topic, strlen(topic)) != 0)
        abort();
}

void in_receipts_refresh(struct in_receipts *receipts) {
    wire_refresh(receipts->wire);
}

int in_receipts_peer_count(struct in_receipts *receipts) {
    return wire_peer_count(receipts->wire);
}

uint64_t in_receipts_peers_lost(struct in_receipts *receipts) {
    return wire_peers_lost(receipts->wire);
}
