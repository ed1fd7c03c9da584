/* incidents.c: what a threat is called and which incident it belongs to: pure functions over
 * findings. */
#include "services/incident/incidents.h"

#include "common/utf8.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <xxhash.h>

#define SEPARATOR TEXT(" | ")

static const struct incident_title titles[EVENT_TYPE_COUNT_] = {
    [EVENT_TYPE_LOGIN_FAILED] = {"Brute Force Attack from ", "address"},
    [EVENT_TYPE_SQL_INJECTION] = {"SQL Injection Attempt from ", "address"},
    [EVENT_TYPE_PRIVILEGE_ESCALATION] = {"Privilege Escalation by ", "user"},
    [EVENT_TYPE_BOTNET_ACTIVITY] = {"Botnet Activity Detected: ", "address"},
    [EVENT_TYPE_SUSPICIOUS_LOGIN] = {"Suspicious Login from ", "address"},
    [EVENT_TYPE_NETWORK_ANOMALY] = {"Network Anomaly: ", "address"},
    [EVENT_TYPE_MALWARE_DETECTED] = {"Malware Detected on ", "address"},
    [EVENT_TYPE_FILE_ACCESS] = {"Unauthorized File Access by ", "user"},
};

static const struct incident_title title_by_rule = {"", "rule"};

const struct incident_title *incident_title_of(enum event_type type) {
    assert((unsigned)type < EVENT_TYPE_COUNT_);
    return titles[type].prefix != NULL ? &titles[type] : &title_by_rule;
}

struct text incident_name(struct text name) {
    return name.length == 0 ? (struct text){NULL, 0} : utf8_cut(name, NAME_SIZE_MAX);
}

size_t incident_joined_size(const struct event_findings *findings) {
    if (findings->count < 2)
        return 0;
    size_t size = 0;
    for (uint32_t i = 0; i < findings->count; i++)
        size += findings->findings[i].details.length + SEPARATOR.length;
    return size;
}

static struct text join_details(const struct event_findings *findings, struct buffer *joined) {
    if (findings->count == 1)
        return findings->findings[0].details;
    size_t from = joined->length;
    for (uint32_t i = 0; i < findings->count; i++) {
        if (i > 0)
            buffer_append_text(joined, SEPARATOR);
        buffer_append_text(joined, findings->findings[i].details);
    }
    return (struct text){(const char *)joined->data + from, joined->length - from};
}

static bool comes_before(const struct finding *a, const struct finding *b) {
    if (a->level != b->level)
        return a->level > b->level;
    return text_compare(a->rule_id, b->rule_id) < 0;
}

struct judgement incident_judge(const struct event_findings *findings, struct buffer *joined) {
    assert(findings->count > 0);
    const struct finding *primary = &findings->findings[0];
    for (uint32_t i = 1; i < findings->count; i++) {
        if (comes_before(&findings->findings[i], primary))
            primary = &findings->findings[i];
    }
    return (struct judgement){
        .index = findings->index,
        .severity = primary->level,
        .primary = primary,
        .details = utf8_cut(join_details(findings, joined), DETAILS_SIZE_MAX),
        .findings = findings,
    };
}

void incident_episode_hash(const struct finding *primary, enum event_type type,
                           char out[EPISODE_HASH_SIZE]) {
    XXH64_hash_t name =
        XXH3_64bits_withSeed(primary->incident.data, primary->incident.length, (XXH64_hash_t)type);
    XXH128_hash_t hash =
        XXH3_128bits_withSeed(primary->group_key.data, primary->group_key.length, name);
    snprintf(out, EPISODE_HASH_SIZE, "%016" PRIx64 "%016" PRIx64, (uint64_t)hash.high64,
             (uint64_t)hash.low64);
}
