/* json_writer.h: writes JSON into a buffer; the only file that sees yajl's generator.
 *
 * Calls follow the shape of the document: object/array begin and end, keys, values. Text must be valid
 * UTF-8 (it was checked where it came in). Owner: init/fini; borrows the buffer. Threads: one at a time.
 * Errors: the buffer's bound (buffer_is_whole); a wrong order of calls is our bug (assert).
 */
#ifndef SIEM_COMMON_JSON_WRITER_H
#define SIEM_COMMON_JSON_WRITER_H

#include "common/buffer.h"

struct json_writer {
    struct yajl_gen_t *generator;
};

/* Starts a document at the end of `out`, on one line. */
void json_writer_init(struct json_writer *json, struct buffer *out);

/* Ends it. */
void json_writer_fini(struct json_writer *json);

/* Opens an object, as a value. */
void json_object_begin(struct json_writer *json);

/* Closes it. */
void json_object_end(struct json_writer *json);

/* Opens an array, as a value. */
void json_array_begin(struct json_writer *json);

/* Closes it. */
void json_array_end(struct json_writer *json);

/* A member's name. */
void json_key(struct json_writer *json, const char *name);

/* The same, of a text; null is "". */
void json_key_text(struct json_writer *json, struct text name);

/* Values; a null text is null. */
void json_text(struct json_writer *json, struct text value);

/* A C string; NULL is null. */
void json_string(struct json_writer *json, const char *value);

/* A whole number. */
void json_int(struct json_writer *json, int64_t value);

/* A number that always reads back as a fraction; not-a-number and infinity are null. */
void json_double(struct json_writer *json, double value);

/* true or false. */
void json_bool(struct json_writer *json, bool value);

/* null. */
void json_null(struct json_writer *json);

/* A value that is JSON already, e.g. a stored list of rules; borrows, copies as it is. */
void json_raw(struct json_writer *json, struct text value);

#endif
