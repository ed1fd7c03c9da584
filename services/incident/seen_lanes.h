/* seen_lanes.h: the lanes this process had batches of, so that their producers hear the floor even
 * when Redis has forgotten it.
 *
 * Owner: the caller's struct, zeroed at first. Threads: one. Limits: SEEN_LANES_MAX; the longest
 * silent one makes room; one silent for SEEN_LANE_MS is forgotten.
 */
#ifndef SIEM_INCIDENT_SEEN_LANES_H
#define SIEM_INCIDENT_SEEN_LANES_H

#include "common/clock.h"
#include "services/incident/floors.h"

#define SEEN_LANES_MAX 1024
#define SEEN_LANE_MS (60 * 60 * 1000)

struct seen_lane {
    uint64_t producer;
    uint32_t epoch;
    bool is_told; /* for the round that goes on */
    struct mono_time at;
};

struct seen_lanes {
    size_t count;
    struct seen_lane lanes[SEEN_LANES_MAX];
};

/* Notes that the lane has spoken now. */
void seen_lanes_note(struct seen_lanes *seen, uint64_t producer, uint32_t epoch);

/* The lane, or NULL. */
struct seen_lane *seen_lanes_find(struct seen_lanes *seen, uint64_t producer, uint32_t epoch);

/* Forgets those silent for long, and begins a round: none is told. */
void seen_lanes_begin_round(struct seen_lanes *seen);

#endif
