/* out_threats.c: THREATS: tells whoever listens of each threat, and once a second that this
 * publisher lives. */
#include "services/incident/out_threats.h"

#include "common/counters.h"
#include "proto/wiring.h"
#include "services/incident/threat_log.h"
#include "services/incident/threat_message.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#define HEARTBEAT_SIZE_MAX 256

struct out_threats {
    struct wire *wire;
    const char *publisher;
    struct buffer heartbeat;
    struct msgpack_frame frame; /* of the threat being logged */
    struct counter *by_severity[SEVERITY_COUNT_];
    struct counter *alerts_queued;
};

static void make_metrics(struct out_threats *threats) {
    for (int severity = 0; severity < SEVERITY_COUNT_; severity++) {
        char labels[32];
        snprintf(labels, sizeof(labels), "severity=\"%s\"", severity_text((enum severity)severity));
        threats->by_severity[severity] = counter_new(
            "siem_threats_total", labels, "Threats committed and sent to subscribers, by severity");
    }
    threats->alerts_queued =
        counter_new("siem_alerts_queued_total", NULL, "Alerts put into the outbox");
}

struct out_threats *out_threats_new(const char *endpoint, const char *publisher) {
    struct wire *wire = wire_bind(wire_row(WIRE_THREATS), endpoint, true);
    if (wire == NULL)
        return NULL;
    struct out_threats *threats = calloc(1, sizeof(*threats));
    if (threats == NULL)
        abort();
    threats->wire = wire;
    threats->publisher = publisher;
    buffer_init(&threats->heartbeat, HEARTBEAT_SIZE_MAX);
    msgpack_frame_init(&threats->frame);
    make_metrics(threats);
    return threats;
}

void out_threats_destroy(struct out_threats **threats) {
    if (*threats == NULL)
        return;
    wire_destroy(&(*threats)->wire);
    buffer_fini(&(*threats)->heartbeat);
    msgpack_frame_fini(&(*threats)->frame);
    free(*threats);
    *threats = NULL;
}

const char *out_threats_endpoint(const struct out_threats *threats) {
    return wire_endpoint(threats->wire);
}

const char *out_threats_make_publisher(char out[PUBLISHER_SIZE]) {
    uint64_t identity = 0;
    if (getrandom(&identity, sizeof(identity), 0) != sizeof(identity))
        abort(); /* cannot be for so few bytes */
    snprintf(out, PUBLISHER_SIZE, "%016" PRIx64, identity);
    return out;
}

/* A full subscriber counts as served (see wire.h). */
static void send_message(struct out_threats *threats, struct text topic, struct bytes body) {
    zmq_msg_t frames[2];
    wire_frame_copy(&frames[0], (struct bytes){(const uint8_t *)topic.data, topic.length});
    wire_frame_copy(&frames[1], body);
    if (wire_send(threats->wire, frames, 2) == STATUS_OK)
        return;
    zmq_msg_close(&frames[0]);
    zmq_msg_close(&frames[1]);
}

/* The topic says the severity: threat.SEVERITY.TYPE. */
static void count_threat(struct out_threats *threats, const struct committed_threat *threat) {
    static const size_t begin = sizeof("threat.") - 1;
    struct text topic = threat->topic;
    const char *end =
        topic.length <= begin ? NULL : memchr(topic.data + begin, '.', topic.length - begin);
    enum severity severity;
    if (end != NULL &&
        severity_parse((struct text){topic.data + begin, (size_t)(end - topic.data) - begin},
                       &severity))
        counter_add(threats->by_severity[severity], 1);
    counter_add(threats->alerts_queued, threat->alert_queued);
}

static struct bytes body_of(const struct committed_threat *threat) {
    return (struct bytes){(const uint8_t *)threat->body.data, threat->body.length};
}

void out_threats_send(struct out_threats *threats, const struct commit *commit) {
    struct committed_threat threat;
    for (size_t i = 0; commit_threat(commit, i, &threat); i++) {
        send_message(threats, threat.topic, body_of(&threat));
        count_threat(threats, &threat);
        threat_log(body_of(&threat), &threats->frame);
    }
}

void out_threats_heartbeat(struct out_threats *threats, uint64_t seq) {
    wire_refresh(threats->wire);
    msgpack_packer packer;
    buffer_reset(&threats->heartbeat);
    msgpack_packer_to_buffer(&packer, &threats->heartbeat);
    msgpack_pack_map(&packer, 3);
    msgpack_pack_key(&packer, "version");
    msgpack_pack_uint32(&packer, PROTO_VERSION);
    msgpack_pack_key(&packer, "publisher");
    msgpack_pack_text(&packer, text_of(threats->publisher));
    msgpack_pack_key(&packer, "seq");
    msgpack_pack_uint64(&packer, seq);
    send_message(threats, TEXT("heartbeat"), buffer_bytes(&threats->heartbeat));
}
