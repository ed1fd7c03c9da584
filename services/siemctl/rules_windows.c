/* rules_windows.c: a window that slides over the contributions of a group, and its measures. */
#include "services/siemctl/rules_windows.h"

#include <math.h>
#include <stdlib.h>

/* Values that are whole numbers up to here are added exactly. */
#define EXACT_MAX 1e12

/* The window at work: items[first] to items[end - 1]. */
struct window {
    struct rules_windows *memory;
    const struct correlation *correlation;
    const struct rules_contribution *items;
    size_t first, end;
    double sum;       /* of weights, or of values that are whole numbers */
    size_t fractions; /* other values */
    size_t distinct;  /* values, or rules */
    size_t ranks;     /* different values of the whole group */
    uint32_t seen[CORRELATION_RULES_MAX + 1];
    bool has_start[CORRELATION_RULES_MAX + 1];
    int64_t starts[CORRELATION_RULES_MAX + 1]; /* latest start of rules 1 to this one in order */
};

void rules_windows_init(struct rules_windows *windows) {
    *windows = (struct rules_windows){.capacity = 0};
}

void rules_windows_fini(struct rules_windows *windows) {
    free(windows->values);
    free(windows->ranks);
    free(windows->counts);
    free(windows->tree);
    rules_windows_init(windows);
}

static void *resize(void *memory, size_t count, size_t size) {
    memory = reallocarray(memory, count, size);
    if (memory == NULL)
        abort();
    return memory;
}

static void reserve(struct rules_windows *windows, size_t count) {
    if (count < windows->capacity)
        return;
    windows->capacity = 2 * count + 64;
    windows->values = resize(windows->values, windows->capacity, sizeof *windows->values);
    windows->ranks = resize(windows->ranks, windows->capacity, sizeof *windows->ranks);
    windows->counts = resize(windows->counts, windows->capacity, sizeof *windows->counts);
    windows->tree = resize(windows->tree, windows->capacity, sizeof *windows->tree);
}

static bool is_about_rules(const struct correlation *correlation) {
    return correlation->kind == CORRELATION_TEMPORAL ||
           correlation->kind == CORRELATION_TEMPORAL_ORDERED;
}

static bool needs_ranks(const struct correlation *correlation) {
    return correlation->kind == CORRELATION_VALUE_COUNT ||
           correlation->kind == CORRELATION_VALUE_PERCENTILE ||
           correlation->kind == CORRELATION_VALUE_MEDIAN;
}

struct rules_contribution rules_windows_prepare(const struct correlation *correlation,
                                                struct rules_contribution contribution) {
    int64_t quantum_ms = (int64_t)correlation->quantum_ms;
    if (!is_about_rules(correlation))
        contribution.rule = 0;
    if (quantum_ms > 0)
        contribution.time_ms = (contribution.time_ms + quantum_ms - 1) / quantum_ms * quantum_ms;
    return contribution;
}

static int compare_numbers(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

int rules_windows_compare(const void *left, const void *right) {
    const struct rules_contribution *a = left, *b = right;
    if (a->group != b->group)
        return a->group < b->group ? -1 : 1;
    if (a->time_ms != b->time_ms)
        return a->time_ms < b->time_ms ? -1 : 1;
    if (a->rule != b->rule)
        return a->rule < b->rule ? -1 : 1;
    return compare_numbers(&a->value, &b->value);
}

/* ---- ranks of values ---- */

/* Gives every contribution the rank of its value; how many ranks there are. */
static size_t rank_values(struct rules_windows *windows, const struct rules_contribution *items,
                          size_t count) {
    size_t ranks = 0;
    reserve(windows, count);
    for (size_t i = 0; i < count; i++)
        windows->values[i] = items[i].value;
    qsort(windows->values, count, sizeof *windows->values, compare_numbers);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || windows->values[i] != windows->values[ranks - 1])
            windows->values[ranks++] = windows->values[i];
    for (size_t i = 0; i < count; i++) {
        const double *found = bsearch(&items[i].value, windows->values, ranks,
                                      sizeof *windows->values, compare_numbers);
        windows->ranks[i] = (uint32_t)(found - windows->values) + 1;
    }
    memset(windows->counts, 0, (ranks + 1) * sizeof *windows->counts);
    memset(windows->tree, 0, (ranks + 1) * sizeof *windows->tree);
    return ranks;
}

static void change_rank(struct window *window, uint32_t rank, bool enters) {
    struct rules_windows *memory = window->memory;
    uint32_t *count = &memory->counts[rank];
    window->distinct += enters && *count == 0;
    *count += enters ? 1 : UINT32_MAX;
    window->distinct -= !enters && *count == 0;
    for (size_t at = rank; at <= window->ranks; at += at & -at)
        memory->tree[at] += enters ? 1 : UINT32_MAX;
}

/* The value at a place among the window's, in ascending order, from 0. */
static double value_at(const struct window *window, size_t place) {
    const struct rules_windows *memory = window->memory;
    size_t rank = 0, step = 1;
    while (2 * step <= window->ranks)
        step *= 2;
    for (; step > 0; step /= 2) {
        if (rank + step > window->ranks || memory->tree[rank + step] > place)
            continue;
        rank += step;
        place -= memory->tree[rank];
    }
    return memory->values[rank];
}

