/* event_json.c: drives yajl over one document and watches over what yajl does not: depth, names
 * that come twice, one value only, surrogates, and the position of an error.
 *
 * One yajl handle serves document after document (it is told that several values may follow each
 * other), so that a document costs no allocation; after an error it is made anew. */
#include "services/ingest/event_json_private.h"

#include "services/ingest/json_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <yajl/yajl_parse.h>

#define GO_ON 1
#define GIVE_UP 0

void event_json_add_error(struct event_json *parser, struct event_error error) {
    if (parser->error_count < EVENT_ERRORS_MAX)
        parser->errors[parser->error_count++] = error;
}

/* The document itself is at fault: that is then its only error. */
static int document_fault(struct event_json *parser, size_t position, const char *reason) {
    size_t line = 1;
    size_t column = 1;
    for (size_t i = 0; i < position; i++) {
        bool newline = parser->document[i] == '\n';
        line += newline;
        column = newline ? 1 : column + 1;
    }
    snprintf(parser->fault, sizeof parser->fault, "JSON decode error: %s at line %zu column %zu",
             reason, line, column);
    parser->errors[0] = (struct event_error){NULL, parser->fault, "json_invalid", position};
    parser->error_count = 1;
    return GIVE_UP;
}

/* The same, at the last byte of the token yajl has just read. */
static int token_fault(struct event_json *parser, const char *reason) {
    size_t consumed = yajl_get_bytes_consumed(parser->yajl);
    return document_fault(parser, consumed > 0 ? consumed - 1 : 0, reason);
}

static int on_value(struct event_json *parser, struct json_value value) {
    if (parser->depth == 0) {
        if (parser->values++ > 0)
            return token_fault(parser, "more than one value");
        event_json_add_error(parser,
                             (struct event_error){NULL, "Input should be a valid dictionary",
                                                  "model_attributes_type", 0});
    } else if (parser->in_metadata) {
        if (!event_fields_metadata(parser, value))
            return token_fault(parser, "number out of range");
    } else if (parser->depth == 1 && parser->object_of[1] != 0) {
        event_fields_value(parser, value);
    }
    return GO_ON;
}

static int on_null(void *context) {
    return on_value(context, (struct json_value){.kind = JSON_NULL});
}

static int on_bool(void *context, int truth) {
    return on_value(context, (struct json_value){.kind = JSON_BOOL, .truth = truth != 0});
}

static int on_number(void *context, const char *data, size_t length) {
    return on_value(context, (struct json_value){.kind = JSON_NUMBER, .text = {data, length}});
}

static int on_text(void *context, const unsigned char *data, size_t length) {
    return on_value(context,
                    (struct json_value){.kind = JSON_TEXT, .text = {(const char *)data, length}});
}

/* An object or array begins. */
static int on_open(struct event_json *parser, bool object) {
    if (parser->depth == 0 && parser->values++ > 0)
        return token_fault(parser, "more than one value");
    if (parser->depth == EVENT_JSON_DEPTH_MAX)
        return token_fault(parser, "nested deeper than 32");
    if (parser->depth == 0 && !object)
        event_json_add_error(parser,
                             (struct event_error){NULL, "Input should be a valid dictionary",
                                                  "model_attributes_type", 0});
    if (parser->in_metadata) {
        metadata_open(&parser->metadata, object);
    } else if (parser->depth == 1 && parser->object_of[1] != 0) {
        event_fields_value(parser, (struct json_value){.kind = object ? JSON_OBJECT : JSON_ARRAY});
        if (object && parser->member == MEMBER_METADATA) {
            parser->in_metadata = true;
            parser->input.metadata_json.data =
                (const char *)parser->document + yajl_get_bytes_consumed(parser->yajl) - 1;
        }
    }
    parser->object_of[++parser->depth] = object ? ++parser->objects : 0;
    return GO_ON;
}

/* It ends. Metadata is the object at the second level. */
static int on_close(struct event_json *parser) {
    parser->depth--;
    if (!parser->in_metadata)
        return GO_ON;
    if (parser->depth > 1) {
        metadata_close(&parser->metadata);
        return GO_ON;
    }
    struct text *json = &parser->input.metadata_json;
    json->length = (size_t)((const char *)parser->document + yajl_get_bytes_consumed(parser->yajl) -
                            json->data);
    parser->in_metadata = false;
    return GO_ON;
}

static int on_object(void *context) {
    return on_open(context, true);
}

static int on_array(void *context) {
    return on_open(context, false);
}

static int on_end(void *context) {
    return on_close(context);
}

