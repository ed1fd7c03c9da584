/* finding_list.h: a list of findings inside a frame: of the findings frame, and of a receipt's
 * verdicts.
 *
 * Layout: array of findings, each an array in the order of finding.def.
 * Owner: texts borrow from the bytes, the list lives in the frame's zone. Errors: as finding.h.
 * Threads: one frame per thread. Limits: FINDINGS_PER_EVENT_MAX; texts are cut to FINDING_LIMIT_*.
 */
#ifndef SIEM_PROTO_FINDING_LIST_H
#define SIEM_PROTO_FINDING_LIST_H

#include "proto/finding.h"

/* Packs the list; texts beyond their limit are cut between two characters. */
void finding_list_pack(msgpack_packer *packer, const struct finding *findings, size_t count);

/* Takes a list. */
MUST_CHECK enum status finding_list_take(struct msgpack_cursor *cursor, struct msgpack_frame *frame,
                                         uint32_t *ret_count, const struct finding **ret_findings);

#endif
