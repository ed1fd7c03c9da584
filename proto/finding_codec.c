/* finding_codec.c: the findings of a batch, and the crash report, as MessagePack and back.
 *
 * Layout of the findings frame (its message's second frame is the batch itself):
 *
 *   95   uint version   uint generation   str detector
 *        array quarantined: uint index, ascending
 *        array entries: 92  uint index, ascending   array findings (finding_list.c)
 *        contributions (contribution_codec.c), and 96 in front, when there are any
 *        hits of rules in the shadow (shadow_codec.c), and 97 in front, when there are any; nil
 * before them when there are no contributions
 *
 * Layout of a crash report (a message of one frame):
 *
 *   95   uint version   uint producer   uint epoch   uint seq   uint index
 *
 * A frame must stay below the wire's 1 MiB whatever the findings say. So every event is sure of
 * room for its first finding; further ones are kept as long as that holds, and dropped and counted
 * beyond it.
 */
#include "proto/finding.h"

#include "common/counters.h"
#include "common/utf8.h"
#include "proto/contribution.h"
#include "proto/finding_list.h"
#include "proto/packed_findings.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

/* The frame without its entries: the detector's name and 256 quarantined indices. */
#define HEAD_SIZE_MAX 2048
#define DETECTOR_LIMIT 256
#define ELEMENTS_MIN 5
#define SHADOWS_SIZE_MAX (SHADOW_HITS_MAX * (FINDING_LIMIT_rule_id + 8) + 8)
#define ENTRIES_SIZE_MAX (FINDINGS_SIZE_MAX - HEAD_SIZE_MAX)

/* The most bytes in front of an entry's findings, and of an entry of one. */
#define ENTRY_HEAD_MAX 16
#define BOUND_ENTRY (ENTRY_HEAD_MAX + FINDING_PACKED_MAX)

static_assert(BATCH_EVENTS_MAX * BOUND_ENTRY < ENTRIES_SIZE_MAX, "a finding's limits are too wide");

/* How long the entries up to that of event `index` may get: behind it one finding each must fit. */
static size_t entries_bound(uint32_t index) {
    return ENTRIES_SIZE_MAX - (size_t)(BATCH_EVENTS_MAX - 1 - index) * BOUND_ENTRY;
}

const char *generation_text(uint64_t generation, char out[GENERATION_TEXT_SIZE]) {
    snprintf(out, GENERATION_TEXT_SIZE, "%016" PRIx64, generation);
    return out;
}

void findings_encoder_init(struct findings_encoder *encoder) {
    *encoder = (struct findings_encoder){.entry_count = 0};
    buffer_init(&encoder->frame, HEAD_SIZE_MAX + FINDINGS_SIZE_MAX);
    buffer_init(&encoder->head, HEAD_SIZE_MAX);
}

void findings_encoder_fini(struct findings_encoder *encoder) {
    buffer_fini(&encoder->frame);
    buffer_fini(&encoder->head);
    findings_encoder_init(encoder);
}

void findings_encoder_begin(struct findings_encoder *encoder) {
    buffer_reset(&encoder->frame);
    (void)buffer_reserve(&encoder->frame, HEAD_SIZE_MAX);
    encoder->frame.length = HEAD_SIZE_MAX;
    encoder->entry_count = 0;
    encoder->next_index = 0;
    encoder->quarantined_count = 0;
    encoder->contributions = NULL;
    encoder->shadows = NULL;
}

void findings_encoder_add(struct findings_encoder *encoder, uint32_t index,
                          const struct packed_findings *findings, size_t count) {
    struct buffer *frame = &encoder->frame;
    size_t size = frame->length - HEAD_SIZE_MAX;
    struct bytes bytes = packed_findings_first(findings, count);
    msgpack_packer packer;
    assert(index >= encoder->next_index && index < BATCH_EVENTS_MAX && count > 0);
    msgpack_packer_to_buffer(&packer, frame);
    while (size + ENTRY_HEAD_MAX + bytes.length > entries_bound(index)) {
        assert(count > 1);
        bytes = packed_findings_first(findings, --count);
        count_drop(STATUS_TOO_LARGE);
    }
    msgpack_pack_array(&packer, 2);
    msgpack_pack_uint32(&packer, index);
    msgpack_pack_array(&packer, count);
    buffer_append(frame, bytes.data, bytes.length);
    encoder->entry_count++;
    encoder->next_index = index + 1;
}

