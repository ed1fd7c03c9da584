/* gap_tracker.h: which threats of which publisher were seen, so that each is shown once and none is
 * missed without a word.
 *
 * Each publisher numbers its messages without gaps. Taking a number above the next expected one
 * leaves a hole, which a later take of a number in it (from the Redis stream) fills. Owner: a plain
 * struct, cleared by init. Threads: one at a time. Errors: none; past a bound the oldest is
 * forgotten and counted in `lost`. Limits: GAP_PUBLISHERS_MAX publishers, GAP_HOLES_MAX holes.
 */
#ifndef SIEM_SIEMCTL_GAP_TRACKER_H
#define SIEM_SIEMCTL_GAP_TRACKER_H

#include "common/bytes.h"
#include "common/clock.h"

#define GAP_PUBLISHERS_MAX 64
#define GAP_HOLES_MAX 256
#define GAP_NAME_SIZE 64

struct gap_tracker {
    int publisher_count;
    struct gap_publisher {
        char name[GAP_NAME_SIZE];
        uint64_t next; /* lowest number never seen; 0: none seen yet */
        struct mono_time heard;
        bool silent; /* reported as vanished */
    } publishers[GAP_PUBLISHERS_MAX];
    int hole_count;
    struct gap_hole {
        char name[GAP_NAME_SIZE];
        uint64_t from, to; /* both missing */
    } holes[GAP_HOLES_MAX];
    uint64_t lost; /* numbers in holes that were given up */
};

/* Knows nobody. */
void gap_tracker_init(struct gap_tracker *tracker);

/* True when a message of this number would leave a hole, or the publisher is new: then read the
 * stream before taking it. */
bool gap_tracker_is_ahead(const struct gap_tracker *tracker, struct text publisher, uint64_t seq);

/* Takes a message: true when it was not seen before. The first number of a publisher leaves no
 * hole. */
bool gap_tracker_take(struct gap_tracker *tracker, struct text publisher, uint64_t seq);

/* Takes a heartbeat that says `last` was used: what is above the highest seen becomes a hole. */
void gap_tracker_expect(struct gap_tracker *tracker, struct text publisher, uint64_t last);

/* Notes that the publisher was heard just now. */
void gap_tracker_hear(struct gap_tracker *tracker, struct text publisher, struct mono_time now);

/* True, once each time, when a publisher has been silent for `silence_ms`: it may have gone with
 * its last words unheard. */
bool gap_tracker_has_vanished(struct gap_tracker *tracker, struct mono_time now,
                              int64_t silence_ms);

/* Numbers in holes now. */
uint64_t gap_tracker_missing(const struct gap_tracker *tracker);

/* Gives up the holes that are there: counts them as lost; how many they were. */
uint64_t gap_tracker_give_up(struct gap_tracker *tracker);

#endif
