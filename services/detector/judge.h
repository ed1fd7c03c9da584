/* judge.h: the pure function from an event to findings: no socket, no clock, no globals.
 *
 * Findings come gravest level first, then by rule id; INFO ones too (what they raise is not decided
 * here). Owner: new/destroy; a judge borrows its rules for its life, a judgement borrows from both
 * until the next event. Threads: a judge belongs to one thread, rules and enrichments may be
 * shared. Errors: none: every event has a judgement. Limits: FINDINGS_PER_EVENT_MAX findings, the
 * gravest kept, the rest counted in `dropped`. GROUP_VALUE_MAX bytes of a value in a group key,
 * longer ones by their hash.
 */
#ifndef SIEM_DETECTOR_JUDGE_H
#define SIEM_DETECTOR_JUDGE_H

#include "services/detector/contribution_list.h"
#include "services/detector/enrich_reputation.h"
#include "services/detector/enrich_time.h"
#include "services/detector/sigma_rules.h"

struct judge;

/* What is added to an event before the rules see it; either may be NULL. */
struct enrichments {
    const struct enrich_time *time;
    const struct enrich_reputation *reputation;
};

struct judgement {
    size_t count;
    const struct packed_findings *findings;
    const uint32_t *rules; /* of each finding: the rule's index in the set */
    uint32_t dropped;      /* further rules that matched */
    size_t matched_count;
    const uint32_t *matched; /* every rule that matched, also those that say nothing */
};

/* The memory of one thread's judging by these rules, which are finished. */
struct judge *judge_new(const struct sigma_rules *rules);

/* Frees it and nulls the pointer; NULL is fine. */
void judge_destroy(struct judge **judge);

/* Judges one event. */
struct judgement judge_event(struct judge *judge, const struct enrichments *enrichments,
                             const struct event *event);

/* The fields of the event judged last, and where it comes from: for those who explain. */
struct fields *judge_fields(struct judge *judge);
struct logsource judge_logsource(const struct judge *judge);

/* Begins a batch: what its events contribute to correlations is collected from here on. */
void judge_begin_batch(struct judge *judge);

/* The next event's number in its batch, not below that of the one before. */
void judge_number_event(struct judge *judge, uint32_t number);

/* What the batch's events have contributed so far; borrowed until the next batch. Between begins no
 * more than BATCH_EVENTS_MAX numbers are used. */
const struct contributions *judge_contributions(const struct judge *judge);

/* Searches by regular expression that passed a limit and so did not match, since the judge was
 * made. */
uint64_t judge_searches_given_up(const struct judge *judge);

#endif
