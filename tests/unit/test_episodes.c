/* test_episodes.c: P2: any number of detectors, any order of arrival, any split into batches: the
 * same incidents and counters. Random threats around the grouping window against an oracle that
 * sees them all. */
#include "tests/support/incident_oracle.h"
#include "tests/support/text_lines.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define SEEDS 400
#define WINDOW_MS 100000
#define BEFORE_MIDNIGHT INT64_C(1785627900000) /* 2026-08-01T23:45:00Z */

static struct commit_fixture fixture;
static struct made_event events[ORACLE_EVENTS_MAX];
static struct made_batch batch;
static size_t
    starts[ORACLE_EVENTS_MAX + 1]; /* batch i is the events from starts[i] to starts[i + 1] */
static struct commit commits[GROUP_MAX];

static void start(void) {
    struct commit_limits limits = commit_fixture_limits();
    limits.window_ms = WINDOW_MS;
    commit_fixture_start(&fixture, limits);
    for (size_t i = 0; i < GROUP_MAX; i++)
        commit_init(&commits[i]);
}

static void stop(void) {
    for (size_t i = 0; i < GROUP_MAX; i++)
        commit_fini(&commits[i]);
    commit_fixture_stop(&fixture);
}

TestSuite(episodes, .init = start, .fini = stop);

/* A generator of its own, so that a seed means the same on every machine. */
static uint64_t state;

static uint32_t roll(uint32_t bound) {
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(state >> 33) % bound;
}

static const struct {
    const char *id, *title, *incident;
    enum severity level;
    uint32_t tag_count;
    const char *tags[2];
} rules[] = {
    {"a1", "First", "one", SEVERITY_LOW, 1, {"attack.t1110"}},
    {"a2", "Second", "one", SEVERITY_MEDIUM, 0, {NULL}},
    {"b1", "Third", "two", SEVERITY_HIGH, 2, {"attack.t1110", "attack.t1003"}},
    {"b2", "Fourth", "one", SEVERITY_CRITICAL, 1, {"zeta"}},
    {"c1", "Fifth", "one", SEVERITY_MEDIUM, 1, {"Alpha"}},
    {"c2", "Sixth", "two", SEVERITY_INFO, 1, {"attack.t1003"}},
};
#define RULES (sizeof(rules) / sizeof(rules[0]))

static struct finding random_finding(uint32_t rule, const char *group) {
    static const char *const details[] = {"x", "xy", "a longer text", "X"};
    return (struct finding){.rule_id = text_of(rules[rule].id),
                            .rule_title = text_of(rules[rule].title),
                            .level = rules[rule].level,
                            .tags = {rules[rule].tag_count,
                                     {text_of(rules[rule].tags[0]), text_of(rules[rule].tags[1])}},
                            .details = text_of(details[roll(4)]),
                            .incident = text_of(rules[rule].incident),
                            .group_key = text_of(group)};
}

/* Times stand on a grid that the window is a multiple of, so that many are exactly on its edge. */
static struct made_event random_event(void) {
    static const char *const names[] = {"10.0.0.9", "10.0.0.10", "2001:db8::1", "Z", NULL};
    static const char *const groups[] = {"g", "h", ""};
    static const enum event_type types[] = {EVENT_TYPE_LOGIN_FAILED, EVENT_TYPE_FILE_ACCESS,
                                            EVENT_TYPE_UNKNOWN};
    struct made_event made = made_benign(BEFORE_MIDNIGHT + (int64_t)roll(120) * 20000);
    made.event.event_type = types[roll(10) < 6 ? 0 : roll(3)];
    made.event.count = 1 + roll(5);
    made.event.source_ip = text_of(names[roll(5)]);
    made.event.username = text_of(names[roll(5)]);
    const char *group = groups[roll(10) < 6 ? 0 : roll(3)];
    if (roll(5) == 0)
        return made;
    uint32_t rule = roll(RULES);
    made.finding_count = 1 + roll(MADE_FINDINGS_MAX);
    for (uint32_t i = 0; i < made.finding_count; i++)
        made.findings[i] = random_finding((rule + i) % RULES, group);
    return made;
}

/* Random batches of the events in a random order. */
static size_t deal(size_t event_count) {
    for (size_t i = event_count - 1; i > 0; i--) {
        size_t j = roll((uint32_t)i + 1);
        struct made_event other = events[i];
        events[i] = events[j];
        events[j] = other;
    }
    size_t count = 0;
    for (size_t i = 0; i < event_count; i++) {
        if (count == 0 || roll(6) == 0)
            starts[count++] = i;
    }
    starts[count] = event_count;
    return count;
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

/* Sends the batches as several detectors would: out of order, in groups, some of them twice. */
static void send_all(size_t batch_count) {
    size_t order[2 * ORACLE_EVENTS_MAX], count = 0;
    for (size_t i = 0; i < batch_count; i++) {
        order[count++] = i;
        if (roll(5) == 0)
            order[count++] = i;
    }
    for (size_t i = count - 1; i > 0; i--) {
        size_t j = roll((uint32_t)i + 1);
        size_t other = order[i];
        order[i] = order[j];
        order[j] = other;
    }
    for (size_t from = 0, at_once; from < count; from += at_once) {
        at_once = 1 + roll(8);
        if (at_once > count - from)
            at_once = count - from;
        commit_group(order + from, at_once);
    }
}

static void check_against_oracle(size_t event_count, int64_t window_ms, const char *what) {
    struct buffer actual, expected;
    buffer_init(&actual, (size_t)1 << 24);
    buffer_init(&expected, (size_t)1 << 24);
    incident_oracle_read(&fixture, &actual);
    incident_oracle_expect(events, event_count, NULL, window_ms, &expected);
    text_lines_expect_equal(&actual, &expected, what);
    buffer_fini(&actual);
    buffer_fini(&expected);
}

static void run_seed(uint64_t seed, size_t event_count, int64_t window_ms) {
    char what[32];
    snprintf(what, sizeof(what), "seed %llu", (unsigned long long)seed);
    state = seed;
    commit_fixture_flush(&fixture);
    for (size_t i = 0; i < event_count; i++)
        events[i] = random_event();
    send_all(deal(event_count));
    check_against_oracle(event_count, window_ms, what);
}

Test(episodes, any_order_gives_the_same) {
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run_seed(seed, 1 + seed % 90, WINDOW_MS);
}

/* Window 0: every threat is an incident of its own. */
Test(episodes, window_zero_in_any_order) {
    struct commit_limits limits = commit_fixture_limits();
    limits.window_ms = 0;
    commit_fixture_restart(&fixture, limits);
    for (uint64_t seed = 1; seed <= 20; seed++)
        run_seed(seed, 60, 0);
    cr_expect_eq(
        commit_fixture_number(&fixture, "EVAL return(#redis.call('KEYS','*:episode:*')) 0"), 0);
}

/* P1: a process killed between commit and receipt: its successor meets duplicates and changes
 * nothing. */
Test(episodes, killed_before_the_receipt) {
    for (uint64_t seed = 1000; seed < 1020; seed++) {
        state = seed;
        commit_fixture_flush(&fixture);
        for (size_t i = 0; i < 60; i++)
            events[i] = random_event();
        size_t batch_count = deal(60);
        for (size_t i = 0; i < batch_count; i++) {
            commit_group(&i, 1);
            if (roll(2) == 0) {
                commit_fixture_restart(&fixture, fixture.limits);
                commit_group(&i, 1);
            }
        }
        check_against_oracle(60, WINDOW_MS, "killed");
    }
}
