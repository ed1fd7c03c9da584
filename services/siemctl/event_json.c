/* event_json.c: splits the arguments into paths and values, and writes them as one object. */
#include "services/siemctl/event_json.h"

#include "common/json_writer.h"
#include "common/nearest_name.h"
#include "common/scoped.h"
#include "common/utf8.h"
#include "services/siemctl/json_tree.h"

#include <stdio.h>

/* One argument: the rest of its path at the level being written, and its value. */
struct pair {
    struct text path;
    struct text value;
    bool raw; /* the value is JSON already */
    bool written;
};

/* The event's fields that a sender may set, as the API names them. */
static const char *const field_names[] = {
#define FIELD(name, type, need, unit, meaning) #name,
#include "proto/event.def"
#undef FIELD
    "timestamp",
};

/* True for a field of event.def that the API knows under that name. */
static bool is_field(struct text name) {
    if (text_is(name, "time_ms") || text_is(name, "received_ms") || text_is(name, "event_type") ||
        text_is(name, "request_tag"))
        return false;
    for (size_t i = 0; i < sizeof field_names / sizeof *field_names; i++)
        if (text_is(name, field_names[i]))
            return true;
    return false;
}

/* The path's first segment, and what is behind its dot (null when it is the last). */
static struct text split_path(struct text path, struct text *ret_rest) {
    const char *dot = memchr(path.data, '.', path.length);
    if (dot == NULL) {
        *ret_rest = (struct text){NULL, 0};
        return path;
    }
    size_t length = (size_t)(dot - path.data);
    *ret_rest = (struct text){dot + 1, path.length - length - 1};
    return (struct text){path.data, length};
}

static enum status fail(struct buffer *error, const char *what, struct text name) {
    buffer_printf(error, "%s: %.*s", what, TEXT_ARG(name));
    return STATUS_BAD_VALUE;
}

/* A name that is no field: says which one was probably meant. */
static enum status fail_unknown(struct buffer *error, struct text name) {
    char wanted[NEAREST_NAME_SIZE];
    struct nearest_name nearest;
    snprintf(wanted, sizeof wanted, "%.*s", TEXT_ARG(name));
    nearest_name_init(&nearest, wanted);
    for (size_t i = 0; i < sizeof field_names / sizeof *field_names; i++)
        if (is_field(text_of(field_names[i])))
            nearest_name_consider(&nearest, field_names[i]);
    buffer_printf(error,
                  "an event has no field %s%s; anything else goes into metadata: metadata.%s=...",
                  wanted, nearest.hint, wanted);
    return STATUS_BAD_VALUE;
}

/* True when the text is one whole JSON value. */
static bool is_json(struct text text) {
    char error[JSON_TREE_ERROR_SIZE];
    struct json_node *root = NULL;
    if (json_tree_parse(text, &root, error) != STATUS_OK)
        return false;
    json_node_destroy(&root);
    return true;
}

/* True for what JSON reads as a number, true, false or null. */
static bool is_literal(struct text text) {
    if (text.length == 0 || strchr("-0123456789tfn", text.data[0]) == NULL)
        return false;
    return is_json(text);
}

/* True when each segment of the path has a name. */
static bool path_is_whole(struct text path) {
    int depth = 1;
    char before = '.';
    for (size_t i = 0; i < path.length; i++) {
        if (path.data[i] == '.' && before == '.')
            return false;
        before = path.data[i];
        depth += before == '.';
    }
    return before != '.' && depth <= EVENT_JSON_DEPTH_MAX;
}

