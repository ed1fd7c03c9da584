/* json_reader.c: drives yajl over one document and watches over what yajl does not: depth, names
 * that come twice, one value only, surrogates, and the position of an error.
 *
 * One yajl handle serves document after document (it is told that several values may follow each
 * other), so that a document costs no allocation; after an error it is made anew. */
#include "services/ingest/json_reader.h"

#include "services/ingest/json_text.h"
#include "services/ingest/key_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <yajl/yajl_parse.h>

#define GO_ON 1
#define GIVE_UP 0

struct json_reader {
    const struct json_handler *handler;
    void *context;
    yajl_handle yajl; /* NULL after a failure: made anew by the next parse */
    struct bytes document;
    struct json_position start; /* of it, in what it is a part of */
    int depth;                  /* containers open */
    int values;                 /* values at the outermost level */
    uint32_t objects;           /* objects begun so far: their numbers in `keys` */
    uint32_t object_of[JSON_DEPTH_MAX + 1];
    struct key_set keys;
    struct input_error error;
    char message[192]; /* of the error */
};

struct input_error json_reader_fault(struct json_reader *reader, struct bytes document,
                                     size_t position, const char *reason) {
    struct json_position at = reader->start;
    for (size_t i = 0; i < position; i++) {
        bool newline = document.data[i] == '\n';
        at.line += newline;
        at.column = newline ? 1 : at.column + 1;
    }
    snprintf(reader->message, sizeof reader->message,
             "JSON decode error: %s at line %zu column %zu", reason, at.line, at.column);
    reader->error = (struct input_error){NULL, reader->message, "json_invalid", position};
    return reader->error;
}

struct input_error json_reader_error(const struct json_reader *reader) {
    return reader->error;
}

size_t json_reader_position(const struct json_reader *reader) {
    return yajl_get_bytes_consumed(reader->yajl);
}

/* The document is at fault at the last byte of the token yajl has just read. */
static int token_fault(struct json_reader *reader, const char *reason) {
    size_t consumed = json_reader_position(reader);
    (void)json_reader_fault(reader, reader->document, consumed > 0 ? consumed - 1 : 0, reason);
    return GIVE_UP;
}

static int on_value(struct json_reader *reader, const struct json_value *value) {
    if (reader->depth == 0 && reader->values++ > 0)
        return token_fault(reader, "more than one value");
    const char *fault = reader->handler->on_value(reader->context, reader->depth, value);
    return fault == NULL ? GO_ON : token_fault(reader, fault);
}

static int on_null(void *context) {
    return on_value(context, &(struct json_value){.kind = JSON_NULL});
}

static int on_bool(void *context, int truth) {
    return on_value(context, &(struct json_value){.kind = JSON_BOOL, .truth = truth != 0});
}

static int on_number(void *context, const char *data, size_t length) {
    return on_value(context, &(struct json_value){.kind = JSON_NUMBER, .text = {data, length}});
}

static int on_text(void *context, const unsigned char *data, size_t length) {
    return on_value(context,
                    &(struct json_value){.kind = JSON_TEXT, .text = {(const char *)data, length}});
}

/* An object or array begins. */
static int on_open(struct json_reader *reader, enum json_kind kind) {
    if (reader->depth == JSON_DEPTH_MAX)
        return token_fault(reader, "nested deeper than 32");
    if (on_value(reader, &(struct json_value){.kind = kind}) == GIVE_UP)
        return GIVE_UP;
    reader->object_of[++reader->depth] = kind == JSON_OBJECT ? ++reader->objects : 0;
    return GO_ON;
}

static int on_object(void *context) {
    return on_open(context, JSON_OBJECT);
}

static int on_array(void *context) {
    return on_open(context, JSON_ARRAY);
}

static int on_end(void *context) {
    struct json_reader *reader = context;
    reader->depth--;
    reader->handler->on_close(reader->context, reader->depth);
    return GO_ON;
}

static int on_key(void *context, const unsigned char *data, size_t length) {
    struct json_reader *reader = context;
    struct text name = {(const char *)data, length};
    if (!key_set_add(&reader->keys, reader->object_of[reader->depth], name))
        return token_fault(reader, "the same name twice in an object");
    reader->handler->on_key(reader->context, reader->depth, name);
    return GO_ON;
}

static void open_yajl(struct json_reader *reader) {
    static const yajl_callbacks callbacks = {
        .yajl_null = on_null,
        .yajl_boolean = on_bool,
        .yajl_number = on_number,
        .yajl_string = on_text,
        .yajl_start_map = on_object,
        .yajl_map_key = on_key,
        .yajl_end_map = on_end,
        .yajl_start_array = on_array,
        .yajl_end_array = on_end,
    };
    reader->yajl = yajl_alloc(&callbacks, NULL, reader);
    if (reader->yajl == NULL)
        abort();
    yajl_config(reader->yajl, yajl_allow_multiple_values, 1);
    yajl_config(reader->yajl, yajl_dont_validate_strings, 1);
}

static void close_yajl(struct json_reader *reader) {
    if (reader->yajl != NULL)
        yajl_free(reader->yajl);
    reader->yajl = NULL;
}

struct json_reader *json_reader_new(const struct json_handler *handler, void *context) {
    struct json_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        abort();
    reader->start = (struct json_position){1, 1};
    reader->handler = handler;
    reader->context = context;
    key_set_init(&reader->keys);
    return reader;
}

void json_reader_destroy(struct json_reader **reader) {
    if (*reader == NULL)
        return;
    close_yajl(*reader);
    key_set_fini(&(*reader)->keys);
    free(*reader);
    *reader = NULL;
}

void json_reader_set_start(struct json_reader *reader, struct json_position start) {
    reader->start = start;
}

/* yajl stopped: by us, or because of the grammar. Its message is a line, and may end with a full
 * stop, but the sentence goes on; the position is its token's end. */
static enum status note_yajl_fault(struct json_reader *reader, yajl_status status) {
    if (status == yajl_status_client_canceled)
        return STATUS_BAD_VALUE;
    unsigned char *message = yajl_get_error(reader->yajl, 0, reader->document.data, 0);
    size_t length = strcspn((const char *)message, "\n");
    message[length] = '\0';
    if (length > 0 && message[length - 1] == '.')
        message[length - 1] = '\0';
    token_fault(reader, (const char *)message);
    yajl_free_error(reader->yajl, message);
    return STATUS_BAD_SYNTAX;
}

/* Reads the grammar. The line break ends a number that would be the last token. */
static enum status parse_grammar(struct json_reader *reader) {
    struct bytes document = reader->document;
    yajl_status status = yajl_parse(reader->yajl, document.data, document.length);
    if (status != yajl_status_ok)
        return note_yajl_fault(reader, status);
    if (yajl_parse(reader->yajl, (const unsigned char *)"\n", 1) == yajl_status_ok &&
        reader->depth == 0 && reader->values > 0)
        return STATUS_OK;
    (void)json_reader_fault(reader, document, document.length, "unexpected end");
    return STATUS_BAD_SYNTAX;
}

enum status json_reader_parse(struct json_reader *reader, struct bytes document) {
    size_t position = 0;
    reader->document = document;
    reader->depth = 0;
    reader->values = 0;
    reader->objects = 0;
    key_set_reset(&reader->keys);
    const char *fault = json_text_fault(document, &position);
    if (fault != NULL) {
        (void)json_reader_fault(reader, document, position, fault);
        return STATUS_BAD_TEXT;
    }
    if (reader->yajl == NULL)
        open_yajl(reader);
    enum status status = parse_grammar(reader);
    if (status != STATUS_OK)
        close_yajl(reader);
    return status;
}
