/* test_correlation_bounds.c: P4 and P6 for correlations: groups, windows and lists are bounded,
 * what goes is counted, a Redis with odd keys changes nothing; and what a producer is told. */
#include "common/scoped.h"
#include "proto/keys.h"
#include "services/incident/correlated_verdicts.h"
#include "tests/support/commit_fixture.h"
#include "tests/support/made_correlations.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define K KEY_PREFIX
#define NOON INT64_C(1785585600000)
#define GROUPS 400

static struct commit_fixture fixture;
static struct made_batch batch;
static struct commit commit;
static const struct settle_range all_due = {0, 64};
static uint64_t seq;
static char keys[GROUPS][32];
static struct oracle_group groups[GROUPS];

static const struct correlation distinct = {
    MADE_CORRELATION("distinct", "Many distinct", "distinct", MEDIUM, VALUE_COUNT, 3600000, 1),
    MADE_RAISES, .comparisons = MADE_AT_LEAST(10)};

static const struct correlation few = {
    MADE_CORRELATION("few", "Few", "few", LOW, EVENT_COUNT, 60000, 1), MADE_RAISES,
    .comparisons = MADE_COMPARISON(LT, 3), .waits = true};

static const struct correlation three = {
    MADE_CORRELATION("three", "Three of them", "three", HIGH, TEMPORAL, 600000, 3), MADE_RAISES,
    .comparisons = MADE_AT_LEAST(3)};

static const struct correlation three_in_order = {
    MADE_CORRELATION("three_in_order", "Three in order", "three_in_order", HIGH, TEMPORAL_ORDERED,
                     600000, 3),
    MADE_RAISES, MADE_IN_ORDER(3)};

static void make_groups(const struct correlation *correlation) {
    for (uint32_t i = 0; i < GROUPS; i++) {
        snprintf(keys[i], sizeof keys[i], "12:login_failed,%u", i);
        groups[i] = (struct oracle_group){.correlation = correlation,
                                          .key = text_of(keys[i]),
                                          .details = text_of("too many of them")};
    }
}

static void start(void) {
    struct commit_limits limits = commit_fixture_limits();
    limits.correlation_groups_max = 100;
    commit_fixture_start(&fixture, limits);
    commit_init(&commit);
    seq = 0;
}

static void stop(void) {
    commit_fini(&commit);
    commit_fixture_stop(&fixture);
}

TestSuite(correlation_bounds, .init = start, .fini = stop);

static void add(int64_t time_ms, uint32_t group, uint32_t rule, double value) {
    struct made_event made = made_benign(time_ms);
    made.contribution_count = 1;
    made.contributions[0] = (struct made_contribution){&groups[group], rule, value};
    made_batch_add(&batch, made);
}

static void commit_batch(void) {
    commit_release(&commit);
    batch.head.seq = seq++;
    commit_fixture_run(&fixture, &batch, &commit);
    cr_assert_eq(commit.state, COMMIT_DONE);
    made_batch_init(&batch, 0);
}

static void commit_one(int64_t time_ms, uint32_t group, uint32_t rule) {
    made_batch_init(&batch, 0);
    add(time_ms, group, rule, 0);
    commit_batch();
}

static int64_t ledger(const char *field) {
    return commit_fixture_number(&fixture, "HGET " K "ledger %s", field);
}

static int64_t incidents(void) {
    return commit_fixture_number(&fixture, "ZCARD " K "incidents");
}

/* A flood of new groups does not wash away the one that is one contribution short. */
Test(correlation_bounds, eviction_spares_groups_near_their_threshold) {
    make_groups(&made_five);
    for (int i = 0; i < 4; i++)
        commit_one(NOON + i, 0, 1);
    for (uint32_t group = 1; group < GROUPS; group++)
        commit_one(NOON + 10 + group, group, 1);
    cr_assert_eq(incidents(), 0);
    int64_t evicted = ledger("correlation_groups_evicted");
    cr_assert_geq(evicted, GROUPS - 100);
    cr_assert_eq(commit_fixture_number(&fixture, "HGET " K "correlation_evictions five"), evicted);
    commit_one(NOON + 1000, 0, 1);
    cr_assert_eq(incidents(), 1);
}

