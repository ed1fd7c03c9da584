/* test_sigma_correlation.c: correlation documents: what is read of them, what is refused and why,
 * and what events contribute. */
#include "services/detector/judge.h"
#include "tests/support/event_reader.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define BASE                                                                                       \
    "title: Failed\nname: failed\nid: a1\nlogsource:\n  category: x\ndetection:\n"                 \
    "  s:\n    event_type: login_failed\n  condition: s\n---\n"                                    \
    "title: Success\nname: success\nid: a2\nlogsource:\n  category: x\ndetection:\n"               \
    "  s:\n    event_type: login_success\n  condition: s\n---\n"                                   \
    "title: Other\nname: other\nid: a3\nlogsource:\n  category: x\ndetection:\n"                   \
    "  s:\n    event_type: file_access\n  condition: s\n---\n"

static struct sigma_rules *rules;

static void stop(void) {
    sigma_rules_destroy(&rules);
}

TestSuite(sigma_correlation, .fini = stop);

/* Loads the rules above and documents behind them. */
static void load(const char *documents) {
    static char text[16384];
    sigma_rules_destroy(&rules);
    rules = sigma_rules_new();
    snprintf(text, sizeof text, "%s%s", BASE, documents);
    sigma_rules_add_text(rules, "test.yml", text_of(text));
    sigma_rules_finish(rules);
}

static const struct sigma_correlation *load_one(const char *body) {
    static char text[8192];
    snprintf(text, sizeof text, "title: C\nid: c1\nlevel: high\ncorrelation:\n%s", body);
    load(text);
    cr_assert_eq(rules->refusal_count, 0, "%s\n%s",
                 rules->refusal_count ? rules->refusals[0].error.reason : "", body);
    cr_assert_eq(rules->correlation_count, 1);
    cr_assert(rules->correlations[0].is_linked);
    return &rules->correlations[0];
}

#define COUNT "  type: event_count\n  rules: failed\n  timespan: 5m\n"

Test(sigma_correlation, a_count_is_read) {
    const struct sigma_correlation *one =
        load_one(COUNT "  group-by:\n    - source_ip\n  condition:\n    gte: 5\n");
    cr_assert_eq(one->correlation.kind, CORRELATION_EVENT_COUNT);
    cr_assert_eq(one->correlation.timespan_ms, 300000);
    cr_assert_eq(one->correlation.rule_count, 1);
    cr_assert_eq(one->correlation.comparisons.count, 1);
    cr_assert_eq(one->correlation.comparisons.items[0].operator_, CORRELATION_GTE);
    cr_assert_eq(one->correlation.comparisons.items[0].number, 5);
    cr_assert(one->correlation.raises && !one->correlation.waits);
    cr_assert_eq(one->correlation.quantum_ms, 0);
    cr_assert(text_is(one->correlation.incident, "c1"));
    cr_assert_eq(one->group_by.count, 1);
}

Test(sigma_correlation, timespans) {
    static const struct {
        const char *text;
        uint64_t ms;
    } cases[] = {{"1s", 1000},        {"90m", 5400000},    {"2h", 7200000},
                 {"31d", 2678400000}, {"2w", 1209600000u}, {"1M", 2629746000u}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char body[256];
        snprintf(body, sizeof body,
                 "  type: event_count\n  rules: failed\n  timespan: %s\n  condition:\n    gt: 1\n",
                 cases[i].text);
        cr_expect_eq(load_one(body)->correlation.timespan_ms, cases[i].ms, "%s", cases[i].text);
    }
}

