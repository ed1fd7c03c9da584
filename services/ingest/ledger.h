/* ledger.h: the books over all producers: what each accepted, what of it is committed or
 * quarantined, and what is still spooled.
 *
 * This process knows its own books; each ingest puts its own into gauges, and so into its
 * heartbeat, where the others read them, up to a second late. A producer without a living process
 * counts as accepted what its last committed batch says. Owner: init/fini. Threads: ledger_publish
 * on the loop's; ledger_read on a reader's. Errors: of redis_client.h. Limits: LEDGER_PRODUCERS_MAX
 * producers; more are counted in the totals of Redis only, and make the books unbalanced.
 */
#ifndef SIEM_INGEST_LEDGER_H
#define SIEM_INGEST_LEDGER_H

#include "common/json_writer.h"
#include "common/redis_client.h"
#include "services/ingest/out_events.h"

#define LEDGER_PRODUCERS_MAX 256

struct ledger_row {
    uint64_t producer;
    bool alive;     /* accepted and spooled are its own words */
    uint32_t epoch; /* 0: not known */
    int64_t accepted;
    int64_t committed;
    int64_t quarantined;
    int64_t forgotten; /* counted, though its disk lost them with the power: accepted, too */
    int64_t spooled;
    int64_t in_flight;
};

struct ledger {
    struct ledger_row rows[LEDGER_PRODUCERS_MAX];
    size_t count;
    int64_t committed; /* in total, as Redis says */
    int64_t quarantined;
};

/* Puts this process's books into its gauges. */
void ledger_publish(const struct ledger_books *books);

/* Reads Redis, and adds this process's own books. These are read before Redis, as the heartbeats
 * are before the ledger: what is receipted by then is committed, and what is committed and not
 * receipted yet is not called spooled; so the books balance at every moment. */
MUST_CHECK enum status ledger_read(struct redis_client *redis, const struct ledger_books *own,
                                   struct ledger *ret_ledger);

/* Writes them as JSON. */
void ledger_write(const struct ledger *ledger, struct json_writer *json);

#endif
