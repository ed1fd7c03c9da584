/* verdict_codec.c: verdicts as MessagePack and back.
 *
 * Layout: array of batches, each
 *   92  uint seq
 *       array of judged events, ascending:
 *         92  uint index
 *             95  uint severity   str|nil incident_id   bool alert_queued   str details
 *                 array findings (finding_list.c)
 */
#include "proto/verdict_codec.h"

#include "proto/finding_list.h"

#define VERDICT_FIELDS 5

static void pack_verdict(msgpack_packer *packer, const struct verdict *verdict) {
    msgpack_pack_array(packer, 2);
    msgpack_pack_uint32(packer, verdict->index);
    msgpack_pack_array(packer, VERDICT_FIELDS);
    msgpack_pack_uint8(packer, (uint8_t)verdict->severity);
    msgpack_pack_text(packer, verdict->incident_id);
    if (verdict->alert_queued)
        msgpack_pack_true(packer);
    else
        msgpack_pack_false(packer);
    msgpack_pack_text(packer, verdict->details);
    finding_list_pack(packer, verdict->findings, verdict->finding_count);
}

void verdicts_pack(msgpack_packer *packer, const struct receipt *receipt) {
    msgpack_pack_array(packer, receipt->batch_count);
    for (uint32_t i = 0; i < receipt->batch_count; i++) {
        const struct batch_verdicts *batch = &receipt->batches[i];
        msgpack_pack_array(packer, 2);
        msgpack_pack_uint64(packer, batch->seq);
        msgpack_pack_array(packer, batch->count);
        for (uint32_t j = 0; j < batch->count; j++)
            pack_verdict(packer, &batch->verdicts[j]);
    }
}

/* Takes the judgement, the second element of a judged event. */
static enum status take_judgement(struct msgpack_cursor *cursor, struct msgpack_frame *frame,
                                  struct verdict *verdict) {
    uint32_t left = 0;
    uint32_t severity = 0;
    enum status status = frame_take_tuple(cursor, VERDICT_FIELDS, &left);
    if (status == STATUS_OK)
        status = msgpack_take_u32(cursor, SEVERITY_COUNT_ - 1, &severity);
    verdict->severity = (enum severity)severity;
    if (status == STATUS_OK)
        status = msgpack_take_text(cursor, &verdict->incident_id);
    if (status == STATUS_OK)
        status = msgpack_take_bool(cursor, &verdict->alert_queued);
    if (status == STATUS_OK)
        status = msgpack_take_text(cursor, &verdict->details);
    if (status == STATUS_OK)
        status = finding_list_take(cursor, frame, &verdict->finding_count, &verdict->findings);
    if (status == STATUS_OK)
        status = frame_pass_over(cursor, left - VERDICT_FIELDS);
    return status;
}

static enum status take_verdict(struct msgpack_cursor *cursor, struct msgpack_frame *frame,
                                struct verdict *verdict) {
    uint32_t left = 0;
    enum status status = frame_take_tuple(cursor, 2, &left);
    if (status == STATUS_OK)
        status = msgpack_take_u32(cursor, BATCH_EVENTS_MAX - 1, &verdict->index);
    if (status == STATUS_OK)
        status = take_judgement(cursor, frame, verdict);
    if (status == STATUS_OK)
        status = frame_pass_over(cursor, left - 2);
    return status;
}

static enum status take_batch(struct msgpack_cursor *cursor, struct msgpack_frame *frame,
                              struct batch_verdicts *batch) {
    uint32_t left = 0;
    enum status status = frame_take_tuple(cursor, 2, &left);
    if (status == STATUS_OK)
        status = msgpack_take_u64(cursor, &batch->seq);
    if (status == STATUS_OK)
        status = frame_take_list(cursor, BATCH_EVENTS_MAX, &batch->count);
    if (status != STATUS_OK)
        return status;
    struct verdict *verdicts = msgpack_frame_allocate(frame, batch->count, sizeof *verdicts);
    for (uint32_t i = 0; status == STATUS_OK && i < batch->count; i++) {
        status = take_verdict(cursor, frame, &verdicts[i]);
        if (status == STATUS_OK && i > 0 && verdicts[i].index <= verdicts[i - 1].index)
            status = STATUS_BAD_VALUE;
    }
    if (status == STATUS_OK)
        status = frame_pass_over(cursor, left - 2);
    batch->verdicts = verdicts;
    return status;
}

enum status verdicts_take(struct msgpack_cursor *cursor, struct msgpack_frame *frame,
                          struct receipt *receipt) {
    uint32_t count = 0;
    enum status status = frame_take_list(cursor, RECEIPT_BATCHES_MAX, &count);
    if (status != STATUS_OK)
        return status;
    struct batch_verdicts *batches = msgpack_frame_allocate(frame, count, sizeof *batches);
    for (uint32_t i = 0; status == STATUS_OK && i < count; i++)
        status = take_batch(cursor, frame, &batches[i]);
    receipt->batch_count = count;
    receipt->batches = batches;
    return status;
}
