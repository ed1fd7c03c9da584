/* status_change.c: reads the body of a status change with yajl, member by member. */
#include "services/ingest/status_change.h"

#include "services/ingest/json_text.h"

#include <stdlib.h>
#include <yajl/yajl_parse.h>

#define GO_ON 1
#define GIVE_UP 0
#define DEPTH_MAX 32

struct reader {
    struct status_change *change;
    struct text *place; /* of the member being read; NULL: passed over */
    const char *field;
    int depth;
};

void status_change_init(struct status_change *change) {
    *change = (struct status_change){0};
}

void status_change_fini(struct status_change *change) {
    free(change->memory);
    status_change_init(change);
}

static int refuse(struct status_change *change, const char *field, const char *message,
                  const char *type) {
    change->error = (struct event_error){field, message, type, 0};
    return GIVE_UP;
}

static int on_key(void *context, const unsigned char *data, size_t length) {
    struct reader *reader = context;
    struct status_change *change = reader->change;
    struct text name = {(const char *)data, length};
    if (reader->depth != 1)
        return GO_ON;
    reader->place = NULL;
    if (text_is(name, "status")) {
        reader->place = &change->status;
        reader->field = "status";
    } else if (text_is(name, "analyst_notes")) {
        reader->place = &change->analyst_notes;
        reader->field = "analyst_notes";
    } else if (text_is(name, "resolution")) {
        reader->place = &change->resolution;
        reader->field = "resolution";
    }
    return GO_ON;
}

static int on_text(void *context, const unsigned char *data, size_t length) {
    struct reader *reader = context;
    struct status_change *change = reader->change;
    if (reader->depth == 0)
        return refuse(change, NULL, "Input should be a valid dictionary", "model_attributes_type");
    if (reader->depth > 1 || reader->place == NULL)
        return GO_ON;
    char *copy = change->memory + change->memory_used;
    memcpy(copy, data, length);
    change->memory_used += length;
    *reader->place = (struct text){copy, length};
    return GO_ON;
}

/* A value of another type than text or null. */
static int on_other(struct reader *reader) {
    if (reader->depth == 0)
        return refuse(reader->change, NULL, "Input should be a valid dictionary",
                      "model_attributes_type");
    if (reader->depth == 1 && reader->place != NULL)
        return refuse(reader->change, reader->field, "Input should be a valid string",
                      "string_type");
    return GO_ON;
}

static int on_null(void *context) {
    struct reader *reader = context;
    return reader->depth == 0 ? on_other(reader) : GO_ON;
}

static int on_bool(void *context, int value) {
    (void)value;
    return on_other(context);
}

static int on_number(void *context, const char *data, size_t length) {
    (void)data;
    (void)length;
    return on_other(context);
}

static int on_array(void *context) {
    struct reader *reader = context;
    if (on_other(reader) == GIVE_UP)
        return GIVE_UP;
    reader->depth++;
    return reader->depth <= DEPTH_MAX
               ? GO_ON
               : refuse(reader->change, NULL, "nested deeper than 32", "json_invalid");
}

static int on_object(void *context) {
    struct reader *reader = context;
    if (reader->depth > 0)
        return on_array(context);
    reader->depth++;
    return GO_ON;
}

static int on_end(void *context) {
    struct reader *reader = context;
    reader->depth--;
    return GO_ON;
}

enum status status_change_read(struct status_change *change, struct bytes body) {
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
    struct reader reader = {.change = change};
    size_t position = 0;
    change->memory = malloc(body.length + 1);
    yajl_handle parser = yajl_alloc(&callbacks, NULL, &reader);
    if (parser == NULL || change->memory == NULL)
        abort();
    yajl_status status = yajl_status_error;
    if (json_text_fault(body, &position) == NULL)
        status = yajl_parse(parser, body.data, body.length);
    if (status == yajl_status_ok)
        status = yajl_complete_parse(parser);
    yajl_free(parser);
    if (status == yajl_status_ok)
        return STATUS_OK;
    if (status == yajl_status_client_canceled)
        return STATUS_BAD_VALUE;
    (void)refuse(change, NULL, "JSON decode error", "json_invalid");
    return STATUS_BAD_SYNTAX;
}
