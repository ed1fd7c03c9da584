/* batch_maker.h: FINDINGS messages and commits made from a few words, for tests of the incident
 * process.
 *
 * Owner: the caller closes what it gets. Errors: fail the test. Threads: the test's. Limits: those
 * of batch.h.
 */
#ifndef SIEM_TESTS_BATCH_MAKER_H
#define SIEM_TESTS_BATCH_MAKER_H

#include "services/incident/commit.h"
#include "tests/support/correlation_oracle.h"

#define MADE_FINDINGS_MAX 5
#define MADE_CONTRIBUTIONS_MAX 4
#define MADE_PRODUCER UINT64_C(0x00c0ffee00c0ffee)

/* What an event adds to a group of a correlation. */
struct made_contribution {
    const struct oracle_group *group;
    uint32_t rule;
    double value;
};

/* An event and what detectors said of it. */
struct made_event {
    struct event event;
    uint32_t finding_count;
    struct finding findings[MADE_FINDINGS_MAX];
    uint32_t contribution_count;
    struct made_contribution contributions[MADE_CONTRIBUTIONS_MAX];
    bool is_quarantined;
    bool is_garbage; /* bytes that are no event */
};

/* A batch to be. */
struct made_batch {
    struct batch_head head; /* count is filled in */
    uint32_t count;
    struct made_event events[BATCH_EVENTS_MAX];
};

/* An event without findings. */
struct made_event made_benign(int64_t time_ms);

/* A threat of one rule, rule-LEVEL, which groups by `group_key`; address and user may be NULL. */
struct made_event made_threat(int64_t time_ms, enum severity level, const char *group_key);

/* A finding of a rule. */
struct finding made_finding(const char *rule_id, enum severity level, const char *details,
                            const char *group_key);

/* An empty batch of MADE_PRODUCER, epoch 1. */
void made_batch_init(struct made_batch *batch, uint64_t seq);

/* Adds an event. */
void made_batch_add(struct made_batch *batch, struct made_event event);

/* The message on FINDINGS, given. */
struct wire_message made_batch_message(const struct made_batch *batch);

#endif
