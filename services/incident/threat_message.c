/* threat_message.c: the map of a threat, as far as it is known before the commit. */
#include "services/incident/threat_message.h"

#include "common/clock.h"
#include "common/utf8.h"

#include <stdio.h>

const char *threat_topic(enum severity severity, enum event_type type,
                         char out[THREAT_TOPIC_SIZE]) {
    snprintf(out, THREAT_TOPIC_SIZE, "threat.%s.%s", severity_text(severity),
             event_type_text(type));
    return out;
}

static void pack_string(msgpack_packer *packer, const char *key, const char *value) {
    msgpack_pack_key(packer, key);
    msgpack_pack_text(packer, text_of(value));
}

/* A pair that is absent when its value is null. */
static void pack_optional(msgpack_packer *packer, const char *key, struct text value, size_t size) {
    if (value.data == NULL)
        return;
    msgpack_pack_key(packer, key);
    msgpack_pack_text(packer, utf8_cut(value, size));
}

/* Pairs of the whole map: all that are required, and what this event has of the others. */
static uint32_t count_pairs(const struct threat_parts *parts) {
    const struct event *event = parts->event;
    enum {
        REQUIRED = 1,
        OPTIONAL = 0,
        ALWAYS = 0
#define FIELD(name, type, need, unit, meaning) +need
#include "proto/threat.def"
#undef FIELD
    };
    return (uint32_t)ALWAYS + (event->source_ip.data != NULL) +
           (event->destination_ip.data != NULL) + (event->username.data != NULL) +
           (event->description.data != NULL) + (parts->generation != 0);
}

static void pack_rule(msgpack_packer *packer, const struct finding *finding) {
    msgpack_pack_map(packer, 4);
    msgpack_pack_key(packer, "id");
    msgpack_pack_text(packer, finding->rule_id);
    msgpack_pack_key(packer, "title");
    msgpack_pack_text(packer, finding->rule_title);
    pack_string(packer, "level", severity_text(finding->level));
    msgpack_pack_key(packer, "tags");
    msgpack_pack_array(packer, finding->tags.count);
    for (uint32_t i = 0; i < finding->tags.count; i++)
        msgpack_pack_text(packer, finding->tags.items[i]);
}

void threat_message_rules(msgpack_packer *packer, const struct event_findings *findings) {
    msgpack_pack_key(packer, "rules");
    msgpack_pack_array(packer, findings->count);
    for (uint32_t i = 0; i < findings->count; i++)
        pack_rule(packer, &findings->findings[i]);
}

void threat_message_begin(const struct threat_parts *parts, struct buffer *out) {
    const struct event *event = parts->event;
    char timestamp[CLOCK_RFC3339_SIZE];
    msgpack_packer packer;
    msgpack_packer_to_buffer(&packer, out);
    msgpack_pack_map(&packer, count_pairs(parts));
    msgpack_pack_key(&packer, "version");
    msgpack_pack_uint32(&packer, PROTO_VERSION);
    pack_string(&packer, "publisher", parts->publisher);
    pack_string(&packer, "event_id", parts->event_id);
    pack_string(&packer, "timestamp",
                clock_format_rfc3339((struct wall_time){event->time_ms}, timestamp));
    pack_string(&packer, "event_type", event_type_text(event->event_type));
    pack_string(&packer, "severity", severity_text(parts->judgement->severity));
    msgpack_pack_key(&packer, "count");
    msgpack_pack_uint64(&packer, event->count);
    msgpack_pack_key(&packer, "threat_details");
    msgpack_pack_text(&packer, parts->judgement->details);
    threat_message_rules(&packer, parts->judgement->findings);
    pack_optional(&packer, "source_ip", event->source_ip, NAME_SIZE_MAX);
    pack_optional(&packer, "destination_ip", event->destination_ip, NAME_SIZE_MAX);
    pack_optional(&packer, "username", event->username, NAME_SIZE_MAX);
    pack_optional(&packer, "description", event->description, DETAILS_SIZE_MAX);
    char generation[GENERATION_TEXT_SIZE];
    if (parts->generation != 0)
        pack_string(&packer, "generation", generation_text(parts->generation, generation));
}
