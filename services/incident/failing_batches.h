/* failing_batches.h: batches on which the commit script fails, until they are set aside.
 *
 * A failure counts when another batch was committed since the last one: a Redis in which nothing
 * can be committed condemns no batch. Owner: a plain struct. Threads: one. Errors: none. Limits:
 * FAILING_MAX batches; beyond it the one longest without news is forgotten, and starts again at 0.
 */
#ifndef SIEM_INCIDENT_FAILING_BATCHES_H
#define SIEM_INCIDENT_FAILING_BATCHES_H

#include "proto/batch.h"

#define FAILING_MAX 256
/* Failures before the events that detectors found something in, or correlations take, are set
 * aside; as many deaths of detectors as an event may cause. With one more all of them are. */
#define FAILURES_TO_SET_ASIDE 3

struct failing_batch {
    uint64_t producer;
    uint32_t epoch;
    uint64_t seq;
    uint32_t failures;
    uint64_t committed; /* batches, when the last failure was counted */
    uint64_t order;     /* of its last news */
};

struct failing_batches {
    size_t count;
    uint64_t order;
    struct failing_batch items[FAILING_MAX];
};

/* Notes that a call failed which this batch was in with others: from now on it is known, and goes
 * alone. */
void failing_batches_suspect(struct failing_batches *list, const struct batch_head *head);

/* Notes that the script failed on it alone, when `committed` batches had been committed; how often
 * that counted by now. */
uint32_t failing_batches_note(struct failing_batches *list, const struct batch_head *head,
                              uint64_t committed);

/* What is known of it, borrowed until the next change; NULL: nothing. */
const struct failing_batch *failing_batches_find(const struct failing_batches *list,
                                                 const struct batch_head *head);

/* Forgets a batch that is committed. */
void failing_batches_forget(struct failing_batches *list, const struct batch_head *head);

#endif