/* Judges the name and value of a pair; whether the value stands as it is. */
static enum status check_pair(struct pair *pair, struct buffer *error) {
    struct text rest;
    struct text field = split_path(pair->path, &rest);
    const void *bytes = pair->value.data;
    if (!path_is_whole(pair->path))
        return fail(error, "a name is missing between dots", pair->path);
    if (!is_field(field))
        return fail_unknown(error, field);
    if (rest.data != NULL && !text_is(field, "metadata"))
        return fail(error, "only metadata has members", pair->path);
    if (!utf8_is_valid(bytes, pair->value.length))
        return fail(error, "the value is not UTF-8", pair->path);
    if (pair->raw)
        return is_json(pair->value) ? STATUS_OK : fail(error, "no JSON after :=", pair->path);
    if (rest.data == NULL && text_is(field, "metadata"))
        return fail(error, "give metadata as metadata.name=value or metadata:=JSON", pair->path);
    bool typed = rest.data != NULL || text_is(field, "count");
    pair->raw = typed && is_literal(pair->value);
    return STATUS_OK;
}

/* Takes "name=value" or "name:=JSON" apart. */
static enum status split_pair(const char *argument, struct pair *pair, struct buffer *error) {
    const char *equals = strchr(argument, '=');
    const void *bytes = argument;
    if (equals == NULL || equals == argument || !utf8_is_valid(bytes, (size_t)(equals - argument)))
        return fail(error, "a field is name=value or name:=JSON", text_of(argument));
    pair->raw = equals[-1] == ':';
    pair->written = false;
    pair->path = (struct text){argument, (size_t)(equals - argument) - pair->raw};
    pair->value = text_of(equals + 1);
    return check_pair(pair, error);
}

/* Refuses a name given twice, or as a value and as an object. */
static enum status check_conflicts(const struct pair *pairs, int count, struct buffer *error) {
    for (int i = 0; i < count; i++) {
        for (int j = 0; j < count; j++) {
            struct text a = pairs[i].path, b = pairs[j].path;
            bool begins = i != j && a.length <= b.length && memcmp(a.data, b.data, a.length) == 0;
            if (begins && (a.length == b.length || b.data[a.length] == '.'))
                return fail(error, "given twice", a);
        }
    }
    return STATUS_OK;
}

static void write_value(struct json_writer *json, const struct pair *pair) {
    if (pair->raw)
        json_raw(json, pair->value);
    else
        json_text(json, pair->value);
}

/* Writes the members of one level: each name once, with all pairs below it. */
static void write_members(struct json_writer *json, struct pair *pairs, int count) {
    for (int i = 0; i < count; i++) {
        struct text rest;
        if (pairs[i].written)
            continue;
        struct text name = split_path(pairs[i].path, &rest);
        json_key_text(json, name);
        if (rest.data == NULL) {
            write_value(json, &pairs[i]);
            continue;
        }
        struct pair below[EVENT_JSON_PAIRS_MAX];
        int below_count = 0;
        for (int j = i; j < count; j++) {
            struct text other_rest;
            if (!text_equal(split_path(pairs[j].path, &other_rest), name))
                continue;
            pairs[j].written = true;
            below[below_count++] = (struct pair){other_rest, pairs[j].value, pairs[j].raw, false};
        }
        json_object_begin(json);
        write_members(json, below, below_count);
        json_object_end(json);
    }
}

enum status event_json_build(const char *event_type, int count, char *const *arguments,
                             struct buffer *out, struct buffer *error) {
    struct pair pairs[EVENT_JSON_PAIRS_MAX];
    const void *type = event_type;
    if (count > EVENT_JSON_PAIRS_MAX)
        return fail(error, "too many fields", TEXT("at most 256"));
    if (!utf8_is_valid(type, strlen(event_type)))
        return fail(error, "the event type is not UTF-8", text_of(event_type));
    for (int i = 0; i < count; i++)
        if (split_pair(arguments[i], &pairs[i], error) != STATUS_OK)
            return STATUS_BAD_VALUE;
    if (check_conflicts(pairs, count, error) != STATUS_OK)
        return STATUS_BAD_VALUE;
    struct json_writer json;
    json_writer_init(&json, out);
    json_object_begin(&json);
    json_key(&json, "event_type");
    json_string(&json, event_type);
    write_members(&json, pairs, count);
    json_object_end(&json);
    json_writer_fini(&json);
    return STATUS_OK;
}
