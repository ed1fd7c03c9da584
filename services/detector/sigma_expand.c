/* sigma_expand.c: placeholders marked in strings, and strings multiplied by their values. */
#include "services/detector/sigma_expand.h"

#include "services/detector/sigma_edit.h"

/* The values an item gets. */
struct output {
    const struct sigma_reader *reader;
    const struct sigma_expansion *expansion;
    bool is_regex;
    const struct sigma_value *value; /* being expanded */
    struct sigma_value *values;
    size_t count;
    size_t capacity;
};

static bool is_word(char byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '_' || (unsigned char)byte >= 0x80;
}

/* The length of a %name% at this place; 0: there is none. */
static size_t length_at(struct sigma_string string, size_t at) {
    size_t end = at + 1;
    if (string.data[at] != '%')
        return 0;
    while (end < string.length && string.marks[end] == string.marks[at] &&
           is_word(string.data[end]))
        end++;
    bool is_closed = end > at + 1 && end < string.length && string.data[end] == '%' &&
                     string.marks[end] == string.marks[at];
    return is_closed ? end + 1 - at : 0;
}

static struct sigma_string mark(struct arena *arena, struct sigma_string string) {
    struct sigma_string marked = {arena_alloc(arena, string.length + 1),
                                  arena_zalloc(arena, string.length + 1, 1), 0};
    for (size_t at = 0; at < string.length; at++) {
        bool is_literal = string.marks[at] == SIGMA_MARK_LITERAL;
        size_t length = is_literal ? length_at(string, at) : 0;
        if (is_literal && string.data[at] == '\\' && at + 1 < string.length &&
            string.data[at + 1] == '%' && string.marks[at + 1] == SIGMA_MARK_LITERAL) {
            at++;
            length = 0;
        }
        size_t take = length > 0 ? length : 1;
        memcpy(marked.data + marked.length, string.data + at, take);
        memset(marked.marks + marked.length, length > 0 ? SIGMA_MARK_PLACEHOLDER : string.marks[at],
               take);
        marked.length += take;
        at += take - 1;
    }
    return marked;
}

/* Finds a placeholder from there on; false: there is none. */
static bool find_open(struct sigma_string string, size_t *at, size_t *ret_length) {
    for (; *at < string.length; (*at)++) {
        if (string.marks[*at] == SIGMA_MARK_PLACEHOLDER) {
            *ret_length = length_at(string, *at);
            return true;
        }
    }
    return false;
}

bool sigma_expand_is_open(struct sigma_string string) {
    size_t at = 0, length;
    return find_open(string, &at, &length);
}

static bool holds(const struct sigma_node *list, struct text name) {
    for (size_t i = 0; i < list->count; i++)
        if (text_equal(list->items[i].text, name))
            return true;
    return false;
}

/* True when this expansion is about the name. */
static bool is_about(const struct sigma_expansion *expansion, struct text name) {
    return (expansion->include == NULL || holds(expansion->include, name)) &&
           (expansion->exclude == NULL || !holds(expansion->exclude, name));
}

static enum status emit(struct output *output, struct sigma_string string) {
    struct arena *arena = output->reader->arena;
    if (output->count == SIGMA_EXPANSION_MAX)
        return sigma_refuse(output->reader->error, STATUS_TOO_LARGE, output->value->line,
                            "placeholders make more than %d values", SIGMA_EXPANSION_MAX);
    if (output->count == output->capacity) {
        struct sigma_value *old = output->values;
        output->capacity = output->capacity == 0 ? 8 : output->capacity * 2;
        output->values = arena_zalloc(arena, output->capacity, sizeof *output->values);
        if (output->count > 0)
            memcpy(output->values, old, output->count * sizeof *old);
    }
    struct sigma_value *value = &output->values[output->count++];
    *value = *output->value;
    value->kind = SIGMA_VALUE_TEXT;
    value->source = arena_text(arena, sigma_string_text(string));
    value->strings.count = 1;
    value->strings.items = arena_zalloc(arena, 1, sizeof string);
    value->strings.items[0] = string;
    return STATUS_OK;
}

/* The string with what stands at `at` replaced. */
static struct sigma_string splice(struct arena *arena, struct sigma_string string, size_t at,
                                  size_t length, struct sigma_string by) {
    size_t rest = string.length - at - length;
    struct sigma_string made = {arena_alloc(arena, string.length + by.length + 1),
                                arena_alloc(arena, string.length + by.length + 1),
                                string.length - length + by.length};
    memcpy(made.data, string.data, at);
    memcpy(made.marks, string.marks, at);
    memcpy(made.data + at, by.data, by.length);
    memcpy(made.marks + at, by.marks, by.length);
    memcpy(made.data + at + by.length, string.data + at + length, rest);
    memcpy(made.marks + at + by.length, string.marks + at + length, rest);
    return made;
}

