/* commit_pack_threats.c: a batch's threats and the rules they matched, for commit.lua. */
#include "services/incident/commit_pack_parts.h"

#include "common/json_writer.h"
#include "services/incident/threat_message.h"

#include <assert.h>

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
    judged->day =
        statistics_add_threat(&scratch->statistics, &(struct counted_threat){
                                                        .time_ms = event->time_ms,
                                                        .severity = judgement->severity,
                                                        .type = event->event_type,
                                                        .address = incident_name(event->source_ip),
                                                        .user = incident_name(event->username),
                                                    });
}

void pack_write_rule(const struct finding *finding, struct buffer *out) {
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
        pack_write_rule(scratch->rules[i], &scratch->text);
        msgpack_pack_text(out, buffer_text(&scratch->text));
    }
}

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* A column of the threats: one value for each. */
typedef void pack_value(const struct judged_event *judged, msgpack_packer *out);

/* A text; what is null is false, for Lua's arrays have no room for nil. */
static void pack_optional(struct text text, msgpack_packer *out) {
    if (text.data == NULL)
        msgpack_pack_false(out);
    else
        msgpack_pack_text(out, text);
}

static void pack_index(const struct judged_event *judged, msgpack_packer *out) {
    msgpack_pack_uint32(out, judged->judgement->index);
}

static void pack_time(const struct judged_event *judged, msgpack_packer *out) {
    msgpack_pack_int64(out, judged->event.time_ms);
}

static void pack_count(const struct judged_event *judged, msgpack_packer *out) {
    msgpack_pack_uint64(out, least(judged->event.count, LUA_INTEGER_MAX));
}

static void pack_severity(const struct judged_event *judged, msgpack_packer *out) {
    msgpack_pack_text(out, text_of(severity_text(judged->judgement->severity)));
}

static void pack_type(const struct judged_event *judged, msgpack_packer *out) {
    msgpack_pack_text(out, text_of(event_type_text(judged->event.event_type)));
}

static void pack_hash(const struct judged_event *judged, msgpack_packer *out) {
    char hash[EPISODE_HASH_SIZE];
    incident_episode_hash(judged->judgement->primary, judged->event.event_type, hash);
    msgpack_pack_text(out, text_of(hash));
}

static void pack_details(const struct judged_event *judged, msgpack_packer *out) {
    msgpack_pack_text(out, judged->judgement->details);
}

static void pack_address(const struct judged_event *judged, msgpack_packer *out) {
    pack_optional(incident_name(judged->event.source_ip), out);
}

static void pack_user(const struct judged_event *judged, msgpack_packer *out) {
    pack_optional(incident_name(judged->event.username), out);
}

static void pack_title(const struct judged_event *judged, msgpack_packer *out) {
    msgpack_pack_text(out, text_of(incident_title_of(judged->event.event_type)->prefix));
}

static void pack_title_name(const struct judged_event *judged, msgpack_packer *out) {
    msgpack_pack_text(out, text_of(incident_title_of(judged->event.event_type)->name));
}

/* One rule is a number, several are an array of them. */
static void pack_rule_list(const struct judged_event *judged, msgpack_packer *out) {
    uint32_t count = judged->judgement->findings->count;
    if (count > 1)
        msgpack_pack_array(out, count);
    for (uint32_t i = 0; i < count; i++)
        msgpack_pack_uint16(out, judged->rules[i]);
}

/* A place in the list of days, from 1 as Lua counts. */
static void pack_day(const struct judged_event *judged, msgpack_packer *out) {
    msgpack_pack_uint32(out, judged->day + 1);
}

static pack_value *const columns[] = {
    pack_index,   pack_time, pack_count, pack_severity,   pack_type,      pack_hash, pack_details,
    pack_address, pack_user, pack_title, pack_title_name, pack_rule_list, pack_day,
};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

static void pack_event_ids(const struct pack_scratch *scratch, const struct batch_head *head,
                           msgpack_packer *out) {
    msgpack_pack_array(out, scratch->threat_count);
    for (uint32_t i = 0; i < scratch->threat_count; i++) {
        char id[EVENT_ID_SIZE];
        uint32_t index = scratch->threats[i].judgement->index;
        msgpack_pack_text(out, text_of(event_id_format(head, index, id)));
    }
}

static void pack_topics(const struct pack_scratch *scratch, msgpack_packer *out) {
    msgpack_pack_array(out, scratch->threat_count);
    for (uint32_t i = 0; i < scratch->threat_count; i++) {
        const struct judged_event *judged = &scratch->threats[i];
        char topic[THREAT_TOPIC_SIZE];
        threat_topic(judged->judgement->severity, judged->event.event_type, topic);
        msgpack_pack_text(out, text_of(topic));
    }
}

/* The beginnings of the messages on THREATS. */
static void pack_message_heads(struct pack_scratch *scratch, const struct commit *commit,
                               const char *publisher, msgpack_packer *out) {
    msgpack_pack_array(out, scratch->threat_count);
    for (uint32_t i = 0; i < scratch->threat_count; i++) {
        const struct judged_event *judged = &scratch->threats[i];
        char id[EVENT_ID_SIZE];
        const struct threat_parts parts = {
            .publisher = publisher,
            .event_id = event_id_format(&commit->batch.head, judged->judgement->index, id),
            .event = &judged->event,
            .judgement = judged->judgement,
            .generation = commit->findings.head.generation,
        };
        buffer_reset(&scratch->text);
        threat_message_begin(&parts, &scratch->text);
        pack_long(scratch, buffer_bytes(&scratch->text), out);
    }
}

void pack_threats(struct pack_scratch *scratch, const struct commit *commit, const char *publisher,
                  msgpack_packer *out) {
    const struct batch_head *head = commit != NULL ? &commit->batch.head : NULL;
    msgpack_pack_array(out, COLUMNS + 3);
    for (size_t i = 0; i < COLUMNS; i++) {
        msgpack_pack_array(out, scratch->threat_count);
        for (uint32_t j = 0; j < scratch->threat_count; j++)
            columns[i](&scratch->threats[j], out);
    }
    pack_event_ids(scratch, head, out);
    pack_topics(scratch, out);
    pack_message_heads(scratch, commit, publisher, out);
}
