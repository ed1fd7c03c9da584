/* ingest.h: what the routes of the REST API share: the parts of the running process.
 *
 * Owner: main.c; routes borrow. Errors: of the parts. Threads: set before the HTTP workers start,
 * read only after that; each part says itself which threads may use it.
 */
#ifndef SIEM_INGEST_INGEST_H
#define SIEM_INGEST_INGEST_H

#include "common/http_server.h"
#include "common/service.h"
#include "common/time_zone.h"
#include "services/ingest/access.h"
#include "services/ingest/admission.h"
#include "services/ingest/config.h"
#include "services/ingest/epoch_closing.h"
#include "services/ingest/idempotency.h"
#include "services/ingest/out_events.h"
#include "services/ingest/reads.h"
#include "services/ingest/rounds.h"
#include "services/ingest/submissions.h"

#include <stdatomic.h>

struct ingest {
    struct service *service;
    struct ingest_config config;
    struct time_zone *zone; /* of the days that reports are of */
    struct rounds *rounds;
    struct access *access;
    struct admission admission;
    struct out_events *writer;
    struct epoch_closing *closing;
    struct reads *reads;
    struct idempotency *idempotency;
    struct submissions *submissions;
    struct http_server *http;
    struct http_server *redirect; /* NULL: none */
    struct counter *events_invalid;
    atomic_size_t bulk_bytes; /* memory of bulk uploads under way; bound: SIEM_QUEUE_BYTES */
};

/* Opens all parts. On failure the remedy was logged, and nothing stays open. */
MUST_CHECK enum status ingest_open(struct ingest *ingest, struct service *service);

/* Takes a new certificate, if there is one. */
void ingest_reload(struct ingest *ingest);

/* Takes no new connections; true when nothing waits to be stored. */
bool ingest_drain(struct ingest *ingest);

/* Closes all parts. */
void ingest_close(struct ingest *ingest);

/* The process a request is for. */
static inline struct ingest *ingest_of(const struct http_request *request) {
    return http_context(request);
}

#endif