/* Every set of groups stays within the bound, whatever one batch brings. */
Test(correlation_bounds, groups_are_bounded) {
    make_groups(&made_five);
    for (int round = 0; round < 6; round++) {
        made_batch_init(&batch, 0);
        for (uint32_t i = 0; i < BATCH_EVENTS_MAX; i++)
            add(NOON + round, (i + (uint32_t)round * 60) % GROUPS, 1, 0);
        commit_batch();
    }
    SCOPED(redis_reply)
    struct redis_reply *names = commit_fixture_ask(&fixture, "KEYS " K "correlation:*:groups");
    cr_assert_eq(redis_reply_count(names), 1);
    struct text name = redis_reply_text(redis_reply_at(names, 0));
    int64_t held = commit_fixture_number(&fixture, "ZCARD %.*s", TEXT_ARG(name));
    name.length -= sizeof ":groups" - 1;
    cr_assert_eq(commit_fixture_number(&fixture, "HLEN %.*s", TEXT_ARG(name)), held);
    cr_assert_leq(held, 100 + BATCH_EVENTS_MAX);
    cr_assert_gt(commit_fixture_number(&fixture, "PTTL %.*s", TEXT_ARG(name)), 0);
}

/* The same value again and again: the window does not grow, and what it lets go is counted. */
Test(correlation_bounds, windows_are_bounded) {
    make_groups(&distinct);
    for (int64_t i = 0; i < 20; i++) {
        made_batch_init(&batch, 0);
        for (int64_t j = 0; j < BATCH_EVENTS_MAX; j++)
            add(NOON + i * 1000 + j, 0, 1, (double)(j % 9));
        commit_batch();
    }
    SCOPED(redis_reply)
    struct redis_reply *names =
        commit_fixture_ask(&fixture, "KEYS " K "correlation:????????????????");
    cr_assert_eq(redis_reply_count(names), 1);
    SCOPED(redis_reply)
    struct redis_reply *windows = commit_fixture_ask(
        &fixture, "HVALS %.*s", TEXT_ARG(redis_reply_text(redis_reply_at(names, 0))));
    cr_assert_eq(redis_reply_count(windows), 1);
    cr_assert_lt(redis_reply_text(redis_reply_at(windows, 0)).length, 4096);
    cr_assert_gt(ledger("contributions_evicted"), 0);
    cr_assert_eq(incidents(), 0);
    commit_one(NOON + 30000, 0, 1);
    cr_assert_eq(incidents(), 0);
}

/* Values that are tried again and again do not wash away those that were tried before. */
Test(correlation_bounds, repeated_values_hide_no_others) {
    make_groups(&distinct);
    int64_t at = NOON;
    for (int value = 0; value < 9; value++) {
        for (int i = 0; i < 50; i++) {
            made_batch_init(&batch, 0);
            add(at++, 0, 1, value);
            commit_batch();
        }
    }
    cr_assert_eq(incidents(), 0);
    cr_assert_gt(ledger("contributions_evicted"), 0);
    made_batch_init(&batch, 0);
    add(at, 0, 1, 9);
    commit_batch();
    cr_assert_eq(incidents(), 1);
}

/* The same of rules, in any order or in theirs, where one that leads up to another stays with it.
 */
