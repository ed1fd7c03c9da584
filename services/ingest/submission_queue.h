/* submission_queue.h: what HTTP workers hand to the spool writer: many threads push, the loop takes
 * all.
 *
 * Owner: init/fini; submissions in it are the queue's until taken. Threads: push from any, the rest
 * on the loop's. Errors: FULL, DISK_FULL: nothing was taken. Limits: `bytes_max` of events between
 * push and settle (a list alone is always taken, so that no allowed request is refused for ever).
 * Source: eventfd(2): one wake-up for whatever came since the last one.
 */
#ifndef SIEM_INGEST_SUBMISSION_QUEUE_H
#define SIEM_INGEST_SUBMISSION_QUEUE_H

#include "services/ingest/out_events.h"

#include <pthread.h>

struct submission_queue {
    pthread_mutex_t lock;
    struct submission *first;
    struct submission **last; /* where the next link goes */
    size_t events;            /* waiting to be taken */
    bool wants_sync;          /* one of them does */
    size_t wake_at;           /* so many of them wake, too; 0: no number does */
    size_t bytes;             /* pushed and not settled */
    size_t bytes_max;
    bool disk_full;
    int wake_fd; /* readable when something was pushed onto the empty queue */
};

/* Makes it empty. */
void submission_queue_init(struct submission_queue *queue, size_t bytes_max);

/* Closes it; it must be empty. */
void submission_queue_fini(struct submission_queue *queue);

/* Hands over a list, all or nothing. */
MUST_CHECK enum status submission_queue_push(struct submission_queue *queue,
                                             struct submission *list);

/* True when `least` events wait, or one that wants a sync, or none at all. Otherwise ends the
 * wake-up; the next comes when that is so. */
bool submission_queue_has(struct submission_queue *queue, size_t least);

/* Takes everything that waits; NULL when nothing does. Ends the wake-up. */
struct submission *submission_queue_take(struct submission_queue *queue);

/* Tells that submissions of so many bytes were answered or stored, and whether the disk is full. */
void submission_queue_settle(struct submission_queue *queue, size_t bytes, bool disk_full);

/* Makes the loop come again. */
void submission_queue_wake(struct submission_queue *queue);

/* Bytes of events that were pushed and are not settled. */
size_t submission_queue_bytes(struct submission_queue *queue);

/* True when nothing was pushed that is not settled. */
bool submission_queue_is_empty(struct submission_queue *queue);

#endif
