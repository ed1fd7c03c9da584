/* correlation_codec.c: correlations as arrays in the order of correlation.def. */
#include "proto/correlation_codec.h"

#include "common/utf8.h"
#include "proto/frame.h"

#include <assert.h>
#include <math.h>
#include <xxhash.h>

/* Elements of a correlation. */
enum {
#define FIELD(name, type, meaning) FIELD_##name,
#include "proto/correlation.def"
#undef FIELD
    FIELD_COUNT
};

/* The most bytes beside the texts. */
#define OVERHEAD (128 + CORRELATION_COMPARISONS_MAX * 16 + FINDING_TAGS_MAX * 3)

/* Numbers up to here are packed as integers. */
#define INTEGER_MAX 9007199254740992.0

void correlation_pack_real(msgpack_packer *packer, double value) {
    if (value >= 0 && value <= INTEGER_MAX && floor(value) == value)
        msgpack_pack_uint64(packer, (uint64_t)value);
    else
        msgpack_pack_double(packer, value);
}

static void pack_texts(msgpack_packer *packer, const struct text_list *list) {
    msgpack_pack_array(packer, list->count);
    for (uint32_t i = 0; i < list->count; i++)
        msgpack_pack_text(packer, utf8_cut(list->items[i], FINDING_LIMIT_tags));
}

static void pack_comparisons(msgpack_packer *packer, const struct correlation_comparisons *list) {
    msgpack_pack_array(packer, list->count);
    for (uint32_t i = 0; i < list->count; i++) {
        msgpack_pack_array(packer, 2);
        msgpack_pack_uint8(packer, (uint8_t)list->items[i].operator_);
        correlation_pack_real(packer, list->items[i].number);
    }
}

static void pack_expression(msgpack_packer *packer, const struct correlation_expression *list) {
    msgpack_pack_array(packer, list->count);
    for (uint32_t i = 0; i < list->count; i++)
        msgpack_pack_uint8(packer, list->items[i]);
}

static void pack_switch(msgpack_packer *packer, bool value) {
    if (value)
        msgpack_pack_true(packer);
    else
        msgpack_pack_false(packer);
}

#define PACK_TEXT(packer, value) msgpack_pack_text(packer, utf8_cut(value, FINDING_LIMIT_incident))
#define PACK_LEVEL(packer, value) msgpack_pack_uint8(packer, (uint8_t)(value))
#define PACK_LIST(packer, value) pack_texts(packer, &(value))
#define PACK_KIND PACK_LEVEL
#define PACK_EVENT_TYPE PACK_LEVEL
#define PACK_U32(packer, value) msgpack_pack_uint32(packer, value)
#define PACK_U64(packer, value) msgpack_pack_uint64(packer, value)
#define PACK_SWITCH(packer, value) pack_switch(packer, value)
#define PACK_REAL(packer, value) correlation_pack_real(packer, value)
#define PACK_COMPARISONS(packer, value) pack_comparisons(packer, &(value))
#define PACK_EXPRESSION(packer, value) pack_expression(packer, &(value))

void correlation_pack(msgpack_packer *packer, const struct correlation *correlation) {
    msgpack_pack_array(packer, FIELD_COUNT);
#define FIELD(name, type, meaning) PACK_##type(packer, correlation->name);
#include "proto/correlation.def"
#undef FIELD
}

size_t correlation_packed_max(const struct correlation *correlation) {
    size_t size = OVERHEAD + correlation->rule_id.length + correlation->rule_title.length +
                  correlation->incident.length + (size_t)correlation->expression.count * 2;
    for (uint32_t i = 0; i < correlation->tags.count; i++)
        size += correlation->tags.items[i].length;
    return size;
}

enum status correlation_take_optional(struct msgpack_cursor *cursor, size_t limit,
                                      struct text *ret_text) {
    struct text text = {NULL, 0};
    enum status status = msgpack_take_text(cursor, &text);
    if (status == STATUS_OK && text.length > limit)
        status = STATUS_TOO_LARGE;
    if (status == STATUS_OK)
        *ret_text = text;
    return status;
}

enum status correlation_take_text(struct msgpack_cursor *cursor, size_t limit,
                                  struct text *ret_text) {
    enum status status = correlation_take_optional(cursor, limit, ret_text);
    return status == STATUS_OK && ret_text->data == NULL ? STATUS_BAD_TYPE : status;
}

static enum status take_number(struct msgpack_cursor *cursor, uint32_t highest, void *ret_value) {
    uint32_t value = 0;
    enum status status = msgpack_take_u32(cursor, highest, &value);
    if (status == STATUS_OK)
        memcpy(ret_value, &value, sizeof value); /* an enum or an uint32_t: both have its size */
    return status;
}

static_assert(sizeof(enum severity) == sizeof(uint32_t) &&
                  sizeof(enum correlation_type) == sizeof(uint32_t) &&
                  sizeof(enum event_type) == sizeof(uint32_t),
              "take_number fills enums");