void findings_encoder_quarantine(struct findings_encoder *encoder, uint32_t index) {
    uint32_t count = encoder->quarantined_count;
    assert(index < BATCH_EVENTS_MAX && count < BATCH_EVENTS_MAX);
    assert(count == 0 || encoder->quarantined[count - 1] < index);
    encoder->quarantined[count] = (uint16_t)index;
    encoder->quarantined_count++;
}

void findings_encoder_contribute(struct findings_encoder *encoder,
                                 const struct contributions *contributions) {
    encoder->contributions = contributions->count > 0 ? contributions : NULL;
}

void findings_encoder_shadow(struct findings_encoder *encoder, const struct shadow_hits *shadows) {
    encoder->shadows = shadows->count > 0 ? shadows : NULL;
}

/* Appends the contributions; how many more elements the frame has. */
static unsigned pack_contributions(struct findings_encoder *encoder) {
    struct buffer *frame = &encoder->frame;
    size_t room = FINDINGS_SIZE_MAX - (frame->length - HEAD_SIZE_MAX + encoder->head.length);
    uint32_t dropped = 0;
    bool has_some = contributions_encode(encoder->contributions, room, frame, &dropped);
    for (uint32_t i = 0; i < dropped; i++)
        count_drop(STATUS_TOO_LARGE);
    return has_some;
}

/* Appends the hits of rules in the shadow, when there is room, behind what stands for
 * contributions; how many more elements the frame has. */
static unsigned pack_shadows(struct findings_encoder *encoder, bool has_contributions) {
    struct buffer *frame = &encoder->frame;
    size_t room = FINDINGS_SIZE_MAX - (frame->length - HEAD_SIZE_MAX + encoder->head.length);
    msgpack_packer packer;
    msgpack_packer_to_buffer(&packer, frame);
    if (room < SHADOWS_SIZE_MAX) {
        count_drop(STATUS_TOO_LARGE);
        return 0;
    }
    if (!has_contributions)
        msgpack_pack_nil(&packer);
    shadow_hits_encode(encoder->shadows, frame);
    return has_contributions ? 1 : 2;
}

static void pack_head(struct findings_encoder *encoder, const struct findings_head *head) {
    msgpack_packer packer;
    buffer_reset(&encoder->head);
    msgpack_packer_to_buffer(&packer, &encoder->head);
    msgpack_pack_array(&packer, ELEMENTS_MIN);
    msgpack_pack_uint32(&packer, PROTO_VERSION);
    msgpack_pack_uint64(&packer, head->generation);
    msgpack_pack_text(&packer, utf8_cut(head->detector, DETECTOR_LIMIT));
    msgpack_pack_array(&packer, encoder->quarantined_count);
    for (uint32_t i = 0; i < encoder->quarantined_count; i++)
        msgpack_pack_uint16(&packer, encoder->quarantined[i]);
    msgpack_pack_array(&packer, encoder->entry_count);
}

struct bytes findings_encoder_end(struct findings_encoder *encoder,
                                  const struct findings_head *head) {
    struct buffer *frame = &encoder->frame;
    unsigned more = 0;
    pack_head(encoder, head);
    if (encoder->contributions != NULL)
        more = pack_contributions(encoder);
    if (encoder->shadows != NULL)
        more += pack_shadows(encoder, more > 0);
    assert(buffer_is_whole(frame) && buffer_is_whole(&encoder->head));
    size_t start = HEAD_SIZE_MAX - encoder->head.length;
    memcpy(frame->data + start, encoder->head.data, encoder->head.length);
    frame->data[start] += (uint8_t)more; /* the head of an array of so many more */
    return (struct bytes){frame->data + start, frame->length - start};
}

static enum status take_entry(struct msgpack_cursor *cursor, struct msgpack_frame *frame,
                              struct event_findings *entry) {
    uint32_t left = 0;
    enum status status = frame_take_tuple(cursor, 2, &left);
    if (status == STATUS_OK)
        status = msgpack_take_u32(cursor, BATCH_EVENTS_MAX - 1, &entry->index);
    if (status == STATUS_OK)
        status = finding_list_take(cursor, frame, &entry->count, &entry->findings);
    if (status == STATUS_OK)
        status = frame_pass_over(cursor, left - 2);
    return status;
}

