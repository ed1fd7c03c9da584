/* waiters.h: submissions whose client waits for the verdict, until it comes or their time is over.
 *
 * Owner: init/fini; holds submissions between add and their on_done. Threads: one (the loop's).
 * Errors: none. Limits: as many as clients wait (HTTP connections); 80 bytes each.
 */
#ifndef SIEM_INGEST_WAITERS_H
#define SIEM_INGEST_WAITERS_H

#include "services/ingest/out_events.h"

struct waiter {
    struct submission *submission; /* NULL once answered */
    struct batch_head head;
    uint32_t first_index;
    struct mono_time deadline;
};

struct waiters {
    struct waiter *items; /* ascending by seq: they are added as batches are made */
    size_t start, end, capacity;
    size_t count; /* not answered */
};

/* Makes it empty. */
void waiters_init(struct waiters *waiters);

/* Frees it; nobody may wait. */
void waiters_fini(struct waiters *waiters);

/* Adds a submission that was stored in the batch of `head`, at `first_index`. */
void waiters_add(struct waiters *waiters, struct submission *submission,
                 const struct batch_head *head, uint32_t first_index, int64_t timeout_ms);

/* Answers all that wait for that batch. */
void waiters_complete(struct waiters *waiters, const struct batch_verdicts *verdicts);

/* True when the time of one of them is over. */
bool waiters_are_due(const struct waiters *waiters, struct mono_time now);

/* Answers TIMEOUT to those whose time is over; with INT64_MAX to all. */
void waiters_expire(struct waiters *waiters, struct mono_time now);

#endif
