/* sigma_match.c: one pattern against the values of one field: for what no index answers. */
#include "services/detector/sigma_program.h"
#include "services/detector/text_contains.h"

#include <math.h>

/* The text a pattern is compared with. */
static inline struct text text_for(const struct sigma_pattern *pattern, struct fields *fields,
                                   const struct value *value) {
    return pattern->cased ? value->text : fields_folded(fields, value);
}

static bool ends_with(struct text text, struct text end) {
    return text.length >= end.length &&
           memcmp(text.data + text.length - end.length, end.data, end.length) == 0;
}

static bool starts_with(struct text text, struct text start) {
    return text.length >= start.length && memcmp(text.data, start.data, start.length) == 0;
}

/* True when `comparison` holds between the two orders: -1, 0 or 1. */
static bool holds(enum sigma_comparison comparison, int order) {
    switch (comparison) {
    case SIGMA_LESS:
        return order < 0;
    case SIGMA_LESS_OR_EQUAL:
        return order <= 0;
    case SIGMA_GREATER:
        return order > 0;
    case SIGMA_GREATER_OR_EQUAL:
        return order >= 0;
    default:
        return order == 0;
    }
}

/* The part of the value's date that the pattern is about. */
static bool read_time_part(const struct sigma_pattern *pattern, const struct value *value,
                           struct sigma_number *ret_number) {
    int64_t part;
    bool is_read =
        value->kind == VALUE_INTEGER
            ? time_part_of_number(pattern->part, value->integer, &part)
            : value->kind == VALUE_TEXT && time_part_of_text(pattern->part, value->text, &part);
    if (is_read)
        *ret_number = (struct sigma_number){(double)part, part, true};
    return is_read;
}

/* Compares numbers, exactly when both are integers. What is no number (NaN) is like none. */
static bool number_matches(const struct sigma_pattern *pattern, const struct value *value) {
    struct sigma_number number = {value->real, value->integer, value->kind == VALUE_INTEGER};
    if (pattern->part != TIME_PART_NONE) {
        if (!read_time_part(pattern, value, &number))
            return false;
    } else if (value->kind == VALUE_TEXT) {
        if (pattern->comparison == SIGMA_EQUALS || !sigma_number_parse(value->text, &number))
            return false;
    } else if ((value->kind != VALUE_INTEGER && value->kind != VALUE_REAL) || isnan(value->real)) {
        return false;
    }
    const struct sigma_number *than = &pattern->number;
    int order = number.is_integer && than->is_integer
                    ? (number.integer > than->integer) - (number.integer < than->integer)
                    : (number.real > than->real) - (number.real < than->real);
    return holds(pattern->comparison, order);
}

/* A value is read as an address once, however many networks it is compared with. */
static bool network_matches(const struct sigma_pattern *pattern, const struct value *value,
                            struct sigma_workspace *workspace) {
    if (value->kind != VALUE_TEXT)
        return false;
    if (workspace->address_text != value->text.data) {
        workspace->address_text = value->text.data;
        workspace->is_address = address_parse(value->text, &workspace->address);
    }
    return workspace->is_address && address_range_holds(&pattern->network, &workspace->address);
}

static bool regex_matches(const struct sigma_pattern *pattern, const struct value *value,
                          struct sigma_workspace *workspace) {
    enum sigma_regex_result result = SIGMA_REGEX_GAVE_UP;
    if (workspace->gave_up - workspace->gave_up_before < SIGMA_GIVE_UPS_MAX)
        result = sigma_regex_search(pattern->regex, workspace->regex, value->text);
    workspace->gave_up += result == SIGMA_REGEX_GAVE_UP;
    return result == SIGMA_REGEX_MATCHES;
}

/* True when some value of the field the pattern names relates to this one as asked. */
static bool field_matches(const struct sigma_pattern *pattern, const struct value *value,
                          struct fields *fields) {
    struct text text = text_for(pattern, fields, value);
    for (const struct value *other = fields_first(fields, pattern->field); other != NULL;
         other = fields_next(fields, other)) {
        struct text part = text_for(pattern, fields, other);
        if (part.data == NULL)
            continue;
        if (pattern->any_before && pattern->any_after ? text_contains(text, part)
            : pattern->any_before                     ? ends_with(text, part)
            : pattern->any_after                      ? starts_with(text, part)
                                                      : text_equal(text, part))
            return true;
    }
    return false;
}

bool sigma_pattern_matches_value(const struct sigma_pattern *pattern, const struct value *value,
                                 struct fields *fields, struct sigma_workspace *workspace) {
    switch (pattern->kind) {
    case SIGMA_PATTERN_EXACT:
        return text_equal(text_for(pattern, fields, value), pattern->literal);
    case SIGMA_PATTERN_PREFIX:
        return starts_with(text_for(pattern, fields, value), pattern->literal);
    case SIGMA_PATTERN_SUFFIX:
        return ends_with(text_for(pattern, fields, value), pattern->literal);
    case SIGMA_PATTERN_CONTAINS:
        return text_contains(text_for(pattern, fields, value), pattern->literal);
    case SIGMA_PATTERN_GLOB:
        return sigma_glob_matches(&pattern->glob, text_for(pattern, fields, value));
    case SIGMA_PATTERN_REGEX:
        return regex_matches(pattern, value, workspace);
    case SIGMA_PATTERN_NETWORK:
        return network_matches(pattern, value, workspace);
    case SIGMA_PATTERN_NUMBER:
        return number_matches(pattern, value);
    case SIGMA_PATTERN_FIELD:
        return field_matches(pattern, value, fields);
    case SIGMA_PATTERN_NULL:
    case SIGMA_PATTERN_EXISTS:
        break;
    }
    return false;
}

static bool matches_field(const struct sigma_pattern *pattern, uint32_t field,
                          struct fields *fields, struct sigma_workspace *workspace) {
    const struct value *value = fields_first(fields, field);
    if (pattern->kind == SIGMA_PATTERN_EXISTS)
        return (value != NULL) == pattern->is_on;
    if (value == NULL)
        return pattern->kind == SIGMA_PATTERN_NULL;
    for (; value != NULL; value = fields_next(fields, value)) {
        if (pattern->kind == SIGMA_PATTERN_NULL && value->kind == VALUE_NULL)
            return true;
        if (value_is_comparable(value) &&
            sigma_pattern_matches_value(pattern, value, fields, workspace))
            return true;
    }
    return false;
}

static bool matches_event(const struct sigma_pattern *pattern, struct fields *fields,
                          struct sigma_workspace *workspace) {
    for (uint32_t i = 0; i < fields->searched; i++) {
        const struct value *value = &fields->values[i];
        if (value_is_comparable(value) &&
            sigma_pattern_matches_value(pattern, value, fields, workspace))
            return true;
    }
    return false;
}

bool sigma_pattern_matches(const struct sigma_pattern *pattern, uint32_t field,
                           struct fields *fields, struct sigma_workspace *workspace) {
    return field == SIGMA_KEYWORDS ? matches_event(pattern, fields, workspace)
                                   : matches_field(pattern, field, fields, workspace);
}