static enum status take_entries(struct msgpack_cursor *cursor, struct msgpack_frame *frame,
                                struct findings_view *view) {
    enum status status = frame_take_list(cursor, BATCH_EVENTS_MAX, &view->entry_count);
    if (status != STATUS_OK)
        return status;
    struct event_findings *entries =
        msgpack_frame_allocate(frame, view->entry_count, sizeof *entries);
    for (uint32_t i = 0; status == STATUS_OK && i < view->entry_count; i++) {
        status = take_entry(cursor, frame, &entries[i]);
        if (status == STATUS_OK && i > 0 && entries[i].index <= entries[i - 1].index)
            status = STATUS_BAD_VALUE;
    }
    view->entries = entries;
    return status;
}

/* The sixth element, which older detectors, and batches that contribute nothing, leave out. */
static enum status take_contributions(struct msgpack_cursor *cursor, struct msgpack_frame *frame,
                                      uint32_t *left, struct findings_view *view) {
    if (*left == 0)
        return STATUS_OK;
    if (msgpack_cursor_is_at_nil(cursor)) {
        --*left;
        return frame_pass_over(cursor, 1);
    }
    struct contributions *contributions = msgpack_frame_allocate(frame, 1, sizeof *contributions);
    enum status status = contributions_take(cursor, frame, contributions);
    view->contributions = contributions;
    --*left;
    return status;
}

/* The seventh element. */
static enum status take_shadows(struct msgpack_cursor *cursor, struct msgpack_frame *frame,
                                uint32_t *left, struct findings_view *view) {
    if (*left == 0)
        return STATUS_OK;
    struct shadow_hits *shadows = msgpack_frame_allocate(frame, 1, sizeof *shadows);
    enum status status = shadow_hits_take(cursor, shadows);
    view->shadows = shadows;
    --*left;
    return status;
}

enum status findings_decode(struct bytes bytes, struct msgpack_frame *frame,
                            struct findings_view *ret_view) {
    msgpack_frame_clear(frame);
    struct msgpack_cursor cursor = msgpack_cursor_of(bytes);
    struct findings_view view = {.entry_count = 0};
    uint32_t left = 0;
    enum status status = frame_begin(&cursor, &left);
    if (status == STATUS_OK && left < 4)
        status = STATUS_BAD_VALUE;
    if (status == STATUS_OK)
        status = msgpack_take_u64(&cursor, &view.head.generation);
    if (status == STATUS_OK)
        status = msgpack_take_text(&cursor, &view.head.detector);
    if (status == STATUS_OK)
        status = frame_take_indices(&cursor, BATCH_EVENTS_MAX, view.quarantined,
                                    &view.quarantined_count);
    if (status == STATUS_OK)
        status = take_entries(&cursor, frame, &view);
    left -= 4;
    if (status == STATUS_OK)
        status = take_contributions(&cursor, frame, &left, &view);
    if (status == STATUS_OK)
        status = take_shadows(&cursor, frame, &left, &view);
    if (status == STATUS_OK)
        status = frame_end(&cursor, left);
    if (status == STATUS_OK)
        *ret_view = view;
    return status;
}

void crash_report_encode(const struct crash_report *report, struct buffer *out) {
    msgpack_packer packer;
    msgpack_packer_to_buffer(&packer, out);
    msgpack_pack_array(&packer, 5);
    msgpack_pack_uint32(&packer, PROTO_VERSION);
    msgpack_pack_uint64(&packer, report->producer);
    msgpack_pack_uint32(&packer, report->epoch);
    msgpack_pack_uint64(&packer, report->seq);
    msgpack_pack_uint32(&packer, report->index);
}

enum status crash_report_decode(struct bytes bytes, struct crash_report *ret_report) {
    struct msgpack_cursor cursor = msgpack_cursor_of(bytes);
    struct crash_report report = {.producer = 0};
    uint32_t left = 0;
    enum status status = frame_begin(&cursor, &left);
    if (status == STATUS_OK && left < 4)
        status = STATUS_BAD_VALUE;
    if (status == STATUS_OK)
        status = msgpack_take_u64(&cursor, &report.producer);
    if (status == STATUS_OK)
        status = msgpack_take_u32(&cursor, UINT32_MAX, &report.epoch);
    if (status == STATUS_OK)
        status = msgpack_take_u64(&cursor, &report.seq);
    if (status == STATUS_OK)
        status = msgpack_take_u32(&cursor, BATCH_EVENTS_MAX - 1, &report.index);
    if (status == STATUS_OK)
        status = frame_end(&cursor, left - 4);
    if (status == STATUS_OK)
        *ret_report = report;
    return status;
}
