/* status_change.h: what POST /incidents/{id}/status asks for, from a JSON body or the query.
 *
 * Owner: init/fini; texts are the change's own. Threads: one at a time. Errors: of json_reader.h,
 * BAD_VALUE for members of another type; `errors` then lists all that is wrong. Limits: the route's
 * body limit.
 */
#ifndef SIEM_INGEST_STATUS_CHANGE_H
#define SIEM_INGEST_STATUS_CHANGE_H

#include "common/buffer.h"
#include "services/ingest/json_reader.h"

#define STATUS_CHANGE_MEMBERS 3

struct status_change {
    struct text status; /* null when not given */
    struct text analyst_notes;
    struct text resolution;
    size_t error_count; /* what is wrong, after an error */
    struct input_error errors[STATUS_CHANGE_MEMBERS];
    struct json_reader *reader; /* of a body; its fault is among the errors */
    char *memory;               /* of the texts of a body */
    size_t memory_used;
};

/* Nothing is asked for; allocates nothing. */
void status_change_init(struct status_change *change);

/* Frees the texts of a body. */
void status_change_fini(struct status_change *change);

/* Reads the members of a body: an object; strings or null; other members are passed over. */
MUST_CHECK enum status status_change_read(struct status_change *change, struct bytes body);

#endif
