/* batch_codec.c: the batch, and the delivery before it, as MessagePack and back.
 *
 * Layout of a batch: one array, in the order of batch.def:
 *
 *   98                 array of 8 (a newer peer may send more)
 *   uint version   uint producer   uint epoch   uint seq   uint flags   uint accepted_before
 *   uint kept_from (at most seq)
 *   array events       1..256 times: bin, one event each (event_codec.c)
 *
 * The events come last, so that a head and events that are encoded already make a batch without a
 * copy. Layout of a delivery:
 *
 *   93   uint version   uint attempt   array skip (ascending indices)
 */
#include "proto/batch.h"

/* Rows of batch.def: version before them, events after them. */
enum {
#define FIELD(name, type, unit, meaning) FIELD_##name,
#include "proto/batch.def"
#undef FIELD
    FIELD_COUNT
};

#define PACK_U64(packer, value) msgpack_pack_uint64(packer, value)
#define PACK_U32(packer, value) msgpack_pack_uint32(packer, value)

void batch_encode_head(const struct batch_head *head, struct buffer *out) {
    msgpack_packer packer;
    msgpack_packer_to_buffer(&packer, out);
    msgpack_pack_array(&packer, 1 + FIELD_COUNT + 1);
    msgpack_pack_uint32(&packer, PROTO_VERSION);
#define FIELD(name, type, unit, meaning) PACK_##type(&packer, head->name);
#include "proto/batch.def"
#undef FIELD
    msgpack_pack_array(&packer, head->count);
}

#define TAKE_U64(cursor, ret_value) msgpack_take_u64(cursor, ret_value)
#define TAKE_U32(cursor, ret_value) msgpack_take_u32(cursor, UINT32_MAX, ret_value)

/* Takes all up to the first event; `*ret_left` elements follow the events. */
static enum status take_head(struct msgpack_cursor *cursor, struct batch_head *ret_head,
                             uint32_t *ret_left) {
    struct batch_head head = {.count = 0};
    uint32_t left = 0;
    enum status status = frame_begin(cursor, &left);
    if (status == STATUS_OK && left < FIELD_COUNT + 1)
        status = STATUS_BAD_VALUE;
#define FIELD(name, type, unit, meaning)                                                           \
    if (status == STATUS_OK)                                                                       \
        status = TAKE_##type(cursor, &head.name);
#include "proto/batch.def"
#undef FIELD
    if (status == STATUS_OK && head.kept_from > head.seq)
        status = STATUS_BAD_VALUE;
    if (status == STATUS_OK)
        status = frame_take_list(cursor, BATCH_EVENTS_MAX, &head.count);
    if (status == STATUS_OK && head.count == 0)
        status = STATUS_BAD_VALUE;
    if (status == STATUS_OK) {
        *ret_head = head;
        *ret_left = left - (FIELD_COUNT + 1);
    }
    return status;
}

enum status batch_open(struct bytes frame, struct batch_view *ret_view) {
    if (frame.length > BATCH_SIZE_MAX)
        return STATUS_TOO_LARGE;
    struct msgpack_cursor cursor = msgpack_cursor_of(frame);
    struct batch_head head = {.count = 0};
    struct bytes events[BATCH_EVENTS_MAX];
    uint32_t left = 0;
    enum status status = take_head(&cursor, &head, &left);
    for (uint32_t i = 0; status == STATUS_OK && i < head.count; i++) {
        status = msgpack_take_bin(&cursor, &events[i]);
        if (status == STATUS_OK && events[i].length > EVENT_SIZE_MAX)
            status = STATUS_TOO_LARGE;
    }
    if (status == STATUS_OK)
        status = frame_end(&cursor, left);
    if (status == STATUS_OK) {
        ret_view->head = head;
        memcpy(ret_view->events, events, head.count * sizeof events[0]);
    }
    return status;
}

enum status batch_peek_head(struct bytes frame, struct batch_head *ret_head) {
    struct msgpack_cursor cursor = msgpack_cursor_of(frame);
    uint32_t left = 0;
    return take_head(&cursor, ret_head, &left);
}

void delivery_encode(const struct delivery *delivery, struct buffer *out) {
    msgpack_packer packer;
    msgpack_packer_to_buffer(&packer, out);
    msgpack_pack_array(&packer, 3);
    msgpack_pack_uint32(&packer, PROTO_VERSION);
    msgpack_pack_uint32(&packer, delivery->attempt);
    msgpack_pack_array(&packer, delivery->skip_count);
    for (uint32_t i = 0; i < delivery->skip_count; i++)
        msgpack_pack_uint16(&packer, delivery->skip[i]);
}

enum status delivery_decode(struct bytes frame, struct delivery *ret_delivery) {
    struct msgpack_cursor cursor = msgpack_cursor_of(frame);
    struct delivery delivery = {.attempt = 0};
    uint32_t left = 0;
    enum status status = frame_begin(&cursor, &left);
    if (status == STATUS_OK && left < 2)
        status = STATUS_BAD_VALUE;
    if (status == STATUS_OK)
        status = msgpack_take_u32(&cursor, UINT32_MAX, &delivery.attempt);
    if (status == STATUS_OK)
        status = frame_take_indices(&cursor, BATCH_EVENTS_MAX, delivery.skip, &delivery.skip_count);
    if (status == STATUS_OK)
        status = frame_end(&cursor, left - 2);
    if (status == STATUS_OK)
        *ret_delivery = delivery;
    return status;
}

/* Every answer to an event has one. */
const char *event_id_format(const struct batch_head *head, uint32_t index,
                            char out[EVENT_ID_SIZE]) {
    char *at = out;
    for (int shift = 60; shift >= 0; shift -= 4)
        *at++ = "0123456789abcdef"[head->producer >> shift & 15];
    *at++ = '-';
    at = text_put_decimal(at, head->epoch);
    *at++ = '-';
    at = text_put_decimal(at, head->seq);
    *at++ = '.';
    *text_put_decimal(at, index) = '\0';
    return out;
}
