/* status_change.h: what POST /incidents/{id}/status asks for, from a JSON body or the query.
 *
 * Owner: init/fini; texts are the change's own. Threads: one at a time. Errors: BAD_SYNTAX (no
 * JSON), BAD_VALUE (a member of another type); `field` and `message` then say what. Limits: the
 * route's body limit.
 */
#ifndef SIEM_INGEST_STATUS_CHANGE_H
#define SIEM_INGEST_STATUS_CHANGE_H

#include "common/buffer.h"
#include "services/ingest/event_json.h"

struct status_change {
    struct text status; /* null when not given */
    struct text analyst_notes;
    struct text resolution;
    struct event_error error; /* what is wrong, after an error */
    char *memory;             /* of the texts of a body */
    size_t memory_used;
};

/* Nothing is asked for; allocates nothing. */
void status_change_init(struct status_change *change);

/* Frees the texts of a body. */
void status_change_fini(struct status_change *change);

/* Reads the members of a body: an object; strings or null; other members are passed over. */
MUST_CHECK enum status status_change_read(struct status_change *change, struct bytes body);

#endif
