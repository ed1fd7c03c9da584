/* event_codec.c: the normalised event as MessagePack and back.
 *
 * Layout: a bin whose content is one array, in the order of event.def:
 *
 *   c6 LLLLLLLL                  bin 32, L bytes follow: an event can be passed over unread
 *   9b                           array of 11 (a newer peer may send more, an older one less)
 *   uint time_ms   uint received_ms   uint event_type   uint count
 *   str|nil source_ip   str|nil destination_ip   str|nil username
 *   str|nil description   str|nil raw_log   map|nil metadata   str|nil request_tag
 *
 * Encoding is ingest's work for every event, decoding the detectors': one pass each, one bounds
 * check of the output, no memory but the buffer's.
 */
#include "proto/event.h"

#include "common/msgpack_cursor.h"
#include "proto/frame.h"

#include <assert.h>

/* Elements of the array, and the lead of its bin. */
enum {
#define FIELD(name, type, need, unit, meaning) FIELD_##name,
#include "proto/event.def"
#undef FIELD
    FIELD_COUNT
};
#define BIN_LEAD 0xc6
#define BIN_HEAD_SIZE 5

/* The most bytes a field takes, by type. */
#define BOUND_TIME(value) 9
#define BOUND_COUNT(value) 9
#define BOUND_TYPE(value) 9
#define BOUND_TEXT(value) (5 + (value).length)
#define BOUND_MAP(value) (1 + (value).length)

static size_t encoded_bound(const struct event *event) {
    size_t bound = BIN_HEAD_SIZE + 5;
#define FIELD(name, type, need, unit, meaning) bound += BOUND_##type(event->name);
#include "proto/event.def"
#undef FIELD
    return bound;
}

/* msgpack-c's writer into room that is known to suffice; `place` is a uint8_t **. */
static inline int write_to_place(void *place, const char *data, size_t length) {
    uint8_t **at = place;
    memcpy(*at, data, length);
    *at += length;
    return 0;
}

/* A map is MessagePack already: it is copied as it is. */
static void pack_map(msgpack_packer *packer, struct bytes map) {
    if (map.data == NULL)
        msgpack_pack_nil(packer);
    else
        write_to_place(packer->data, (const char *)map.data, map.length);
}

#define PACK_TIME(packer, value) msgpack_pack_uint64(packer, (uint64_t)(value))
#define PACK_COUNT(packer, value) msgpack_pack_uint64(packer, value)
#define PACK_TYPE(packer, value) msgpack_pack_uint8(packer, (uint8_t)(value))
#define PACK_TEXT(packer, value) msgpack_pack_text(packer, value)
#define PACK_MAP(packer, value) pack_map(packer, value)

/* Writes the array at `start`; returns its length. */
static size_t pack_fields(const struct event *event, uint8_t *start) {
    uint8_t *at = start;
    msgpack_packer packer;
    msgpack_packer_init(&packer, &at, write_to_place);
    msgpack_pack_array(&packer, FIELD_COUNT);
#define FIELD(name, type, need, unit, meaning) PACK_##type(&packer, event->name);
#include "proto/event.def"
#undef FIELD
    return (size_t)(at - start);
}

void event_encode(const struct event *event, struct buffer *out) {
    assert(event->time_ms >= 0 && event->received_ms >= 0);
    uint8_t *start = buffer_reserve(out, encoded_bound(event));
    if (start == NULL)
        return;
    size_t length = pack_fields(event, start + BIN_HEAD_SIZE);
    if (length > EVENT_SIZE_MAX) {
        out->overflow = true;
        return;
    }
    start[0] = BIN_LEAD;
    for (int i = 0; i < 4; i++)
        start[1 + i] = (uint8_t)(length >> (24 - 8 * i));
    out->length += BIN_HEAD_SIZE + length;
}

