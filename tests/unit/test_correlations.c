/* test_correlations.c: P2 for correlations: any number of detectors, any order of arrival within
 * the lateness bound, any split into batches, anything sent twice: the same incidents and counters.
 * Random contributions to correlations of every type against an oracle that sees them all.
 *
 * CORRELATION_SEEDS sets how many seeds are tried (tests/faults/correlations runs thousands), from
 * CORRELATION_SEED on.
 */
#include "proto/keys.h"
#include "tests/support/incident_oracle.h"
#include "tests/support/made_correlations.h"
#include "tests/support/text_lines.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define SEEDS 200
#define WINDOW_MS 30000
#define LATENESS_MS 60000
#define GRID_MS 5000
#define BEFORE_MIDNIGHT INT64_C(1785628500000) /* 2026-08-01T23:55:00Z */

#define LOGIN EVENT_TYPE_LOGIN_FAILED

/* One of every type, with conditions that more contributions can and cannot undo; some contribute
 * to others; some share incidents with each other and with plain rules. */
static const struct correlation correlations[] = {
    {MADE_CORRELATION("c00", "Count", "one", HIGH, EVENT_COUNT, 60000, 1), MADE_RAISES,
     .event_type = LOGIN, .comparisons = MADE_AT_LEAST(5),
     .tags = {1, {TEXT_CONSTANT("attack.t1110")}}},
    {MADE_CORRELATION("c01", "Range", "range", LOW, EVENT_COUNT, 40000, 1), MADE_RAISES,
     .comparisons = {2, {{CORRELATION_GTE, 2}, {CORRELATION_LTE, 4}}}, .waits = true},
    {MADE_CORRELATION("c02", "Distinct", "one", MEDIUM, VALUE_COUNT, 80000, 1), MADE_RAISES,
     .event_type = LOGIN, .comparisons = MADE_AT_LEAST(3)},
    {MADE_CORRELATION("c03", "Both", "both", LOW, TEMPORAL, 30000, 2), MADE_RAISES,
     .event_type = EVENT_TYPE_FILE_ACCESS, .comparisons = MADE_AT_LEAST(2)},
    {MADE_CORRELATION("c04", "Ordered", "ordered", CRITICAL, TEMPORAL_ORDERED, 100000, 3),
     MADE_RAISES, MADE_IN_ORDER(3)},
    {MADE_CORRELATION("c05", "Absent", "absent", HIGH, TEMPORAL, 50000, 3), MADE_RAISES,
     .expression = {6, {1, 2, EXPRESSION_AND, 3, EXPRESSION_NOT, EXPRESSION_AND}}, .waits = true},
    {MADE_CORRELATION("c06", "Either", "either", MEDIUM, TEMPORAL, 25000, 3), MADE_RAISES,
     .expression = {5, {1, 2, EXPRESSION_OR, 3, EXPRESSION_AND}}},
    {MADE_CORRELATION("c07", "Ordered, absent", "one", HIGH, TEMPORAL_ORDERED, 70000, 3),
     MADE_RAISES, MADE_IN_ORDER(2), .event_type = LOGIN, .expression = {2, {3, EXPRESSION_NOT}},
     .waits = true},
    {MADE_CORRELATION("c08", "Sum", "sum", MEDIUM, VALUE_SUM, 60000, 1), MADE_RAISES,
     .comparisons = MADE_AT_LEAST(0.6)},
    {MADE_CORRELATION("c09", "Average", "average", LOW, VALUE_AVG, 60000, 1), MADE_RAISES,
     .comparisons = MADE_COMPARISON(GT, 1.1), .waits = true},
    {MADE_CORRELATION("c10", "Percentile", "percentile", LOW, VALUE_PERCENTILE, 90000, 1),
     MADE_RAISES, .percentile = 90, .comparisons = MADE_AT_LEAST(2.3), .waits = true},
    {MADE_CORRELATION("c11", "Median", "median", LOW, VALUE_MEDIAN, 45000, 1), MADE_RAISES,
     .percentile = 50, .comparisons = MADE_COMPARISON(LT, 0.5), .waits = true},
    {MADE_CORRELATION("c12", "Inner", "inner", HIGH, EVENT_COUNT, 30000, 1),
     .comparisons = MADE_AT_LEAST(4), .late_by = 1},
    {MADE_CORRELATION("c13", "Inner, then one", "then", CRITICAL, TEMPORAL_ORDERED, 60000, 2),
     MADE_RAISES, MADE_IN_ORDER(2), .event_type = LOGIN, .depth = 1},
    {MADE_CORRELATION("c14", "Groups of inner", "groups", HIGH, VALUE_COUNT, 100000, 1),
     MADE_RAISES, .comparisons = MADE_AT_LEAST(2), .depth = 1},
    {MADE_CORRELATION("c15", "Waits inside", "inside", LOW, EVENT_COUNT, 20000, 1), MADE_RAISES,
     .comparisons = MADE_COMPARISON(NEQ, 2), .waits = true},
    {MADE_CORRELATION("c16", "Outside", "outside", MEDIUM, EVENT_COUNT, 40000, 1),
     .comparisons = MADE_AT_LEAST(3), .raises = true, .depth = 1, .late_by = 2},
    {MADE_CORRELATION("c17", "Farther outside", "farther", HIGH, EVENT_COUNT, 80000, 1),
     .comparisons = MADE_COMPARISON(EQ, 2), .raises = true, .waits = true, .depth = 2,
     .late_by = 2},
    {MADE_CORRELATION("c18", "Coarse", "coarse", LOW, EVENT_COUNT, 60000, 1), MADE_RAISES,
     .comparisons = MADE_AT_LEAST(9), .quantum_ms = 7000},
    {MADE_CORRELATION("c19", "Silent", "silent", INFO, EVENT_COUNT, 60000, 1), MADE_RAISES,
     .comparisons = MADE_AT_LEAST(1)},
};
#define CORRELATIONS (sizeof(correlations) / sizeof(correlations[0]))
#define KEYS 2

