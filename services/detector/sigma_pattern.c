/* sigma_pattern.c: a rule's values to the cheapest pattern that means the same. */
#include "services/detector/sigma_program.h"

#include "services/detector/casefold.h"

#include <stdlib.h>

struct maker {
    const struct sigma_item *item;
    const struct sigma_target *target;
    struct sigma_error *error;
    struct sigma_pattern *patterns; /* being filled */
    size_t count;
};

/* A literal as it is compared: folded unless the item is cased. */
static struct text literal_of(struct maker *maker, struct text text) {
    struct arena *arena = maker->target->arena;
    if (maker->item->cased)
        return arena_text(arena, text);
    char *out = arena_alloc(arena, CASEFOLD_SIZE(text.length));
    size_t length = casefold_text(text, out);
    arena_trim(arena, out, length);
    return (struct text){out, length};
}

static struct sigma_pattern *add_pattern(struct maker *maker, enum sigma_pattern_kind kind) {
    struct sigma_pattern *pattern = &maker->patterns[maker->count++];
    *pattern = (struct sigma_pattern){.kind = kind, .cased = maker->item->cased};
    return pattern;
}

static void add_literal(struct maker *maker, enum sigma_pattern_kind kind, struct text text) {
    add_pattern(maker, kind)->literal = literal_of(maker, text);
}

static size_t count_characters(const char *data, size_t length) {
    size_t count = 0;
    for (size_t i = 0; i < length; i++)
        count += ((unsigned char)data[i] & 0xc0) != 0x80;
    return count;
}

/* Makes a piece of the bytes from..to, folding what is literal between the `?`. */
static struct sigma_glob_piece make_piece(struct maker *maker, struct sigma_string string,
                                          size_t from, size_t to) {
    struct arena *arena = maker->target->arena;
    size_t capacity = CASEFOLD_SIZE(to - from) + 8;
    char *data = arena_alloc(arena, capacity);
    uint8_t *marks = arena_zalloc(arena, capacity, 1);
    struct sigma_glob_piece piece = {.marks = marks, .plain = true};
    for (size_t at = from; at < to;) {
        size_t end = at;
        while (end < to && string.marks[end] == SIGMA_MARK_LITERAL)
            end++;
        struct text literal = literal_of(maker, (struct text){string.data + at, end - at});
        memcpy(data + piece.text.length, literal.data, literal.length);
        piece.text.length += literal.length;
        if (end < to) {
            marks[piece.text.length] = SIGMA_MARK_ONE;
            data[piece.text.length++] = '?';
            piece.plain = false;
            end++;
        }
        at = end;
    }
    piece.text.data = data;
    piece.characters = count_characters(data, piece.text.length);
    return piece;
}

static void add_glob(struct maker *maker, struct sigma_string string) {
    struct sigma_pattern *pattern = add_pattern(maker, SIGMA_PATTERN_GLOB);
    struct sigma_glob_piece *pieces =
        arena_zalloc(maker->target->arena, string.length + 1, sizeof *pieces);
    struct sigma_glob *glob = &pattern->glob;
    glob->pieces = pieces;
    for (size_t at = 0; at < string.length;) {
        size_t end = at;
        while (end < string.length && string.marks[end] != SIGMA_MARK_ANY)
            end++;
        if (end > at)
            pieces[glob->count++] = make_piece(maker, string, at, end);
        at = end + 1;
    }
    glob->any_first = string.length > 0 && string.marks[0] == SIGMA_MARK_ANY;
    glob->any_last = string.length > 0 && string.marks[string.length - 1] == SIGMA_MARK_ANY;
    if (glob->count == 0)
        pieces[glob->count++] = (struct sigma_glob_piece){.text = {"", 0}, .plain = true};
}

/* The string without `*` at its ends; what they were. */
struct ends {
    bool any_before;
    bool any_after;
    struct sigma_string middle;
};

