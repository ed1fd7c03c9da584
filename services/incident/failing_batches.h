/* failing_batches.h: batches on which the commit script fails, until they are set aside.
 *
 * A batch that fails for ever holds its producer's window and spool. But what fails may be the
 * store: a key of a wrong type stops every batch that needs it, and those are to wait until it is
 * mended. So a batch is taken for the culprit only when it failed FAILURES_TO_SET_ASIDE times over
 * a while, others were committed meanwhile, and no more than FAILING_FEW fail; and no more than
 * SET_ASIDE_MAX are set aside in SET_ASIDE_PERIOD_MS. First go the events in which something was
 * found; if it fails once more, all of them.
 *
 * Owner: a plain struct. Threads: one. Errors: none. Limits: FAILING_MAX batches, no others are
 * known beyond them; one that did not fail for FAILING_FORGOTTEN_MS (a producer sends it again
 * after 30 s at most) is forgotten.
 */
#ifndef SIEM_INCIDENT_FAILING_BATCHES_H
#define SIEM_INCIDENT_FAILING_BATCHES_H

#include "common/clock.h"
#include "proto/batch.h"

#define FAILING_MAX 256
#define FAILING_FEW 4
#define FAILING_FORGOTTEN_MS 300000
/* As many as the deaths of detectors that an event may cause. */
#define FAILURES_TO_SET_ASIDE 3
#define SET_ASIDE_MAX 8
#define SET_ASIDE_PERIOD_MS 3600000

/* What is taken out of a batch before it is sent again. */
enum set_aside {
    SET_ASIDE_NOTHING,
    SET_ASIDE_FINDINGS, /* events in which detectors found something, or that correlations take */
    SET_ASIDE_ALL
};

struct failing_batch {
    uint64_t producer;
    uint32_t epoch;
    uint64_t seq;
    uint32_t failures;
    uint64_t committed; /* batches, when it failed first */
    struct mono_time first_at, last_at;
    enum set_aside level; /* of what is sent of it from now on */
};

struct failing_batches {
    int64_t after_ms; /* a batch must have failed for so long */
    size_t count;
    struct failing_batch items[FAILING_MAX];
    struct mono_time set_aside_at[SET_ASIDE_MAX]; /* the last ones, in turn */
    uint64_t set_aside;                           /* batches, ever */
};

/* Notes that a call failed which this batch was in with others: from now on it is known, and goes
 * alone. */
void failing_batches_suspect(struct failing_batches *list, const struct batch_head *head,
                             struct mono_time now);

/* Notes that the script failed on it alone, when `committed` batches had been committed, and sees
 * whether it is the batch that is at fault. */
void failing_batches_note(struct failing_batches *list, const struct batch_head *head,
                          uint64_t committed, struct mono_time now);

/* What is known of it, borrowed until the next change; NULL: nothing. */
const struct failing_batch *failing_batches_find(struct failing_batches *list,
                                                 const struct batch_head *head,
                                                 struct mono_time now);

/* Forgets a batch that is committed. */
void failing_batches_forget(struct failing_batches *list, const struct batch_head *head);

#endif
