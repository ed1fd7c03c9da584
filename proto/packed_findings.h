/* packed_findings.h: what was found of an event, packed as it is sent, one finding behind the
 * other.
 *
 * Most of a finding is the same for every event: a form holds that, packed once for a rule, and a
 * finding is made of it by copying. Owner: init/fini; a form's bytes are the caller's. Threads: one
 * at a time; forms are read-only. Errors: out of memory aborts. Limits: FINDINGS_PER_EVENT_MAX;
 * texts are cut to FINDING_LIMIT_*.
 */
#ifndef SIEM_PROTO_PACKED_FINDINGS_H
#define SIEM_PROTO_PACKED_FINDINGS_H

#include "proto/finding.h"

/* A rule's findings: the bytes before the details and those between details and group key, which
 * are each event's own. Where every event has the same details these are among the bytes before,
 * and none are between. */
struct finding_form {
    const uint8_t *bytes;
    uint32_t before, between;
    bool has_own_details;
};

struct packed_findings {
    struct buffer bytes;
    uint32_t count;
    uint32_t ends[FINDINGS_PER_EVENT_MAX]; /* of each finding, in the bytes */
};

/* Makes the form of the findings that are like this one but for their group keys, and for their
 * details when they are their own. Its bytes are written to `out`, which is empty. (finding_list.c)
 */
void finding_form_make(const struct finding *finding, bool has_own_details, struct buffer *out,
                       struct finding_form *ret_form);

/* An empty list. */
void packed_findings_init(struct packed_findings *packed);

/* Frees its memory. */
void packed_findings_fini(struct packed_findings *packed);

/* Empties it. */
void packed_findings_clear(struct packed_findings *packed);

/* Adds a finding; `details` count where they are each event's own. */
void packed_findings_add(struct packed_findings *packed, const struct finding_form *form,
                         struct text details, struct text group_key);

/* The bytes of the first findings. */
struct bytes packed_findings_first(const struct packed_findings *packed, size_t count);

#endif
