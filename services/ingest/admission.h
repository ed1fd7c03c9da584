/* admission.h: what stands before a route: its caller's key and scope, the limits, and whether the
 * process still takes writes.
 *
 * Reads are open unless SIEM_PROTECT_READS says otherwise. The order: an address that tried too
 * many wrong keys waits (auth_failures.h); then the rate limits, which count every request to a route that is not
 * open to all, refused ones too; then the key, then its scope. Threads: HTTP workers. Errors:
 * answers 401, 403, 429 with Retry-After, 503. Limits: those of the parts.
 */
#ifndef SIEM_INGEST_ADMISSION_H
#define SIEM_INGEST_ADMISSION_H

#include "common/http_server.h"
#include "services/ingest/auth_failures.h"
#include "services/ingest/rate_limit.h"

struct ingest;

/* The limits of a process. */
struct admission {
    struct auth_failures *failures;
    struct rate_limit *rates;
};

/* Reads the limits from the configuration. BAD_VALUE after a line with the remedy. */
MUST_CHECK enum status admission_open(struct ingest *ingest);

/* Frees them. */
void admission_close(struct ingest *ingest);

/* http_options.authorize. */
bool admission_check(struct http_request *request, enum http_access access);

#endif
