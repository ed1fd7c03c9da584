/* receipt_codec.c: the receipt as MessagePack and back.
 *
 * Layout (the message's first frame is the topic): one array, in the order of receipt.def:
 *
 *   97                 array of 7 (a newer peer may send more; lists may be missing at the end)
 *   uint version   uint producer   uint epoch   uint floor
 *   array ranges:    92  uint from   uint to (included)
 *   array verdicts   (verdict_codec.c)
 *   array crashes:   92  uint seq   uint index
 */
#include "proto/receipt.h"

#include "proto/verdict_codec.h"

#include <inttypes.h>
#include <stdio.h>

/* Rows of receipt.def, after the version. */
enum {
#define FIELD(name, type, meaning) FIELD_##name,
#include "proto/receipt.def"
#undef FIELD
    FIELD_COUNT
};

static void pack_ranges(msgpack_packer *packer, const struct receipt *receipt) {
    msgpack_pack_array(packer, receipt->range_count);
    for (uint32_t i = 0; i < receipt->range_count; i++) {
        msgpack_pack_array(packer, 2);
        msgpack_pack_uint64(packer, receipt->ranges[i].from);
        msgpack_pack_uint64(packer, receipt->ranges[i].to);
    }
}

static void pack_crashes(msgpack_packer *packer, const struct receipt *receipt) {
    msgpack_pack_array(packer, receipt->crash_count);
    for (uint32_t i = 0; i < receipt->crash_count; i++) {
        msgpack_pack_array(packer, 2);
        msgpack_pack_uint64(packer, receipt->crashes[i].seq);
        msgpack_pack_uint32(packer, receipt->crashes[i].index);
    }
}

#define PACK_U64(packer, receipt, name) msgpack_pack_uint64(packer, (receipt)->name)
#define PACK_U32(packer, receipt, name) msgpack_pack_uint32(packer, (receipt)->name)
#define PACK_RANGES(packer, receipt, name) pack_ranges(packer, receipt)
#define PACK_VERDICTS(packer, receipt, name) verdicts_pack(packer, receipt)
#define PACK_CRASHES(packer, receipt, name) pack_crashes(packer, receipt)

void receipt_encode(const struct receipt *receipt, struct buffer *out) {
    msgpack_packer packer;
    msgpack_packer_to_buffer(&packer, out);
    msgpack_pack_array(&packer, 1 + FIELD_COUNT);
    msgpack_pack_uint32(&packer, PROTO_VERSION);
#define FIELD(name, type, meaning) PACK_##type(&packer, receipt, name);
#include "proto/receipt.def"
#undef FIELD
}

static enum status take_range(struct msgpack_cursor *cursor, struct receipt_range *range) {
    uint32_t left = 0;
    enum status status = frame_take_tuple(cursor, 2, &left);
    if (status == STATUS_OK)
        status = msgpack_take_u64(cursor, &range->from);
    if (status == STATUS_OK)
        status = msgpack_take_u64(cursor, &range->to);
    if (status == STATUS_OK && range->from > range->to)
        status = STATUS_BAD_VALUE;
    if (status == STATUS_OK)
        status = frame_pass_over(cursor, left - 2);
    return status;
}

static enum status ranges_take(struct msgpack_cursor *cursor, struct msgpack_frame *frame,
                               struct receipt *receipt) {
    uint32_t count = 0;
    enum status status = frame_take_list(cursor, RECEIPT_RANGES_MAX, &count);
    if (status != STATUS_OK)
        return status;
    struct receipt_range *ranges = msgpack_frame_allocate(frame, count, sizeof *ranges);
    for (uint32_t i = 0; status == STATUS_OK && i < count; i++)
        status = take_range(cursor, &ranges[i]);
    receipt->range_count = count;
    receipt->ranges = ranges;
    return status;
}

static enum status take_crash(struct msgpack_cursor *cursor, struct receipt_crash *crash) {
    uint32_t left = 0;
    enum status status = frame_take_tuple(cursor, 2, &left);
    if (status == STATUS_OK)
        status = msgpack_take_u64(cursor, &crash->seq);
    if (status == STATUS_OK)
        status = msgpack_take_u32(cursor, BATCH_EVENTS_MAX - 1, &crash->index);
    if (status == STATUS_OK)
        status = frame_pass_over(cursor, left - 2);
    return status;
}

static enum status crashes_take(struct msgpack_cursor *cursor, struct msgpack_frame *frame,
                                struct receipt *receipt) {
    uint32_t count = 0;
    enum status status = frame_take_list(cursor, RECEIPT_CRASHES_MAX, &count);
    if (status != STATUS_OK)
        return status;
    struct receipt_crash *crashes = msgpack_frame_allocate(frame, count, sizeof *crashes);
    for (uint32_t i = 0; status == STATUS_OK && i < count; i++)
        status = take_crash(cursor, &crashes[i]);
    receipt->crash_count = count;
    receipt->crashes = crashes;
    return status;
}

#define TAKE_U64(cursor, frame, receipt, name) msgpack_take_u64(cursor, &(receipt)->name)
#define TAKE_U32(cursor, frame, receipt, name)                                                     \
    msgpack_take_u32(cursor, UINT32_MAX, &(receipt)->name)
#define TAKE_RANGES(cursor, frame, receipt, name) ranges_take(cursor, frame, receipt)
#define TAKE_VERDICTS(cursor, frame, receipt, name) verdicts_take(cursor, frame, receipt)
#define TAKE_CRASHES(cursor, frame, receipt, name) crashes_take(cursor, frame, receipt)

#define ABSENT_U64 STATUS_BAD_VALUE
#define ABSENT_U32 STATUS_BAD_VALUE
#define ABSENT_RANGES STATUS_OK
#define ABSENT_VERDICTS STATUS_OK
#define ABSENT_CRASHES STATUS_OK

/* Takes the rows there are; lists an older peer did not send stay empty. */
static enum status take_fields(struct msgpack_cursor *cursor, struct msgpack_frame *frame,
                               uint32_t *left, struct receipt *receipt) {
    enum status status = STATUS_OK;
#define FIELD(name, type, meaning)                                                                 \
    if (status == STATUS_OK && *left == 0)                                                         \
        status = ABSENT_##type;                                                                    \
    else if (status == STATUS_OK) {                                                                \
        --*left;                                                                                   \
        status = TAKE_##type(cursor, frame, receipt, name);                                        \
    }
#include "proto/receipt.def"
#undef FIELD
    return status;
}

enum status receipt_decode(struct bytes bytes, struct msgpack_frame *frame,
                           struct receipt *ret_receipt) {
    msgpack_frame_clear(frame);
    struct msgpack_cursor cursor = msgpack_cursor_of(bytes);
    struct receipt receipt = {.producer = 0};
    uint32_t left = 0;
    enum status status = frame_begin(&cursor, &left);
    if (status == STATUS_OK)
        status = take_fields(&cursor, frame, &left, &receipt);
    if (status == STATUS_OK)
        status = frame_end(&cursor, left);
    if (status == STATUS_OK)
        *ret_receipt = receipt;
    return status;
}

const char *receipt_topic(uint64_t producer, char out[RECEIPT_TOPIC_SIZE]) {
    snprintf(out, RECEIPT_TOPIC_SIZE, "%016" PRIx64, producer);
    return out;
}