static struct ends cut_ends(struct sigma_string string) {
    struct ends ends = {.middle = string};
    while (ends.middle.length > 0 && ends.middle.marks[0] == SIGMA_MARK_ANY) {
        ends.any_before = true;
        ends.middle.data++;
        ends.middle.marks++;
        ends.middle.length--;
    }
    while (ends.middle.length > 0 && ends.middle.marks[ends.middle.length - 1] == SIGMA_MARK_ANY) {
        ends.any_after = true;
        ends.middle.length--;
    }
    return ends;
}

static void add_string(struct maker *maker, struct sigma_string string) {
    static const enum sigma_pattern_kind kinds[2][2] = {
        {SIGMA_PATTERN_EXACT, SIGMA_PATTERN_PREFIX},
        {SIGMA_PATTERN_SUFFIX, SIGMA_PATTERN_CONTAINS},
    };
    if (maker->item->field.data == NULL)
        string = sigma_string_wrap(maker->target->arena, string, true, true);
    struct ends ends = cut_ends(string);
    if (ends.middle.length == 0 && string.length > 0)
        add_literal(maker, SIGMA_PATTERN_CONTAINS, (struct text){"", 0});
    else if (sigma_string_has_wildcards(ends.middle))
        add_glob(maker, string);
    else
        add_literal(maker, kinds[ends.any_before][ends.any_after], sigma_string_text(ends.middle));
}

/* A number equals a number of the same value, and the text that spells it the same way. */
static void add_number(struct maker *maker, const struct sigma_value *value) {
    struct sigma_string spelling = sigma_string_literal(maker->target->arena, value->source);
    add_string(maker, spelling);
    if (maker->item->field.data == NULL)
        return;
    struct sigma_pattern *pattern = add_pattern(maker, SIGMA_PATTERN_NUMBER);
    pattern->comparison = SIGMA_EQUALS;
    pattern->number = value->number;
}

/* true equals true, the text "true", and the text that was written for it. */
static void add_switch(struct maker *maker, const struct sigma_value *value) {
    struct text word = value->is_on ? TEXT("true") : TEXT("false");
    add_string(maker, sigma_string_literal(maker->target->arena, value->source));
    add_string(maker, sigma_string_literal(maker->target->arena, word));
}

static void add_equal(struct maker *maker, const struct sigma_value *value) {
    switch (value->kind) {
    case SIGMA_VALUE_TEXT:
        for (size_t i = 0; i < value->strings.count; i++)
            add_string(maker, value->strings.items[i]);
        break;
    case SIGMA_VALUE_NUMBER:
        add_number(maker, value);
        break;
    case SIGMA_VALUE_SWITCH:
        add_switch(maker, value);
        break;
    case SIGMA_VALUE_NULL:
        add_pattern(maker, SIGMA_PATTERN_NULL);
        break;
    }
}

static void keep_regex(struct sigma_regex_list *list, struct sigma_regex *regex) {
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 16 : list->capacity * 2;
        list->items = reallocarray(list->items, list->capacity, sizeof(struct sigma_regex *));
        if (list->items == NULL)
            abort();
    }
    list->items[list->count++] = regex;
}

static enum status add_regex(struct maker *maker, const struct sigma_value *value) {
    const struct sigma_item *item = maker->item;
    struct sigma_regex_flags flags = {item->ignore_case, item->multi_line, item->dot_all};
    struct sigma_regex *regex;
    enum status status = sigma_regex_new(value->source, flags, value->line, &regex, maker->error);
    if (status != STATUS_OK)
        return status;
    keep_regex(maker->target->regexes, regex);
    struct sigma_pattern *pattern = add_pattern(maker, SIGMA_PATTERN_REGEX);
    pattern->regex = regex;
    pattern->expression = arena_text(maker->target->arena, value->source);
    pattern->flags = flags;
    return STATUS_OK;
}

/* Finds the number of a field the rule names. */
static enum status intern(const struct sigma_target *target, struct text name, int line,
                          uint32_t *ret_number, struct sigma_error *error) {
    if (field_names_intern(target->names, name, ret_number) != STATUS_OK)
        return sigma_refuse(error, STATUS_TOO_LARGE, line, "too many or too long field names");
    return STATUS_OK;
}