size_t event_encoded_size(struct bytes events) {
    assert(events.length >= BIN_HEAD_SIZE && events.data[0] == BIN_LEAD);
    size_t length = 0;
    for (int i = 0; i < 4; i++)
        length = length << 8 | events.data[1 + i];
    assert(length <= events.length - BIN_HEAD_SIZE);
    return BIN_HEAD_SIZE + length;
}

static enum status take_time(struct msgpack_cursor *cursor, int64_t *ret_time_ms) {
    uint64_t value = 0;
    enum status status = msgpack_take_u64(cursor, &value);
    if (status == STATUS_OK && value > EVENT_TIME_MAX)
        status = STATUS_BAD_VALUE;
    if (status == STATUS_OK)
        *ret_time_ms = (int64_t)value;
    return status;
}

static enum status take_count(struct msgpack_cursor *cursor, uint64_t *ret_count) {
    uint64_t value = 0;
    enum status status = msgpack_take_u64(cursor, &value);
    if (status == STATUS_OK && value == 0)
        status = STATUS_BAD_VALUE;
    if (status == STATUS_OK)
        *ret_count = value;
    return status;
}

static enum status take_type(struct msgpack_cursor *cursor, enum event_type *ret_type) {
    uint32_t value = 0;
    enum status status = msgpack_take_u32(cursor, EVENT_TYPE_COUNT_ - 1, &value);
    if (status == STATUS_OK)
        *ret_type = (enum event_type)value;
    return status;
}

#define TAKE_TIME(cursor, ret_value) take_time(cursor, ret_value)
#define TAKE_COUNT(cursor, ret_value) take_count(cursor, ret_value)
#define TAKE_TYPE(cursor, ret_value) take_type(cursor, ret_value)
#define TAKE_TEXT(cursor, ret_value) msgpack_take_text(cursor, ret_value)
#define TAKE_MAP(cursor, ret_value) msgpack_take_map(cursor, EVENT_METADATA_DEPTH_MAX, ret_value)

#define ABSENT_REQUIRED STATUS_BAD_VALUE
#define ABSENT_OPTIONAL STATUS_OK

/* Takes the fields there are; what an older peer did not send stays null. */
static enum status take_fields(struct msgpack_cursor *cursor, uint32_t *left,
                               struct event *ret_event) {
    enum status status = STATUS_OK;
#define FIELD(name, type, need, unit, meaning)                                                     \
    if (status == STATUS_OK && *left == 0)                                                         \
        status = ABSENT_##need;                                                                    \
    else if (status == STATUS_OK) {                                                                \
        --*left;                                                                                   \
        status = TAKE_##type(cursor, &ret_event->name);                                            \
    }
#include "proto/event.def"
#undef FIELD
    return status;
}

enum status event_decode(struct bytes bytes, struct msgpack_frame *frame, struct event *ret_event) {
    if (bytes.length > EVENT_SIZE_MAX)
        return STATUS_TOO_LARGE;
    struct event event = {.event_type = EVENT_TYPE_UNKNOWN};
    struct msgpack_cursor cursor = msgpack_cursor_of(bytes);
    uint32_t left = 0;
    enum status status = msgpack_take_array(&cursor, &left);
    if (status == STATUS_OK)
        status = take_fields(&cursor, &left, &event);
    if (status == STATUS_OK)
        status = frame_end(&cursor, left);
    if (status != STATUS_OK)
        return status;
    msgpack_frame_clear(frame);
    *ret_event = event;
    return STATUS_OK;
}

void event_metadata_unpack(const struct event *event, struct msgpack_frame *frame) {
    if (event->metadata.data == NULL)
        msgpack_frame_clear(frame);
    else
        msgpack_frame_unpack_checked(frame, event->metadata);
}

enum status event_peek_time(struct bytes bytes, int64_t *ret_time_ms) {
    struct msgpack_cursor cursor = msgpack_cursor_of(bytes);
    uint32_t left = 0;
    enum status status = frame_take_tuple(&cursor, 1, &left);
    if (status == STATUS_OK)
        status = take_time(&cursor, ret_time_ms);
    return status;
}
