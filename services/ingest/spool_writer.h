/* spool_writer.h: what out_events.c and its parts share: the writer's whole state, and who does
 * what.
 *
 *   out_events.c      life, hooks into the loop, ticks, books
 *   writer_store.c    submissions → batches → spool, one sync → answers
 *   writer_later.c    syncs and small batches that are put off
 *   writer_send.c     batches → EVENTS, fresh from memory or read back from the disk
 *   writer_receipt.c  receipts → window, cursors, verdicts, crashes; floors that went back
 *   writer_resend.c   what is due, what was lost; what may be deleted
 *   writer_search.c   at start: what became of requests that were killed
 *   writer_start.c    at start: which epochs are on the disk, and from where to send
 *   writer_metrics.c  what it tells of itself
 *   writer_offer.c    which epochs are over and all committed
 *
 * Owner: out_events_new/destroy. Threads: the loop's, but for the queue and the books.
 */
#ifndef SIEM_INGEST_SPOOL_WRITER_H
#define SIEM_INGEST_SPOOL_WRITER_H

#include "common/counters.h"
#include "common/spool.h"
#include "common/wire.h"
#include "services/ingest/config.h"
#include "services/ingest/crashes.h"
#include "services/ingest/epoch_closing.h"
#include "services/ingest/epochs.h"
#include "services/ingest/in_receipts.h"
#include "services/ingest/out_events.h"
#include "services/ingest/submission_queue.h"
#include "services/ingest/waiters.h"
#include "services/ingest/window.h"

#include <czmq.h>
#include <pthread.h>

/* Batches stored with one sync; more wait for the next round, so that nobody waits for long. */
#define ROUND_BATCHES_MAX 64
/* Room for an encoded batch head. */
#define BATCH_HEAD_SIZE_MAX 64

/* A batch being stored: its submissions are a stretch of the list. */
struct stored_batch {
    struct batch_head head;
    struct submission *first;
    uint32_t submissions;
    size_t events_bytes;
    bool wants_sync;
    uint8_t encoded[BATCH_HEAD_SIZE_MAX];
    size_t encoded_length;
};

/* A batch as it goes out: one or more runs of bytes, and what the window must know. */
struct outgoing {
    struct epoch *epoch;
    struct batch_head head;
    const struct bytes *parts;
    size_t part_count;
    size_t length; /* of all parts */
    bool stand_in; /* of a damaged record: every event is skipped */
    struct mono_time accepted_at;
};

struct writer_metrics {
    struct counter *events_accepted, *events_refused;
    struct counter *batches_stored;
    struct counter *batches_sent;
    struct counter *batches_resent[RESEND_CAUSES];
    struct counter *batches_receipted;
    struct counter *batches_lost;
    struct histogram *batch_events;
    struct histogram *fsync_seconds;
    struct histogram *store_seconds;
    struct histogram *receipt_seconds;
    struct histogram *end_to_end_seconds;
    struct gauge *queue_bytes, *waiters, *spool_bytes, *spooled, *oldest_seconds;
    struct gauge *in_flight_batches, *in_flight_events;
};

struct out_events {
    zloop_t *loop;
    int64_t verdict_timeout_ms;
    struct spool *spool;
    struct wire *events;
    struct in_receipts *receipts;
    struct submission_queue queue;
    struct submission *pending; /* taken from the queue, not stored yet */
    struct submission **pending_last;
    struct epochs epochs;
    struct window window;
    struct waiters waiters;
    struct crashes crashes;
    bool blocked;   /* EVENTS is full or has nobody; POLLOUT is watched */
    bool fast_tick; /* its timer is running */
    bool unsynced;  /* appended since the last sync, first at unsynced_at */
    struct mono_time unsynced_at;
    int sync_timer;     /* 0: none */
    int gather_fd;      /* a timer: far more are started than czmq has numbers for */
    bool gathering;     /* it runs */
    size_t crowd;       /* waited for a verdict at once; see writer_later.c */
    unsigned rest;      /* batches that do not wait for it */
    unsigned next_rest; /* so many, when it does not come */
    int slow_timer;
    int fast_timer;
    unsigned slow_ticks;
    bool searching;          /* nothing is deleted */
    uint64_t detectors_lost; /* wire_peers_lost as last seen */
    uint64_t incidents_lost;
    bool heard; /* any receipt of ours, and when */
    struct mono_time heard_at;
    uint64_t oldest_number; /* whose time is oldest_ms */
    int64_t oldest_received_ms;
    struct msgpack_frame received_frame;
    struct batch_view received_view;
    pthread_mutex_t books_lock;
    struct ledger_books books;
    struct epoch_offer offer; /* under books_lock, too */
    struct writer_metrics metrics;
    struct buffer scratch;  /* heads and delivery frames */
    struct buffer stand_in; /* see writer_send.c */
    struct bytes parts[BATCH_EVENTS_MAX + 1];
    struct stored_batch round[ROUND_BATCHES_MAX];
};

