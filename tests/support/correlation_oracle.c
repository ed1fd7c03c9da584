/* correlation_oracle.c: windows, each from scratch. */
#include "tests/support/correlation_oracle.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

void correlation_oracle_init(struct correlation_oracle *oracle) {
    *oracle = (struct correlation_oracle){.count = 0};
}

void correlation_oracle_fini(struct correlation_oracle *oracle) {
    free(oracle->entries);
    free(oracle->windows);
    correlation_oracle_init(oracle);
}

static void *grow(void *list, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity)
        return list;
    *capacity = *capacity == 0 ? 64 : *capacity * 2;
    list = reallocarray(list, *capacity, size);
    assert(list != NULL);
    return list;
}

static int64_t round_up(int64_t time_ms, int64_t quantum_ms) {
    return quantum_ms == 0 ? time_ms : (time_ms + quantum_ms - 1) / quantum_ms * quantum_ms;
}

void correlation_oracle_add(struct correlation_oracle *oracle, struct oracle_entry entry) {
    oracle->entries = grow(oracle->entries, oracle->count, &oracle->capacity, sizeof entry);
    entry.time_ms = round_up(entry.time_ms, (int64_t)entry.group->correlation->quantum_ms);
    oracle->entries[oracle->count++] = entry;
}

static int order_of(double a, double b) {
    return (a > b) - (a < b);
}

static int compare_entries(const void *left, const void *right) {
    const struct oracle_entry *a = *(const struct oracle_entry *const *)left;
    const struct oracle_entry *b = *(const struct oracle_entry *const *)right;
    bool by_rule = correlation_type_values(a->group->correlation->kind) == CORRELATION_VALUES_NONE;
    int order = order_of((double)a->time_ms, (double)b->time_ms);
    if (order == 0 && by_rule)
        order = order_of(a->rule, b->rule);
    return order != 0 ? order : order_of(a->value, b->value);
}

static int compare_numbers(const void *a, const void *b) {
    return order_of(*(const double *)a, *(const double *)b);
}

/* A window: entries in order. */
struct window {
    const struct correlation *correlation;
    struct oracle_entry **entries;
    size_t count;
};

static bool is_seen(const struct window *window, uint32_t rule) {
    for (size_t i = 0; i < window->count; i++) {
        if (window->entries[i]->rule == rule)
            return true;
    }
    return false;
}

static double count_weights(const struct window *window) {
    double sum = 0;
    for (size_t i = 0; i < window->count; i++)
        sum += (double)window->entries[i]->weight;
    return sum;
}

static double count_distinct(const struct window *window) {
    size_t distinct = 0;
    for (size_t i = 0; i < window->count; i++) {
        size_t j = 0;
        while (j < i && window->entries[j]->value != window->entries[i]->value)
            j++;
        distinct += j == i;
    }
    return (double)distinct;
}

static double count_rules(const struct window *window) {
    uint32_t seen = 0;
    for (uint32_t rule = 1; rule <= window->correlation->rule_count; rule++)
        seen += is_seen(window, rule);
    return seen;
}

/* How far rules follow each other from the first on; at one moment in any order. */
static double count_in_order(const struct window *window) {
    uint32_t far = 0;
    for (size_t i = 0; i < window->count; i++) {
        size_t moment = i;
        while (moment > 0 && window->entries[moment - 1]->time_ms == window->entries[i]->time_ms)
            moment--;
        for (size_t j = moment; j <= i; j++) {
            if (far < window->correlation->in_order && window->entries[j]->rule == far + 1)
                far++;
        }
    }
    return far;
}

static double add_values(const struct window *window) {
    double sum = 0;
    for (size_t i = 0; i < window->count; i++)
        sum += window->entries[i]->value;
    return sum;
}

static double find_percentile(const struct window *window) {
    double *values = calloc(window->count, sizeof *values);
    assert(values != NULL);
    for (size_t i = 0; i < window->count; i++)
        values[i] = window->entries[i]->value;
    qsort(values, window->count, sizeof *values, compare_numbers);
    double rank = window->correlation->percentile / 100 * (double)(window->count - 1);
    size_t low = (size_t)floor(rank);
    double value = values[low];
    if (rank > (double)low)
        value = value + (values[low + 1] - value) * (rank - (double)low);
    free(values);
    return value;
}

static double measure(const struct window *window) {
    switch (window->correlation->kind) {
    case CORRELATION_EVENT_COUNT:
        return count_weights(window);
    case CORRELATION_VALUE_COUNT:
        return count_distinct(window);
    case CORRELATION_TEMPORAL:
        return count_rules(window);
    case CORRELATION_TEMPORAL_ORDERED:
        return count_in_order(window);
    case CORRELATION_VALUE_SUM:
        return add_values(window);
    case CORRELATION_VALUE_AVG:
        return add_values(window) / (double)window->count;
    case CORRELATION_VALUE_PERCENTILE:
    case CORRELATION_VALUE_MEDIAN:
    case CORRELATION_TYPE_COUNT_:
        break;
    }
    return find_percentile(window);
}

