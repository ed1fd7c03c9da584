/* event_json_private.h: the parser of event_json.h, shared by the file that takes a document's
 * parts (event_json.c) and the one that knows an event's members (event_fields.c).
 *
 * Owner, threads, limits: of event_json.h.
 */
#ifndef SIEM_INGEST_EVENT_JSON_PRIVATE_H
#define SIEM_INGEST_EVENT_JSON_PRIVATE_H

#include "services/ingest/event_json.h"

/* The members an event has in JSON. */
enum event_member {
    MEMBER_EVENT_TYPE,
    MEMBER_SOURCE_IP,
    MEMBER_DESTINATION_IP,
    MEMBER_USERNAME,
    MEMBER_DESCRIPTION,
    MEMBER_RAW_LOG,
    MEMBER_TIMESTAMP,
    MEMBER_COUNT,
    MEMBER_METADATA,
    MEMBER_OTHER, /* any other: passed over */
};

struct event_json {
    struct json_reader *reader;
    struct bytes document;
    bool is_object;           /* the document is one */
    enum event_member member; /* the one whose value is being read */
    unsigned seen;            /* bits of enum event_member */
    bool in_metadata;
    struct metadata metadata;
    struct event_input input;
    char *texts; /* EVENT_JSON_MAX + 1 bytes: decoded texts are never longer than written ones */
    size_t texts_used;
    struct input_error errors[EVENT_ERRORS_MAX];
    size_t error_count;
};

/* Lists an error; those beyond EVENT_ERRORS_MAX are not listed. */
void event_json_add_error(struct event_json *parser, struct input_error error);

/* A member's name at the outermost level. */
void event_fields_key(struct event_json *parser, struct text name);

/* That member's value; for an array or object only its kind. */
void event_fields_value(struct event_json *parser, struct json_value value);

/* A value within metadata; false when a number is beyond a double. */
bool event_fields_metadata(struct event_json *parser, struct json_value value);

/* All members are there: what is missing is an error. */
void event_fields_end(struct event_json *parser);

#endif
