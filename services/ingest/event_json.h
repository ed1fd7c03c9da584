/* event_json.h: reads one JSON document, as strictly as json_reader.h, into the fields of an event.
 *
 * Members that are no field of an event are checked and passed over. Every field
 * that does not fit is listed; a document that is no JSON gives one error with its position.
 * Numbers in metadata become integers when they are written as one and fit 64 bits, else doubles;
 * one beyond a double is refused. Owner: new/destroy; what a parse gives borrows from the document
 * and the parser until its next parse. Threads: one at a time per parser. Errors: BAD_SYNTAX (the
 * document), BAD_VALUE (its fields), TOO_LARGE. Limits: EVENT_JSON_MAX bytes, JSON_DEPTH_MAX
 * nested, EVENT_ERRORS_MAX errors listed, count up to EVENT_COUNT_MAX (sums of 9 000 such events
 * are still exact in Redis' Lua numbers). Source: RFC 8259; yajl 2.1.
 */
#ifndef SIEM_INGEST_EVENT_JSON_H
#define SIEM_INGEST_EVENT_JSON_H

#include "common/clock.h"
#include "services/ingest/json_reader.h"
#include "services/ingest/metadata.h"

#define EVENT_JSON_MAX (64 * 1024)
#define EVENT_ERRORS_MAX 16
#define EVENT_COUNT_MAX UINT64_C(1000000000000)

/* A document that was read; texts not given, or null, are null. */
struct event_input {
    struct text event_type;
    struct text source_ip;
    struct text destination_ip;
    struct text username;
    struct text description;
    struct text raw_log;
    struct text timestamp; /* as written; `time` is its meaning */
    struct wall_time time;
    uint64_t count;            /* 1 when not given */
    struct text metadata_json; /* the object as it stands in the document */
    bool has_original_type;    /* metadata has a member original_event_type of the sender's own */
    bool has_original_timestamp;
    struct metadata *metadata; /* the parser's; more members may be added */
};

struct event_json;

/* A parser and the memory of its documents. */
struct event_json *event_json_new(void);

/* Frees it, and the texts of the event it read last. */
void event_json_destroy(struct event_json **parser);

/* Reads a document. */
MUST_CHECK enum status event_json_parse(struct event_json *parser, struct bytes document,
                                        struct event_input *ret_input);

/* The same with a document that is a part of a text, where it begins at `start`: its errors tell
 * where they are in that. */
MUST_CHECK enum status event_json_parse_at(struct event_json *parser, struct bytes document,
                                           struct json_position start,
                                           struct event_input *ret_input);

/* What was wrong with the last document. */
size_t event_json_errors(const struct event_json *parser, const struct input_error **ret_errors);

#endif
