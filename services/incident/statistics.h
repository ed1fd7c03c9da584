/* statistics.h: what a batch adds to the counters: events by day and hour, threats by day,
 * severity, type, address and user, findings by rule. Pure sums; whoever packs the commit reads
 * them.
 *
 * Owner: one object, reset for each batch; names are borrowed from the batch. Units: events, not
 * the occurrences they stand for; times in ms since 1970 UTC, days and hours of a zone. Threads:
 * one at a time. Errors: none. Limits: BATCH_EVENTS_MAX events, hence as many days, and their
 * findings.
 */
#ifndef SIEM_INCIDENT_STATISTICS_H
#define SIEM_INCIDENT_STATISTICS_H

#include "common/time_zone.h"
#include "proto/finding.h"

#define HOURS_PER_DAY 24

/* The sums of one day. */
struct day_sums {
    int64_t day; /* since 1970, in the zone */
    uint32_t total;
    uint32_t threats;
    uint32_t by_hour[HOURS_PER_DAY];
    uint32_t threats_by_hour[HOURS_PER_DAY];
    uint32_t threats_by_severity[SEVERITY_COUNT_];
    uint32_t threats_by_type[EVENT_TYPE_COUNT_];
};

enum tally_kind { TALLY_ADDRESS, TALLY_USER, TALLY_RULE };

/* How often a name was met. */
struct tally {
    enum tally_kind kind;
    uint32_t day; /* position in `days`; 0 for rules */
    uint32_t amount;
    struct text name;
};

#define TALLIES_MAX (BATCH_EVENTS_MAX * (2 + FINDINGS_PER_EVENT_MAX) + SHADOW_HITS_MAX)
#define TALLY_SLOTS 16384 /* a power of two, at least twice TALLIES_MAX */

struct statistics {
    const struct time_zone *zone;
    uint32_t day_count;
    uint32_t last; /* position of the day met last */
    uint32_t tally_count;
    struct day_sums days[BATCH_EVENTS_MAX];
    struct tally tallies[TALLIES_MAX];
    uint16_t slots[TALLY_SLOTS]; /* place in `tallies` + 1, by hash; 0: free */
};

/* A threat, as far as it is counted. */
struct counted_threat {
    int64_t time_ms;
    enum severity severity;
    enum event_type type;
    struct text address; /* null: not counted */
    struct text user;
};

/* Empties it, for days and hours of a zone, borrowed. Must be called before the first use too. */
void statistics_reset(struct statistics *statistics, const struct time_zone *zone);

/* Counts an event. */
void statistics_add_event(struct statistics *statistics, int64_t time_ms);

/* Counts an event, which was counted, as a threat too; tells the position of its day. */
uint32_t statistics_add_threat(struct statistics *statistics, const struct counted_threat *threat);

/* Counts a finding of a rule; tells the rule's place among the tallies. */
uint32_t statistics_add_finding(struct statistics *statistics, struct text rule_id);

/* Counts what a rule in the shadow matched. */
void statistics_add_shadow(struct statistics *statistics, const struct shadow_hit *hit);

#endif
