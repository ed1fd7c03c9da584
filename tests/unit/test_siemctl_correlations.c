/* test_siemctl_correlations.c: a backtest's correlations come to what the oracle says, which the
 * commit in Redis is held against, too; in whatever order and by however many workers events come.
 */
#include "services/detector/judge.h"
#include "services/ingest/event_json.h"
#include "services/siemctl/rules_correlations.h"
#include "services/siemctl/rules_windows.h"
#include "tests/scenarios/correlated.h"
#include "tests/support/correlation_oracle.h"
#include "tests/support/event_reader.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define ITEMS_MAX 80
#define SEEDS 4000

static uint64_t state;

static uint32_t roll(uint32_t sides) {
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(state >> 33) % sides;
}

/* Of any kind and condition; its windows hold a good part of the contributions. */
static struct correlation random_correlation(void) {
    static const double percentiles[] = {0, 12.5, 50, 90, 100};
    struct correlation correlation = {
        .kind = (enum correlation_type)roll(CORRELATION_TYPE_COUNT_),
        .timespan_ms = 1 + roll(40),
        .rule_count = 2 + roll(3),
        .quantum_ms = roll(4) == 0 ? 1 + roll(5) : 0,
        .percentile = percentiles[roll(5)],
        .comparisons = {.count = roll(3)},
    };
    for (uint32_t i = 0; i < correlation.comparisons.count; i++)
        correlation.comparisons.items[i] = (struct correlation_comparison){
            (enum correlation_operator)roll(CORRELATION_OPERATOR_COUNT_), (double)roll(12) / 2};
    if (correlation.kind == CORRELATION_TEMPORAL_ORDERED) {
        correlation.in_order = correlation.rule_count;
        correlation.comparisons = (struct correlation_comparisons){
            1, {{CORRELATION_GTE, 1 + roll(correlation.rule_count)}}};
    }
    if (correlation.kind == CORRELATION_TEMPORAL && roll(2) == 0)
        correlation.expression = (struct correlation_expression){
            5,
            {1, 2, EXPRESSION_NOT, roll(2) == 0 ? EXPRESSION_AND : EXPRESSION_OR, EXPRESSION_NOT}};
    return correlation;
}

static void compare_with_oracle(uint64_t seed) {
    struct rules_contribution items[ITEMS_MAX];
    struct correlation_oracle oracle;
    struct rules_windows windows;
    state = seed;
    const struct correlation correlation = random_correlation();
    const struct oracle_group group = {.correlation = &correlation, .key = TEXT("g")};
    size_t count = 1 + roll(ITEMS_MAX);
    correlation_oracle_init(&oracle);
    rules_windows_init(&windows);
    for (size_t i = 0; i < count; i++) {
        struct oracle_entry entry = {.group = &group,
                                     .time_ms = 1 + roll(100),
                                     .weight = 1 + roll(3),
                                     .rule = 1 + roll(correlation.rule_count),
                                     .value = (double)roll(9) / (roll(2) == 0 ? 1 : 8) - 1};
        items[i] = rules_windows_prepare(&correlation,
                                         (struct rules_contribution){.time_ms = entry.time_ms,
                                                                     .weight = entry.weight,
                                                                     .value = entry.value,
                                                                     .rule = (uint16_t)entry.rule});
        correlation_oracle_add(&oracle, entry);
    }
    correlation_oracle_judge(&oracle);
    qsort(items, count, sizeof items[0], rules_windows_compare);
    size_t moments = rules_windows_judge(&windows, &correlation, items, count);
    cr_expect_eq(moments, oracle.window_count, "seed %llu, kind %d: %zu, not %zu moments",
                 (unsigned long long)seed, (int)correlation.kind, moments, oracle.window_count);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < count; k++)
            if (items[i].time_ms == oracle.entries[k].time_ms)
                cr_expect_eq(items[i].fires, oracle.entries[k].fires, "seed %llu",
                             (unsigned long long)seed);
    rules_windows_fini(&windows);
    correlation_oracle_fini(&oracle);
}

