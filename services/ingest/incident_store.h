/* incident_store.h: incidents as they stand in Redis, and as JSON.
 *
 * Owner: replies are the caller's; texts borrow from them. Threads: one at a time per client.
 * Errors: of redis_client.h, NOT_FOUND. Limits: INCIDENT_ID_MAX bytes of an id; INCIDENT_MERGES_MAX
 * steps from an incident to the one it was merged into.
 */
#ifndef SIEM_INGEST_INCIDENT_STORE_H
#define SIEM_INGEST_INCIDENT_STORE_H

#include "common/json_writer.h"
#include "common/redis_client.h"
#include "proto/incident.h"

#define INCIDENT_ID_MAX 64
#define INCIDENT_MERGES_MAX 8

/* True when the text can be an id at all. */
bool incident_id_is_valid(struct text id);

/* Pipelines the question for all fields of an incident; the reply is read with redis_client_read.
 */
MUST_CHECK enum status incident_ask(struct redis_client *redis, struct text id);

/* Reads one incident, following merges. Gives a reply of its fields in the order of incident.def.
 */
MUST_CHECK enum status incident_read(struct redis_client *redis, struct text id,
                                     struct redis_reply **ret_reply);

/* A field of such a reply, which starts at element `first`; null when it has none. */
struct text incident_field(const struct redis_reply *reply, size_t first,
                           enum incident_field field);

/* Writes the incident of such a reply. */
void incident_write(struct json_writer *json, const struct redis_reply *reply, size_t first);

#endif
