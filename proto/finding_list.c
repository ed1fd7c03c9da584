/* finding_list.c: findings as arrays in the order of finding.def. */
#include "proto/finding_list.h"

#include "common/utf8.h"
#include "proto/packed_findings.h"

#include <assert.h>

/* Elements of a finding. */
enum {
#define FIELD(name, type, need, unit, meaning) FIELD_##name,
#include "proto/finding.def"
#undef FIELD
    FIELD_COUNT
};

static void pack_texts(msgpack_packer *packer, const struct text_list *list, size_t limit) {
    msgpack_pack_array(packer, list->count);
    for (uint32_t i = 0; i < list->count; i++)
        msgpack_pack_text(packer, utf8_cut(list->items[i], limit));
}

#define PACK_TEXT(packer, value, limit) msgpack_pack_text(packer, utf8_cut(value, limit))
#define PACK_LEVEL(packer, value, limit) msgpack_pack_uint8(packer, (uint8_t)(value))
#define PACK_LIST(packer, value, limit) pack_texts(packer, &(value), limit)

static_assert(FIELD_group_key == FIELD_COUNT - 1, "a form ends with the group key");

void finding_form_make(const struct finding *finding, bool has_own_details, struct buffer *out,
                       struct finding_form *ret_form) {
    size_t before = 0;
    msgpack_packer to_buffer, *packer = &to_buffer;
    msgpack_packer_to_buffer(packer, out);
    msgpack_pack_array(packer, FIELD_COUNT);
#define FIELD(name, type, need, unit, meaning)                                                     \
    if (FIELD_##name == FIELD_details && has_own_details)                                          \
        before = out->length;                                                                      \
    else if (FIELD_##name != FIELD_group_key)                                                      \
        PACK_##type(packer, finding->name, FINDING_LIMIT_##name);
#include "proto/finding.def"
#undef FIELD
    before = has_own_details ? before : out->length;
    *ret_form = (struct finding_form){.bytes = out->data,
                                      .before = (uint32_t)before,
                                      .between = (uint32_t)(out->length - before),
                                      .has_own_details = has_own_details};
}

void finding_list_pack(msgpack_packer *packer, const struct finding *findings, size_t count) {
    msgpack_pack_array(packer, count);
    for (size_t i = 0; i < count; i++) {
        msgpack_pack_array(packer, FIELD_COUNT);
#define FIELD(name, type, need, unit, meaning)                                                     \
    PACK_##type(packer, findings[i].name, FINDING_LIMIT_##name);
#include "proto/finding.def"
#undef FIELD
    }
}

/* A text that may not be null, nor longer than who encodes one cuts it. */
static enum status take_text(struct msgpack_cursor *cursor, size_t limit, struct text *ret_text) {
    struct text text = {NULL, 0};
    enum status status = msgpack_take_text(cursor, &text);
    if (status == STATUS_OK && text.data == NULL)
        status = STATUS_BAD_TYPE;
    if (status == STATUS_OK && text.length > limit)
        status = STATUS_TOO_LARGE;
    if (status == STATUS_OK)
        *ret_text = text;
    return status;
}

static enum status take_level(struct msgpack_cursor *cursor, enum severity *ret_level) {
    uint32_t value = 0;
    enum status status = msgpack_take_u32(cursor, SEVERITY_COUNT_ - 1, &value);
    if (status == STATUS_OK)
        *ret_level = (enum severity)value;
    return status;
}

static enum status take_texts(struct msgpack_cursor *cursor, size_t limit,
                              struct text_list *ret_list) {
    enum status status = frame_take_list(cursor, FINDING_TAGS_MAX, &ret_list->count);
    for (uint32_t i = 0; status == STATUS_OK && i < ret_list->count; i++)
        status = take_text(cursor, limit, &ret_list->items[i]);
    return status;
}

#define TAKE_TEXT(cursor, limit, ret_value) take_text(cursor, limit, ret_value)
#define TAKE_LEVEL(cursor, limit, ret_value) take_level(cursor, ret_value)
#define TAKE_LIST(cursor, limit, ret_value) take_texts(cursor, limit, ret_value)

static enum status take_finding(struct msgpack_cursor *cursor, struct finding *finding) {
    uint32_t left = 0;
    enum status status = frame_take_tuple(cursor, FIELD_COUNT, &left);
#define FIELD(name, type, need, unit, meaning)                                                     \
    if (status == STATUS_OK)                                                                       \
        status = TAKE_##type(cursor, FINDING_LIMIT_##name, &finding->name);
#include "proto/finding.def"
#undef FIELD
    if (status == STATUS_OK)
        status = frame_pass_over(cursor, left - FIELD_COUNT);
    return status;
}

enum status finding_list_take(struct msgpack_cursor *cursor, struct msgpack_frame *frame,
                              uint32_t *ret_count, const struct finding **ret_findings) {
    uint32_t count = 0;
    enum status status = frame_take_list(cursor, FINDINGS_PER_EVENT_MAX, &count);
    if (status != STATUS_OK)
        return status;
    struct finding *findings = msgpack_frame_allocate(frame, count, sizeof *findings);
    for (uint32_t i = 0; status == STATUS_OK && i < count; i++)
        status = take_finding(cursor, &findings[i]);
    if (status == STATUS_OK) {
        *ret_count = count;
        *ret_findings = findings;
    }
    return status;
}