static struct oracle_group groups[CORRELATIONS][KEYS];

static struct commit_fixture fixture;
static struct made_event events[ORACLE_EVENTS_MAX];
static struct made_batch batch;
static size_t
    starts[ORACLE_EVENTS_MAX + 1]; /* batch i is the events from starts[i] to starts[i + 1] */
static struct commit commits[GROUP_MAX];
static const struct settle_range all_due = {0, 64};

static void chain(size_t inner, size_t outer, uint32_t rule, double value, size_t outer_key) {
    for (size_t key = 0; key < KEYS; key++) {
        struct oracle_group *group = &groups[inner][key];
        uint32_t at = group->parent_count++;
        group->parents[at].group = &groups[outer][outer_key < KEYS ? outer_key : key];
        group->parents[at].rule = rule;
        group->parents[at].value = value + (double)key;
    }
}

static void make_groups(void) {
    static const char *const keys[KEYS] = {"login_failed/g", "login_failed/h"};
    static const char *const addresses[KEYS] = {"10.0.0.5", NULL};
    static const char *const users[KEYS] = {NULL, "Yves"};
    for (size_t i = 0; i < CORRELATIONS; i++) {
        for (size_t key = 0; key < KEYS; key++)
            groups[i][key] = (struct oracle_group){.correlation = &correlations[i],
                                                   .key = text_of(keys[key]),
                                                   .details = correlations[i].rule_title,
                                                   .address = text_of(addresses[key]),
                                                   .user = text_of(users[key])};
    }
    chain(12, 13, 1, 0, KEYS);
    chain(12, 14, 1, 40, 0);
    chain(15, 16, 1, 0, KEYS);
    chain(16, 17, 1, 0, 1);
}

static void start(void) {
    struct commit_limits limits = commit_fixture_limits();
    limits.window_ms = WINDOW_MS;
    limits.lateness_ms = LATENESS_MS;
    commit_fixture_start(&fixture, limits);
    for (size_t i = 0; i < GROUP_MAX; i++)
        commit_init(&commits[i]);
    make_groups();
}

static void stop(void) {
    for (size_t i = 0; i < GROUP_MAX; i++)
        commit_fini(&commits[i]);
    commit_fixture_stop(&fixture);
}

TestSuite(correlations, .init = start, .fini = stop);

/* A generator of its own, so that a seed means the same on every machine. */
static uint64_t state;

static uint32_t roll(uint32_t bound) {
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(state >> 33) % bound;
}

static bool has_plain_rules = true;

/* A plain rule on the event; it shares incidents with some correlations. */
static void add_finding(struct made_event *made) {
    static const char *const keys[] = {"login_failed/g", "login_failed/h"};
    made->event.event_type = LOGIN;
    made->finding_count = 1;
    made->findings[0] = (struct finding){.rule_id = TEXT("a1"),
                                         .rule_title = TEXT("Plain"),
                                         .level = SEVERITY_MEDIUM,
                                         .tags = {1, {TEXT("Alpha")}},
                                         .details = TEXT("plain"),
                                         .incident = TEXT("one"),
                                         .group_key = text_of(keys[roll(2)])};
}

/* What an event can contribute to: what only correlations contribute to is left out. */
static bool is_open_to_events(size_t correlation) {
    return correlations[correlation].depth == 0 || correlation == 13;
}

