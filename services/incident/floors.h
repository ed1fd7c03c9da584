/* floors.h: the floors of all lanes, as Redis has them. A lane is a producer in one of its epochs;
 * below its floor every batch is committed. An epoch that is over and all committed is closed: its
 * lane is gone, and FLOOR_CLOSED (keys.h) stands for its floor.
 *
 * Owner: plain values. Errors: those of redis_client.h; TOO_LARGE when there are more than
 * FLOORS_READ_MAX lanes: then ask for those that matter. Threads: one at a time per client.
 */
#ifndef SIEM_INCIDENT_FLOORS_H
#define SIEM_INCIDENT_FLOORS_H

#include "common/redis_client.h"

#define FLOORS_READ_MAX 4096

/* Room for "0123456789abcdef-4294967295" and its NUL. */
#define LANE_SIZE 32

struct lane_floor {
    uint64_t producer;
    uint32_t epoch;
    uint64_t floor;
};

/* Called for each lane; borrows. */
typedef void on_lane_floor(void *context, const struct lane_floor *floor);

/* Writes the lane's name, its field in the hash; returns `out`. */
const char *lane_format(uint64_t producer, uint32_t epoch, char out[LANE_SIZE]);

/* Reads such a name; false when it is none. */
bool lane_parse(struct text name, struct lane_floor *ret_lane);

/* Reports every lane but the closed ones. */
MUST_CHECK enum status floors_read_all(struct redis_client *redis, on_lane_floor *on_floor,
                                       void *context);

/* Fills in the floors of the lanes given, at most FLOORS_READ_MAX; 0 where Redis knows none,
 * FLOOR_CLOSED where the epoch is closed. */
MUST_CHECK enum status floors_read_some(struct redis_client *redis, struct lane_floor *lanes,
                                        size_t count);

#endif