/* Like out_events_new, on a bare loop. */
struct out_events *out_events_new_on(zloop_t *loop, const struct ingest_config *config);

/* Registers what it tells of itself. */
void writer_metrics_init(struct writer_metrics *metrics, const struct ingest_config *config);

/* Brings the gauges up to date; once a second. */
void writer_metrics_set(struct out_events *writer, const struct ledger_books *books);

/* Makes the offer that epoch_closing.h reads that of now. */
void writer_make_offer(struct out_events *writer);

/* Makes the figures that others read those of now. */
void writer_publish_books(struct out_events *writer);

/* Has the fast tick run while something is in flight or waited for. */
void writer_arm_tick(struct out_events *writer);

/* Takes what waits in the queue behind what was taken before. */
void writer_take(struct out_events *writer);

/* Takes what waits and stores it: one round; or puts it off. */
void writer_store(struct out_events *writer);

/* The same without putting it off. */
void writer_store_now(struct out_events *writer);

/* Makes durable what was appended. */
void writer_sync(struct out_events *writer);

/* Does that when it was put off long enough, or has it happen soon; after a round was sent. */
void writer_sync_later(struct out_events *writer);

/* True when what waits had better wait for more; writer_store_now comes soon in any case. */
bool writer_gathers(struct out_events *writer);

/* What waited is stored; `came` wait for a verdict now, who did not before. */
void writer_gathered(struct out_events *writer, size_t came);

/* Readies what may be put off; needs the loop. */
void writer_later_begin(struct out_events *writer);

/* Ends what was put off; without the loop nothing of it would come. */
void writer_later_end(struct out_events *writer);

/* Answers all that wait without being stored. */
void writer_refuse_pending(struct out_events *writer, enum status status);

/* Sends a batch, as attempt `attempt`; AGAIN when EVENTS is full or has nobody (then POLLOUT is
 * watched). */
MUST_CHECK enum status writer_transmit(struct out_events *writer, const struct outgoing *batch,
                                       uint32_t attempt);

/* Sends a batch for the first time and moves its epoch's cursor over it. False: EVENTS takes no
 * more. */
bool writer_send_first(struct out_events *writer, const struct outgoing *batch);

/* Sends what waits on the disk, while the window and EVENTS have room. */
void writer_pump(struct out_events *writer);

/* Reads a batch back; of a damaged one, gives its stand-in. `batch->parts` is valid until the next
 * spool_read. `events_before` is accepted_before of that batch. False: it is not on the disk any
 * more. */
bool writer_load(struct out_events *writer, struct epoch *epoch, uint64_t seq,
                 uint64_t events_before, struct outgoing *batch);

/* The head of the first readable batch of that epoch from `seq` on; false when there is none. */
bool writer_find_head(struct out_events *writer, const struct epoch *epoch, uint64_t seq,
                      struct batch_head *ret_head);

/* Events accepted before batch `seq`. */
uint64_t writer_events_before(struct out_events *writer, const struct epoch *epoch, uint64_t seq);

/* Takes a receipt. */
void writer_on_receipt(void *writer, const struct receipt *receipt);

/* Sends again what is due, after looking for evidence of loss. */
void writer_resend(struct out_events *writer);

/* Tells the spool what is committed, and forgets epochs that are gone. */
void writer_release(struct out_events *writer);

/* When the first event of a stored batch came; 0 when that cannot be read. */
struct wall_time writer_received_at(struct out_events *writer, struct bytes record);

/* Age of the oldest event without receipt, in ms. */
int64_t writer_oldest_ms(struct out_events *writer);

/* Finds the epochs on the disk; their cursors say what is to be sent. */
void writer_start(struct out_events *writer);

/* The disk failed: nothing more may be promised. Does not return. */
_Noreturn void writer_die(void);

#endif