static void add_contribution(struct made_event *made, size_t correlation) {
    static const double values[] = {0, 0.1, 0.2, 0.3, 1, 2, 3};
    const struct correlation *what = &correlations[correlation];
    struct made_contribution *contribution = &made->contributions[made->contribution_count];
    *contribution = (struct made_contribution){
        .group = &groups[correlation][roll(10) < 7 ? 0 : 1],
        .rule = correlation == 13 ? 2 : 1 + roll(what->rule_count),
        .value =
            correlation_type_values(what->kind) != CORRELATION_VALUES_NONE ? values[roll(7)] : 0,
    };
    made->contribution_count++;
}

/* Times stand on a grid that timespans and windows are multiples of, so that many are exactly on an
 * edge. A seed plays with few correlations, so that windows fill. */
static struct made_event random_event(const size_t *played, uint32_t played_count, uint32_t slots) {
    struct made_event made = made_benign(BEFORE_MIDNIGHT + (int64_t)roll(slots) * GRID_MS);
    made.event.count = roll(4) == 0 ? 1 + roll(3) : 1;
    if (roll(8) == 0 && has_plain_rules)
        add_finding(&made);
    uint32_t wanted = roll(MADE_CONTRIBUTIONS_MAX + 1);
    for (uint32_t i = 0; i < wanted && i < played_count; i++) {
        size_t correlation = played[(i + roll(2)) % played_count];
        if (is_open_to_events(correlation))
            add_contribution(&made, correlation);
    }
    return made;
}

static void make_events(size_t count) {
    size_t played[5];
    uint32_t played_count = 1 + roll(5);
    for (uint32_t i = 0; i < played_count; i++)
        played[i] = roll(CORRELATIONS);
    uint32_t slots = 20 + roll(80);
    for (size_t i = 0; i < count; i++)
        events[i] = random_event(played, played_count, slots);
}

struct arrival {
    int64_t at_ms;
    struct made_event event;
};

static int compare_arrivals(const void *a, const void *b) {
    const struct arrival *left = a, *right = b;
    return (left->at_ms > right->at_ms) - (left->at_ms < right->at_ms);
}

/* Events come in the order of their times and of delays within the bound, in random batches. */
static size_t deal(size_t event_count) {
    static struct arrival arrivals[ORACLE_EVENTS_MAX];
    uint32_t delay_max = roll(3) == 0 ? 1 : LATENESS_MS;
    for (size_t i = 0; i < event_count; i++)
        arrivals[i] = (struct arrival){events[i].event.time_ms + roll(delay_max + 1), events[i]};
    qsort(arrivals, event_count, sizeof(arrivals[0]), compare_arrivals);
    uint32_t length = 1 + roll(12);
    size_t count = 0;
    for (size_t i = 0; i < event_count; i++) {
        events[i] = arrivals[i].event;
        if (count == 0 || roll(length) == 0)
            starts[count++] = i;
    }
    starts[count] = event_count;
    return count;
}

/* True when no event comes later than the bound allows. */
static bool is_within_bound(const size_t *order, size_t count) {
    int64_t newest_ms = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t here_ms = newest_ms;
        for (size_t j = starts[order[i]]; j < starts[order[i] + 1]; j++) {
            if (events[j].event.time_ms < newest_ms - LATENESS_MS)
                return false;
            here_ms = events[j].event.time_ms > here_ms ? events[j].event.time_ms : here_ms;
        }
        newest_ms = here_ms;
    }
    return true;
}

static void swap(size_t *order, size_t a, size_t b) {
    size_t other = order[a];
    order[a] = order[b];
    order[b] = other;
}

/* Detectors overtake each other: neighbours change places as far as the bound allows. */
static void overtake(size_t *order, size_t count) {
    for (size_t i = 0; i < count * 3 && count > 1; i++) {
        size_t at = roll((uint32_t)count - 1);
        swap(order, at, at + 1);
        if (!is_within_bound(order, count))
            swap(order, at, at + 1);
    }
}

static void commit_group(const size_t *which, size_t count) {
    struct commit *group[GROUP_MAX];
    for (size_t i = 0; i < count; i++) {
        made_batch_init(&batch, which[i]);
        for (size_t j = starts[which[i]]; j < starts[which[i] + 1]; j++)
            made_batch_add(&batch, events[j]);
        struct wire_message message = made_batch_message(&batch);
        group[i] = &commits[i];
        cr_assert_eq(commit_take(group[i], &message), STATUS_OK);
    }
    cr_assert_eq(committer_run(fixture.committer, group, count), STATUS_OK, "%s",
                 committer_error(fixture.committer));
    for (size_t i = 0; i < count; i++)
        commit_release(group[i]);
}

/* Sends the batches; some of them again, later, as after a kill; now and then the process is new.
 */
