/* sigma_correlation_condition.c: what a correlation's window must satisfy. */
#include "services/detector/sigma_correlation.h"

#include <math.h>

static const char *const operators[] = {"lt", "lte", "gt", "gte", "eq", "neq"};

static enum status refuse(const struct sigma_reader *reader, int line, const char *reason) {
    return sigma_refuse(reader->error, STATUS_BAD_SYNTAX, line, "%s", reason);
}

static bool is_temporal(const struct correlation *correlation) {
    return correlation->kind == CORRELATION_TEMPORAL ||
           correlation->kind == CORRELATION_TEMPORAL_ORDERED;
}

static void compare(struct correlation *correlation, enum correlation_operator operator_,
                    double number) {
    correlation->comparisons.items[correlation->comparisons.count++] =
        (struct correlation_comparison){operator_, number};
}

static enum status read_comparison(const struct sigma_reader *reader, struct text name,
                                   const struct sigma_node *node, struct correlation *correlation) {
    struct sigma_number number;
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        if (!text_is(name, operators[i]))
            continue;
        if (!sigma_node_number(node, &number) || !isfinite(number.real))
            return sigma_refuse(reader->error, STATUS_BAD_SYNTAX, node->line,
                                "'%s' must be a number", operators[i]);
        if (correlation->comparisons.count == CORRELATION_COMPARISONS_MAX)
            return refuse(reader, node->line, "'condition' has too many comparisons");
        compare(correlation, (enum correlation_operator)i, number.real);
        return STATUS_OK;
    }
    return sigma_refuse(reader->error, STATUS_BAD_SYNTAX, node->line,
                        "'condition' has no '%.*s' (it has lt, lte, gt, gte, eq, neq, field, "
                        "percentile)",
                        TEXT_ARG(name));
}

static enum status read_fields(const struct sigma_reader *reader, const struct sigma_node *node,
                               struct sigma_correlation *correlation) {
    bool is_list = node->kind == SIGMA_NODE_LIST;
    size_t count = is_list ? node->count : 1;
    if (count == 0 || count > CORRELATION_FIELDS_MAX)
        return sigma_refuse(reader->error, STATUS_TOO_LARGE, node->line,
                            "'field' must be 1 to %d fields", CORRELATION_FIELDS_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct sigma_node *name = is_list ? &node->items[i] : node;
        if (name->kind != SIGMA_NODE_SCALAR || name->text.length == 0 ||
            name->text.length > FIELD_NAME_SIZE_MAX)
            return refuse(reader, name->line, "'field' must name fields");
        correlation->fields.items[correlation->fields.count++] = name->text;
    }
    return STATUS_OK;
}

static enum status read_percentile(const struct sigma_reader *reader, const struct sigma_node *node,
                                   struct sigma_correlation *correlation) {
    struct sigma_number number;
    if (correlation->correlation.kind != CORRELATION_VALUE_PERCENTILE)
        return refuse(reader, node->line, "'percentile' is for value_percentile");
    if (!sigma_node_number(node, &number) || number.real < 0 || number.real > 100)
        return refuse(reader, node->line, "'percentile' must be a number from 0 to 100");
    correlation->correlation.percentile = number.real;
    return STATUS_OK;
}

static enum status read_map(const struct sigma_reader *reader, const struct sigma_node *map,
                            struct sigma_correlation *correlation) {
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < map->count; i++) {
        struct text name = map->names[i].text;
        if (text_is(name, "field"))
            status = read_fields(reader, &map->items[i], correlation);
        else if (text_is(name, "percentile"))
            status = read_percentile(reader, &map->items[i], correlation);
        else
            status = read_comparison(reader, name, &map->items[i], &correlation->correlation);
    }
    if (status == STATUS_OK && correlation->correlation.comparisons.count == 0)
        status = refuse(reader, map->line, "'condition' compares with nothing");
    return status;
}

