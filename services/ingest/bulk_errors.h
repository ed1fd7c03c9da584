/* bulk_errors.h: what was wrong with the lines of a POST /logs: all are counted, the first are
 * listed.
 *
 * Owner: init/fini. Threads: one at a time. Limits: BULK_ERRORS_LISTED errors are listed.
 */
#ifndef SIEM_INGEST_BULK_ERRORS_H
#define SIEM_INGEST_BULK_ERRORS_H

#include "common/json_writer.h"
#include "services/ingest/event_json.h"

#define BULK_ERRORS_LISTED 100

struct bulk_error;

struct bulk_errors {
    struct bulk_error *listed; /* NULL until the first */
    size_t count;
};

/* None yet; allocates nothing. */
void bulk_errors_init(struct bulk_errors *errors);

/* Frees the copies; it is empty then. */
void bulk_errors_fini(struct bulk_errors *errors);

/* Lists an error of a line, or element. Copies its texts. */
void bulk_errors_add(struct bulk_errors *errors, size_t line, const struct input_error *error);

/* Writes the value of "errors". */
void bulk_errors_write(const struct bulk_errors *errors, struct json_writer *json);

/* Writes them as the "details" of a 422. */
void bulk_errors_write_details(const struct bulk_errors *errors, struct json_writer *json);

#endif
