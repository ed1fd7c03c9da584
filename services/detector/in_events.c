/* in_events.c: PULL from the ingest processes; every message goes through judge_batch to
 * out_findings. */
#include "services/detector/in_events.h"

#include "common/counters.h"
#include "common/log.h"
#include "proto/wiring.h"

#include <stdlib.h>

struct in_events {
    zloop_t *loop;
    struct wire *wire;
    struct judge_batch *judge;
    struct out_findings *out;
    zmq_pollitem_t pollitem;
    bool reads;   /* the loop polls the wire */
    bool stopped; /* for good */
};

struct in_events *in_events_new(struct service *service, const char *endpoints,
                                struct judge_batch *judge, struct out_findings *out) {
    struct in_events *in = calloc(1, sizeof *in);
    if (in == NULL)
        abort();
    *in = (struct in_events){.loop = service_loop(service), .judge = judge, .out = out};
    in->wire = wire_connect(wire_row(WIRE_EVENTS), endpoints, false);
    if (in->wire == NULL)
        in_events_destroy(&in);
    else
        in->pollitem = (zmq_pollitem_t){.socket = wire_socket(in->wire), .events = ZMQ_POLLIN};
    return in;
}

static void pause_reading(struct in_events *in) {
    if (in->reads)
        zloop_poller_end(in->loop, &in->pollitem);
    in->reads = false;
}

void in_events_destroy(struct in_events **in) {
    if (*in == NULL)
        return;
    pause_reading(*in);
    wire_destroy(&(*in)->wire);
    free(*in);
    *in = NULL;
}

/* Reads the delivery and judges its batch. */
static enum status judge_message(struct in_events *in, struct wire_message *message,
                                 struct bytes *ret_findings) {
    struct delivery delivery;
    if (message->count != 2) {
        count_drop(STATUS_BAD_FRAMES);
        return STATUS_BAD_FRAMES;
    }
    enum status status = delivery_decode(wire_frame_bytes(&message->frames[0]), &delivery);
    if (status != STATUS_OK) {
        count_drop(status);
        return status;
    }
    struct bytes batch = wire_frame_bytes(&message->frames[1]);
    return judge_batch_run(in->judge, &delivery, batch, ret_findings);
}

/* Ingest opens its batches before it stores them: one that is none was damaged on its way, and will
 * be sent again. */
static void take_message(struct in_events *in, struct wire_message *message) {
    struct bytes findings;
    enum status status = judge_message(in, message, &findings);
    if (status == STATUS_OK)
        out_findings_send(in->out, findings, &message->frames[1]);
    else
        log_warning("a delivery was dropped", LOG_STRING("reason", status_sentence(status)));
    wire_message_close(message);
}

static int on_readable(zloop_t *loop, zmq_pollitem_t *item, void *context) {
    struct in_events *in = context;
    (void)loop, (void)item;
    for (int i = 0; i < IN_EVENTS_BURST && !out_findings_is_full(in->out); i++) {
        struct wire_message message;
        enum status status = wire_receive(in->wire, &message);
        if (status == STATUS_AGAIN)
            break;
        if (status == STATUS_OK)
            take_message(in, &message);
    }
    if (out_findings_is_full(in->out))
        pause_reading(in);
    return 0;
}

void in_events_resume(struct in_events *in) {
    if (in->reads || in->stopped || out_findings_is_full(in->out))
        return;
    in->reads = true;
    zloop_poller(in->loop, &in->pollitem, on_readable, in);
}

void in_events_stop(struct in_events *in) {
    pause_reading(in);
    in->stopped = true;
}

void in_events_refresh(struct in_events *in) {
    wire_refresh(in->wire);
}

int in_events_peer_count(struct in_events *in) {
    return wire_peer_count(in->wire);
}
