/* incidents.h: what a threat is called and which incident it belongs to: pure functions over
 * findings.
 *
 * Owner: everything is borrowed from the findings, or from the buffer given. Threads: pure
 * functions. Limits: a text kept of an event or finding has DETAILS_SIZE_MAX bytes, a name
 * (address, user) NAME_SIZE_MAX; longer ones are cut at a character. Source: the API's list of
 * titles; XXH3.
 */
#ifndef SIEM_INCIDENT_INCIDENTS_H
#define SIEM_INCIDENT_INCIDENTS_H

#include "common/buffer.h"
#include "proto/finding.h"

#define DETAILS_SIZE_MAX 4096
#define NAME_SIZE_MAX 256

/* 32 hexadecimal digits and NUL. */
#define EPISODE_HASH_SIZE 33

/* What the findings of one event amount to. */
struct judgement {
    uint32_t index;
    enum severity severity;
    const struct finding *primary; /* of the highest level, then of the smallest rule id */
    struct text details;           /* of all findings, joined by " | " */
    const struct event_findings *findings;
};

/* How incidents of an event type are called: prefix and name, e.g. "Brute Force Attack from " and
 * the source address. The texts of TITLE_NAME are what commit.lua knows them by. */
struct incident_title {
    const char *prefix;
    const char *name; /* "address", "user", or "rule": the title of the gravest rule alone */
};

/* Bytes of `joined` that incident_judge may use for this event. */
size_t incident_joined_size(const struct event_findings *findings);

/* Judges an event with at least one finding. Joined details are appended to `joined`, whose room
 * must have been reserved, so that it does not move. */
struct judgement incident_judge(const struct event_findings *findings, struct buffer *joined);

/* True when the event raises an incident. */
static inline bool judgement_is_threat(const struct judgement *judgement) {
    return judgement->severity > SEVERITY_INFO;
}

/* The hash of what episodes are told apart by: the incident's name, the event type, the group's
 * values. */
void incident_episode_hash(const struct finding *primary, enum event_type type,
                           char out[EPISODE_HASH_SIZE]);

/* How incidents of this type are called; static. */
const struct incident_title *incident_title_of(enum event_type type);

/* A name as it is counted and stored: cut, and null when it is empty. */
struct text incident_name(struct text name);

#endif
