/* event_json.c: one JSON document as an event: its members by event_fields.c, its metadata as it
 * comes. */
#include "services/ingest/event_json_private.h"

#include <stdlib.h>

void event_json_add_error(struct event_json *parser, struct input_error error) {
    if (parser->error_count < EVENT_ERRORS_MAX)
        parser->errors[parser->error_count++] = error;
}

/* The document itself is at fault: that is then its only error. */
static enum status document_fault(struct event_json *parser, enum status status,
                                  struct input_error error) {
    parser->errors[0] = error;
    parser->error_count = 1;
    return status;
}

/* The document itself: an event is an object. */
static void take_root(struct event_json *parser, const struct json_value *value) {
    parser->is_object = value->kind == JSON_OBJECT;
    if (!parser->is_object)
        event_json_add_error(parser,
                             (struct input_error){NULL, "Input should be a valid dictionary",
                                                  "model_attributes_type", 0});
}

/* A member of it. Metadata begins here, and is then taken value by value. */
static void take_member(struct event_json *parser, const struct json_value *value) {
    event_fields_value(parser, *value);
    if (value->kind != JSON_OBJECT || parser->member != MEMBER_METADATA)
        return;
    parser->in_metadata = true;
    parser->input.metadata_json.data =
        (const char *)parser->document.data + json_reader_position(parser->reader) - 1;
}

static const char *on_value(void *context, int depth, const struct json_value *value) {
    struct event_json *parser = context;
    if (parser->in_metadata)
        return event_fields_metadata(parser, *value) ? NULL : "number out of range";
    if (depth == 0)
        take_root(parser, value);
    else if (depth == 1 && parser->is_object)
        take_member(parser, value);
    return NULL;
}

static void on_close(void *context, int depth) {
    struct event_json *parser = context;
    if (!parser->in_metadata)
        return;
    if (depth > 1) {
        metadata_close(&parser->metadata);
        return;
    }
    struct text *json = &parser->input.metadata_json;
    const char *end = (const char *)parser->document.data + json_reader_position(parser->reader);
    json->length = (size_t)(end - json->data);
    parser->in_metadata = false;
}

static void on_key(void *context, int depth, struct text name) {
    struct event_json *parser = context;
    if (parser->in_metadata) {
        if (depth == 2) {
            parser->input.has_original_type |= text_is(name, "original_event_type");
            parser->input.has_original_timestamp |= text_is(name, "original_timestamp");
        }
        metadata_key(&parser->metadata, name);
    } else if (depth == 1) {
        event_fields_key(parser, name);
    }
}

struct event_json *event_json_new(void) {
    static const struct json_handler handler = {on_key, on_value, on_close};
    struct event_json *parser = calloc(1, sizeof *parser);
    if (parser == NULL || (parser->texts = malloc(EVENT_JSON_MAX + 1)) == NULL)
        abort();
    parser->reader = json_reader_new(&handler, parser);
    metadata_init(&parser->metadata);
    return parser;
}

void event_json_destroy(struct event_json **parser) {
    if (*parser == NULL)
        return;
    json_reader_destroy(&(*parser)->reader);
    metadata_fini(&(*parser)->metadata);
    free((*parser)->texts);
    free(*parser);
    *parser = NULL;
}

size_t event_json_errors(const struct event_json *parser, const struct input_error **ret_errors) {
    *ret_errors = parser->errors;
    return parser->error_count;
}

static void parser_reset(struct event_json *parser, struct bytes document) {
    parser->document = document;
    parser->is_object = false;
    parser->seen = 0;
    parser->in_metadata = false;
    parser->texts_used = 0;
    parser->error_count = 0;
    parser->input = (struct event_input){.count = 1, .metadata = &parser->metadata};
    metadata_reset(&parser->metadata);
}

enum status event_json_parse(struct event_json *parser, struct bytes document,
                             struct event_input *ret_input) {
    return event_json_parse_at(parser, document, (struct json_position){1, 1}, ret_input);
}

enum status event_json_parse_at(struct event_json *parser, struct bytes document,
                                struct json_position start, struct event_input *ret_input) {
    struct json_reader *reader = parser->reader;
    json_reader_set_start(reader, start);
    parser_reset(parser, document);
    if (document.length > EVENT_JSON_MAX)
        return document_fault(parser, STATUS_TOO_LARGE,
                              json_reader_fault(reader, document, 0, "an event is at most 64 KiB"));
    enum status status = json_reader_parse(reader, document);
    if (status != STATUS_OK)
        return document_fault(parser, status, json_reader_error(reader));
    if (parser->is_object)
        event_fields_end(parser);
    if (!metadata_is_whole(&parser->metadata))
        return document_fault(parser, STATUS_TOO_LARGE,
                              json_reader_fault(reader, document, 0, "metadata too large"));
    if (parser->error_count > 0)
        return STATUS_BAD_VALUE;
    *ret_input = parser->input;
    return STATUS_OK;
}
