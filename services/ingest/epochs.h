/* epochs.h: which batches the spool holds, and how far each start's batches have been sent.
 *
 * A batch is (producer, epoch, seq); the spool knows only its own record numbers. Both are gapless,
 * so one entry per start that left batches on the disk maps them: number = first_number + (seq -
 * first_seq). `cursor` splits an epoch's batches: those below it are receipted or in the in-flight
 * window, those from it on are to be sent, in order, from the disk. So what is known of a backlog
 * of any length are two numbers.
 *
 * When is a floor that went back believed? A receipt with floor F says: batch F is not committed
 * (unless one of its ranges covers it). If F is one we hold as receipted, the receipt contradicts
 * us. It may be a late one, of an incident process that was stopped for a while; or Redis lost
 * data. A living publisher reads the floor again every second, so: contradictions with no agreeing
 * receipt between them, for EPOCH_DOUBT_MS, are believed. Believing wrongly costs duplicates, which
 * are not counted; not believing would cost events. When F is no longer on the disk, the
 * lowest one that is stands for it: all are sent again once, and then receipts with that floor are
 * not listened to any more, since it will stay where it is.
 *
 * Owner: init/fini; an epoch's address stays while it is in the list. Threads: one. Errors: none.
 * Limits: an entry (about 160 bytes) per start with batches on the disk, and RECEIPT_RANGES_MAX
 * ranges for each that is being sent again.
 */
#ifndef SIEM_INGEST_EPOCHS_H
#define SIEM_INGEST_EPOCHS_H

#include "common/clock.h"
#include "proto/receipt.h"

/* Receipts come every second from each incident process. */
#define EPOCH_DOUBT_MS 1500
/* What was rewound gets this long before it can be rewound again. */
#define EPOCH_REWIND_PAUSE_MS 5000

struct epoch {
    uint64_t producer;
    uint32_t epoch;
    uint64_t first_seq;    /* of its first batch that is on the disk */
    uint64_t first_number; /* the spool's number of that one */
    uint64_t end_seq;      /* behind its last batch */
    uint64_t cursor;       /* next to be sent */
    uint64_t sent_end;     /* the cursor's highest place in this process */
    uint64_t
        events_begin; /* events accepted, over all epochs, before its first batch on the disk */
    uint64_t events_cursor; /* events accepted, over all epochs, before batch `cursor` */
    uint64_t events_end;    /* the same before batch `end_seq` */
    uint64_t floor;         /* as the last receipt said */
    bool doubted;
    struct mono_time doubted_since;
    bool rewound;
    struct mono_time rewound_at;
    bool taken;   /* its number was that of an earlier start; said once */
    bool gave_up; /* Redis waits for batch `gave_up_floor`, which is gone from the disk */
    uint64_t gave_up_floor;
    struct receipt_range *committed; /* batches above the cursor to pass over */
    uint32_t committed_count;
};

struct epochs {
    struct epoch **items; /* ascending by number; the last one grows */
    size_t count, capacity;
};

/* What a receipt means for its epoch. */
enum epoch_news {
    EPOCH_AGREES,   /* nothing special */
    EPOCH_DOUBTED,  /* it contradicts us, for now */
    EPOCH_WENT_BACK /* believed: send again from its floor */
};

/* Makes an empty list. */
void epochs_init(struct epochs *epochs);

/* Frees the epochs too; the list is empty then. */
void epochs_fini(struct epochs *epochs);

/* Adds an epoch behind the last; gives its entry, whose cursor and ends are at `seq`. */
struct epoch *epochs_add(struct epochs *epochs, const struct batch_head *head, uint64_t number);

/* The entry of (producer, epoch), or NULL. */
struct epoch *epochs_find(const struct epochs *epochs, uint64_t producer, uint32_t epoch);

/* The epoch that is written to. */
struct epoch *epochs_newest(const struct epochs *epochs);

/* The first epoch with batches to send, or NULL. */
struct epoch *epochs_unsent(const struct epochs *epochs);

/* Events in batches to be sent. */
uint64_t epochs_unsent_events(const struct epochs *epochs);

/* Drops those whose batches are all below `number`, except the newest; `is_busy` says which stay.
 */
void epochs_forget_below(struct epochs *epochs, uint64_t number,
                         bool (*is_busy)(const void *context, const struct epoch *epoch),
                         const void *context);

/* The spool's number of a batch. */
uint64_t epoch_number(const struct epoch *epoch, uint64_t seq);

/* The lowest of its batches with a number of at least `number`. */
uint64_t epoch_seq_from(const struct epoch *epoch, uint64_t number);

/* True when the receipt says that batch `seq` is committed. */
bool receipt_covers(const struct receipt *receipt, uint64_t seq);

/* Remembers which batches above the cursor need not be sent. */
void epoch_remember(struct epoch *epoch, const struct receipt *receipt);

/* Behind the committed batches that stand at the cursor; the cursor itself when none do. */
uint64_t epoch_pass_over(struct epoch *epoch);

/* Compares a receipt with what we hold; `held` says that batch receipt->floor (or the lowest on
 * disk) counts as receipted here. */
enum epoch_news epoch_judge(struct epoch *epoch, const struct receipt *receipt, bool held,
                            struct mono_time now);

/* Has the last batch sent again, only for its receipt; `events` were accepted before it. */
void epoch_probe(struct epoch *epoch, uint64_t events);

/* Moves the cursor back to `seq`, before which `events` events were accepted. */
void epoch_rewind(struct epoch *epoch, uint64_t seq, uint64_t events, struct mono_time now);

#endif
