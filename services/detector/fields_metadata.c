/* fields_metadata.c: walks an event's metadata, naming each member by its dotted path. */
#include "services/detector/fields.h"

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
    bool broken; /* the bytes are not what was promised: nothing more is read */
};

/* The path of the member being read. */
struct path {
    char data[FIELD_NAME_SIZE_MAX + 1];
    size_t length;
    bool lost; /* too long for any rule to name */
};

/* Takes a big-endian number of `size` bytes. */
static uint64_t take_number(struct cursor *cursor, unsigned size) {
    if ((size_t)(cursor->end - cursor->at) < size) {
        cursor->broken = true;
        return 0;
    }
    uint64_t number = 0;
    for (unsigned i = 0; i < size; i++)
        number = number << 8 | *cursor->at++;
    return number;
}

static uint8_t take_lead(struct cursor *cursor) {
    return (uint8_t)take_number(cursor, 1);
}

/* Takes `length` bytes; null when they are not there. */
static struct text take_run(struct cursor *cursor, uint64_t length) {
    if (cursor->broken || length > (uint64_t)(cursor->end - cursor->at)) {
        cursor->broken = true;
        return (struct text){NULL, 0};
    }
    struct text run = {(const char *)cursor->at, (size_t)length};
    cursor->at += length;
    return run;
}

/* Takes the length of a str, a bin, an array or a map whose lead is given. False: another type. */
static bool take_length(struct cursor *cursor, uint8_t lead, uint64_t *ret_length) {
    if (lead >= 0x80 && lead <= 0x9f)
        *ret_length = lead & 0x0f;
    else if (lead >= 0xa0 && lead <= 0xbf)
        *ret_length = lead & 0x1f;
    else if (lead >= 0xd9 && lead <= 0xdb)
        *ret_length = take_number(cursor, 1u << (lead - 0xd9));
    else if (lead >= 0xc4 && lead <= 0xc6)
        *ret_length = take_number(cursor, 1u << (lead - 0xc4));
    else if (lead >= 0xdc && lead <= 0xdf)
        *ret_length = take_number(cursor, lead & 1 ? 4 : 2);
    else
        return false;
    return true;
}

static double real_of_bits(uint64_t bits, bool is_double) {
    if (is_double) {
        double real;
        memcpy(&real, &bits, sizeof real);
        return real;
    }
    uint32_t half = (uint32_t)bits;
    float real;
    memcpy(&real, &half, sizeof real);
    return (double)real;
}

/* Sets a number; one above what an int64_t holds keeps its exact digits. */
static void set_unsigned(struct fields *fields, uint64_t number, struct value *value) {
    if (number <= INT64_MAX) {
        value->kind = VALUE_INTEGER;
        value->integer = (int64_t)number;
        return;
    }
    value->kind = VALUE_REAL;
    value->real = (double)number;
    value->text = arena_printf(&fields->arena, "%llu", (unsigned long long)number);
}

/* Sign-extends a number of `size` bytes. */
static int64_t signed_of(uint64_t number, unsigned size) {
    unsigned unused = 64 - 8 * size;
    return (int64_t)(number << unused) >> unused;
}

/* Takes a nil, a bool or a number whose lead is given. */
static void take_scalar(struct fields *fields, struct cursor *cursor, uint8_t lead,
                        struct value *value) {
    value->kind = VALUE_INTEGER;
    if (lead <= 0x7f || lead >= 0xe0) {
        value->integer = (int8_t)lead;
    } else if (lead == 0xc0) {
        value->kind = VALUE_NULL;
    } else if (lead == 0xc2 || lead == 0xc3) {
        value->kind = VALUE_SWITCH;
        value->integer = lead & 1;
    } else if (lead == 0xca || lead == 0xcb) {
        uint64_t bits = take_number(cursor, lead == 0xcb ? 8 : 4);
        value->kind = VALUE_REAL;
        value->real = real_of_bits(bits, lead == 0xcb);
    } else if (lead >= 0xcc && lead <= 0xcf) {
        set_unsigned(fields, take_number(cursor, 1u << (lead - 0xcc)), value);
    } else if (lead >= 0xd0 && lead <= 0xd3) {
        unsigned size = 1u << (lead - 0xd0);
        value->integer = signed_of(take_number(cursor, size), size);
    } else {
        cursor->broken = true;
        value->kind = VALUE_OTHER;
    }
}