static bool compares(const struct correlation_comparison *comparison, double value) {
    switch (comparison->operator_) {
    case CORRELATION_LT:
        return value < comparison->number;
    case CORRELATION_LTE:
        return value <= comparison->number;
    case CORRELATION_GT:
        return value > comparison->number;
    case CORRELATION_GTE:
        return value >= comparison->number;
    case CORRELATION_EQ:
        return value == comparison->number;
    case CORRELATION_NEQ:
    case CORRELATION_OPERATOR_COUNT_:
        break;
    }
    return value != comparison->number;
}

/* The value of the subexpression that ends before `*end`, which moves to its beginning. */
static bool value_of(const struct window *window, uint32_t *end) {
    uint8_t item = window->correlation->expression.items[--*end];
    if (item == EXPRESSION_NOT)
        return !value_of(window, end);
    if (item != EXPRESSION_AND && item != EXPRESSION_OR)
        return is_seen(window, item);
    bool right = value_of(window, end), left = value_of(window, end);
    return item == EXPRESSION_AND ? left && right : left || right;
}

static bool holds(const struct window *window) {
    const struct correlation *correlation = window->correlation;
    double value = measure(window);
    for (uint32_t i = 0; i < correlation->comparisons.count; i++) {
        if (!compares(&correlation->comparisons.items[i], value))
            return false;
    }
    uint32_t end = correlation->expression.count;
    return end == 0 || value_of(window, &end);
}

/* Of rules in order, what stands before the first contribution of rule 1 does not belong. */
static struct window part_that_belongs(const struct window *window) {
    struct window part = *window;
    while (part.correlation->in_order > 0 && part.entries[0]->rule != 1) {
        part.entries++;
        part.count--;
    }
    return part;
}

static void fire(struct correlation_oracle *oracle, const struct window *window) {
    struct oracle_entry *last = window->entries[window->count - 1];
    struct oracle_window fired = {last->group, window->entries[0]->time_ms, last->time_ms, 0};
    for (size_t i = 0; i < window->count; i++) {
        struct oracle_entry *entry = window->entries[i];
        fired.count += entry->belongs || entry->is_same_incident ? 0 : entry->weight;
        entry->belongs = true;
        entry->fires |= entry->time_ms == last->time_ms;
    }
    oracle->windows = grow(oracle->windows, oracle->window_count, &oracle->window_capacity,
                           sizeof *oracle->windows);
    oracle->windows[oracle->window_count++] = fired;
}

/* All windows of one group; its entries are in order. */
static void judge_group(struct correlation_oracle *oracle, struct oracle_entry **entries,
                        size_t count) {
    const struct correlation *correlation = entries[0]->group->correlation;
    for (size_t end = 1; end <= count; end++) {
        int64_t time_ms = entries[end - 1]->time_ms;
        if (end < count && entries[end]->time_ms == time_ms)
            continue;
        size_t begin = 0;
        while (entries[begin]->time_ms < time_ms - (int64_t)correlation->timespan_ms)
            begin++;
        const struct window window = {correlation, entries + begin, end - begin};
        if (!holds(&window))
            continue;
        const struct window part = part_that_belongs(&window);
        fire(oracle, &part);
    }
}

static void pass_on(struct correlation_oracle *oracle, const struct oracle_entry *entry) {
    struct oracle_entry copy = *entry; /* the list moves as it grows */
    for (uint32_t i = 0; copy.fires && i < copy.group->parent_count; i++) {
        correlation_oracle_add(oracle, (struct oracle_entry){
                                           .group = copy.group->parents[i].group,
                                           .time_ms = copy.time_ms,
                                           .weight = 1,
                                           .rule = copy.group->parents[i].rule,
                                           .value = copy.group->parents[i].value,
                                           .is_threat = copy.is_threat,
                                           .event = copy.event,
                                       });
    }
}

static void judge_depth(struct correlation_oracle *oracle, uint32_t depth) {
    size_t count = oracle->count;
    struct oracle_entry **entries = calloc(count + 1, sizeof(struct oracle_entry *));
    bool *done = calloc(count + 1, sizeof *done);
    assert(entries != NULL && done != NULL);
    for (size_t i = 0; i < count; i++) {
        const struct oracle_group *group = oracle->entries[i].group;
        if (done[i] || group->correlation->depth != depth)
            continue;
        size_t found = 0;
        for (size_t j = i; j < count; j++) {
            if (oracle->entries[j].group == group) {
                entries[found++] = &oracle->entries[j];
                done[j] = true;
            }
        }
        qsort(entries, found, sizeof entries[0], compare_entries);
        judge_group(oracle, entries, found);
    }
    for (size_t i = 0; i < count; i++) {
        if (oracle->entries[i].group->correlation->depth == depth)
            pass_on(oracle, &oracle->entries[i]);
    }
    free(entries);
    free(done);
}

void correlation_oracle_judge(struct correlation_oracle *oracle) {
    for (uint32_t depth = 0; depth <= CORRELATION_DEPTH_MAX; depth++)
        judge_depth(oracle, depth);
}
