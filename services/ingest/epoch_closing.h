/* epoch_closing.h: has Redis forget the starts (epochs) of this spool that are over and all
 * committed, which would otherwise stay there for ever: a floor each, told to everybody each
 * second.
 *
 * What is told are facts that never change: how many batches an epoch that is over had, and how
 * many events were accepted before it, as the disk shows at the start. Redis compares them with its
 * own floors in the script that closes, so nothing depends on what was heard of Redis before, or on
 * how long a batch may still be under way: of a closed epoch there is none that is not committed.
 * Owner: new/destroy; borrows the writer. Threads: the tick runs on that of rounds.h. Errors: a
 * Redis that does not answer is asked again with a later tick. Limits: EPOCHS_ENDED_MAX epochs in
 * one offer, oldest first; the next follow once they are closed.
 */
#ifndef SIEM_INGEST_EPOCH_CLOSING_H
#define SIEM_INGEST_EPOCH_CLOSING_H

#include "common/redis_client.h"

#define EPOCHS_ENDED_MAX 64

/* What the spool does not know: how many events were accepted before an epoch. */
#define EVENTS_UNKNOWN UINT64_MAX

/* An epoch that is over, of which the spool still holds batches. */
struct ended_epoch {
    uint32_t epoch;
    uint64_t end_seq;      /* behind its last batch */
    uint64_t events_begin; /* accepted before its first one, or EVENTS_UNKNOWN */
};

/* Which epochs of a producer could be closed: all below `below`. */
struct epoch_offer {
    uint64_t producer;
    uint32_t below;
    uint64_t events_begin; /* accepted before epoch `below`, or EVENTS_UNKNOWN */
    uint64_t accepted;     /* until now */
    size_t count;
    struct ended_epoch ended[EPOCHS_ENDED_MAX]; /* ascending; of the others the spool has nothing */
};

struct out_events;
struct epoch_closing;

/* Makes it. */
struct epoch_closing *epoch_closing_new(struct out_events *writer);

/* Frees it; when no tick runs any more. */
void epoch_closing_destroy(struct epoch_closing **closing);

/* Has Redis close what the writer offers, when that is news or was not said for a while; a tick of
 * rounds.h. */
void epoch_closing_tick(void *closing, struct redis_client *redis);

/* Says an offer; gives the lowest epoch that is not closed. */
MUST_CHECK enum status epoch_closing_say(struct epoch_closing *closing, struct redis_client *redis,
                                         const struct epoch_offer *offer, uint32_t *ret_closed);

#endif
