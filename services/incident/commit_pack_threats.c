/* commit_pack_threats.c: a batch's threats and the rules they matched, for commit.lua. */
#include "services/incident/commit_pack_parts.h"

#include "common/json_writer.h"
#include "services/incident/threat_message.h"

#include <assert.h>

#define THREAT_PARTS 16

/* The first finding of a rule decides how the rule is called in this batch. */
static uint16_t place_of_rule(struct pack_scratch *scratch, const struct finding *finding) {
    uint32_t before = scratch->statistics.tally_count;
    uint32_t tally = statistics_add_finding(&scratch->statistics, finding->rule_id);
    if (scratch->statistics.tally_count > before) {
        assert(scratch->rule_count < RULES_PER_BATCH_MAX);
        scratch->rules[scratch->rule_count++] = finding;
        scratch->rule_of_tally[tally] = (uint16_t)scratch->rule_count;
    }
    return scratch->rule_of_tally[tally];
}

void pack_count_judged(struct pack_scratch *scratch, struct commit *commit,
                       const struct judgement *judgement) {
    struct judged_event *judged = &scratch->threats[scratch->threat_count];
    enum status status =
        event_decode(commit->batch.events[judgement->index], &scratch->frame, &judged->event);
    if (status != STATUS_OK) {
        commit_quarantine(commit, judgement->index, status);
        return;
    }
    const struct event *event = &judged->event;
    statistics_add_event(&scratch->statistics, event->time_ms);
    judged->judgement = judgement;
    for (uint32_t i = 0; i < judgement->findings->count; i++)
        judged->rules[i] = place_of_rule(scratch, &judgement->findings->findings[i]);
    if (!judgement_is_threat(judgement))
        return;
    scratch->threat_count++;
    statistics_add_threat(&scratch->statistics, &(struct counted_threat){
                                                    .time_ms = event->time_ms,
                                                    .severity = judgement->severity,
                                                    .type = event->event_type,
                                                    .address = incident_name(event->source_ip),
                                                    .user = incident_name(event->username),
                                                });
}

static void write_rule(const struct finding *finding, struct buffer *out) {
    struct json_writer json;
    json_writer_init(&json, out);
    json_object_begin(&json);
    json_key(&json, "id");
    json_text(&json, finding->rule_id);
    json_key(&json, "title");
    json_text(&json, finding->rule_title);
    json_key(&json, "level");
    json_string(&json, severity_text(finding->level));
    json_key(&json, "tags");
    json_array_begin(&json);
    for (uint32_t i = 0; i < finding->tags.count; i++)
        json_text(&json, finding->tags.items[i]);
    json_array_end(&json);
    json_object_end(&json);
    json_writer_fini(&json);
}

void pack_rules(struct pack_scratch *scratch, msgpack_packer *out) {
    msgpack_pack_array(out, scratch->threat_count > 0 ? scratch->rule_count : 0);
    for (uint32_t i = 0; scratch->threat_count > 0 && i < scratch->rule_count; i++) {
        buffer_reset(&scratch->text);
        write_rule(scratch->rules[i], &scratch->text);
        msgpack_pack_text(out, buffer_text(&scratch->text));
    }
}

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* What the incident is made of. */
static void pack_facts(const struct judged_event *judged, msgpack_packer *out) {
    const struct event *event = &judged->event;
    const struct judgement *judgement = judged->judgement;
    const struct incident_title *title = incident_title_of(event->event_type);
    char hash[EPISODE_HASH_SIZE];
    incident_episode_hash(judgement->primary, event->event_type, hash);
    msgpack_pack_uint32(out, judgement->index);
    msgpack_pack_int64(out, event->time_ms);
    msgpack_pack_uint64(out, least(event->count, LUA_INTEGER_MAX));
    msgpack_pack_text(out, text_of(severity_text(judgement->severity)));
    msgpack_pack_text(out, text_of(event_type_text(event->event_type)));
    msgpack_pack_text(out, text_of(hash));
    msgpack_pack_text(out, judgement->details);
    msgpack_pack_text(out, incident_name(event->source_ip));
    msgpack_pack_text(out, incident_name(event->username));
    msgpack_pack_text(out, text_of(title->prefix));
    msgpack_pack_text(out, text_of(title->name));
    msgpack_pack_array(out, judgement->findings->count);
    for (uint32_t i = 0; i < judgement->findings->count; i++)
        msgpack_pack_uint16(out, judged->rules[i]);
}

/* What is published. */
static void pack_message(struct buffer *text, const struct threat_parts *parts,
                         msgpack_packer *out) {
    char topic[THREAT_TOPIC_SIZE];
    buffer_reset(text);
    uint32_t pairs = threat_message_pack(parts, text);
    msgpack_pack_text(out, text_of(parts->event_id));
    msgpack_pack_text(
        out, text_of(threat_topic(parts->judgement->severity, parts->event->event_type, topic)));
    msgpack_pack_uint32(out, pairs);
    pack_bytes(buffer_bytes(text), out);
}

void pack_threats(struct pack_scratch *scratch, const struct commit *commit, const char *publisher,
                  msgpack_packer *out) {
    msgpack_pack_array(out, scratch->threat_count);
    for (uint32_t i = 0; i < scratch->threat_count; i++) {
        const struct judged_event *judged = &scratch->threats[i];
        char event_id[EVENT_ID_SIZE];
        event_id_format(&commit->batch.head, judged->judgement->index, event_id);
        msgpack_pack_array(out, THREAT_PARTS);
        pack_facts(judged, out);
        pack_message(&scratch->text,
                     &(struct threat_parts){.publisher = publisher,
                                            .event_id = event_id,
                                            .event = &judged->event,
                                            .judgement = judged->judgement},
                     out);
    }
}
