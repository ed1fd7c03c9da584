/* out_events.h: the spool writer: turns submitted events into batches, makes them durable, sends
 * them on EVENTS and keeps at it until their receipt is there.
 *
 * HTTP workers submit; the loop's thread takes whatever waits, appends it, syncs once, sends, and
 * answers those who only want durability. Receipts complete those who want a verdict; their events
 * are durable in Redis by then, so where nobody else waits the sync here is put off for
 * SYNC_LATER_MS. All of this is the loop's own thread: nothing has to be woken to send, and the
 * window needs no lock.
 * Owner: out_events_submit takes submissions; each comes back through its on_done, once, on the
 * loop's thread. Threads: submit and books from any; the rest on the loop's.
 * Errors: FULL (the queue's bound), DISK_FULL: not taken, tell the sender 503. A failed sync ends
 * the process.
 * Limits: SIEM_QUEUE_BYTES waiting for the writer; the in-flight window in batches, events and
 * bytes (window.h); beyond the window batches wait on disk only.
 * Source: the design's batch, spool and redelivery sections.
 */
#ifndef SIEM_INGEST_OUT_EVENTS_H
#define SIEM_INGEST_OUT_EVENTS_H

#include "common/clock.h"
#include "common/service.h"
#include "proto/batch.h"
#include "proto/receipt.h"

struct epoch_offer;
struct out_events;
struct ingest_config;

/* What became of a submission. */
struct outcome {
    enum status status;     /* OK; TIMEOUT: stored, but no verdict in time; else not stored */
    struct batch_head head; /* the batch it is in, when stored */
    uint32_t first_index;   /* of its first event in that batch */
    const struct batch_verdicts *verdicts; /* of the batch; NULL when not asked for; borrowed */
};

/* Up to BATCH_EVENTS_MAX events, BATCH_EVENTS_BYTES_MAX bytes: never split over batches. */
#define BATCH_EVENTS_BYTES_MAX (BATCH_SIZE_MAX - 64)

/* One or more events of one client, which become part of one batch. */
struct submission {
    struct submission *next; /* the writer's link */
    struct buffer events;    /* event_encode'd, one behind the other */
    uint32_t count;
    bool wants_verdict;
    bool wants_sync; /* its sender is answered, or somebody counts on the spool, before Redis has it
                      */
    void *context;   /* the submitter's */
    struct mono_time submitted_at;
    void (*on_done)(struct submission *submission, const struct outcome *outcome);
};

/* Opens the spool, binds EVENTS, subscribes to RECEIPTS and hooks into the service's loop. NULL
 * after a log line with the remedy. */
struct out_events *out_events_new(struct service *service, const struct ingest_config *config);

/* Answers whoever still waits (TIMEOUT when stored, UNAVAILABLE when not), and closes everything.
 */
void out_events_destroy(struct out_events **writer);

/* Hands over a list linked by `next`: all of it or nothing. A list is taken when the queue is
 * empty, however long it is. */
MUST_CHECK enum status out_events_submit(struct out_events *writer, struct submission *list);

/* The books of this producer (promise P3), read together. */
struct ledger_books {
    uint64_t producer;
    uint32_t epoch;
    uint64_t accepted; /* events, over all epochs */
    uint64_t spooled;  /* of those, not receipted yet (in flight included) */
    uint64_t in_flight_events;
    uint64_t in_flight_batches;
    int64_t spool_bytes;
    int64_t oldest_ms; /* age of the oldest event not receipted; 0 when none */
    int detectors;     /* connected to EVENTS */
    uint64_t next_seq; /* what is submitted after this was read stands there or behind it */
    bool receipts;     /* an incident process is connected and spoke in the last 5 s */
};

/* Copies the books as they are now. */
void out_events_books(struct out_events *writer, struct ledger_books *ret_books);

/* A request whose process was killed, and what of it stands in the spool. */
struct request_search {
    char tag[33];      /* of its events, before the point (event.def: request_tag) */
    char owner[52];    /* the caller's */
    uint32_t epoch;    /* of that process */
    uint64_t from_seq; /* where its events may begin */
    uint64_t stored;   /* found: events, from the first on */
    char first_id[EVENT_ID_SIZE];
    char last_id[EVENT_ID_SIZE];
};

/* Several of them; begin with zeros but for these three. */
struct spool_search {
    uint64_t producer;
    struct request_search *items;
    size_t count;
    size_t at; /* the search's own, from here on */
    uint64_t seq;
    bool sorted, begun;
};

/* Keeps everything in the spool until a search has ended. */
void out_events_expect_search(struct out_events *writer);

/* Looks through up to `batches` batches; true when the search has ended. Loop's thread. */
bool out_events_search(struct out_events *writer, struct spool_search *search, size_t batches);

/* Copies which epochs could be closed (epoch_closing.h). */
void out_events_offer(struct out_events *writer, struct epoch_offer *ret_offer);

/* True when nothing waits to be stored or for its verdict: then the process may stop; what is in
 * flight is safe on the disk. */
bool out_events_is_drained(struct out_events *writer);

#endif
