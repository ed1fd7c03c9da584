/* conf_value.c: reads single option values: numbers, sizes, durations, switches. */
#include "common/conf_value.h"

#include <stdio.h>
#include <strings.h>

struct unit {
    const char *suffix;
    int64_t factor;
};

static const struct unit no_units[] = {{"", 1}, {NULL, 0}};
static const struct unit size_units[] = {{"", 1},          {"k", 1 << 10},   {"m", 1 << 20},
                                         {"g", 1 << 30},   {"kib", 1 << 10}, {"mib", 1 << 20},
                                         {"gib", 1 << 30}, {NULL, 0}};
static const struct unit duration_units[] = {
    {"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {NULL, 0}};

static bool equal_ignoring_case(struct text text, const char *word) {
    return text.length == strlen(word) && strncasecmp(text.data, word, text.length) == 0;
}

/* Digits, an optional minus before them, and one of the units behind. */
static enum status parse_with_unit(struct text text, const struct unit *units, int64_t *ret_value) {
    size_t at = text.length > 0 && text.data[0] == '-';
    bool negative = at == 1;
    size_t first = at;
    int64_t value = 0;
    for (; at < text.length && text.data[at] >= '0' && text.data[at] <= '9'; at++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, text.data[at] - '0', &value))
            return STATUS_BAD_VALUE;
    if (at == first)
        return STATUS_BAD_SYNTAX;
    struct text suffix = {text.data + at, text.length - at};
    for (; units->suffix != NULL; units++) {
        if (!equal_ignoring_case(suffix, units->suffix))
            continue;
        if (__builtin_mul_overflow(value, negative ? -units->factor : units->factor, &value))
            return STATUS_BAD_VALUE;
        *ret_value = value;
        return STATUS_OK;
    }
    return STATUS_BAD_SYNTAX;
}

enum status conf_parse_number(struct text text, int64_t *ret_number) {
    return parse_with_unit(text, no_units, ret_number);
}

enum status conf_parse_size(struct text text, int64_t *ret_bytes) {
    return parse_with_unit(text, size_units, ret_bytes);
}

enum status conf_parse_duration(struct text text, int64_t *ret_ms) {
    return parse_with_unit(text, duration_units, ret_ms);
}

enum status conf_parse_switch(struct text text, bool *ret_on) {
    static const char *const words[] = {"0", "1", "false", "true", "no", "yes", "off", "on"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (equal_ignoring_case(text, words[i])) {
            *ret_on = i % 2 == 1;
            return STATUS_OK;
        }
    }
    return STATUS_BAD_SYNTAX;
}

/* A text of a bounded length. */
static enum status store_text(const char *value, void *field) {
    if (strlen(value) > CONF_VALUE_SIZE_MAX)
        return STATUS_TOO_LARGE;
    memcpy(field, &value, sizeof value);
    return STATUS_OK;
}

/* A number of one of the kinds, in the option's range. */
static enum status store_number(const struct conf_option *option, struct text value, void *field) {
    int64_t number = 0;
    enum status status = option->type == CONF_SIZE       ? conf_parse_size(value, &number)
                         : option->type == CONF_DURATION ? conf_parse_duration(value, &number)
                                                         : conf_parse_number(value, &number);
    if (status != STATUS_OK)
        return status;
    bool bounded = option->min != 0 || option->max != 0;
    if (bounded && (number < option->min || number > option->max))
        return STATUS_BAD_VALUE;
    memcpy(field, &number, sizeof number);
    return STATUS_OK;
}

enum status conf_store(const struct conf_option *option, const char *value, void *config) {
    char *field = (char *)config + option->offset;
    bool on = false;
    switch (option->type) {
    case CONF_TEXT:
    case CONF_SECRET:
        return store_text(value, field);
    case CONF_SWITCH:
        if (conf_parse_switch(text_of(value), &on) != STATUS_OK)
            return STATUS_BAD_SYNTAX;
        memcpy(field, &on, sizeof on);
        return STATUS_OK;
    case CONF_NUMBER:
    case CONF_SIZE:
    case CONF_DURATION:
        break;
    }
    return store_number(option, text_of(value), field);
}

const char *conf_type_name(enum conf_type type) {
    static const char *const names[] = {"text", "secret", "number", "size", "duration", "switch"};
    return names[type];
}

const char *conf_type_example(enum conf_type type) {
    static const char *const examples[] = {"a text",    "a text",           "5",
                                           "64k or 1G", "500ms, 10s or 7d", "0 or 1"};
    return examples[type];
}

/* A value with the largest unit that divides it. */
static const char *format_with_unit(int64_t value, const struct unit *units, char *out,
                                    size_t size) {
    const struct unit *best = units;
    for (const struct unit *unit = units; unit->suffix != NULL && strlen(unit->suffix) < 3; unit++)
        if (value != 0 && value % unit->factor == 0 && unit->factor > best->factor)
            best = unit;
    snprintf(out, size, "%lld%s", (long long)(value / best->factor), best->suffix);
    return out;
}

const char *conf_format_number(enum conf_type type, int64_t value, char out[CONF_NUMBER_SIZE]) {
    const struct unit *units = type == CONF_SIZE       ? size_units
                               : type == CONF_DURATION ? duration_units + 1
                                                       : no_units;
    return format_with_unit(value, units, out, CONF_NUMBER_SIZE);
}
