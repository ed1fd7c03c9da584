/* crashes.h: events over which detectors died, until they are skipped (quarantined).
 *
 * A crash counts at most once per send of its batch, so that a receipt that says it twice cannot
 * condemn an event. Owner: a plain struct. Threads: one. Errors: none. Limits: CRASHES_MAX events;
 * beyond it the one longest without news is forgotten, and starts again at 0.
 */
#ifndef SIEM_INGEST_CRASHES_H
#define SIEM_INGEST_CRASHES_H

#include "services/ingest/window.h"

#define CRASHES_MAX 256
/* Detectors an event may kill before it is skipped. */
#define CRASHES_TO_SKIP 3

struct crash {
    uint64_t producer;
    uint32_t epoch;
    uint64_t seq;
    uint32_t index;
    uint32_t count;
    uint32_t attempt; /* of the batch when it was last counted */
    uint64_t order;   /* of its last news */
};

struct crashes {
    size_t count;
    uint64_t order;
    struct crash items[CRASHES_MAX];
};

/* Notes that a detector died over an event of a batch in flight; how often that is by now, or 0
 * when this send of the batch was counted before. */
uint32_t crashes_note(struct crashes *crashes, const struct flight *flight, uint32_t index);

/* The indices of a batch to skip, ascending. */
void crashes_skip(const struct crashes *crashes, const struct epoch *epoch, uint64_t seq,
                  struct delivery *delivery);

/* Forgets a batch that is receipted. */
void crashes_forget(struct crashes *crashes, const struct epoch *epoch, uint64_t seq);

#endif
