/* pack_findings.h: findings packed as detectors pack them, each with details of its own, and read
 * again.
 *
 * Owner: the caller's list and frame. Threads: any. Errors: what is no findings aborts.
 */
#ifndef SIEM_TESTS_PACK_FINDINGS_H
#define SIEM_TESTS_PACK_FINDINGS_H

#include "common/scoped.h"
#include "proto/finding_list.h"
#include "proto/packed_findings.h"

#include <stdlib.h>

/* Makes the list of these findings and nothing else. */
static inline void pack_findings(struct packed_findings *packed, const struct finding *findings,
                                 size_t count) {
    packed_findings_clear(packed);
    for (size_t i = 0; i < count; i++) {
        SCOPED_FINI(buffer) struct buffer bytes;
        struct finding_form form;
        buffer_init(&bytes, FINDING_PACKED_MAX);
        finding_form_make(&findings[i], true, &bytes, &form);
        packed_findings_add(packed, &form, findings[i].details, findings[i].group_key);
    }
}

/* All findings of the list, in the frame's memory. */
static inline const struct finding *unpack_findings(const struct packed_findings *packed,
                                                    struct msgpack_frame *frame) {
    struct bytes bytes = packed_findings_first(packed, packed->count);
    const uint8_t head[] = {0xdc, 0, (uint8_t)packed->count}; /* an array */
    const struct finding *findings = NULL;
    uint32_t count = 0;
    msgpack_frame_clear(frame);
    uint8_t *list = msgpack_frame_allocate(frame, sizeof head + bytes.length, 1);
    memcpy(list, head, sizeof head);
    if (bytes.length > 0)
        memcpy(list + sizeof head, bytes.data, bytes.length);
    struct msgpack_cursor cursor =
        msgpack_cursor_of((struct bytes){list, sizeof head + bytes.length});
    if (finding_list_take(&cursor, frame, &count, &findings) != STATUS_OK || count != packed->count)
        abort();
    return findings;
}

#endif