static void send_all(size_t batch_count) {
    static size_t order[ORACLE_EVENTS_MAX], sent[2 * ORACLE_EVENTS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < batch_count; i++)
        order[i] = i;
    overtake(order, batch_count);
    for (size_t i = 0; i < batch_count; i++) {
        sent[count++] = order[i];
        if (roll(4) == 0)
            sent[count++] = order[roll((uint32_t)i + 1)];
    }
    for (size_t from = 0, at_once; from < count; from += at_once) {
        at_once = 1 + roll(8);
        if (at_once > count - from)
            at_once = count - from;
        commit_group(sent + from, at_once);
        if (roll(20) == 0)
            commit_fixture_restart(&fixture, fixture.limits);
    }
}

/* Lets the time pass that correlations wait, and what they contribute to in turn. */
static void settle(void) {
    struct wall_time now = clock_wall();
    for (int i = 0; i < 5; i++) {
        bool more = true;
        now.ms += 3 * LATENESS_MS;
        while (more) {
            cr_assert_eq(committer_settle(fixture.committer, now, all_due, &commits[0], &more),
                         STATUS_OK, "%s", committer_error(fixture.committer));
            commit_release(&commits[0]);
        }
    }
    cr_assert_eq(commit_fixture_number(&fixture, "ZCARD " KEY_PREFIX "correlations_due"), 0);
}

static bool is_same_incident(const struct made_event *made, const struct oracle_group *group) {
    return made->finding_count > 0 &&
           text_equal(made->findings[0].incident, group->correlation->incident) &&
           text_equal(made->findings[0].group_key, group->key);
}

static void tell_oracle(struct correlation_oracle *oracle, size_t event_count) {
    for (size_t i = 0; i < event_count; i++) {
        const struct made_event *made = &events[i];
        for (uint32_t j = 0; j < made->contribution_count; j++)
            correlation_oracle_add(oracle, (struct oracle_entry){
                                               .group = made->contributions[j].group,
                                               .time_ms = made->event.time_ms,
                                               .weight = made->event.count,
                                               .rule = made->contributions[j].rule,
                                               .value = made->contributions[j].value,
                                               .is_threat = made->finding_count > 0,
                                               .is_same_incident = is_same_incident(
                                                   made, made->contributions[j].group),
                                               .event = i,
                                           });
    }
    correlation_oracle_judge(oracle);
}

/* Leaves out the lists of messages (incident_oracle.h). */
static void drop_messages(struct buffer *lines) {
    struct buffer kept;
    buffer_init(&kept, lines->limit);
    const char *at = (const char *)lines->data, *end = at + lines->length;
    while (at < end) {
        const char *next = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1;
        struct text line = {at, (size_t)(next - at)};
        if (memcmp(line.data, "timeline ", 9) != 0 &&
            memmem(line.data, line.length, ":top_threats ", 13) == NULL)
            buffer_append_text(&kept, line);
        at = next;
    }
    buffer_fini(lines);
    *lines = kept;
}

/* How many windows fired is told, so that a test of nothing is noticed. */
static size_t check_against_oracle(size_t event_count, int64_t window_ms, const char *what) {
    struct buffer actual, expected;
    struct correlation_oracle oracle;
    buffer_init(&actual, (size_t)1 << 24);
    buffer_init(&expected, (size_t)1 << 24);
    correlation_oracle_init(&oracle);
    tell_oracle(&oracle, event_count);
    size_t fired = oracle.window_count;
    incident_oracle_read(&fixture, &actual);
    drop_messages(&actual);
    incident_oracle_expect(events, event_count, &oracle, window_ms, &expected);
    text_lines_expect_equal(&actual, &expected, what);
    correlation_oracle_fini(&oracle);
    buffer_fini(&actual);
    buffer_fini(&expected);
    return fired;
}

static size_t run_seed(uint64_t seed, size_t event_count, int64_t window_ms) {
    char what[32];
    snprintf(what, sizeof(what), "seed %llu", (unsigned long long)seed);
    state = seed;
    commit_fixture_flush(&fixture);
    make_events(event_count);
    send_all(deal(event_count));
    settle();
    return check_against_oracle(event_count, window_ms, what);
}

static uint64_t number_from(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

Test(correlations, any_order_gives_the_same) {
    uint64_t seeds = number_from("CORRELATION_SEEDS", SEEDS);
    uint64_t first = number_from("CORRELATION_SEED", 1);
    size_t fired = 0;
    for (uint64_t seed = first; seed < first + seeds; seed++)
        fired += run_seed(seed, 1 + seed % 120, WINDOW_MS);
    cr_assert(fired > seeds || seeds < SEEDS);
    printf("%llu seeds, %zu windows fired\n", (unsigned long long)seeds, fired);
}

/* Without a grouping window, windows that overlap are one incident all the same. */
Test(correlations, window_zero_in_any_order) {
    struct commit_limits limits = fixture.limits;
    limits.window_ms = 0;
    commit_fixture_restart(&fixture, limits);
    has_plain_rules = false;
    for (uint64_t seed = 5000; seed < 5030; seed++)
        run_seed(seed, 80, 0);
}
