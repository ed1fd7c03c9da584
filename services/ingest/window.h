/* window.h: the batches that are on their way: sent, and not receipted.
 *
 * A PULL peer that is killed takes thousands of messages with it that were "sent", so what is on
 * the way is bounded here and not by high-water marks. Entries are few: they stand in one array, in
 * no order. Owner: a plain struct, no memory of its own. Threads: one. Errors: none. Limits:
 * WINDOW_BATCHES_MAX, WINDOW_EVENTS_MAX, WINDOW_BYTES_MAX; what does not fit waits on the disk.
 * Source: RFC 6298 (doubling the time until a re-send, one probe while nothing comes back).
 */
#ifndef SIEM_INGEST_WINDOW_H
#define SIEM_INGEST_WINDOW_H

#include "common/clock.h"
#include "services/ingest/epochs.h"

#define WINDOW_BATCHES_MAX 256
#define WINDOW_EVENTS_MAX 16384
#define WINDOW_BYTES_MAX 16777216

/* Time until a batch without receipt is sent again: doubles from first to longest, +- a quarter. */
#define RESEND_FIRST_MS 2000
#define RESEND_LONGEST_MS 30000
/* One that a later batch overtook is not waited for that long (a detector that hangs, but does not
 * go): so many times what batches take on average, at least this; doubles, too. */
#define OVERTAKEN_TIMES 8
#define OVERTAKEN_LEAST_MS 200
/* After evidence of loss: time for receipts that are on their way. */
#define RESEND_GRACE_MS 100

/* Why a batch is sent again; the label of siem_batches_resent_total. */
enum resend_cause { RESEND_TIMEOUT, RESEND_PEER_LOST, RESEND_CRASH, RESEND_FLOOR, RESEND_CAUSES };

struct flight {
    struct epoch *epoch;
    uint64_t seq;
    uint64_t events_before; /* accepted_before of the batch */
    uint32_t events;
    uint32_t bytes;
    uint32_t attempt; /* sends so far */
    enum resend_cause cause;
    int64_t timeout_ms;
    struct mono_time accepted_at; /* its first event */
    struct mono_time sent_at;
    struct mono_time due; /* when it is sent again */
};

struct window {
    size_t count;
    uint64_t events;
    uint64_t bytes;
    uint32_t random;              /* of the jitter */
    struct mono_time progress_at; /* last receipt of a batch */
    struct mono_time flow_since;  /* since when receipts have been coming without a long pause */
    struct mono_time newest_back; /* when the latest-sent batch of those that came back was sent */
    int64_t average_ns;           /* from sending to receipt, of batches sent once; smoothed */
    struct flight flights[WINDOW_BATCHES_MAX];
};

/* Makes it empty. */
void window_init(struct window *window, struct mono_time now);

/* True when the largest batch still fits. */
bool window_has_room(const struct window *window);

/* Adds a batch that was just sent for the first time. */
void window_add(struct window *window, const struct flight *flight, struct mono_time now);

/* The entry of a batch, or NULL; valid until the next change. */
struct flight *window_find(struct window *window, const struct epoch *epoch, uint64_t seq);

/* True when a batch of that epoch is in it. */
bool window_holds(const struct window *window, const struct epoch *epoch);

/* Removes the entry at `place`; the last one takes its place. Not progress. */
void window_remove(struct window *window, size_t place);

/* Removes the epoch's batches from `seq` on, because they will be sent again from the disk. */
void window_remove_from(struct window *window, const struct epoch *epoch, uint64_t seq);

/* Who sees a batch that a receipt covers, before its entry goes. */
struct window_listener {
    void (*on_receipted)(void *context, const struct flight *flight);
    void *context;
};

/* Removes what the epoch's receipt covers; that is progress. */
void window_apply(struct window *window, const struct epoch *epoch, const struct receipt *receipt,
                  struct mono_time now, struct window_listener listener);

/* The lowest batch of that epoch in it; UINT64_MAX when there is none. */
uint64_t window_lowest(const struct window *window, const struct epoch *epoch);

/* Something was lost: everything is due after the grace. */
void window_suspect_all(struct window *window, struct mono_time now);

/* One batch is due now. */
void window_suspect(struct flight *flight, enum resend_cause cause, struct mono_time now);

/* The next entry, from `*place` on, to send again now; NULL when there is none. While nothing at
 * all comes back, only the oldest is. Moves `*place` behind it. */
struct flight *window_due(struct window *window, size_t *place, struct mono_time now);

/* It was sent again: the next time takes twice as long. */
void window_resent(struct window *window, struct flight *flight, struct mono_time now);

#endif
