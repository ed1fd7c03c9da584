/* floors.c: the floors of all lanes, as Redis has them. */
#include "services/incident/floors.h"

#include "common/counters.h"
#include "common/scoped.h"
#include "proto/keys.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Of a lane's name; a producer's own field is these alone. */
#define PRODUCER_DIGITS 16

const char *lane_format(uint64_t producer, uint32_t epoch, char out[LANE_SIZE]) {
    snprintf(out, LANE_SIZE, "%016" PRIx64 "-%" PRIu32, producer, epoch);
    return out;
}

bool lane_parse(struct text name, struct lane_floor *ret_lane) {
    char copy[LANE_SIZE];
    if (name.data == NULL || name.length >= sizeof(copy))
        return false;
    memcpy(copy, name.data, name.length);
    copy[name.length] = '\0';
    struct lane_floor lane = {0};
    char again[LANE_SIZE];
    if (sscanf(copy, "%16" SCNx64 "-%" SCNu32, &lane.producer, &lane.epoch) != 2 ||
        strcmp(copy, lane_format(lane.producer, lane.epoch, again)) != 0)
        return false;
    *ret_lane = lane;
    return true;
}

/* Fields of the hash: lanes, and producers with closed epochs. */
static enum status check_count(struct redis_client *redis) {
    SCOPED(redis_reply)
    struct redis_reply *reply = NULL;
    struct key_name key = key_name(KEY_FLOORS);
    enum status status = redis_command(redis, &reply, TEXT("HLEN"), key_text(&key));
    if (status != STATUS_OK)
        return status;
    gauge_set(
        gauge_new("siem_lanes", NULL, "Epochs of producers, and producers, Redis has floors of"),
        redis_reply_integer(reply));
    return redis_reply_integer(reply) > FLOORS_READ_MAX ? STATUS_TOO_LARGE : STATUS_OK;
}

enum status floors_read_all(struct redis_client *redis, on_lane_floor *on_floor, void *context) {
    enum status status = check_count(redis);
    if (status != STATUS_OK)
        return status;
    SCOPED(redis_reply)
    struct redis_reply *reply = NULL;
    struct key_name key = key_name(KEY_FLOORS);
    status = redis_command(redis, &reply, TEXT("HGETALL"), key_text(&key));
    size_t count = redis_reply_count(reply);
    for (size_t i = 0; status == STATUS_OK && i + 1 < count; i += 2) {
        struct lane_floor lane = {0};
        if (!lane_parse(redis_reply_text(redis_reply_at(reply, i)), &lane))
            continue;
        lane.floor = (uint64_t)redis_reply_integer(redis_reply_at(reply, i + 1));
        on_floor(context, &lane);
    }
    return status;
}

/* Asks for the field of each lane, then for that of each one's producer. */
static enum status ask_lanes(struct redis_client *redis, const struct lane_floor *lanes,
                             size_t count, struct redis_reply **ret_reply) {
    char(*names)[LANE_SIZE] = calloc(count, sizeof(*names));
    struct text *arguments = calloc(2 * count + 2, sizeof(*arguments));
    if (names == NULL || arguments == NULL)
        abort();
    struct key_name key = key_name(KEY_FLOORS);
    arguments[0] = TEXT("HMGET");
    arguments[1] = key_text(&key);
    for (size_t i = 0; i < count; i++) {
        const char *name = lane_format(lanes[i].producer, lanes[i].epoch, names[i]);
        arguments[i + 2] = text_of(name);
        arguments[count + i + 2] = (struct text){name, PRODUCER_DIGITS};
    }
    enum status status = redis_client_command(redis, 2 * count + 2, arguments, ret_reply);
    free(names);
    free(arguments);
    return status;
}

enum status floors_read_some(struct redis_client *redis, struct lane_floor *lanes, size_t count) {
    assert(count <= FLOORS_READ_MAX);
    if (count == 0)
        return STATUS_OK;
    SCOPED(redis_reply)
    struct redis_reply *reply = NULL;
    enum status status = ask_lanes(redis, lanes, count, &reply);
    if (status == STATUS_OK && redis_reply_count(reply) != 2 * count)
        status = STATUS_BAD_TYPE;
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        int64_t closed = redis_reply_integer(redis_reply_at(reply, count + i));
        int64_t floor = redis_reply_integer(redis_reply_at(reply, i));
        lanes[i].floor = closed > lanes[i].epoch ? FLOOR_CLOSED : (uint64_t)floor;
    }
    return status;
}