static enum status take_texts(struct msgpack_cursor *cursor, struct text_list *list) {
    enum status status = frame_take_list(cursor, FINDING_TAGS_MAX, &list->count);
    for (uint32_t i = 0; status == STATUS_OK && i < list->count; i++)
        status = correlation_take_text(cursor, FINDING_LIMIT_tags, &list->items[i]);
    return status;
}

static enum status take_comparison(struct msgpack_cursor *cursor,
                                   struct correlation_comparison *comparison) {
    uint32_t left = 0;
    enum status status = frame_take_tuple(cursor, 2, &left);
    if (status == STATUS_OK)
        status = take_number(cursor, CORRELATION_OPERATOR_COUNT_ - 1, &comparison->operator_);
    if (status == STATUS_OK)
        status = msgpack_take_real(cursor, &comparison->number);
    if (status == STATUS_OK)
        status = frame_pass_over(cursor, left - 2);
    return status;
}

static enum status take_comparisons(struct msgpack_cursor *cursor,
                                    struct correlation_comparisons *list) {
    enum status status = frame_take_list(cursor, CORRELATION_COMPARISONS_MAX, &list->count);
    for (uint32_t i = 0; status == STATUS_OK && i < list->count; i++)
        status = take_comparison(cursor, &list->items[i]);
    return status;
}

static enum status take_expression(struct msgpack_cursor *cursor,
                                   struct correlation_expression *list) {
    enum status status = frame_take_list(cursor, CORRELATION_EXPRESSION_MAX, &list->count);
    for (uint32_t i = 0; status == STATUS_OK && i < list->count; i++) {
        uint32_t item = 0;
        status = msgpack_take_u32(cursor, UINT8_MAX, &item);
        list->items[i] = (uint8_t)item;
    }
    return status;
}

#define TAKE_TEXT(cursor, ret) correlation_take_text(cursor, FINDING_LIMIT_incident, ret)
#define TAKE_LEVEL(cursor, ret) take_number(cursor, SEVERITY_COUNT_ - 1, ret)
#define TAKE_LIST(cursor, ret) take_texts(cursor, ret)
#define TAKE_KIND(cursor, ret) take_number(cursor, CORRELATION_TYPE_COUNT_ - 1, ret)
#define TAKE_EVENT_TYPE(cursor, ret) take_number(cursor, EVENT_TYPE_COUNT_ - 1, ret)
#define TAKE_U32(cursor, ret) msgpack_take_u32(cursor, UINT32_MAX, ret)
#define TAKE_U64(cursor, ret) msgpack_take_u64(cursor, ret)
#define TAKE_SWITCH(cursor, ret) msgpack_take_bool(cursor, ret)
#define TAKE_REAL(cursor, ret) msgpack_take_real(cursor, ret)
#define TAKE_COMPARISONS(cursor, ret) take_comparisons(cursor, ret)
#define TAKE_EXPRESSION(cursor, ret) take_expression(cursor, ret)

/* True when the postfix expression leaves one value, and names rules there are. */
static bool is_sound_expression(const struct correlation *correlation) {
    uint32_t values = 0;
    for (uint32_t i = 0; i < correlation->expression.count; i++) {
        uint8_t item = correlation->expression.items[i];
        uint32_t needed = item == EXPRESSION_NOT ? 1 : item >= EXPRESSION_AND ? 2 : 0;
        if (values < needed || (needed == 0 && (item == 0 || item > correlation->rule_count)))
            return false;
        values += 1 - needed;
    }
    return values == (correlation->expression.count > 0);
}

static bool is_sound_correlation(const struct correlation *correlation) {
    return correlation->timespan_ms > 0 &&
           correlation->timespan_ms <= CORRELATION_TIMESPAN_MAX_MS &&
           correlation->quantum_ms <= correlation->timespan_ms && correlation->rule_count > 0 &&
           correlation->rule_count <= CORRELATION_RULES_MAX &&
           correlation->in_order <= correlation->rule_count && correlation->percentile >= 0 &&
           correlation->percentile <= 100 && correlation->depth <= CORRELATION_DEPTH_MAX &&
           correlation->late_by >= 1 && correlation->late_by <= CORRELATION_DEPTH_MAX + 1 &&
           is_sound_expression(correlation);
}

enum status correlation_take(struct msgpack_cursor *cursor, struct correlation *correlation) {
    const uint8_t *start = cursor->at;
    uint32_t left = 0;
    enum status status = frame_take_tuple(cursor, FIELD_COUNT, &left);
#define FIELD(name, type, meaning)                                                                 \
    if (status == STATUS_OK)                                                                       \
        status = TAKE_##type(cursor, &correlation->name);
#include "proto/correlation.def"
#undef FIELD
    if (status == STATUS_OK)
        status = frame_pass_over(cursor, left - FIELD_COUNT);
    if (status == STATUS_OK && !is_sound_correlation(correlation))
        status = STATUS_BAD_VALUE;
    if (status == STATUS_OK)
        correlation->identity = XXH3_64bits(start, (size_t)(cursor->at - start));
    return status;
}
