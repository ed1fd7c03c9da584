/* sigma_modifiers.c: field modifiers, applied to an item's values from left to right. */
#include "services/detector/sigma_rule.h"

#include "services/detector/address.h"
#include "services/detector/sigma_expand.h"

struct context {
    const struct sigma_reader *reader;
    struct arena *arena;
    struct sigma_item *item;
    struct sigma_error *error;
    struct text name;      /* of the modifier */
    bool values_are_plain; /* no modifier before it has changed them */
    bool after_regex;      /* the modifier before was `re` or one of its flags */
};

static enum status refuse(const struct context *context, const char *why) {
    return sigma_refuse(context->error, STATUS_BAD_SYNTAX, context->item->line,
                        "modifier '%.*s' %s", TEXT_ARG(context->name), why);
}

/* True when a value has a placeholder that nobody gave a value yet. */
static bool is_open(const struct sigma_item *item) {
    for (size_t i = 0; item->expands && i < item->count; i++)
        for (size_t k = 0; k < item->values[i].strings.count; k++)
            if (sigma_expand_is_open(item->values[i].strings.items[k]))
                return true;
    return false;
}

/* Refuses what cannot be done before the placeholders are known. */
static enum status require_closed(const struct context *context) {
    if (!is_open(context->item))
        return STATUS_OK;
    return sigma_refuse(context->error, STATUS_UNSUPPORTED, context->item->line,
                        "modifier '%.*s' needs its placeholder's values: name a file of them in "
                        "SIEM_PLACEHOLDERS",
                        TEXT_ARG(context->name));
}

/* Makes strings of all values: what string modifiers work on. */
static enum status require_strings(const struct context *context) {
    struct sigma_item *item = context->item;
    if (item->comparison != SIGMA_EQUALS)
        return refuse(context, "cannot follow a modifier that compares otherwise");
    for (size_t i = 0; i < item->count; i++) {
        struct sigma_value *value = &item->values[i];
        if (value->kind == SIGMA_VALUE_NULL)
            return refuse(context, "needs a text, not null");
        if (value->kind == SIGMA_VALUE_TEXT)
            continue;
        value->kind = SIGMA_VALUE_TEXT;
        value->strings.count = 1;
        value->strings.items = arena_zalloc(context->arena, 1, sizeof *value->strings.items);
        value->strings.items[0] = sigma_string_literal(context->arena, value->source);
    }
    return STATUS_OK;
}

/* Rewrites every string by one function that gives one string. */
static enum status map_strings(const struct context *context,
                               enum status (*map)(struct arena *, struct sigma_string,
                                                  struct sigma_string *)) {
    enum status status = require_closed(context);
    if (status == STATUS_OK)
        status = require_strings(context);
    for (size_t i = 0; status == STATUS_OK && i < context->item->count; i++) {
        struct sigma_strings *strings = &context->item->values[i].strings;
        for (size_t k = 0; status == STATUS_OK && k < strings->count; k++)
            if (map(context->arena, strings->items[k], &strings->items[k]) != STATUS_OK)
                status = refuse(context, "cannot encode this text (wildcards, or no UTF-8)");
    }
    return status;
}

/* Rewrites every string by one function that gives several, any of which will do. */
static enum status expand_strings(const struct context *context,
                                  enum status (*expand)(struct arena *, struct sigma_string,
                                                        struct sigma_strings *)) {
    enum status status = require_closed(context);
    if (status == STATUS_OK)
        status = require_strings(context);
    for (size_t i = 0; status == STATUS_OK && i < context->item->count; i++) {
        struct sigma_strings *strings = &context->item->values[i].strings;
        struct sigma_strings all = {0};
        for (size_t k = 0; k < strings->count; k++) {
            struct sigma_strings more;
            if (expand(context->arena, strings->items[k], &more) != STATUS_OK)
                return refuse(context, "cannot rewrite this text (wildcards, empty, or too many "
                                       "dashes)");
            struct sigma_string *joined =
                arena_zalloc(context->arena, all.count + more.count, sizeof *joined);
            if (all.count > 0)
                memcpy(joined, all.items, all.count * sizeof *joined);
            memcpy(joined + all.count, more.items, more.count * sizeof *joined);
            all = (struct sigma_strings){all.count + more.count, joined};
        }
        *strings = all;
    }
    return status;
}

