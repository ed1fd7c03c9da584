/* floors.c: the floors of all lanes, as Redis has them. */
#include "services/incident/floors.h"

#include "common/scoped.h"
#include "proto/keys.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

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

static enum status check_count(struct redis_client *redis) {
    SCOPED(redis_reply)
    struct redis_reply *reply = NULL;
    struct key_name key = key_name(KEY_FLOORS);
    enum status status = redis_command(redis, &reply, TEXT("HLEN"), key_text(&key));
    if (status == STATUS_OK && redis_reply_integer(reply) > FLOORS_READ_MAX)
        return STATUS_TOO_LARGE;
    return status;
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

enum status floors_read_some(struct redis_client *redis, struct lane_floor *lanes, size_t count) {
    assert(count <= FLOORS_READ_MAX);
    if (count == 0)
        return STATUS_OK;
    char(*names)[LANE_SIZE] = calloc(count, sizeof(*names));
    struct text *arguments = calloc(count + 2, sizeof(*arguments));
    if (names == NULL || arguments == NULL)
        abort();
    struct key_name key = key_name(KEY_FLOORS);
    arguments[0] = TEXT("HMGET");
    arguments[1] = key_text(&key);
    for (size_t i = 0; i < count; i++)
        arguments[i + 2] = text_of(lane_format(lanes[i].producer, lanes[i].epoch, names[i]));
    SCOPED(redis_reply)
    struct redis_reply *reply = NULL;
    enum status status = redis_client_command(redis, count + 2, arguments, &reply);
    if (status == STATUS_OK && redis_reply_count(reply) != count)
        status = STATUS_BAD_TYPE;
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        lanes[i].floor = (uint64_t)redis_reply_integer(redis_reply_at(reply, i));
    free(names);
    free(arguments);
    return status;
}