/* Values are of one field, but tuples can be counted. */
static enum status check_fields(const struct sigma_reader *reader, int line,
                                const struct sigma_correlation *correlation) {
    enum correlation_values values = correlation_type_values(correlation->correlation.kind);
    uint32_t count = correlation->fields.count;
    if (values == CORRELATION_VALUES_NONE && count > 0)
        return refuse(reader, line, "this type of correlation has no 'field'");
    if (values != CORRELATION_VALUES_NONE && count == 0)
        return refuse(reader, line, "this type of correlation needs a 'field' in its condition");
    if (values == CORRELATION_VALUES_NUMBER && count > 1)
        return refuse(reader, line, "this type of correlation takes one 'field'");
    return STATUS_OK;
}

/* The largest number a window is compared with. */
static double find_largest(const struct correlation *correlation) {
    double largest = 0;
    for (uint32_t i = 0; i < correlation->comparisons.count; i++)
        largest = fmax(largest, correlation->comparisons.items[i].number);
    return largest;
}

/* Windows hold a bounded number of contributions: large counts go by a coarser clock. */
static enum status fit_into_window(const struct sigma_reader *reader, int line,
                                   struct correlation *correlation) {
    double largest = find_largest(correlation);
    if (correlation->kind == CORRELATION_VALUE_COUNT && largest > CORRELATION_VALUES_MAX)
        return sigma_refuse(reader->error, STATUS_TOO_LARGE, line,
                            "more than %d distinct values cannot be counted",
                            CORRELATION_VALUES_MAX);
    if (correlation->kind == CORRELATION_EVENT_COUNT && largest > CORRELATION_EXACT_MAX)
        correlation->quantum_ms =
            (correlation->timespan_ms + CORRELATION_EXACT_MAX - 1) / CORRELATION_EXACT_MAX;
    return STATUS_OK;
}

/* True when more contributions can make a condition that held fail. Sums are taken to grow. */
static bool can_be_undone(const struct correlation *correlation) {
    if (correlation->kind == CORRELATION_VALUE_AVG ||
        correlation->kind == CORRELATION_VALUE_PERCENTILE ||
        correlation->kind == CORRELATION_VALUE_MEDIAN)
        return true;
    for (uint32_t i = 0; i < correlation->comparisons.count; i++) {
        enum correlation_operator operator_ = correlation->comparisons.items[i].operator_;
        if (operator_ != CORRELATION_GT && operator_ != CORRELATION_GTE)
            return true;
    }
    for (uint32_t i = 0; i < correlation->expression.count; i++) {
        if (correlation->expression.items[i] == EXPRESSION_NOT)
            return true;
    }
    return false;
}

/* Without a condition, all rules must be seen. */
static enum status complete(const struct sigma_reader *reader, int line,
                            struct sigma_correlation *correlation) {
    struct correlation *wire = &correlation->correlation;
    if (wire->rule_count == 0)
        return refuse(reader, line, "'correlation' has no 'rules'");
    if (wire->kind == CORRELATION_TEMPORAL_ORDERED && wire->in_order == 0)
        wire->in_order = wire->rule_count;
    if (wire->comparisons.count == 0 && wire->expression.count == 0)
        compare(wire, CORRELATION_GTE, wire->rule_count);
    if (wire->kind == CORRELATION_VALUE_MEDIAN)
        wire->percentile = 50;
    wire->waits = can_be_undone(wire);
    enum status status = check_fields(reader, line, correlation);
    return status != STATUS_OK ? status : fit_into_window(reader, line, wire);
}

enum status sigma_correlation_read_condition(const struct sigma_reader *reader,
                                             const struct sigma_node *node,
                                             struct sigma_correlation *correlation) {
    struct correlation *wire = &correlation->correlation;
    bool is_absent = node == NULL || sigma_node_is_null(node);
    int line = node != NULL ? node->line : correlation->line;
    enum status status = STATUS_OK;
    if (is_absent && !is_temporal(wire))
        return refuse(reader, line, "this type of correlation needs a 'condition'");
    if (wire->kind == CORRELATION_VALUE_PERCENTILE)
        wire->percentile = 50;
    if (!is_absent && node->kind == SIGMA_NODE_MAP)
        status = read_map(reader, node, correlation);
    else if (!is_absent && node->kind == SIGMA_NODE_SCALAR && is_temporal(wire))
        status = sigma_correlation_read_expression(reader, node, correlation);
    else if (!is_absent)
        status = refuse(reader, line, "'condition' must be a map; a text is for temporal types");
    return status != STATUS_OK ? status : complete(reader, line, correlation);
}