Test(siemctl_correlations, windows_fire_as_the_oracle_says) {
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        compare_with_oracle(seed);
}

static const char rules_text[] =
    "title: Failed\nname: failed\nlogsource: {product: mini-siem}\n"
    "detection:\n    s: {event_type: login_failed}\n    condition: s\n---\n"
    "title: Other\nname: other\nlogsource: {product: mini-siem}\n"
    "detection:\n    s: {event_type: malware_detected}\n    condition: s\n---\n"
    "title: Burst\nname: burst\nid: 00000000-0000-4000-8000-000000000001\n"
    "correlation: {type: event_count, rules: [failed], group-by: [source_ip, username],\n"
    "    timespan: 60s, condition: {gte: 4}}\n---\n"
    "title: Spray\nname: spray\nid: 00000000-0000-4000-8000-000000000002\n"
    "correlation: {type: value_count, rules: [failed], group-by: [source_ip], timespan: 2m,\n"
    "    condition: {gte: 4, field: username}}\n---\n"
    "title: After\nid: 00000000-0000-4000-8000-000000000003\n"
    "correlation: {type: temporal_ordered, rules: [failed, other], group-by: [source_ip],\n"
    "    timespan: 20s}\n---\n"
    "title: Chain\nid: 00000000-0000-4000-8000-000000000004\n"
    "correlation: {type: temporal, rules: [burst, spray], group-by: [source_ip],\n"
    "    timespan: 30s, generate: true}\n---\n"
    "title: Off\nid: 00000000-0000-4000-8000-000000000005\nsiem: {mode: disabled}\n"
    "correlation: {type: event_count, rules: [failed], timespan: 60s, condition: {gte: 1}}\n";

static struct sigma_rules *load_rules(void) {
    struct sigma_rules *rules = sigma_rules_new();
    sigma_rules_use(rules, &(struct sigma_settings){NULL, NULL});
    sigma_rules_add_text(rules, "test.yml", text_of(rules_text));
    sigma_rules_finish(rules);
    cr_assert_eq(rules->refusal_count, 0, "%s", rules->refusals[0].error.reason);
    cr_assert_eq(rules->correlation_count, 5);
    return rules;
}

/* Judges random events, no two of one time, in random order; tells the oracle and, in turn, each of
 * the workers. */
static void judge_events(const struct sigma_rules *rules, struct correlated *oracle,
                         struct rules_correlations **workers, size_t worker_count, size_t count) {
    const struct enrichments none = {NULL, NULL};
    struct event_reader *reader = event_reader_new();
    struct judge *judge = judge_new(rules);
    for (size_t i = 0; i < count; i++) {
        char document[256];
        uint32_t type = roll(3);
        snprintf(document, sizeof document,
                 "{\"event_type\":\"%s\",\"source_ip\":\"192.0.2.%u\",\"username\":\"u%u\","
                 "\"count\":%u}",
                 type > 0 ? "login_failed" : "malware_detected", roll(3), roll(6), 1 + roll(2));
        struct wall_time now = {1748865600000 + (int64_t)(i * 7919 % count) * 1000};
        const struct event *event = event_reader_read(reader, text_of(document), now);
        cr_assert_not_null(event);
        judge_begin_batch(judge);
        judge_number_event(judge, 0);
        (void)judge_event(judge, &none, event);
        const struct rules_event_time time = {event->time_ms, event->count, true};
        if (oracle != NULL)
            correlated_add(oracle, i, event, judge_contributions(judge));
        rules_correlations_add(workers[i % worker_count], judge_contributions(judge), &time);
    }
    judge_destroy(&judge);
    event_reader_destroy(&reader);
}

