/* vocabulary.h: the closed lists: event types, severities, incident statuses, correlation types,
 * expanded from their tables.
 *
 * Threads: pure functions; all strings are static. Errors: parsers return false and leave the
 * output.
 */
#ifndef SIEM_PROTO_VOCABULARY_H
#define SIEM_PROTO_VOCABULARY_H

#include "common/bytes.h"

enum event_type {
#define TYPE(name, number, text) EVENT_TYPE_##name = (number),
#include "proto/event_type.def"
#undef TYPE
    EVENT_TYPE_COUNT_
};

enum severity {
#define SEVERITY(name, number, text, level) SEVERITY_##name = (number),
#include "proto/severity.def"
#undef SEVERITY
    SEVERITY_COUNT_
};

enum incident_status {
#define INCIDENT_STATUS(name, text, active) INCIDENT_STATUS_##name,
#include "proto/incident_status.def"
#undef INCIDENT_STATUS
    INCIDENT_STATUS_COUNT_
};

enum correlation_type {
#define CORRELATION_TYPE(name, number, text, values) CORRELATION_##name = (number),
#include "proto/correlation_type.def"
#undef CORRELATION_TYPE
    CORRELATION_TYPE_COUNT_
};

/* What a contribution's value is. */
enum correlation_values {
    CORRELATION_VALUES_NONE,
    CORRELATION_VALUES_HASH,
    CORRELATION_VALUES_NUMBER,
};

/* The text of a value; asserts that it is one. */
const char *event_type_text(enum event_type type);

/* The text of a severity. */
const char *severity_text(enum severity severity);

/* The text of an incident's status. */
const char *incident_status_text(enum incident_status status);

/* The value of exactly this text; false, and the output as before, when it is none. */
bool event_type_parse(struct text text, enum event_type *ret_type);

/* The same for a severity. */
bool severity_parse(struct text text, enum severity *ret_severity);

/* The same for the level of a Sigma rule. */
bool severity_parse_level(struct text sigma_level, enum severity *ret_severity);

/* The same for an incident's status. */
bool incident_status_parse(struct text text, enum incident_status *ret_status);

/* The text of a type of correlation. */
const char *correlation_type_text(enum correlation_type type);

/* The type of exactly this text; false, and the output as before, when it is none. */
bool correlation_type_parse(struct text text, enum correlation_type *ret_type);

/* What the contributions to a correlation of this type hold. */
enum correlation_values correlation_type_values(enum correlation_type type);

/* True while the incident is worked on (detected, analyzing, in_progress). */
bool incident_status_is_active(enum incident_status status);

#endif
