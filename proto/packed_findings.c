/* packed_findings.c: a finding is its form and up to two texts. */
#include "proto/packed_findings.h"

#include "common/utf8.h"

#include <assert.h>

void packed_findings_init(struct packed_findings *packed) {
    packed->count = 0;
    buffer_init(&packed->bytes, (size_t)FINDINGS_PER_EVENT_MAX * FINDING_PACKED_MAX);
}

void packed_findings_fini(struct packed_findings *packed) {
    buffer_fini(&packed->bytes);
    packed->count = 0;
}

void packed_findings_clear(struct packed_findings *packed) {
    buffer_reset(&packed->bytes);
    packed->count = 0;
}

void packed_findings_add(struct packed_findings *packed, const struct finding_form *form,
                         struct text details, struct text group_key) {
    msgpack_packer packer;
    assert(packed->count < FINDINGS_PER_EVENT_MAX);
    msgpack_packer_to_buffer(&packer, &packed->bytes);
    buffer_append(&packed->bytes, form->bytes, form->before);
    if (form->has_own_details) {
        msgpack_pack_text(&packer, utf8_cut(details, FINDING_LIMIT_details));
        buffer_append(&packed->bytes, form->bytes + form->before, form->between);
    }
    msgpack_pack_text(&packer, utf8_cut(group_key, FINDING_LIMIT_group_key));
    assert(buffer_is_whole(&packed->bytes));
    packed->ends[packed->count++] = (uint32_t)packed->bytes.length;
}

struct bytes packed_findings_first(const struct packed_findings *packed, size_t count) {
    assert(count <= packed->count);
    return (struct bytes){packed->bytes.data, count > 0 ? packed->ends[count - 1] : 0};
}
