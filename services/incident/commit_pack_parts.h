/* commit_pack_parts.h: the larger parts of what commit_pack.c puts together: days, rules, threats.
 *
 * Owner: the scratch is the packer's, reused batch after batch; it borrows from the commit until
 * the next. Threads: one at a time. Limits: those of the batch and its findings.
 */
#ifndef SIEM_INCIDENT_COMMIT_PACK_PARTS_H
#define SIEM_INCIDENT_COMMIT_PACK_PARTS_H

#include "proto/contribution.h"
#include "services/incident/commit_pack.h"
#include "services/incident/statistics.h"

/* Texts as long as this stand beside the array, up to so many. */
#define LONG_TEXT_MIN 128
#define LONG_TEXTS_MAX (PACKED_PARTS_MAX - 1)

#define RULES_PER_BATCH_MAX (BATCH_EVENTS_MAX * FINDINGS_PER_EVENT_MAX)

/* An event that raises an incident, decoded. */
struct judged_event {
    const struct judgement *judgement;
    struct event event;
    uint32_t day;                           /* position among the statistics' days */
    uint16_t rules[FINDINGS_PER_EVENT_MAX]; /* places in the list of rules, from 1 as Lua counts */
};

/* An event that contributes to a correlation. */
struct contributing_event {
    uint32_t index;
    int64_t time_ms;
    uint32_t weight;
    int8_t zone;                       /* quarters of an hour ahead of UTC */
    const struct judgement *judgement; /* NULL: it is no threat by itself */
    uint32_t listed;                   /* place among those listed, from 1; 0: not listed */
};

struct pack_scratch {
    struct msgpack_frame frame;
    struct buffer text; /* of one rule or message at a time */
    struct statistics statistics;
    uint32_t threat_count;
    struct judged_event threats[BATCH_EVENTS_MAX];
    uint32_t rule_count;
    const struct finding *rules[RULES_PER_BATCH_MAX]; /* each rule once, by a finding of it */
    uint16_t rule_of_tally[TALLIES_MAX];
    struct contributing_event contributing[BATCH_EVENTS_MAX];
    uint16_t contributing_of[BATCH_EVENTS_MAX]; /* by event: its place there, from 1; 0: none */
    bool needs_group[CORRELATION_GROUPS_MAX];
    struct buffer list, places, prefixes; /* of followers */
    struct buffer definition;             /* of a correlation */
    struct buffer long_texts;             /* beside the array */
    uint32_t long_count;
    size_t long_ends[LONG_TEXTS_MAX];
};

/* Counts an event with findings, and notes it when it is a threat; quarantines it when it is
 * unreadable. */
void pack_count_judged(struct pack_scratch *scratch, struct commit *commit,
                       const struct judgement *judgement);

/* The list of days with their sums. */
void pack_days(const struct statistics *statistics, int64_t statistics_days, msgpack_packer *out);

/* Two lists: rule ids, findings of each. */
void pack_rule_hits(const struct statistics *statistics, msgpack_packer *out);

/* The list of rules, as JSON objects that begin with the id. */
void pack_rules(struct pack_scratch *scratch, msgpack_packer *out);

/* A rule as a JSON object that begins with the id. */
void pack_write_rule(const struct finding *finding, struct buffer *out);

/* What the batch contributes to correlations; false when that is nothing. */
void pack_contributions(struct pack_scratch *scratch, const struct commit *commit,
                        int64_t lateness_ms, msgpack_packer *out);

/* Any bytes, as the script can read them. */
void pack_bytes(struct bytes bytes, msgpack_packer *out);

/* The same, beside the array when they are long. */
void pack_long(struct pack_scratch *scratch, struct bytes bytes, msgpack_packer *out);

/* The list of threats; the commit may be NULL when there are none. */
void pack_threats(struct pack_scratch *scratch, const struct commit *commit, const char *publisher,
                  msgpack_packer *out);

#endif
