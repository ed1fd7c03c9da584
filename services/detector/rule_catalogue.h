/* rule_catalogue.h: what people want to know of each rule of a set, as JSON, for GET /rules.
 *
 *   id \n {"id", "title", "kind", "level", "status", "mode", "tags", "logsource"} \n id \n ...
 *
 * In the set's order, correlations last. Owner: the caller's buffer. Threads: any. Errors: none.
 * Limits: CATALOGUE_SIZE_MAX bytes; what comes beyond leaves the buffer not whole.
 */
#ifndef SIEM_DETECTOR_RULE_CATALOGUE_H
#define SIEM_DETECTOR_RULE_CATALOGUE_H

#include "common/buffer.h"
#include "services/detector/sigma_rules.h"

#define CATALOGUE_SIZE_MAX (64 * 1024 * 1024)

/* Appends the lines of a set that is finished. */
void rule_catalogue_write(const struct sigma_rules *rules, struct buffer *out);

#endif