/* ---- what comes in and what goes out ---- */

static void change_sum(struct window *window, double value, bool enters) {
    bool is_exact = floor(value) == value && fabs(value) <= EXACT_MAX;
    if (is_exact)
        window->sum += enters ? value : -value;
    else
        window->fractions += enters ? 1 : SIZE_MAX;
}

static void change_rule(struct window *window, const struct rules_contribution *item, bool enters) {
    uint32_t *seen = &window->seen[item->rule];
    window->distinct += enters && *seen == 0;
    *seen += enters ? 1 : UINT32_MAX;
    window->distinct -= !enters && *seen == 0;
    if (!enters || item->rule > window->correlation->in_order)
        return;
    bool begins = item->rule == 1;
    if (!begins && !window->has_start[item->rule - 1])
        return;
    window->starts[item->rule] = begins ? item->time_ms : window->starts[item->rule - 1];
    window->has_start[item->rule] = true;
}

static void change(struct window *window, size_t at, bool enters) {
    const struct rules_contribution *item = &window->items[at];
    if (is_about_rules(window->correlation))
        change_rule(window, item, enters);
    else if (needs_ranks(window->correlation))
        change_rank(window, window->memory->ranks[at], enters);
    else if (window->correlation->kind == CORRELATION_EVENT_COUNT)
        window->sum += enters ? (double)item->weight : -(double)item->weight;
    else
        change_sum(window, item->value, enters);
}

/* ---- measures ---- */

/* How far rules follow each other from the first on, within the window that ends at this time. */
static double count_in_order(const struct window *window, int64_t time_ms) {
    uint32_t far = 0;
    int64_t begin = time_ms - (int64_t)window->correlation->timespan_ms;
    while (far < window->correlation->in_order && window->has_start[far + 1] &&
           window->starts[far + 1] >= begin)
        far++;
    return far;
}

/* Fractions are added in their order, so that the way the window came about leaves no trace. */
static double add_values(const struct window *window) {
    if (window->fractions == 0)
        return window->sum;
    double sum = 0;
    for (size_t i = window->first; i < window->end; i++)
        sum += window->items[i].value;
    return sum;
}

/* Between two values by their distance. */
static double find_percentile(const struct window *window) {
    double rank = window->correlation->percentile / 100 * (double)(window->end - window->first - 1);
    size_t low = (size_t)floor(rank);
    double value = value_at(window, low);
    if (rank > (double)low)
        value = value + (value_at(window, low + 1) - value) * (rank - (double)low);
    return value;
}

static double measure(const struct window *window, int64_t time_ms) {
    switch (window->correlation->kind) {
    case CORRELATION_EVENT_COUNT:
        return window->sum;
    case CORRELATION_VALUE_COUNT:
    case CORRELATION_TEMPORAL:
        return (double)window->distinct;
    case CORRELATION_TEMPORAL_ORDERED:
        return window->correlation->in_order > 0 ? count_in_order(window, time_ms)
                                                 : (double)window->distinct;
    case CORRELATION_VALUE_SUM:
        return add_values(window);
    case CORRELATION_VALUE_AVG:
        return add_values(window) / (double)(window->end - window->first);
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

/* The postfix expression over the rules that were seen. */
static bool is_true(const struct window *window) {
    const struct correlation_expression *expression = &window->correlation->expression;
    bool stack[CORRELATION_EXPRESSION_MAX + 1] = {true};
    size_t top = 0;
    for (uint32_t i = 0; i < expression->count; i++) {
        uint8_t item = expression->items[i];
        if (item == EXPRESSION_NOT) {
            stack[top] = !stack[top];
        } else if (item == EXPRESSION_AND || item == EXPRESSION_OR) {
            top--;
            stack[top] = item == EXPRESSION_AND ? stack[top] && stack[top + 1]
                                                : stack[top] || stack[top + 1];
        } else {
            stack[++top] = window->seen[item] > 0;
        }
    }
    return stack[top];
}

static bool holds(const struct window *window, int64_t time_ms) {
    const struct correlation_comparisons *comparisons = &window->correlation->comparisons;
    double value = measure(window, time_ms);
    for (uint32_t i = 0; i < comparisons->count; i++)
        if (!compares(&comparisons->items[i], value))
            return false;
    return is_true(window);
}

size_t rules_windows_judge(struct rules_windows *windows, const struct correlation *correlation,
                           struct rules_contribution *items, size_t count) {
    struct window window = {.memory = windows, .correlation = correlation, .items = items};
    size_t moments = 0;
    if (needs_ranks(correlation))
        window.ranks = rank_values(windows, items, count);
    while (window.end < count) {
        size_t from = window.end;
        int64_t time_ms = items[from].time_ms;
        while (window.end < count && items[window.end].time_ms == time_ms)
            change(&window, window.end++, true);
        while (items[window.first].time_ms < time_ms - (int64_t)correlation->timespan_ms)
            change(&window, window.first++, false);
        if (!holds(&window, time_ms))
            continue;
        for (size_t i = from; i < window.end; i++)
            items[i].fires = true;
        moments++;
    }
    return moments;
}