/* contains, startswith, endswith. */
static enum status wrap(const struct context *context, bool before, bool after) {
    struct sigma_item *item = context->item;
    if (item->comparison == SIGMA_REGEX)
        return STATUS_OK; /* a search finds it anywhere already */
    if (item->comparison == SIGMA_FIELD) {
        item->any_before |= before;
        item->any_after |= after;
        return STATUS_OK;
    }
    enum status status = require_strings(context);
    for (size_t i = 0; status == STATUS_OK && i < item->count; i++) {
        struct sigma_strings *strings = &item->values[i].strings;
        for (size_t k = 0; k < strings->count; k++)
            strings->items[k] = sigma_string_wrap(context->arena, strings->items[k], before, after);
    }
    return status;
}

static enum status apply_contains(const struct context *context) {
    return wrap(context, true, true);
}

static enum status apply_startswith(const struct context *context) {
    return wrap(context, false, true);
}

static enum status apply_endswith(const struct context *context) {
    return wrap(context, true, false);
}

static enum status apply_all(const struct context *context) {
    if (context->item->count < 2)
        return refuse(context, "needs a list of values");
    context->item->all = true;
    return STATUS_OK;
}

static enum status apply_cased(const struct context *context) {
    context->item->cased = true;
    return STATUS_OK;
}

static enum status apply_neq(const struct context *context) {
    context->item->negated = true;
    return STATUS_OK;
}

/* Sets another way to compare; the item has none yet. */
static enum status set_comparison(const struct context *context, enum sigma_comparison comparison) {
    if (context->item->comparison != SIGMA_EQUALS)
        return refuse(context, "cannot follow a modifier that compares otherwise");
    context->item->comparison = comparison;
    return STATUS_OK;
}

static enum status apply_exists(const struct context *context) {
    const struct sigma_item *item = context->item;
    if (!context->values_are_plain || item->field.data == NULL)
        return refuse(context, "must be the first, on a field");
    if (item->count != 1 || item->values[0].kind != SIGMA_VALUE_SWITCH)
        return refuse(context, "needs true or false");
    return set_comparison(context, SIGMA_EXISTS);
}

static enum status apply_regex(const struct context *context) {
    if (!context->values_are_plain || context->item->expands)
        return refuse(context, "must be the first");
    for (size_t i = 0; i < context->item->count; i++)
        if (context->item->values[i].kind == SIGMA_VALUE_NULL)
            return refuse(context, "needs a regular expression, not null");
    return set_comparison(context, SIGMA_REGEX);
}

static enum status apply_regex_flag(const struct context *context) {
    struct sigma_item *item = context->item;
    if (!context->after_regex)
        return refuse(context, "must follow 're'");
    item->ignore_case |= context->name.data[0] == 'i';
    item->multi_line |= context->name.data[0] == 'm';
    item->dot_all |= context->name.data[0] == 's' || context->name.data[0] == 'd';
    return STATUS_OK;
}

static enum status apply_cidr(const struct context *context) {
    struct address_range range;
    if (!context->values_are_plain)
        return refuse(context, "must be the first");
    enum status status = require_closed(context);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < context->item->count; i++)
        if (!address_range_parse(context->item->values[i].source, &range))
            return refuse(context, "needs a network like 10.0.0.0/8");
    return set_comparison(context, SIGMA_NETWORK);
}

static enum status apply_number(const struct context *context, enum sigma_comparison comparison) {
    for (size_t i = 0; i < context->item->count; i++) {
        struct sigma_value *value = &context->item->values[i];
        if (value->kind != SIGMA_VALUE_NUMBER && !sigma_number_parse(value->source, &value->number))
            return refuse(context, "needs a number");
        value->kind = SIGMA_VALUE_NUMBER;
    }
    return set_comparison(context, comparison);
}

static enum status apply_lt(const struct context *context) {
    return apply_number(context, SIGMA_LESS);
}

static enum status apply_lte(const struct context *context) {
    return apply_number(context, SIGMA_LESS_OR_EQUAL);
}

static enum status apply_gt(const struct context *context) {
    return apply_number(context, SIGMA_GREATER);
}

static enum status apply_gte(const struct context *context) {
    return apply_number(context, SIGMA_GREATER_OR_EQUAL);
}

/* The part of the field's date is what is compared. */
static enum status apply_time_part(const struct context *context) {
    static const struct {
        const char *name;
        enum time_part part;
    } parts[] = {
        {"minute", TIME_PART_MINUTE}, {"hour", TIME_PART_HOUR},   {"day", TIME_PART_DAY},
        {"week", TIME_PART_WEEK},     {"month", TIME_PART_MONTH}, {"year", TIME_PART_YEAR},
    };
    struct sigma_item *item = context->item;
    if (item->field.data == NULL)
        return refuse(context, "needs a field");
    if (!context->values_are_plain)
        return refuse(context, "must be the first");
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (text_is(context->name, parts[i].name))
            item->part = parts[i].part;
    return apply_number(context, SIGMA_EQUALS);
}