Test(siemctl_correlations, all_of_them_are_judged_whoever_saw_the_events) {
    enum { EVENTS = 997, WORKERS_MAX = 3 };
    struct sigma_rules *rules = load_rules();
    for (size_t worker_count = 1; worker_count <= WORKERS_MAX; worker_count += 2) {
        struct correlated *oracle = correlated_new(rules);
        struct rules_correlations *workers[WORKERS_MAX] = {NULL};
        struct rules_correlations *all = rules_correlations_new(rules, 100000);
        state = worker_count;
        for (size_t i = 0; i < worker_count; i++)
            workers[i] = rules_correlations_new(rules, 100000);
        judge_events(rules, oracle, workers, worker_count, EVENTS);
        correlated_judge(oracle);
        for (size_t i = 0; i < worker_count; i++) {
            rules_correlations_merge(all, workers[i]);
            rules_correlations_destroy(&workers[i]);
        }
        rules_correlations_judge(all);
        for (size_t i = 0; i < rules->correlation_count; i++) {
            uint64_t fired = 0;
            for (size_t line = 0; line < EVENTS; line++)
                fired += correlated_fires(oracle, line, i);
            struct rules_correlation_hits hits = rules_correlations_hits(all, i);
            const struct sigma_correlation *correlation = &rules->correlations[i];
            cr_expect_eq(hits.moments, fired, "%s: %llu, not %llu",
                         correlation->correlation.rule_title.data, (unsigned long long)hits.moments,
                         (unsigned long long)fired);
            cr_expect_eq(hits.moments > 0, correlation->mode != SIGMA_MODE_DISABLED);
            cr_expect_leq(hits.groups, hits.moments);
        }
        struct rules_correlations_sums sums = rules_correlations_sums(all);
        cr_expect_eq(sums.tried, 4, "the one that is off is not");
        cr_expect_eq(sums.fired, 4);
        cr_expect_eq(sums.undated + sums.left_out, 0);
        rules_correlations_destroy(&all);
        correlated_destroy(&oracle);
    }
    sigma_rules_destroy(&rules);
}

/* The greatest count an event may have counts, too. */
Test(siemctl_correlations, no_weight_is_too_great) {
    static const struct correlation correlation = {.kind = CORRELATION_EVENT_COUNT,
                                                   .timespan_ms = 10,
                                                   .rule_count = 1,
                                                   .comparisons = {1, {{CORRELATION_GT, 2e12}}}};
    struct rules_contribution items[] = {{.time_ms = 1, .weight = EVENT_COUNT_MAX},
                                         {.time_ms = 2, .weight = EVENT_COUNT_MAX},
                                         {.time_ms = 3, .weight = 1},
                                         {.time_ms = 12, .weight = 1}};
    struct rules_windows windows;
    rules_windows_init(&windows);
    cr_expect_eq(rules_windows_judge(&windows, &correlation, items, 4), 1);
    cr_expect(items[2].fires);
    rules_windows_fini(&windows);
}

Test(siemctl_correlations, what_finds_no_room_is_counted) {
    struct sigma_rules *rules = load_rules();
    struct rules_correlations *small = rules_correlations_new(rules, 100);
    state = 1;
    judge_events(rules, NULL, &small, 1, 400);
    rules_correlations_judge(small);
    cr_expect_gt(rules_correlations_sums(small).left_out, 0);
    rules_correlations_destroy(&small);
    sigma_rules_destroy(&rules);
}

/* Values of a group are kept for what there is room for, and what that leads to; so a merge takes
 * no others. */
Test(siemctl_correlations, groups_without_room_take_no_memory) {
    struct sigma_rules *rules = load_rules();
    struct rules_correlations *all = rules_correlations_new(rules, 1);
    struct rules_correlations *worker = rules_correlations_new(rules, 5);
    state = 1;
    judge_events(rules, NULL, &worker, 1, 400);
    cr_expect_leq(rules_correlations_sums(worker).groups, 2 * 5);
    uint64_t left_out = rules_correlations_sums(worker).left_out;
    cr_expect_gt(left_out, 0);
    rules_correlations_merge(all, worker);
    cr_expect_leq(rules_correlations_sums(all).groups, 2 * 1);
    cr_expect_eq(rules_correlations_sums(all).left_out, left_out + 4);
    rules_correlations_destroy(&worker);
    rules_correlations_destroy(&all);
    sigma_rules_destroy(&rules);
}
