/* incident.h: the fields of an incident's hash in Redis, expanded from incident.def.
 *
 * A reader asks HMGET with incident_field_name(0), (1), ... and finds field N at place N of the
 * reply. Threads: pure functions; all strings are static.
 */
#ifndef SIEM_PROTO_INCIDENT_H
#define SIEM_PROTO_INCIDENT_H

#include "common/bytes.h"

enum incident_field {
#define FIELD(name, need, unit, meaning) INCIDENT_FIELD_##name,
#include "proto/incident.def"
#undef FIELD
    INCIDENT_FIELD_COUNT_
};

/* The name of a field in the hash. */
struct text incident_field_name(enum incident_field field);

#endif