static enum status add_field(struct maker *maker, const struct sigma_value *value) {
    uint32_t number;
    struct text name = sigma_string_text(value->strings.items[0]);
    enum status status = intern(maker->target, name, value->line, &number, maker->error);
    if (status != STATUS_OK)
        return status;
    struct sigma_pattern *pattern = add_pattern(maker, SIGMA_PATTERN_FIELD);
    pattern->field = number;
    pattern->any_before = maker->item->any_before;
    pattern->any_after = maker->item->any_after;
    return STATUS_OK;
}

/* A number compared with the value, or with a part of its date. */
static void add_comparison(struct maker *maker, const struct sigma_value *value) {
    struct sigma_pattern *pattern = add_pattern(maker, SIGMA_PATTERN_NUMBER);
    pattern->comparison = maker->item->comparison;
    pattern->part = maker->item->part;
    pattern->number = value->number;
}

static enum status add_value(struct maker *maker, const struct sigma_value *value) {
    struct sigma_pattern *pattern;
    switch (maker->item->comparison) {
    case SIGMA_EQUALS:
        if (maker->item->part == TIME_PART_NONE)
            add_equal(maker, value);
        else
            add_comparison(maker, value);
        return STATUS_OK;
    case SIGMA_REGEX:
        return add_regex(maker, value);
    case SIGMA_FIELD:
        return add_field(maker, value);
    case SIGMA_EXISTS:
        add_pattern(maker, SIGMA_PATTERN_EXISTS)->is_on = value->is_on;
        return STATUS_OK;
    case SIGMA_NETWORK:
        pattern = add_pattern(maker, SIGMA_PATTERN_NETWORK);
        if (!address_range_parse(value->source, &pattern->network))
            return sigma_refuse(maker->error, STATUS_BAD_SYNTAX, value->line, "no network");
        return STATUS_OK;
    case SIGMA_LESS:
    case SIGMA_LESS_OR_EQUAL:
    case SIGMA_GREATER:
    case SIGMA_GREATER_OR_EQUAL:
        add_comparison(maker, value);
        return STATUS_OK;
    }
    return STATUS_UNSUPPORTED;
}

/* Patterns a value can become at most. */
static size_t patterns_of(const struct sigma_value *value) {
    return value->strings.count < 2 ? 2 : value->strings.count;
}

/* Makes one group of the values from..to. */
static enum status make_group(struct maker *maker, size_t from, size_t to,
                              struct sigma_patterns *ret_group) {
    size_t capacity = 0;
    for (size_t i = from; i < to; i++)
        capacity += patterns_of(&maker->item->values[i]);
    maker->patterns = arena_zalloc(maker->target->arena, capacity, sizeof *maker->patterns);
    maker->count = 0;
    for (size_t i = from; i < to; i++) {
        enum status status = add_value(maker, &maker->item->values[i]);
        if (status != STATUS_OK)
            return status;
    }
    *ret_group = (struct sigma_patterns){maker->count, maker->patterns};
    return STATUS_OK;
}

enum status sigma_matcher_compile(const struct sigma_item *item, const struct sigma_target *target,
                                  struct sigma_matcher *ret_matcher, struct sigma_error *error) {
    struct maker maker = {.item = item, .target = target, .error = error};
    struct sigma_matcher matcher = {.field = SIGMA_KEYWORDS,
                                    .group_count = item->all ? item->count : 1};
    enum status status = STATUS_OK;
    if (item->field.data != NULL)
        status = intern(target, item->field, item->line, &matcher.field, error);
    struct sigma_patterns *groups =
        arena_zalloc(target->arena, matcher.group_count, sizeof *groups);
    for (size_t i = 0; status == STATUS_OK && i < matcher.group_count; i++)
        status = make_group(&maker, item->all ? i : 0, item->all ? i + 1 : item->count, &groups[i]);
    matcher.groups = groups;
    if (status == STATUS_OK)
        *ret_matcher = matcher;
    return status;
}
