/* query.c: arguments of a query, checked. */
#include "services/ingest/query.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define DIGITS_MAX 19 /* of what fits 64 bits */

static void add_error(struct query_errors *errors, const char *name, const char *type,
                      const char *message) {
    assert(errors->count < QUERY_ERRORS_MAX);
    errors->errors[errors->count++] = (struct input_error){name, message, type, 0};
}

/* The same for a number out of bounds. */
static void add_bound_error(struct query_errors *errors, const char *name, const char *type,
                            const char *relation, uint64_t bound) {
    char *message = errors->messages[errors->count];
    snprintf(message, sizeof errors->messages[0], "Input should be %s than or equal to %" PRIu64,
             relation, bound);
    add_error(errors, name, type, message);
}

/* Decimal digits; beyond 64 bits the greatest there is. False when it is something else. */
static bool parse_digits(struct text text, uint64_t *ret_value) {
    uint64_t value = 0;
    if (text.length == 0)
        return false;
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text.data[i] - '0');
    }
    *ret_value = text.length > DIGITS_MAX ? UINT64_MAX : value;
    return true;
}

/* A sign in front makes it smaller than any bound. */
static bool parse_number(struct text text, uint64_t *ret_value) {
    bool is_negative = text.length > 0 && text.data[0] == '-';
    if (is_negative)
        text = (struct text){text.data + 1, text.length - 1};
    if (!parse_digits(text, ret_value))
        return false;
    *ret_value = is_negative ? 0 : *ret_value;
    return true;
}

void query_number(const struct http_request *request, struct query_bounds bounds,
                  uint64_t *ret_value, struct query_errors *errors) {
    struct text text = http_query(request, bounds.name);
    uint64_t value = 0;
    if (text.data == NULL)
        return;
    if (!parse_number(text, &value))
        add_error(errors, bounds.name, "int_parsing",
                  "Input should be a valid integer, unable to parse string as an integer");
    else if (value < bounds.min)
        add_bound_error(errors, bounds.name, "greater_than_equal", "greater", bounds.min);
    else if (value > bounds.max)
        add_bound_error(errors, bounds.name, "less_than_equal", "less", bounds.max);
    else
        *ret_value = value;
}

bool query_is_fine(struct http_request *request, const struct query_errors *errors) {
    if (errors->count > 0)
        answer_invalid(request, "query", errors->errors, errors->count);
    return errors->count == 0;
}

struct text query_text(const struct http_request *request, const char *name) {
    struct text value = http_query(request, name);
    return value.length > 0 ? value : (struct text){NULL, 0};
}