/* What more contributions can undo waits until no more come. */
Test(sigma_correlation, what_waits) {
    static const struct {
        const char *body;
        bool waits;
    } cases[] = {
        {COUNT "  condition:\n    gt: 5\n", false},
        {COUNT "  condition:\n    gte: 5\n    lte: 9\n", true},
        {COUNT "  condition:\n    lt: 5\n", true},
        {COUNT "  condition:\n    eq: 5\n", true},
        {COUNT "  condition:\n    neq: 5\n", true},
        {"  type: value_sum\n  rules: failed\n  timespan: 5m\n  condition:\n    gt: 5\n"
         "    field: n\n",
         false},
        {"  type: value_avg\n  rules: failed\n  timespan: 5m\n  condition:\n    gt: 5\n"
         "    field: n\n",
         true},
        {"  type: value_percentile\n  rules: failed\n  timespan: 5m\n  condition:\n    gt: 5\n"
         "    field: n\n    percentile: 95\n",
         true},
        {"  type: value_median\n  rules: failed\n  timespan: 5m\n  condition:\n    gt: 5\n"
         "    field: n\n",
         true},
        {"  type: temporal\n  rules: [failed, success]\n  timespan: 5m\n", false},
        {"  type: temporal\n  rules: [failed, success]\n  timespan: 5m\n"
         "  condition: failed or success\n",
         false},
        {"  type: temporal\n  rules: [failed, success]\n  timespan: 5m\n"
         "  condition: failed and not success\n",
         true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_eq(load_one(cases[i].body)->correlation.waits, cases[i].waits, "%s",
                     cases[i].body);
}

static void expect_expression(const struct sigma_correlation *one, uint32_t count,
                              const uint8_t *items) {
    const struct correlation_expression *expression = &one->correlation.expression;
    cr_assert_eq(expression->count, count);
    cr_assert_arr_eq(expression->items, items, count);
}

Test(sigma_correlation, conditions_of_temporal_types) {
    const struct sigma_correlation *one =
        load_one("  type: temporal\n  rules: [failed, success]\n  timespan: 5m\n");
    cr_assert_eq(one->correlation.comparisons.items[0].number, 2);
    cr_assert_eq(one->correlation.in_order, 0);
    one = load_one("  type: temporal_ordered\n  rules: [failed, success, other]\n"
                   "  timespan: 5m\n");
    cr_assert_eq(one->correlation.comparisons.items[0].number, 3);
    cr_assert_eq(one->correlation.in_order, 3);
    one = load_one("  type: temporal\n  timespan: 5m\n"
                   "  condition: not (other or success) and failed\n");
    cr_assert_eq(one->correlation.rule_count, 3);
    cr_assert(text_is(one->rules[0], "other"));
    expect_expression(one, 6,
                      (const uint8_t[]){1, 2, EXPRESSION_OR, EXPRESSION_NOT, 3, EXPRESSION_AND});
    one = load_one("  type: temporal_ordered\n  rules: [other, failed, success]\n"
                   "  timespan: 5m\n  condition: failed and not other and success\n");
    cr_assert_eq(one->correlation.in_order, 2);
    cr_assert(text_is(one->rules[0], "failed"));
    cr_assert(text_is(one->rules[1], "success"));
    cr_assert(text_is(one->rules[2], "other"));
    expect_expression(one, 2, (const uint8_t[]){3, EXPRESSION_NOT});
    cr_assert(one->correlation.waits);
}

/* A condition that can never hold loads, and is told. */
Test(sigma_correlation, what_no_window_fulfils_is_told) {
    static const struct {
        const char *body; /* of the type and its rules, and a condition */
        bool is_told;
    } cases[] = {
        {"event_count\n  rules: failed\n  condition: {gt: 5, lt: 3}", true},
        {"event_count\n  rules: failed\n  condition: {gt: 5, lt: 6}", true},
        {"event_count\n  rules: failed\n  condition: {gt: 5, lte: 6}", false},
        {"event_count\n  rules: failed\n  condition: {gte: 6, lte: 6, neq: 6}", true},
        {"event_count\n  rules: failed\n  condition: {eq: 2.5}", true},
        {"event_count\n  rules: failed\n  condition: {lt: 1}", true},
        {"event_count\n  rules: failed\n  condition: {lte: 1}", false},
        {"event_count\n  rules: failed\n  condition: {neq: 3}", false},
        {"value_count\n  rules: failed\n  condition: {field: username, eq: 0}", true},
        {"value_count\n  rules: failed\n  condition: {field: username, gte: 3}", false},
        {"value_sum\n  rules: failed\n  condition: {field: count, gt: 5, lt: 6}", false},
        {"value_avg\n  rules: failed\n  condition: {field: count, gt: 5, lte: 5}", true},
        {"value_avg\n  rules: failed\n  condition: {field: count, gte: 5, lte: 5}", false},
        {"temporal\n  rules: [failed, success]\n  condition: {gte: 3}", true},
        {"temporal\n  rules: [failed, success]\n  condition: {gte: 2}", false},
        {"temporal\n  rules: [failed, success]", false},
        {"temporal_ordered\n  rules: [failed, success]\n  condition: {gt: 2}", true},
        {"temporal\n  rules: [failed, success]\n  condition: failed and not failed and success",
         true},
        {"temporal\n  rules: [failed, success]\n  condition: failed and not success", false},
        {"temporal\n  rules: [failed, success]\n"
         "  condition: not (failed or success) and success",
         true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char body[1024];
        snprintf(body, sizeof body, "  timespan: 5m\n  type: %s\n", cases[i].body);
        (void)load_one(body);
        cr_expect_eq(rules->warning_count, cases[i].is_told, "%s: %zu", cases[i].body,
                     rules->warning_count);
        if (rules->warning_count > 0)
            cr_expect_not_null(strstr(rules->warnings[0].error.reason, "never fires"));
    }
}

Test(sigma_correlation, large_counts_go_by_a_coarser_clock) {
    cr_assert_eq(load_one(COUNT "  condition:\n    gte: 500\n")->correlation.quantum_ms, 0);
    cr_assert_eq(load_one(COUNT "  condition:\n    gte: 501\n")->correlation.quantum_ms, 600);
}

/* The reason names what is wrong. */
Test(sigma_correlation, what_is_wrong_is_refused_with_its_reason) {
    static const struct {
        const char *body, *reason;
    } cases[] = {
        {"  rules: failed\n  timespan: 5m\n", "no 'type'"},
        {"  type: nonsense\n  rules: failed\n  timespan: 5m\n", "no type of correlation"},
        {"  type: event_count\n  rules: failed\n", "no 'timespan'"},
        {"  type: event_count\n  rules: failed\n  timespan: 1h30\n", "'timespan' must be"},
        {"  type: event_count\n  rules: failed\n  timespan: 0m\n", "'timespan' must be"},
        {"  type: event_count\n  rules: failed\n  timespan: -5m\n", "'timespan' must be"},
        {"  type: event_count\n  rules: failed\n  timespan: 1y\n", "longer than 31 days"},
        {COUNT, "needs a 'condition'"},
        {COUNT "  condition: failed\n", "a text is for temporal"},
        {COUNT "  condition:\n    gte: many\n", "must be a number"},
        {COUNT "  condition:\n    ge: 5\n", "has no 'ge'"},
        {COUNT "  condition:\n    field: n\n", "compares with nothing"},
        {COUNT "  condition:\n    gte: 5\n    field: n\n", "has no 'field'"},
        {COUNT "  window: sliding\n  condition:\n    gte: 5\n", "has no 'window'"},
        {COUNT "  generate: maybe\n  condition:\n    gte: 5\n", "'generate' must be"},
        {COUNT "  group-by: [a, a]\n  condition:\n    gte: 5\n", "named twice"},
        {COUNT "  group-by: [u]\n  aliases: {u: {faild: username}}\n  condition:\n    gte: 5\n",
         "'faild', which does not stand in 'rules'"},
        {COUNT "  aliases: x\n  condition:\n    gte: 5\n", "'aliases' must be a map"},
        {"  type: event_count\n  timespan: 5m\n  condition:\n    gte: 5\n", "no 'rules'"},
        {"  type: event_count\n  rules: nobody\n  timespan: 5m\n  condition:\n    gte: 5\n",
         "not there: nobody"},
        {"  type: event_count\n  rules: [failed, failed]\n  timespan: 5m\n  condition:\n"
         "    gte: 5\n",
         "named twice"},
        {"  type: value_count\n  rules: failed\n  timespan: 5m\n  condition:\n    gte: 5\n",
         "needs a 'field'"},
        {"  type: value_count\n  rules: failed\n  timespan: 5m\n  condition:\n    gte: 1001\n"
         "    field: n\n",
         "distinct values"},
        {"  type: value_sum\n  rules: failed\n  timespan: 5m\n  condition:\n    gte: 5\n"
         "    field: [n, m]\n",
         "one 'field'"},
        {"  type: value_percentile\n  rules: failed\n  timespan: 5m\n  condition:\n    gte: 5\n"
         "    field: n\n    percentile: 101\n",
         "from 0 to 100"},
        {"  type: temporal\n  rules: [failed, success]\n  timespan: 5m\n"
         "  condition: failed and\n",
         "lacks the name of a rule"},
        {"  type: temporal\n  rules: [failed, success]\n  timespan: 5m\n"
         "  condition: (failed and success\n",
         "')' is missing"},
        {"  type: temporal\n  rules: [failed, success]\n  timespan: 5m\n"
         "  condition: failed success\n",
         "behind its end"},
        {"  type: temporal\n  rules: [failed, success]\n  timespan: 5m\n"
         "  condition: failed and other\n",
         "not among 'rules'"},
        {"  type: temporal\n  rules: [failed, success]\n  timespan: 5m\n  condition: failed\n",
         "does not name 'success'"},
        {"  type: temporal_ordered\n  rules: [failed, success]\n  timespan: 5m\n"
         "  condition: failed or success\n",
         "joined by 'and'"},
        {"  type: temporal_ordered\n  rules: [failed]\n  timespan: 5m\n  condition: not failed\n",
         "a rule that is seen"},
        {COUNT "  group-by: source_ip\n  condition:\n    gte: 5\nsiem:\n"
               "  details: \"by %username%\"\n",
         "not 'username'"},
        {COUNT "  condition:\n    gte: 5\nsiem:\n  details: \"50% of it\"\n", "stands alone"},
        {COUNT "  condition:\n    gte: 5\nsiem:\n  event_type: nonsense\n", "no event type"},
        {COUNT "  condition:\n    gte: 5\nsiem:\n  group_by: [source_ip]\n", "has no 'group_by'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[2048];
        snprintf(text, sizeof text, "title: C\nid: c1\ncorrelation:\n%s", cases[i].body);
        load(text);
        cr_assert_eq(rules->refusal_count, 1, "%s", cases[i].body);
        cr_expect_not_null(strstr(rules->refusals[0].error.reason, cases[i].reason), "%s\n%s",
                           cases[i].body, rules->refusals[0].error.reason);
        cr_expect_eq(rules->count, 3); /* the others load, and speak for themselves */
        for (size_t j = 0; j < rules->count; j++)
            cr_expect(!rules->rules[j].is_silent && rules->rules[j].link_count == 0);
    }
}

#define CHAIN(id, rules)                                                                           \
    "title: " id "\nid: " id "\ncorrelation:\n  type: event_count\n  rules: [" rules               \
    "]\n  timespan: 1m\n  group-by: [source_ip]\n  condition:\n    gte: 1\n---\n"

static const struct sigma_correlation *correlation_of(const char *id) {
    for (size_t i = 0; i < rules->correlation_count; i++) {
        if (text_is(rules->correlations[i].correlation.rule_id, id))
            return &rules->correlations[i];
    }
    cr_assert_fail("%s is not there", id);
    return NULL;
}

/* A name that two rules have names neither; an id does, whatever is called like it. */
Test(sigma_correlation, a_name_means_one_rule) {
    load("title: Twin\nname: failed\nid: a4\nlogsource:\n  category: x\ndetection:\n"
         "  s:\n    event_type: unknown\n  condition: s\n---\n" CHAIN("by_name", "failed")
             CHAIN("by_id", "a4"));
    cr_assert_eq(rules->refusal_count, 1);
    cr_expect_not_null(strstr(rules->refusals[0].error.reason, "2 rules are called 'failed'"));
    cr_expect_not(correlation_of("by_name")->is_linked);
    cr_expect(correlation_of("by_id")->is_linked);
}

/* pySigma's other names of temporal types. */
Test(sigma_correlation, extended_types) {
    const struct sigma_correlation *one =
        load_one("  type: temporal_extended\n  timespan: 5m\n  condition: failed and not other\n");
    cr_expect_eq(one->correlation.kind, CORRELATION_TEMPORAL);
    one = load_one("  type: temporal_ordered_extended\n  timespan: 5m\n"
                   "  condition: failed and success\n");
    cr_expect_eq(one->correlation.kind, CORRELATION_TEMPORAL_ORDERED);
    cr_expect_eq(one->correlation.in_order, 2);
    load("title: C\nid: c1\ncorrelation:\n  type: event_count_extended\n  rules: failed\n"
         "  timespan: 5m\n  condition:\n    gte: 5\n");
    cr_expect_eq(rules->refusal_count, 1);
}

/* Documents may refer to later ones; whoever refers to what was refused is refused, too. */
Test(sigma_correlation, chains_have_depths) {
    load(CHAIN("top", "middle, failed") CHAIN("middle", "bottom") CHAIN("bottom", "failed")
             CHAIN("round", "trip") CHAIN("trip", "round") CHAIN("above", "trip")
                 CHAIN("lost", "nobody") CHAIN("follows", "lost, failed"));
    cr_assert_eq(correlation_of("bottom")->correlation.depth, 0);
    cr_assert_eq(correlation_of("middle")->correlation.depth, 1);
    cr_assert_eq(correlation_of("top")->correlation.depth, 2);
    static const char *const refused[] = {"round", "trip", "above", "lost", "follows"};
    cr_assert_eq(rules->refusal_count, 5);
    for (size_t i = 0; i < 5; i++)
        cr_expect(!correlation_of(refused[i])->is_linked, "%s", refused[i]);
    cr_assert(!correlation_of("middle")->correlation.raises);
    cr_assert(correlation_of("top")->correlation.raises);
}

Test(sigma_correlation, a_chain_that_waits_makes_the_next_wait_longer) {
    load("title: I\nid: inner\ncorrelation:\n  type: event_count\n  rules: failed\n"
         "  timespan: 1m\n  group-by: source_ip\n  condition:\n    lt: 3\n---\n" CHAIN("outer",
                                                                                       "inner"));
    cr_assert_eq(rules->refusal_count, 0);
    cr_assert_eq(correlation_of("inner")->correlation.late_by, 1);
    cr_assert_eq(correlation_of("outer")->correlation.late_by, 2);
}

Test(sigma_correlation, a_chain_groups_by_what_the_inner_one_does) {
    load(CHAIN("inner",
               "failed") "title: O\nid: outer\ncorrelation:\n  type: event_count\n  rules: inner\n"
                         "  timespan: 1m\n  group-by: username\n  condition:\n    gte: 3\n");
    cr_assert_eq(rules->refusal_count, 1);
    cr_expect_not_null(strstr(rules->refusals[0].error.reason, "no group-by field"));
}

/* Unless one says `generate: true`, the rules it refers to are silent. */
Test(sigma_correlation, generate) {
    load_one(COUNT "  condition:\n    gte: 5\n");
    for (size_t i = 0; i < rules->count; i++)
        cr_expect_eq(rules->rules[i].is_silent, text_is(rules->rules[i].name, "failed"));
    load_one(COUNT "  generate: true\n  condition:\n    gte: 5\n");
    for (size_t i = 0; i < rules->count; i++)
        cr_expect(!rules->rules[i].is_silent);
}

/* What a list of events, as JSON, contributes. */
static const struct contributions *judge(struct judge **ret_judge, size_t count,
                                         const char *const *documents) {
    const struct enrichments none = {NULL, NULL};
    struct event_reader *reader = event_reader_new();
    *ret_judge = judge_new(rules);
    judge_begin_batch(*ret_judge);
    for (size_t i = 0; i < count; i++) {
        const struct event *event =
            event_reader_read(reader, text_of(documents[i]), (struct wall_time){1748865600000});
        cr_assert_not_null(event, "%s", documents[i]);
        judge_number_event(*ret_judge, (uint32_t)i);
        (void)judge_event(*ret_judge, &none, event);
    }
    event_reader_destroy(&reader);
    return judge_contributions(*ret_judge);
}

Test(sigma_correlation, events_contribute_to_their_group) {
    static const char *const events[] = {
        "{\"event_type\":\"login_failed\",\"source_ip\":\"192.0.2.1\",\"username\":\"a\"}",
        "{\"event_type\":\"login_failed\",\"source_ip\":\"192.0.2.2\",\"username\":\"a\"}",
        "{\"event_type\":\"login_failed\",\"source_ip\":\"192.0.2.1\",\"username\":\"b\"}",
        "{\"event_type\":\"login_failed\",\"source_ip\":\"192.0.2.1\"}",
        "{\"event_type\":\"login_failed\",\"username\":\"a\"}",
        "{\"event_type\":\"login_success\",\"source_ip\":\"192.0.2.1\",\"username\":\"a\"}",
    };
    load_one("  type: value_count\n  rules: failed\n  timespan: 5m\n  group-by: source_ip\n"
             "  condition:\n    gte: 3\n    field: username\nsiem:\n"
             "  details: \"100%% from %source_ip%\"\n  event_type: login_failed\n");
    struct judge *judging;
    const struct contributions *all = judge(&judging, 6, events);
    cr_assert_eq(all->count, 3); /* the others lack the user, the address, or the rule */
    cr_assert_eq(all->group_count, 2);
    cr_assert_eq(all->correlation_count, 1);
    cr_assert_eq(all->items[2].event, 2);
    cr_assert_eq(all->items[0].group, all->items[2].group);
    cr_assert_neq(all->items[0].group, all->items[1].group);
    cr_assert_eq(all->items[0].value, all->items[1].value);
    cr_assert_neq(all->items[0].value, all->items[2].value);
    cr_assert(text_is(all->groups[0].key, "12:login_failed,9:192.0.2.1"));
    cr_assert(text_is(all->groups[0].details, "100% from 192.0.2.1"));
    cr_assert(text_is(all->groups[0].address, "192.0.2.1"));
    cr_assert_null(all->groups[0].user.data);
    judge_destroy(&judging);
}

/* The same group under the names that each rule has for its fields; numbers in any form. */
Test(sigma_correlation, aliases_and_numbers) {
    static const char *const events[] = {
        "{\"event_type\":\"login_failed\",\"username\":\"a\",\"metadata\":{\"n\":2.5}}",
        "{\"event_type\":\"login_success\",\"metadata\":{\"account\":\"a\",\"n\":\"7\"}}",
        "{\"event_type\":\"login_success\",\"metadata\":{\"account\":\"a\",\"n\":\"seven\"}}",
        "{\"event_type\":\"login_success\",\"username\":\"a\",\"metadata\":{\"n\":1}}",
    };
    load_one("  type: value_sum\n  rules: [failed, success]\n  timespan: 5m\n  group-by: who\n"
             "  aliases:\n    who:\n      failed: username\n      success: account\n"
             "  condition:\n    gte: 3\n    field: n\nsiem:\n  details: \"by %who%\"\n");
    struct judge *judging;
    const struct contributions *all = judge(&judging, 4, events);
    cr_assert_eq(all->count, 2);
    cr_assert_eq(all->group_count, 1);
    cr_assert_eq(all->items[0].value, 2.5);
    cr_assert_eq(all->items[1].value, 7);
    cr_assert_eq(all->items[1].rule, 2);
    cr_assert(text_is(all->groups[0].details, "by a"));
    cr_assert(text_is(all->groups[0].user, "a"));
    judge_destroy(&judging);
}

/* A group knows the groups behind it, by the names of every step. */
Test(sigma_correlation, chained_groups) {
    static const char *const events[] = {
        "{\"event_type\":\"login_failed\",\"source_ip\":\"192.0.2.1\",\"username\":\"a\"}",
        "{\"event_type\":\"login_failed\",\"source_ip\":\"192.0.2.1\",\"username\":\"b\"}",
    };
    load("title: I\nid: inner\ncorrelation:\n  type: event_count\n  rules: failed\n"
         "  timespan: 1m\n  group-by: [address, username]\n  aliases:\n    address:\n"
         "      failed: source_ip\n  condition:\n    gte: 3\n---\n"
         "title: O\nid: outer\ncorrelation:\n  type: value_count\n  rules: inner\n"
         "  timespan: 1h\n  group-by: from\n  aliases:\n    from:\n      inner: address\n"
         "  condition:\n    gte: 2\n    field: username\nsiem:\n  details: \"from %from%\"\n");
    cr_assert_eq(rules->refusal_count, 0);
    struct judge *judging;
    const struct contributions *all = judge(&judging, 2, events);
    cr_assert_eq(all->count, 2);
    cr_assert_eq(all->group_count, 3);
    const struct correlation_group *first = &all->groups[all->items[0].group];
    const struct correlation_group *second = &all->groups[all->items[1].group];
    cr_assert_eq(first->parent_count, 1);
    cr_assert_eq(first->parents[0].group, second->parents[0].group);
    cr_assert_neq(first->parents[0].value, second->parents[0].value);
    cr_assert(text_is(all->groups[first->parents[0].group].details, "from 192.0.2.1"));
    cr_assert_not(all->correlations[first->correlation].raises);
    judge_destroy(&judging);
}

/* The next batch begins with nothing. */
Test(sigma_correlation, batches_are_apart) {
    static const char *const events[] = {
        "{\"event_type\":\"login_failed\",\"source_ip\":\"192.0.2.1\"}"};
    load_one(COUNT "  group-by: source_ip\n  condition:\n    gte: 5\n");
    struct judge *judging;
    cr_assert_eq(judge(&judging, 1, events)->count, 1);
    judge_begin_batch(judging);
    const struct contributions *all = judge_contributions(judging);
    cr_assert_eq(all->count + all->group_count + all->correlation_count, 0);
    judge_destroy(&judging);
}
