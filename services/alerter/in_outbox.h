/* in_outbox.h: alerts from the outbox stream, as one consumer of the group that all alerters share.
 *
 * An entry taken stays pending in Redis until outbox_finish; while it is held its idle time is kept
 * fresh, and an alerter that dies leaves its entries to whoever claims them. Attempts are counted
 * in Redis, so that they add up over alerters. Owner: new/destroy; alerts are given to the
 * callback. Threads: the loop's; outbox_is_up from any. Errors: UNAVAILABLE, TIMEOUT, REFUSED of
 * redis_client.h: nothing is lost, try again with the next tick; the change to and from that state
 * is logged once. Limits: DEAD_ALERTS_MAX dead alerts are kept. Source: Redis Streams (XREADGROUP,
 * XAUTOCLAIM, XCLAIM).
 */
#ifndef SIEM_ALERTER_IN_OUTBOX_H
#define SIEM_ALERTER_IN_OUTBOX_H

#include "services/alerter/alert.h"
#include "services/alerter/channel.h"

#define OUTBOX_GROUP "alerter"
#define DEAD_ALERTS_MAX 10000

struct outbox;

/* Called for each alert taken: takes its content. `done` are channels that have had it already. */
typedef void outbox_taken(void *context, struct alert *alert, uint32_t done);

/* Makes the consumer; connects later. NULL, with a log line, on a malformed URL. */
struct outbox *outbox_new(const char *redis_url, const char *consumer, int64_t claim_ms);

/* Closes the connection; what was taken and not finished stays pending. */
void outbox_destroy(struct outbox **outbox);

/* Whether the last word of Redis was no error; from any thread. */
bool outbox_is_up(const struct outbox *outbox);

/* Tells the incident processes which channels are configured, and withdraws those that are not. */
MUST_CHECK enum status outbox_register(struct outbox *outbox, uint32_t configured);

/* Takes up to `count` new alerts. */
MUST_CHECK enum status outbox_take(struct outbox *outbox, size_t count, outbox_taken *on_taken,
                                   void *context);

/* Takes over up to `count` alerts that others took and left alone for claim_ms. */
MUST_CHECK enum status outbox_claim(struct outbox *outbox, size_t count, outbox_taken *on_taken,
                                    void *context);

/* Keeps alerts ours; `ret_ours` says of each whether it still was. */
MUST_CHECK enum status outbox_hold(struct outbox *outbox, const struct alert *const *alerts,
                                   size_t count, bool *ret_ours);

/* Leaves alerts to whoever claims first. */
MUST_CHECK enum status outbox_release(struct outbox *outbox, const struct alert *const *alerts,
                                      size_t count);

/* Counts an attempt before it is made; gives their number over all alerters. NOT_FOUND: the alert
 * is another's now. */
MUST_CHECK enum status outbox_begin(struct outbox *outbox, const struct alert *alert,
                                    enum channel_id channel, int64_t *ret_attempts);

/* How an alert ended for a channel. */
struct ending {
    enum channel_id channel;
    bool last;          /* no other channel waits for it: the entry goes */
    const char *reason; /* NULL: delivered; else why it is dead, which is kept with it */
    int64_t attempts;
};

/* Records the end. */
MUST_CHECK enum status outbox_finish(struct outbox *outbox, const struct alert *alert,
                                     const struct ending *ending);

/* Removes consumers that have been idle for an hour and hold nothing. */
MUST_CHECK enum status outbox_tidy(struct outbox *outbox);

/* Entries in the stream, pending ones among them. */
MUST_CHECK enum status outbox_length(struct outbox *outbox, int64_t *ret_length);

#endif
