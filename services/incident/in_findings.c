/* in_findings.c: FINDINGS: takes what detectors push, up to TAKEN_MAX messages a wake-up. */
#include "services/incident/in_findings.h"

#include "common/counters.h"
#include "proto/wiring.h"

#include <stdlib.h>

#define TAKEN_MAX 64

struct in_findings {
    zloop_t *loop;
    struct wire *wire;
    zmq_pollitem_t item;
    bool is_reading;
    struct in_findings_handler handler;
};

/* Takes one message; false when none waits, or no more is wanted. */
static bool take_one(struct in_findings *findings, int *ret_taken) {
    struct wire_message message = {.count = 0};
    enum status status = wire_receive(findings->wire, &message);
    if (status == STATUS_AGAIN)
        return false;
    if (status != STATUS_OK)
        return true; /* counted by the wire */
    ++*ret_taken;
    bool more = findings->handler.on_message(findings->handler.context, &message);
    if (message.count > 0)
        wire_message_close(&message);
    return more;
}

static int on_readable(zloop_t *loop, zmq_pollitem_t *item, void *context) {
    (void)loop, (void)item;
    struct in_findings *findings = context;
    int taken = 0;
    for (int i = 0; i < TAKEN_MAX && take_one(findings, &taken); i++)
        continue;
    if (taken > 0)
        findings->handler.on_group(findings->handler.context);
    return 0;
}

struct in_findings *in_findings_new(zloop_t *loop, const char *endpoint,
                                    const struct in_findings_handler *handler) {
    struct wire *wire = wire_bind(wire_row(WIRE_FINDINGS), endpoint, false);
    if (wire == NULL)
        return NULL;
    struct in_findings *findings = calloc(1, sizeof(*findings));
    if (findings == NULL)
        abort();
    findings->loop = loop;
    findings->wire = wire;
    findings->item = (zmq_pollitem_t){.socket = wire_socket(wire), .events = ZMQ_POLLIN};
    findings->handler = *handler;
    in_findings_resume(findings);
    return findings;
}

void in_findings_destroy(struct in_findings **findings) {
    if (*findings == NULL)
        return;
    in_findings_pause(*findings);
    wire_destroy(&(*findings)->wire);
    free(*findings);
    *findings = NULL;
}

void in_findings_pause(struct in_findings *findings) {
    if (findings->is_reading)
        zloop_poller_end(findings->loop, &findings->item);
    findings->is_reading = false;
}

void in_findings_resume(struct in_findings *findings) {
    if (findings->is_reading)
        return;
    if (zloop_poller(findings->loop, &findings->item, on_readable, findings) != 0)
        abort(); /* out of memory */
    findings->is_reading = true;
}

void in_findings_refresh(struct in_findings *findings) {
    wire_refresh(findings->wire);
}

const char *in_findings_endpoint(const struct in_findings *findings) {
    return wire_endpoint(findings->wire);
}