static enum status apply_expand(const struct context *context) {
    return sigma_expand_begin(context->reader, context->item);
}

static enum status apply_fieldref(const struct context *context) {
    if (context->item->field.data == NULL)
        return refuse(context, "needs a field");
    enum status status = require_strings(context);
    for (size_t i = 0; status == STATUS_OK && i < context->item->count; i++)
        if (sigma_string_has_wildcards(context->item->values[i].strings.items[0]))
            status = refuse(context, "needs a field's name, without wildcards");
    return status != STATUS_OK ? status : set_comparison(context, SIGMA_FIELD);
}

static enum status encode_little(struct arena *arena, struct sigma_string string,
                                 struct sigma_string *ret_string) {
    return sigma_encode_utf16(arena, string, SIGMA_UTF16_LITTLE, ret_string);
}

static enum status encode_big(struct arena *arena, struct sigma_string string,
                              struct sigma_string *ret_string) {
    return sigma_encode_utf16(arena, string, SIGMA_UTF16_BIG, ret_string);
}

static enum status encode_marked(struct arena *arena, struct sigma_string string,
                                 struct sigma_string *ret_string) {
    return sigma_encode_utf16(arena, string, SIGMA_UTF16_MARKED, ret_string);
}

static enum status apply_wide(const struct context *context) {
    return map_strings(context, encode_little);
}

static enum status apply_utf16be(const struct context *context) {
    return map_strings(context, encode_big);
}

static enum status apply_utf16(const struct context *context) {
    return map_strings(context, encode_marked);
}

static enum status apply_base64(const struct context *context) {
    return map_strings(context, sigma_encode_base64);
}

static enum status apply_base64offset(const struct context *context) {
    return expand_strings(context, sigma_encode_base64_offset);
}

static enum status apply_windash(const struct context *context) {
    return expand_strings(context, sigma_encode_windash);
}

static const struct modifier {
    const char *name;
    enum status (*apply)(const struct context *context);
} modifiers[] = {
    {"all", apply_all},
    {"base64", apply_base64},
    {"base64offset", apply_base64offset},
    {"cased", apply_cased},
    {"cidr", apply_cidr},
    {"contains", apply_contains},
    {"day", apply_time_part},
    {"dotall", apply_regex_flag},
    {"endswith", apply_endswith},
    {"exists", apply_exists},
    {"expand", apply_expand},
    {"fieldref", apply_fieldref},
    {"gt", apply_gt},
    {"gte", apply_gte},
    {"hour", apply_time_part},
    {"i", apply_regex_flag},
    {"ignorecase", apply_regex_flag},
    {"lt", apply_lt},
    {"lte", apply_lte},
    {"m", apply_regex_flag},
    {"minute", apply_time_part},
    {"month", apply_time_part},
    {"multiline", apply_regex_flag},
    {"neq", apply_neq},
    {"re", apply_regex},
    {"s", apply_regex_flag},
    {"startswith", apply_startswith},
    {"utf16", apply_utf16},
    {"utf16be", apply_utf16be},
    {"utf16le", apply_wide},
    {"week", apply_time_part},
    {"wide", apply_wide},
    {"windash", apply_windash},
    {"year", apply_time_part},
};

/* Modifiers that say something of the whole list, and leave the values as they are. */
static bool leaves_values(enum status (*apply)(const struct context *context)) {
    return apply == apply_all || apply == apply_neq || apply == apply_cased ||
           apply == apply_expand;
}

static enum status apply_one(struct context *context) {
    for (size_t i = 0; i < sizeof modifiers / sizeof modifiers[0]; i++) {
        if (!text_is(context->name, modifiers[i].name))
            continue;
        enum status status = modifiers[i].apply(context);
        context->after_regex =
            modifiers[i].apply == apply_regex || modifiers[i].apply == apply_regex_flag;
        context->values_are_plain &= leaves_values(modifiers[i].apply);
        return status;
    }
    return refuse(context, "is not known");
}

enum status sigma_modifiers_apply(const struct sigma_reader *reader, struct text text,
                                  struct sigma_item *item) {
    struct context context = {.reader = reader,
                              .arena = reader->arena,
                              .item = item,
                              .error = reader->error,
                              .values_are_plain = true};
    enum status status = STATUS_OK;
    for (size_t start = 0; status == STATUS_OK && start <= text.length;) {
        const char *bar = memchr(text.data + start, '|', text.length - start);
        size_t end = bar != NULL ? (size_t)(bar - text.data) : text.length;
        context.name = (struct text){text.data + start, end - start};
        status = apply_one(&context);
        start = end + 1;
    }
    return status;
}
