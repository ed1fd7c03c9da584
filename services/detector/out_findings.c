/* out_findings.c: PUSH to the incident processes, with a short queue of our own for when they are
 * full. */
#include "services/detector/out_findings.h"

#include "common/counters.h"
#include "proto/wiring.h"

#include <assert.h>
#include <stdlib.h>

/* How long a stopping process waits for libzmq to send what it has. */
#define LINGER_MS 2000

struct message {
    zmq_msg_t frames[WIRE_FRAMES_MAX];
    int count;
};

struct out_findings {
    zloop_t *loop;
    struct wire *wire;
    struct out_findings_listener listener;
    zmq_pollitem_t pollitem;
    struct message kept[OUT_FINDINGS_KEPT_MAX]; /* the oldest first */
    size_t kept_count;
    struct gauge *kept_gauge;
};

struct out_findings *out_findings_new(struct service *service, const char *endpoints,
                                      const struct out_findings_listener *listener) {
    struct out_findings *out = calloc(1, sizeof *out);
    if (out == NULL)
        abort();
    out->loop = service_loop(service);
    out->listener = *listener;
    out->wire = wire_connect(wire_row(WIRE_FINDINGS), endpoints, true);
    out->kept_gauge = gauge_new("siem_findings_kept", NULL,
                                "Messages waiting for room on FINDINGS; above 0 nothing is read");
    if (out->wire == NULL)
        out_findings_destroy(&out);
    else
        out->pollitem = (zmq_pollitem_t){.socket = wire_socket(out->wire), .events = ZMQ_POLLOUT};
    return out;
}

static void close_message(struct message *message) {
    for (int i = 0; i < message->count; i++)
        zmq_msg_close(&message->frames[i]);
}

void out_findings_destroy(struct out_findings **out) {
    if (*out == NULL)
        return;
    if ((*out)->wire != NULL) {
        int linger = LINGER_MS;
        zmq_setsockopt(wire_socket((*out)->wire), ZMQ_LINGER, &linger, sizeof linger);
        zloop_poller_end((*out)->loop, &(*out)->pollitem);
    }
    for (size_t i = 0; i < (*out)->kept_count; i++)
        close_message(&(*out)->kept[i]);
    wire_destroy(&(*out)->wire);
    free(*out);
    *out = NULL;
}

/* Sends one message; false when it has to wait. One that can never be sent is closed: wire_send
 * counted it. */
static bool send_message(struct out_findings *out, struct message *message) {
    enum status status = wire_send(out->wire, message->frames, message->count);
    if (status == STATUS_AGAIN)
        return false;
    if (status != STATUS_OK)
        close_message(message);
    return true;
}

/* Sends what was kept, in order, as far as it goes. */
static void send_kept(struct out_findings *out) {
    size_t sent = 0;
    while (sent < out->kept_count && send_message(out, &out->kept[sent]))
        sent++;
    out->kept_count -= sent;
    gauge_set(out->kept_gauge, (int64_t)out->kept_count);
    memmove(out->kept, out->kept + sent, out->kept_count * sizeof out->kept[0]);
}

static int on_writable(zloop_t *loop, zmq_pollitem_t *item, void *context) {
    struct out_findings *out = context;
    (void)item;
    send_kept(out);
    if (out->kept_count == 0) {
        zloop_poller_end(loop, &out->pollitem);
        out->listener.on_room(out->listener.context);
    }
    return 0;
}

static void send_or_keep(struct out_findings *out, struct message *message) {
    if (out->kept_count == 0 && send_message(out, message))
        return;
    assert(out->kept_count < OUT_FINDINGS_KEPT_MAX);
    if (out->kept_count == 0) {
        zloop_poller(out->loop, &out->pollitem, on_writable, out);
    }
    out->kept[out->kept_count++] = *message;
    gauge_set(out->kept_gauge, (int64_t)out->kept_count);
}

void out_findings_send(struct out_findings *out, struct bytes findings, zmq_msg_t *batch) {
    struct message message = {.count = 2};
    wire_frame_copy(&message.frames[0], findings);
    zmq_msg_init(&message.frames[1]);
    zmq_msg_move(&message.frames[1], batch);
    send_or_keep(out, &message);
}

void out_findings_report(struct out_findings *out, const struct crash_report *report) {
    struct message message = {.count = 1};
    struct buffer frame;
    buffer_init(&frame, WIRE_FRAME_SIZE_MAX);
    crash_report_encode(report, &frame);
    wire_frame_copy(&message.frames[0], buffer_bytes(&frame));
    buffer_fini(&frame);
    send_or_keep(out, &message);
}

bool out_findings_is_full(const struct out_findings *out) {
    return out->kept_count > 0;
}

void out_findings_refresh(struct out_findings *out) {
    wire_refresh(out->wire);
}

int out_findings_peer_count(struct out_findings *out) {
    return wire_peer_count(out->wire);
}
