/* fields.c: values of an event by field number, and the folding of their texts. */
#include "services/detector/fields.h"

#include "services/detector/casefold.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Room for any number in decimal. */
#define DECIMAL_SIZE 32

struct fields *fields_new(void) {
    struct fields *fields = calloc(1, sizeof *fields);
    if (fields == NULL)
        abort();
    arena_init(&fields->arena);
    return fields;
}

void fields_destroy(struct fields **fields) {
    if (*fields == NULL)
        return;
    arena_fini(&(*fields)->arena);
    free((*fields)->first);
    free((*fields)->last);
    free((*fields)->values);
    free(*fields);
    *fields = NULL;
}

/* Makes room for every number the names have handed out, and empties all fields. */
static void reset(struct fields *fields, const struct field_names *names) {
    uint32_t count = field_names_count(names);
    if (count > fields->first_count) {
        fields->first = reallocarray(fields->first, count, sizeof *fields->first);
        fields->last = reallocarray(fields->last, count, sizeof *fields->last);
        if (fields->first == NULL || fields->last == NULL)
            abort();
        fields->first_count = count;
    }
    memset(fields->first, 0xff, count * sizeof *fields->first);
    fields->names = names;
    fields->count = 0;
    arena_reset(&fields->arena);
}

static struct value *new_value(struct fields *fields) {
    if (fields->count == fields->capacity) {
        fields->capacity = fields->capacity == 0 ? 64 : fields->capacity * 2;
        fields->values = reallocarray(fields->values, fields->capacity, sizeof *fields->values);
        if (fields->values == NULL)
            abort();
    }
    return &fields->values[fields->count++];
}

/* Writes a decimal number, two digits at a time, into the end of `room`; where it starts. */
static char *format_integer(int64_t number, char room[DECIMAL_SIZE]) {
    static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930"
                                "31323334353637383940414243444546474849505152535455565758596061"
                                "62636465666768697071727374757677787980818283848586878889909192"
                                "93949596979899";
    char *at = room + DECIMAL_SIZE;
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    for (; rest >= 10; rest /= 100) {
        at -= 2;
        memcpy(at, pairs + 2 * (rest % 100), 2);
    }
    if (rest > 0 || at == room + DECIMAL_SIZE)
        *--at = (char)('0' + rest);
    if (number < 0)
        *--at = '-';
    return at;
}

/* Gives a number its decimal text, unless it came with one. */
static void describe_number(struct fields *fields, struct value *value) {
    if (value->text.data == NULL) {
        char *room = arena_alloc(&fields->arena, DECIMAL_SIZE), *start = room;
        size_t length = 0;
        if (value->kind == VALUE_INTEGER) {
            start = format_integer(value->integer, room);
            length = (size_t)(room + DECIMAL_SIZE - start);
        } else {
            length = (size_t)snprintf(room, DECIMAL_SIZE, "%.15g", value->real);
        }
        value->text = (struct text){start, length};
    }
    value->folded = value->text;
}

void fields_fold(struct fields *fields, uint32_t index) {
    struct value *value = &fields->values[index];
    size_t size = CASEFOLD_SIZE(value->text.length);
    char *out = arena_alloc(&fields->arena, size);
    size_t length = casefold_text(value->text, out);
    arena_trim(&fields->arena, out, length);
    value->folded = (struct text){out, length};
}

static void link_value(struct fields *fields, uint32_t number, int32_t index) {
    if (fields->first[number] < 0)
        fields->first[number] = index;
    else
        fields->values[fields->last[number]].next = index;
    fields->last[number] = index;
}

/* Makes a value one of a field's, unless the number is -1. */
static void name_value(struct fields *fields, int32_t number, uint32_t index) {
    fields->values[index].field = number;
    fields->values[index].next = -1;
    if (number >= 0)
        link_value(fields, (uint32_t)number, (int32_t)index);
}

struct value *fields_append(struct fields *fields) {
    struct value *value = new_value(fields);
    *value = (struct value){.kind = VALUE_NULL};
    return value;
}

void fields_complete(struct fields *fields, struct member_numbers numbers) {
    uint32_t index = fields->count - 1;
    struct value *value = &fields->values[index];
    switch (value->kind) {
    case VALUE_INTEGER:
        value->real = (double)value->integer;
        describe_number(fields, value);
        break;
    case VALUE_REAL:
        describe_number(fields, value);
        break;
    case VALUE_SWITCH:
        value->text = value->integer ? TEXT("true") : TEXT("false");
        value->folded = value->text;
        break;
    case VALUE_NULL:
    case VALUE_TEXT:
    case VALUE_OTHER:
        break;
    }
    name_value(fields, numbers.bare, index);
    if (numbers.full < 0)
        return;
    struct value *copy = new_value(fields);
    *copy = fields->values[index];
    name_value(fields, numbers.full, index + 1);
}

static void add_top(struct fields *fields, int32_t number, struct value value) {
    *fields_append(fields) = value;
    fields_complete(fields, (struct member_numbers){number, -1});
}

static void add_top_text(struct fields *fields, int32_t number, struct text text) {
    if (text.data != NULL)
        add_top(fields, number, (struct value){.kind = VALUE_TEXT, .text = text});
}

static void add_top_integer(struct fields *fields, int32_t number, int64_t integer) {
    add_top(fields, number, (struct value){.kind = VALUE_INTEGER, .integer = integer});
}

/* What every event has, unless a member of that name is there already. */
static void load_head(struct fields *fields, const struct event *event) {
    int64_t count = event->count > INT64_MAX ? INT64_MAX : (int64_t)event->count;
    if (fields_first(fields, FIELD_NUMBER_event_type) == NULL)
        add_top_text(fields, FIELD_NUMBER_event_type, text_of(event_type_text(event->event_type)));
    if (fields_first(fields, FIELD_NUMBER_count) == NULL)
        add_top_integer(fields, FIELD_NUMBER_count, count);
}

static void load_top(struct fields *fields, const struct event *event) {
    add_top_text(fields, FIELD_NUMBER_source_ip, event->source_ip);
    add_top_text(fields, FIELD_NUMBER_destination_ip, event->destination_ip);
    add_top_text(fields, FIELD_NUMBER_username, event->username);
    add_top_text(fields, FIELD_NUMBER_description, event->description);
    add_top_text(fields, FIELD_NUMBER_raw_log, event->raw_log);
}

void fields_load(struct fields *fields, const struct field_names *names,
                 const struct event *event) {
    bool is_foreign = event->event_type == EVENT_TYPE_UNKNOWN;
    reset(fields, names);
    if (!is_foreign)
        load_head(fields, event);
    load_top(fields, event);
    fields->members = fields->count;
    fields->metadata = event->metadata;
    if (event->metadata.data != NULL)
        fields_load_metadata(fields, event->metadata);
    fields->searched = fields->count;
    if (is_foreign)
        load_head(fields, event);
    add_top_integer(fields, FIELD_NUMBER_time_ms, event->time_ms);
    add_top_integer(fields, FIELD_NUMBER_received_ms, event->received_ms);
}

void fields_add_text(struct fields *fields, uint32_t number, struct text text) {
    add_top_text(fields, (int32_t)number, text);
}

void fields_add_switch(struct fields *fields, uint32_t number, bool value) {
    add_top(fields, (int32_t)number, (struct value){.kind = VALUE_SWITCH, .integer = value});
}
