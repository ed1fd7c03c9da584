/* event_fields.c: which members an event has in JSON, and which values fit them. */
#include "services/ingest/event_json_private.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define MEMBER_ROW(name)                                                                           \
    { name, sizeof(name) - 1 }

static const struct text members[MEMBER_OTHER] = {
    [MEMBER_EVENT_TYPE] = MEMBER_ROW("event_type"),
    [MEMBER_SOURCE_IP] = MEMBER_ROW("source_ip"),
    [MEMBER_DESTINATION_IP] = MEMBER_ROW("destination_ip"),
    [MEMBER_USERNAME] = MEMBER_ROW("username"),
    [MEMBER_DESCRIPTION] = MEMBER_ROW("description"),
    [MEMBER_RAW_LOG] = MEMBER_ROW("raw_log"),
    [MEMBER_TIMESTAMP] = MEMBER_ROW("timestamp"),
    [MEMBER_COUNT] = MEMBER_ROW("count"),
    [MEMBER_METADATA] = MEMBER_ROW("metadata"),
};

static enum event_member member_of(struct text name) {
    for (int i = 0; i < MEMBER_OTHER; i++) {
        if (members[i].length == name.length &&
            memcmp(members[i].data, name.data, name.length) == 0)
            return (enum event_member)i;
    }
    return MEMBER_OTHER;
}

static void field_error(struct event_json *parser, const char *message, const char *type) {
    event_json_add_error(parser,
                         (struct input_error){members[parser->member].data, message, type, 0});
}

void event_fields_key(struct event_json *parser, struct text name) {
    parser->member = member_of(name);
    parser->seen |= 1u << parser->member;
}

/* Where the text of a member goes; NULL when it has none. */
static struct text *text_place(struct event_json *parser) {
    struct event_input *input = &parser->input;
    switch (parser->member) {
    case MEMBER_EVENT_TYPE:
        return &input->event_type;
    case MEMBER_SOURCE_IP:
        return &input->source_ip;
    case MEMBER_DESTINATION_IP:
        return &input->destination_ip;
    case MEMBER_USERNAME:
        return &input->username;
    case MEMBER_DESCRIPTION:
        return &input->description;
    case MEMBER_RAW_LOG:
        return &input->raw_log;
    case MEMBER_TIMESTAMP:
        return &input->timestamp;
    default:
        return NULL;
    }
}

/* Copies a text to the parser's memory. */
static struct text keep_text(struct event_json *parser, struct text text) {
    char *to = parser->texts + parser->texts_used;
    memcpy(to, text.data, text.length);
    parser->texts_used += text.length;
    return (struct text){to, text.length};
}

static void take_text(struct event_json *parser, struct text *place, struct json_value value) {
    bool required = parser->member == MEMBER_EVENT_TYPE;
    if (value.kind == JSON_TEXT)
        *place = keep_text(parser, value.text);
    else if (value.kind != JSON_NULL || required)
        field_error(parser, "Input should be a valid string", "string_type");
    if (place->data == NULL || parser->member != MEMBER_TIMESTAMP)
        return;
    if (clock_parse_rfc3339(*place, &parser->input.time) != STATUS_OK)
        field_error(parser, "Input should be a valid RFC 3339 timestamp", "datetime_parsing");
}

/* Reads a number as written: an integer when it is written as one and fits, else a double. */
static enum metadata_number {
    NUMBER_SIGNED,
    NUMBER_UNSIGNED,
    NUMBER_DOUBLE
} read_number(struct event_json *parser, struct text text, int64_t *ret_signed,
              uint64_t *ret_unsigned, double *ret_double) {
    char *copy = parser->texts + parser->texts_used;
    memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    if (strpbrk(copy, ".eE") == NULL) {
        errno = 0;
        *ret_signed = strtoll(copy, NULL, 10);
        if (errno == 0)
            return NUMBER_SIGNED;
        errno = 0;
        *ret_unsigned = strtoull(copy, NULL, 10);
        if (errno == 0 && copy[0] != '-')
            return NUMBER_UNSIGNED;
    }
    *ret_double = strtod(copy, NULL);
    return NUMBER_DOUBLE;
}

/* A text that is an integer counts as one, as it does in the clients' old server. */
static bool is_integer_text(struct text text) {
    size_t at = text.length > 0 && (text.data[0] == '-' || text.data[0] == '+') ? 1 : 0;
    if (at == text.length || text.length > 20)
        return false;
    for (; at < text.length; at++) {
        if (text.data[at] < '0' || text.data[at] > '9')
            return false;
    }
    return true;
}

static void take_count(struct event_json *parser, struct json_value value) {
    int64_t small = 0;
    uint64_t large = 0;
    double number = 0;
    if (value.kind == JSON_TEXT && !is_integer_text(value.text)) {
        field_error(parser, "Input should be a valid integer, unable to parse string as an integer",
                    "int_parsing");
        return;
    }
    if (value.kind != JSON_NUMBER && value.kind != JSON_TEXT) {
        field_error(parser, "Input should be a valid integer", "int_type");
        return;
    }
    enum metadata_number kind = read_number(parser, value.text, &small, &large, &number);
    if (kind == NUMBER_SIGNED)
        number = (double)small;
    else if (kind == NUMBER_UNSIGNED)
        number = (double)large;
    if (floor(number) < number)
        field_error(parser, "Input should be a valid integer, got a number with a fractional part",
                    "int_from_float");
    else if (number < 1)
        field_error(parser, "Input should be greater than or equal to 1", "greater_than_equal");
    else if (number > (double)EVENT_COUNT_MAX)
        field_error(parser, "Input should be less than or equal to 1000000000000",
                    "less_than_equal");
    else
        parser->input.count = (uint64_t)number;
}

void event_fields_value(struct event_json *parser, struct json_value value) {
    struct text *place = text_place(parser);
    if (place != NULL)
        take_text(parser, place, value);
    else if (parser->member == MEMBER_COUNT)
        take_count(parser, value);
    else if (parser->member == MEMBER_METADATA && value.kind != JSON_OBJECT)
        field_error(parser, "Input should be a valid dictionary", "dict_type");
}

bool event_fields_metadata(struct event_json *parser, struct json_value value) {
    struct metadata *metadata = &parser->metadata;
    int64_t small = 0;
    uint64_t large = 0;
    double number = 0;
    enum metadata_number kind;
    switch (value.kind) {
    case JSON_TEXT:
        metadata_text(metadata, value.text);
        return true;
    case JSON_NUMBER:
        kind = read_number(parser, value.text, &small, &large, &number);
        if (kind == NUMBER_SIGNED)
            metadata_int(metadata, small);
        else if (kind == NUMBER_UNSIGNED)
            metadata_uint(metadata, large);
        else
            metadata_double(metadata, number);
        return isfinite(number);
    case JSON_BOOL:
        metadata_bool(metadata, value.truth);
        return true;
    case JSON_OBJECT:
    case JSON_ARRAY:
        metadata_open(metadata, value.kind == JSON_OBJECT);
        return true;
    default:
        metadata_nil(metadata);
        return true;
    }
}

void event_fields_end(struct event_json *parser) {
    parser->member = MEMBER_EVENT_TYPE;
    if ((parser->seen & 1u << MEMBER_EVENT_TYPE) == 0)
        field_error(parser, "Field required", "missing");
}