/* The numbers under which rules know the member being read. A top-level field hides a member's bare
 * name. */
static struct member_numbers numbers_of(const struct fields *fields, const struct path *path) {
    if (path->lost || path->length == 0)
        return (struct member_numbers){-1, -1};
    struct text name = {path->data, path->length};
    struct member_numbers numbers = field_names_member(fields->names, name);
    if (numbers.bare >= 0 && numbers.bare < FIELD_NUMBER_FIRST_OTHER) {
        bool is_clock = numbers.bare == FIELD_NUMBER_time_ms ||
                        numbers.bare == FIELD_NUMBER_received_ms ||
                        numbers.bare == FIELD_NUMBER_metadata;
        if (is_clock || fields_first(fields, (uint32_t)numbers.bare) != NULL)
            numbers.bare = -1;
    }
    return numbers;
}

/* Lengthens the path by a member's name; what it was before is restored by the caller. */
static void path_enter(struct path *path, struct text name) {
    size_t dot = path->length > 0 ? 1 : 0;
    if (path->lost || path->length + dot + name.length > FIELD_NAME_SIZE_MAX) {
        path->lost = true;
        return;
    }
    if (dot)
        path->data[path->length++] = '.';
    memcpy(path->data + path->length, name.data, name.length);
    path->length += name.length;
}

static void load_value(struct fields *fields, struct cursor *cursor, struct path *path,
                       struct member_numbers numbers, int depth);

/* Takes the members of a map. */
static void load_members(struct fields *fields, struct cursor *cursor, struct path *path,
                         uint64_t count, int depth) {
    size_t length = path->length;
    bool lost = path->lost;
    for (uint64_t i = 0; i < count && !cursor->broken; i++) {
        uint64_t name_length;
        if (!take_length(cursor, take_lead(cursor), &name_length))
            cursor->broken = true;
        struct text name = take_run(cursor, cursor->broken ? 0 : name_length);
        if (cursor->broken)
            return;
        path_enter(path, name);
        load_value(fields, cursor, path, numbers_of(fields, path), depth);
        path->length = length;
        path->lost = lost;
    }
}

/* Takes the elements of a list: each is a value of the same member. */
static void load_elements(struct fields *fields, struct cursor *cursor, struct path *path,
                          uint64_t count, struct member_numbers numbers, int depth) {
    for (uint64_t i = 0; i < count && !cursor->broken; i++)
        load_value(fields, cursor, path, numbers, depth);
}

static void load_value(struct fields *fields, struct cursor *cursor, struct path *path,
                       struct member_numbers numbers, int depth) {
    uint8_t lead = take_lead(cursor);
    uint64_t length = 0;
    if (depth == 0)
        cursor->broken = true;
    if (cursor->broken)
        return;
    if (!take_length(cursor, lead, &length)) {
        take_scalar(fields, cursor, lead, fields_append(fields));
        fields_complete(fields, numbers);
        return;
    }
    bool is_list = (lead >= 0x90 && lead <= 0x9f) || lead == 0xdc || lead == 0xdd;
    bool is_map = (lead >= 0x80 && lead <= 0x8f) || lead == 0xde || lead == 0xdf;
    bool is_binary = lead >= 0xc4 && lead <= 0xc6;
    if (is_list && length > 0) {
        load_elements(fields, cursor, path, length, numbers, depth - 1);
    } else if (is_map || is_list) {
        fields_append(fields)->kind = VALUE_OTHER;
        fields_complete(fields, numbers);
        load_members(fields, cursor, path, length, depth - 1);
    } else {
        struct text run = take_run(cursor, length);
        struct value *value = fields_append(fields);
        value->kind = is_binary || cursor->broken ? VALUE_OTHER : VALUE_TEXT;
        value->text = run;
        fields_complete(fields, numbers);
    }
}

void fields_load_metadata(struct fields *fields, struct bytes metadata) {
    struct cursor cursor = {metadata.data, metadata.data + metadata.length, false};
    struct path path = {.length = 0};
    uint8_t lead = take_lead(&cursor);
    uint64_t count;
    bool is_map = (lead >= 0x80 && lead <= 0x8f) || lead == 0xde || lead == 0xdf;
    if (is_map && take_length(&cursor, lead, &count))
        load_members(fields, &cursor, &path, count, EVENT_METADATA_DEPTH_MAX);
}
