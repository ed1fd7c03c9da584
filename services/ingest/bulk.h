/* bulk.h: a POST /logs under way: routes_logs.c reads it, bulk_store.c has it stored and answers.
 *
 * Owner: the request's state. Threads: the worker's until bulk_submit, then the rounds' (with an
 * Idempotency-Key) and the loop's, one after the other. Limits: SIEM_BULK_LINES events;
 * SIEM_QUEUE_BYTES of all uploads together.
 */
#ifndef SIEM_INGEST_BULK_H
#define SIEM_INGEST_BULK_H

#include "services/ingest/bulk_errors.h"
#include "services/ingest/bulk_split.h"
#include "services/ingest/ingest.h"

struct bulk {
    struct ingest *ingest;
    struct http_request *request;
    struct event_json *parser;
    struct bulk_split split;
    struct bulk_errors errors;
    struct submission *first;      /* list of submissions to come */
    struct submission *last;       /* the one being filled */
    struct idempotent *idempotent; /* NULL: no Idempotency-Key */
    uint64_t stored;               /* events, from the first on; loop's thread */
    size_t accepted;
    size_t rejected;
    size_t bytes;         /* of ingest->bulk_bytes */
    struct wall_time now; /* of the piece being read */
    bool broken;          /* an array that is none: nothing is accepted */
    bool too_many;        /* more lines than allowed */
    size_t pending;       /* submissions not done; loop's thread */
    enum status failure;  /* of one of them */
    char first_id[EVENT_ID_SIZE];
    char last_id[EVENT_ID_SIZE];
};

/* Writes the members that accepted and refused bulks have in common. */
void bulk_write_counts(const struct bulk *bulk, size_t accepted, struct json_writer *json);

/* Has all of it stored, and answers; with an Idempotency-Key once. */
void bulk_submit(struct bulk *bulk);

#endif