Test(correlation_bounds, repeated_rules_hide_no_others) {
    static const struct {
        const struct correlation *correlation;
        uint32_t first, second, repeated, last;
        int64_t incidents;
    } cases[] = {
        {&three, 2, 1, 1, 3, 1},          {&three, 3, 3, 2, 1, 1},
        {&three_in_order, 1, 2, 2, 3, 1}, {&three_in_order, 1, 2, 1, 3, 1},
        {&three_in_order, 2, 1, 1, 3, 0}, {&three_in_order, 2, 1, 3, 3, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t at = NOON;
        commit_fixture_flush(&fixture);
        seq = 0;
        make_groups(cases[i].correlation);
        commit_one(at++, 0, cases[i].first);
        commit_one(at++, 0, cases[i].second);
        for (int round = 0; round < 200; round++)
            commit_one(at++, 0, cases[i].repeated);
        cr_expect_eq(incidents(), 0, "case %zu", i);
        commit_one(at, 0, cases[i].last);
        cr_expect_eq(incidents(), cases[i].incidents, "case %zu", i);
    }
}

Test(correlation_bounds, what_comes_too_late_is_counted) {
    make_groups(&made_five);
    commit_one(NOON, 0, 1);
    commit_one(NOON - fixture.limits.lateness_ms, 0, 1);
    cr_assert_eq(ledger("contributions_late"), 0);
    commit_one(NOON - fixture.limits.lateness_ms - 1, 0, 1);
    cr_assert_eq(ledger("contributions_late"), 1);
}

/* Followers are kept for as long as a first contribution may be late, and no longer. */
Test(correlation_bounds, followers_wait_for_the_first_and_are_forgotten) {
    make_groups(&made_ordered);
    commit_one(NOON + 1000, 0, 2);
    commit_one(NOON + 1000, 1, 2);
    cr_assert_eq(commit_fixture_number(&fixture, "EVAL return(#redis.call('KEYS','" K
                                                 "correlation:*:groups')) 0"),
                 0);
    commit_one(NOON, 0, 1);
    cr_assert_eq(incidents(), 1);
    commit_one(NOON + 1000 + fixture.limits.lateness_ms + 1, 2, 2);
    SCOPED(redis_reply)
    struct redis_reply *lists = commit_fixture_ask(&fixture, "KEYS " K "correlation:*:followers");
    cr_assert_eq(redis_reply_count(lists), 1);
    struct text name = redis_reply_text(redis_reply_at(lists, 0));
    cr_assert_eq(commit_fixture_number(&fixture, "HLEN %.*s", TEXT_ARG(name)), 1);
}

/* Those of the oldest batches go when there are too many, some at a time, and are counted. */
Test(correlation_bounds, followers_are_bounded_by_batches) {
    enum { BATCHES = 4200, MOST = 4096, EVICTED_AT_ONCE = 64 };
    make_groups(&made_ordered);
    for (int i = 0; i < BATCHES; i++)
        commit_one(NOON + i, 0, 2);
    SCOPED(redis_reply)
    struct redis_reply *lists = commit_fixture_ask(&fixture, "KEYS " K "correlation:*:followers");
    struct text name = redis_reply_text(redis_reply_at(lists, 0));
    int64_t kept = commit_fixture_number(&fixture, "HLEN %.*s", TEXT_ARG(name));
    cr_assert_leq(kept, MOST);
    cr_assert_gt(kept, MOST - EVICTED_AT_ONCE);
    cr_assert_eq(ledger("contributions_evicted"), BATCHES - kept);
    commit_one(NOON + BATCHES - kept - 1, 0, 1);
    cr_assert_eq(incidents(), 1, "those that are left wait on");
}

/* The event that completes a correlation is told, and only it. */
Test(correlation_bounds, the_completing_event_is_told) {
    struct verdict verdicts[BATCH_EVENTS_MAX];
    make_groups(&made_five);
    made_batch_init(&batch, 0);
    for (int64_t i = 0; i < 4; i++)
        add(NOON + i, 0, 1, 0);
    commit_batch();
    cr_assert_eq(correlated_verdicts_add(&commit, verdicts, 0), 0);
    made_batch_add(&batch, made_benign(NOON + 5));
    add(NOON + 6, 0, 1, 0);
    add(NOON + 7, 1, 1, 0);
    commit_batch();
    cr_assert_eq(correlated_verdicts_add(&commit, verdicts, 0), 1);
    cr_assert_eq(verdicts[0].index, 1);
    cr_assert_eq(verdicts[0].severity, SEVERITY_HIGH);
    cr_assert_eq(verdicts[0].finding_count, 1);
    cr_assert(text_is(verdicts[0].findings[0].rule_title, "Five of them"));
    cr_assert(text_is(verdicts[0].details, "too many of them"));
    cr_assert(text_is(verdicts[0].incident_id, "INC-20260801-0001"));
}

/* A finding of its own and a correlation's: both are told, the graver one first. */
Test(correlation_bounds, verdicts_are_joined) {
    struct verdict verdicts[BATCH_EVENTS_MAX];
    make_groups(&made_five);
    made_batch_init(&batch, 0);
    for (int64_t i = 0; i < 4; i++)
        add(NOON + i, 0, 1, 0);
    commit_batch();
    struct made_event made = made_threat(NOON + 5, SEVERITY_MEDIUM, "192.0.2.1");
    made.contribution_count = 1;
    made.contributions[0] = (struct made_contribution){&groups[0], 1, 0};
    made_batch_add(&batch, made);
    commit_batch();
    struct committed_threat threat;
    cr_assert(commit_threat(&commit, 0, &threat));
    verdicts[0] = (struct verdict){.index = 0,
                                   .severity = SEVERITY_MEDIUM,
                                   .incident_id = threat.incident_id,
                                   .details = commit.judgements[0].details,
                                   .finding_count = 1,
                                   .findings = commit.judgements[0].findings->findings};
    cr_assert_eq(correlated_verdicts_add(&commit, verdicts, 1), 1);
    cr_assert_eq(verdicts[0].severity, SEVERITY_HIGH);
    cr_assert_eq(verdicts[0].finding_count, 2);
    cr_assert(text_is(verdicts[0].findings[0].rule_title, "Five of them"));
    cr_assert(text_is(verdicts[0].details, "too many failures | too many of them"));
    cr_assert_not(text_equal(verdicts[0].incident_id, threat.incident_id));
}

/* Without its answer nobody can say what a batch's contributions came to: there is no verdict. */
Test(correlation_bounds, a_lost_answer_is_no_verdict) {
    make_groups(&made_five);
    commit_one(NOON, 0, 1);
    made_batch_init(&batch, 0);
    add(NOON, 0, 1, 0);
    struct wire_message message = made_batch_message(&batch);
    commit_release(&commit);
    cr_assert_eq(commit_take(&commit, &message), STATUS_OK);
    commit.was_sent = true;
    struct commit *group[] = {&commit};
    cr_assert_eq(committer_run(fixture.committer, group, 1), STATUS_OK);
    cr_assert_eq(commit.state, COMMIT_DUPLICATE);
    cr_assert_not(commit_has_verdicts(&commit));
}

/* What waits is judged once its time has come, by whoever asks, and published once. */
Test(correlation_bounds, what_waited_is_judged_once) {
    make_groups(&few);
    commit_one(NOON, 0, 1);
    cr_assert_eq(incidents(), 0);
    struct wall_time now = clock_wall();
    bool more = true;
    commit_release(&commit);
    cr_assert_eq(committer_settle(fixture.committer, now, all_due, &commit, &more), STATUS_OK);
    cr_assert_eq(incidents(), 0);
    now.ms += fixture.limits.lateness_ms + 60000;
    for (int round = 0; round < 2; round++) {
        struct committed_threat threat;
        cr_assert_eq(committer_settle(fixture.committer, now, all_due, &commit, &more), STATUS_OK);
        cr_assert_eq(commit_threat(&commit, 0, &threat), round == 0);
        cr_assert_not(more);
        commit_release(&commit);
    }
    cr_assert_eq(incidents(), 1);
    cr_assert_eq(ledger("threats"), 1);
}

/* A key of a wrong type stops the script before any write. */
Test(correlation_bounds, odd_keys_stop_it_before_it_writes) {
    static const struct {
        const struct correlation *correlation;
        uint32_t rule;
        const char *kind;
    } cases[] = {
        {&made_five, 1, ""},
        {&made_five, 1, ":groups"},
        {&made_ordered, 2, ":followers"},
        {&made_ordered, 2, ":followed"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        commit_fixture_flush(&fixture);
        commit_fixture_restart(&fixture, fixture.limits); /* remembers no failure of another case */
        seq = 0;
        make_groups(cases[i].correlation);
        commit_one(NOON, 0, cases[i].rule);
        SCOPED(redis_reply)
        struct redis_reply *names =
            commit_fixture_ask(&fixture, "KEYS " K "correlation:????????????????%s", cases[i].kind);
        cr_assert_eq(redis_reply_count(names), 1, "case %zu", i);
        SCOPED(redis_reply)
        struct redis_reply *set = commit_fixture_ask(
            &fixture, "SET %.*s wrong", TEXT_ARG(redis_reply_text(redis_reply_at(names, 0))));
        int64_t committed = ledger("committed");
        made_batch_init(&batch, 1);
        add(NOON, 0, cases[i].rule, 0);
        struct wire_message message = made_batch_message(&batch);
        commit_release(&commit);
        cr_assert_eq(commit_take(&commit, &message), STATUS_OK);
        struct commit *group[] = {&commit};
        cr_expect_eq(committer_run(fixture.committer, group, 1), STATUS_OK, "case %zu", i);
        cr_expect_eq(commit.state, COMMIT_REFUSED, "case %zu", i);
        cr_expect_eq(ledger("committed"), committed, "case %zu", i);
    }
}

/* P6: contributions of an event the batch has not: its bytes would be those of an earlier message.
 */
Test(correlation_bounds, contributions_of_no_event_are_refused) {
    make_groups(&made_five);
    made_batch_init(&batch, 0);
    add(NOON, 0, 1, 0);
    add(NOON, 1, 1, 0);
    struct wire_message two = made_batch_message(&batch);
    batch.count = 1;
    struct wire_message one = made_batch_message(&batch);
    struct wire_message mixed = {.count = 2};
    wire_frame_copy(&mixed.frames[0], wire_frame_bytes(&two.frames[0]));
    wire_frame_copy(&mixed.frames[1], wire_frame_bytes(&one.frames[1]));
    wire_message_close(&one);
    cr_assert_eq(commit_take(&commit, &two), STATUS_OK);
    commit_release(&commit);
    cr_expect_eq(commit_take(&commit, &mixed), STATUS_BAD_VALUE);
}