static int on_key(void *context, const unsigned char *data, size_t length) {
    struct event_json *parser = context;
    struct text name = {(const char *)data, length};
    if (!key_set_add(&parser->keys, parser->object_of[parser->depth], name))
        return token_fault(parser, "the same name twice in an object");
    if (parser->in_metadata) {
        if (parser->depth == 2) {
            parser->input.has_original_type |= text_is(name, "original_event_type");
            parser->input.has_original_timestamp |= text_is(name, "original_timestamp");
        }
        metadata_key(&parser->metadata, name);
    } else if (parser->depth == 1) {
        event_fields_key(parser, name);
    }
    return GO_ON;
}

static void open_yajl(struct event_json *parser) {
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
    parser->yajl = yajl_alloc(&callbacks, NULL, parser);
    if (parser->yajl == NULL)
        abort();
    yajl_config(parser->yajl, yajl_allow_multiple_values, 1);
    yajl_config(parser->yajl, yajl_dont_validate_strings, 1);
}

static void close_yajl(struct event_json *parser) {
    if (parser->yajl != NULL)
        yajl_free(parser->yajl);
    parser->yajl = NULL;
}

struct event_json *event_json_new(void) {
    struct event_json *parser = calloc(1, sizeof *parser);
    if (parser == NULL || (parser->texts = malloc(EVENT_JSON_MAX + 1)) == NULL)
        abort();
    key_set_init(&parser->keys);
    metadata_init(&parser->metadata);
    return parser;
}

void event_json_destroy(struct event_json **parser) {
    if (*parser == NULL)
        return;
    close_yajl(*parser);
    key_set_fini(&(*parser)->keys);
    metadata_fini(&(*parser)->metadata);
    free((*parser)->texts);
    free(*parser);
    *parser = NULL;
}

size_t event_json_errors(const struct event_json *parser, const struct event_error **ret_errors) {
    *ret_errors = parser->errors;
    return parser->error_count;
}

static void parser_reset(struct event_json *parser, struct bytes document) {
    parser->document = document.data;
    parser->depth = 0;
    parser->values = 0;
    parser->objects = 0;
    parser->object_of[1] = 0;
    parser->seen = 0;
    parser->in_metadata = false;
    parser->texts_used = 0;
    parser->error_count = 0;
    parser->input = (struct event_input){.count = 1, .metadata = &parser->metadata};
    key_set_reset(&parser->keys);
    metadata_reset(&parser->metadata);
}

/* yajl stopped: by us, or because of the grammar. Its message is a line; the position its token's
 * end. */
static enum status note_yajl_fault(struct event_json *parser, yajl_status status) {
    if (status == yajl_status_client_canceled)
        return STATUS_BAD_VALUE;
    unsigned char *message = yajl_get_error(parser->yajl, 0, parser->document, 0);
    size_t length = strcspn((const char *)message, "\n");
    message[length] = '\0';
    token_fault(parser, (const char *)message);
    yajl_free_error(parser->yajl, message);
    return STATUS_BAD_SYNTAX;
}

/* Reads the grammar. The line break ends a number that would be the last token. */
static enum status parse_grammar(struct event_json *parser, struct bytes document) {
    yajl_status status = yajl_parse(parser->yajl, document.data, document.length);
    if (status != yajl_status_ok)
        return note_yajl_fault(parser, status);
    if (yajl_parse(parser->yajl, (const unsigned char *)"\n", 1) != yajl_status_ok ||
        parser->depth != 0 || parser->values == 0) {
        document_fault(parser, document.length, "unexpected end");
        return STATUS_BAD_SYNTAX;
    }
    return STATUS_OK;
}

enum status event_json_parse(struct event_json *parser, struct bytes document,
                             struct event_input *ret_input) {
    size_t position = 0;
    parser_reset(parser, document);
    if (document.length > EVENT_JSON_MAX) {
        document_fault(parser, 0, "an event is at most 64 KiB");
        return STATUS_TOO_LARGE;
    }
    const char *fault = json_text_fault(document, &position);
    if (fault != NULL) {
        document_fault(parser, position, fault);
        return STATUS_BAD_TEXT;
    }
    if (parser->yajl == NULL)
        open_yajl(parser);
    enum status status = parse_grammar(parser, document);
    if (status != STATUS_OK) {
        close_yajl(parser);
        return status;
    }
    if (parser->object_of[1] != 0)
        event_fields_end(parser);
    if (!metadata_is_whole(&parser->metadata)) {
        document_fault(parser, 0, "metadata too large");
        return STATUS_TOO_LARGE;
    }
    if (parser->error_count > 0)
        return STATUS_BAD_VALUE;
    *ret_input = parser->input;
    return STATUS_OK;
}
