/* in_threats.c: THREATS as a wake-up. */
#include "services/alerter/in_threats.h"

#include "proto/wiring.h"

#include <assert.h>
#include <stdlib.h>

#define REFRESH_MS 1000
/* Messages skipped in one go; the rest follows with the loop's next turn. */
#define MESSAGES_PER_TURN 1000
#define TOPIC "threat."

struct in_threats {
    zloop_t *loop;
    struct dispatch *dispatch;
    struct wire *wire;
    int timer;
};

static int on_message(zloop_t *loop, zmq_pollitem_t *item, void *context) {
    (void)loop, (void)item;
    struct in_threats *threats = context;
    enum status status = STATUS_OK;
    for (int i = 0; i < MESSAGES_PER_TURN && status != STATUS_AGAIN; i++) {
        struct wire_message message;
        status = wire_receive(threats->wire, &message);
        if (status == STATUS_OK)
            wire_message_close(&message);
    }
    dispatch_wake(threats->dispatch);
    return 0;
}

static int on_refresh(zloop_t *loop, int timer, void *context) {
    (void)loop, (void)timer;
    struct in_threats *threats = context;
    wire_refresh(threats->wire);
    return 0;
}

struct in_threats *in_threats_new(zloop_t *loop, const char *endpoints, struct dispatch *dispatch) {
    struct wire *wire = wire_connect(wire_row(WIRE_THREATS), endpoints, false);
    if (wire == NULL)
        return NULL;
    struct in_threats *threats = calloc(1, sizeof(*threats));
    if (threats == NULL)
        abort();
    *threats = (struct in_threats){.loop = loop, .dispatch = dispatch, .wire = wire};
    int result = zmq_setsockopt(wire_socket(wire), ZMQ_SUBSCRIBE, TOPIC, sizeof(TOPIC) - 1);
    assert(result == 0);
    (void)result;
    zmq_pollitem_t item = {.socket = wire_socket(wire), .events = ZMQ_POLLIN};
    zloop_poller(loop, &item, on_message, threats);
    threats->timer = zloop_timer(loop, REFRESH_MS, 0, on_refresh, threats);
    return threats;
}

void in_threats_destroy(struct in_threats **threats) {
    if (*threats == NULL)
        return;
    zmq_pollitem_t item = {.socket = wire_socket((*threats)->wire)};
    zloop_poller_end((*threats)->loop, &item);
    zloop_timer_end((*threats)->loop, (*threats)->timer);
    wire_destroy(&(*threats)->wire);
    free(*threats);
    *threats = NULL;
}
