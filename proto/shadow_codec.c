/* shadow_codec.c: hits of rules in the shadow as MessagePack and back.
 *
 *   array: str rule id   uint events   str rule id   uint events   ...
 */
#include "proto/finding.h"
#include "proto/frame.h"

void shadow_hits_encode(const struct shadow_hits *hits, struct buffer *out) {
    msgpack_packer packer;
    msgpack_packer_to_buffer(&packer, out);
    msgpack_pack_array(&packer, (size_t)hits->count * 2);
    for (uint32_t i = 0; i < hits->count; i++) {
        msgpack_pack_text(&packer, hits->items[i].rule_id);
        msgpack_pack_uint32(&packer, hits->items[i].events);
    }
}

static enum status take_hit(struct msgpack_cursor *cursor, struct shadow_hit *hit) {
    enum status status = msgpack_take_text(cursor, &hit->rule_id);
    if (status == STATUS_OK &&
        (hit->rule_id.length == 0 || hit->rule_id.length > FINDING_LIMIT_rule_id))
        return STATUS_BAD_VALUE;
    if (status == STATUS_OK)
        status = msgpack_take_u32(cursor, BATCH_EVENTS_MAX, &hit->events);
    return status == STATUS_OK && hit->events == 0 ? STATUS_BAD_VALUE : status;
}

enum status shadow_hits_take(struct msgpack_cursor *cursor, struct shadow_hits *ret_hits) {
    uint32_t count = 0;
    enum status status = frame_take_list(cursor, SHADOW_HITS_MAX * 2, &count);
    if (status == STATUS_OK && count % 2 != 0)
        return STATUS_BAD_VALUE;
    ret_hits->count = 0;
    for (uint32_t i = 0; status == STATUS_OK && i < count / 2; i++) {
        status = take_hit(cursor, &ret_hits->items[i]);
        ret_hits->count += status == STATUS_OK;
    }
    return status;
}
