/* json_reader.h: reads one JSON document value by value, without a tree in between; the only file
 * of this service that sees yajl's parser.
 *
 * Strict: RFC 8259, well-formed UTF-8, no lone surrogates, no name twice in any object, nothing
 * behind the value. A document that does not keep to that gives one error with its position.
 * Owner: new/destroy; what the handler is given borrows from the document and the reader until it
 * returns. Threads: one at a time per reader. Errors: BAD_TEXT, BAD_SYNTAX, BAD_VALUE (the handler
 * found a fault, a name came twice, nested too deep). Limits: JSON_DEPTH_MAX nested. Source:
 * RFC 8259; yajl 2.1.
 */
#ifndef SIEM_INGEST_JSON_READER_H
#define SIEM_INGEST_JSON_READER_H

#include "common/bytes.h"
#include "common/status.h"

#define JSON_DEPTH_MAX 32

/* What is wrong with a document, a member of it, or an argument. All texts are static, or the
 * reader's. */
struct input_error {
    const char *field;   /* name of the member, or NULL: the document itself */
    const char *message; /* a sentence */
    const char *type;    /* a machine's name for it, e.g. "missing" */
    size_t position;     /* byte in the document, for errors of the document; else 0 */
};

/* A byte's place for people, both from 1. */
struct json_position {
    size_t line;
    size_t column; /* in bytes */
};

/* What kind of value stands in the document. */
enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_TEXT, JSON_OBJECT, JSON_ARRAY };

struct json_value {
    enum json_kind kind;
    bool truth;
    struct text text; /* of a text, or of a number as written */
};

/* What is done with the parts of a document. Depth 0 is the document itself, 1 a member of it. */
struct json_handler {
    /* The name of a member at this depth; its value follows. */
    void (*on_key)(void *context, int depth, struct text name);
    /* A value at this depth; an object or array begins with it. NULL, or what is wrong: that ends
     * the reading. */
    const char *(*on_value)(void *context, int depth, const struct json_value *value);
    /* The object or array that began at this depth ends. */
    void (*on_close)(void *context, int depth);
};

struct json_reader;

/* A reader whose handler is called with this context. */
struct json_reader *json_reader_new(const struct json_handler *handler, void *context);

/* Frees it. */
void json_reader_destroy(struct json_reader **reader);

/* Has faults of the next documents told as of a text they are a part of, where they begin at
 * `start`. */
void json_reader_set_start(struct json_reader *reader, struct json_position start);

/* Reads a document. */
MUST_CHECK enum status json_reader_parse(struct json_reader *reader, struct bytes document);

/* Makes what was wrong, if it was the document itself, of a reason and where it stands. */
struct input_error json_reader_fault(struct json_reader *reader, struct bytes document,
                                     size_t position, const char *reason);

/* The fault of the last document; lives until the next. */
struct input_error json_reader_error(const struct json_reader *reader);

/* How many bytes of the document the handler has been shown, the present value included. */
size_t json_reader_position(const struct json_reader *reader);

#endif
