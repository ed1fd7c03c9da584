/* seen_lanes.c: the lanes this process had batches of. */
#include "services/incident/seen_lanes.h"

struct seen_lane *seen_lanes_find(struct seen_lanes *seen, uint64_t producer, uint32_t epoch) {
    for (size_t i = 0; i < seen->count; i++) {
        if (seen->lanes[i].producer == producer && seen->lanes[i].epoch == epoch)
            return &seen->lanes[i];
    }
    return NULL;
}

/* A free place, or that of the longest silent lane. */
static struct seen_lane *make_room(struct seen_lanes *seen) {
    if (seen->count < SEEN_LANES_MAX)
        return &seen->lanes[seen->count++];
    struct seen_lane *oldest = &seen->lanes[0];
    for (size_t i = 1; i < seen->count; i++) {
        if (seen->lanes[i].at.ns < oldest->at.ns)
            oldest = &seen->lanes[i];
    }
    return oldest;
}

void seen_lanes_note(struct seen_lanes *seen, uint64_t producer, uint32_t epoch) {
    struct seen_lane *lane = seen_lanes_find(seen, producer, epoch);
    if (lane == NULL) {
        lane = make_room(seen);
        *lane = (struct seen_lane){.producer = producer, .epoch = epoch};
    }
    lane->at = clock_mono();
}

void seen_lanes_begin_round(struct seen_lanes *seen) {
    size_t kept = 0;
    for (size_t i = 0; i < seen->count; i++) {
        seen->lanes[i].is_told = false;
        if (clock_elapsed_ms(seen->lanes[i].at) < SEEN_LANE_MS)
            seen->lanes[kept++] = seen->lanes[i];
    }
    seen->count = kept;
}