static enum status expand(struct output *output, struct sigma_string string, size_t from, int left);

/* Puts one value in, then goes on behind it. */
static enum status put(struct output *output, struct sigma_string string, size_t at, size_t length,
                       struct text value, int left) {
    struct arena *arena = output->reader->arena;
    struct sigma_string by =
        output->is_regex ? sigma_string_literal(arena, value) : sigma_string_parse(arena, value);
    return expand(output, splice(arena, string, at, length, by), at + by.length, left - 1);
}

static enum status expand(struct output *output, struct sigma_string string, size_t from,
                          int left) {
    const struct sigma_expansion *expansion = output->expansion;
    size_t length;
    if (!find_open(string, &from, &length))
        return emit(output, string);
    if (left == 0)
        return sigma_refuse(output->reader->error, STATUS_TOO_LARGE, output->value->line,
                            "more than %d placeholders in one value", SIGMA_PLACEHOLDERS_MAX);
    struct text name = {string.data + from + 1, length - 2};
    const struct sigma_placeholder *known = sigma_placeholders_find(expansion->values, name);
    if (!is_about(expansion, name))
        return expand(output, string, from + length, left - 1);
    if (expansion->to_wildcard)
        return put(output, string, from, length, output->is_regex ? TEXT(".*") : TEXT("*"), left);
    if (known == NULL && expansion->must_know)
        return sigma_refuse(output->reader->error, STATUS_UNSUPPORTED, output->value->line,
                            "placeholder '%.*s' has no value", TEXT_ARG(name));
    if (known == NULL)
        return expand(output, string, from + length, left - 1);
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < known->count; i++)
        status = put(output, string, from, length, known->values[i], left);
    return status;
}

enum status sigma_expand_item(const struct sigma_reader *reader,
                              const struct sigma_expansion *expansion, struct sigma_item *item) {
    struct output output = {
        .reader = reader, .expansion = expansion, .is_regex = item->comparison == SIGMA_REGEX};
    for (size_t i = 0; i < item->count; i++) {
        const struct sigma_value *value = &item->values[i];
        output.value = value;
        for (size_t k = 0; k < value->strings.count; k++) {
            enum status status =
                expand(&output, value->strings.items[k], 0, SIGMA_PLACEHOLDERS_MAX);
            if (status != STATUS_OK)
                return status;
        }
        if (value->strings.count == 0) {
            struct sigma_string none = sigma_string_literal(reader->arena, value->source);
            enum status status = emit(&output, none);
            if (status != STATUS_OK)
                return status;
            output.values[output.count - 1] = *value;
        }
    }
    if (output.count == 0)
        return sigma_refuse(reader->error, STATUS_UNSUPPORTED, item->line,
                            "its placeholders have no value");
    item->values = output.values;
    item->count = output.count;
    return STATUS_OK;
}

enum status sigma_expand_begin(const struct sigma_reader *reader, struct sigma_item *item) {
    const struct sigma_expansion expansion = {.values = reader->placeholders};
    for (size_t i = 0; i < item->count; i++) {
        struct sigma_value *value = &item->values[i];
        if (value->kind == SIGMA_VALUE_TEXT && item->comparison == SIGMA_REGEX)
            value->strings.items[0] = sigma_string_literal(reader->arena, value->source);
        for (size_t k = 0; k < value->strings.count; k++)
            value->strings.items[k] = mark(reader->arena, value->strings.items[k]);
    }
    item->expands = true;
    return sigma_expand_item(reader, &expansion, item);
}

static enum status check_item(void *context, struct sigma_detection *detection) {
    const struct sigma_reader *reader = context;
    const struct sigma_item *item = &detection->item;
    for (size_t i = 0; item->expands && i < item->count; i++) {
        const struct sigma_strings *strings = &item->values[i].strings;
        for (size_t k = 0; k < strings->count; k++) {
            size_t at = 0, length;
            if (find_open(strings->items[k], &at, &length))
                return sigma_refuse(
                    reader->error, STATUS_UNSUPPORTED, item->line,
                    "placeholder %.*s has no value: name a file of it in SIEM_PLACEHOLDERS",
                    (int)length, strings->items[k].data + at);
        }
    }
    return STATUS_OK;
}

enum status sigma_expand_check(const struct sigma_reader *reader, struct sigma_rule *rule) {
    struct sigma_reader copy = *reader;
    return sigma_edit_visit(rule, check_item, &copy);
}
