/* test_failing_batches.c: P6: a batch on which the commit script fails for ever is set aside, and
 * holds up no other; a Redis that is at fault itself condemns none. */
#include "common/counters.h"
#include "common/scoped.h"
#include "services/incident/failing_batches.h"
#include "tests/support/commit_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define NOON INT64_C(1785585600000) /* 2026-08-01T12:00:00Z */
#define DAY_MS INT64_C(86400000)
#define LANE "00c0ffee00c0ffee-1"
#define K "siem:{0}:"

static struct commit_fixture fixture;
static struct made_batch failing, other;
static struct commit commits[3];

static struct mono_time at_ms(int64_t ms) {
    return (struct mono_time){ms * 1000000};
}

static void start(void) {
    commit_fixture_start(&fixture, commit_fixture_limits());
    for (size_t i = 0; i < 3; i++)
        commit_init(&commits[i]);
    made_batch_init(&failing, 0);
    made_batch_init(&other, 0);
}

static void stop(void) {
    for (size_t i = 0; i < 3; i++)
        commit_fini(&commits[i]);
    commit_fixture_stop(&fixture);
}

TestSuite(failing_batches, .init = start, .fini = stop);

static void break_key(const char *name) {
    SCOPED(redis_reply)
    struct redis_reply *reply = commit_fixture_ask(&fixture, "SET " K "%s wrong", name);
    cr_assert_not_null(reply);
}

static enum commit_state send_failing(void) {
    return commit_fixture_state(&fixture, &failing);
}

/* Another batch, of which the script makes no trouble. */
static void commit_another(void) {
    other.head.seq++;
    other.count = 0;
    made_batch_add(&other, made_benign(NOON));
    cr_assert_eq(commit_fixture_state(&fixture, &other), COMMIT_DONE);
}

/* As its producer does until it is receipted, while others are committed. */
static uint32_t send_until_answered(uint32_t tries) {
    uint32_t failures = 0;
    while (send_failing() != COMMIT_DONE) {
        cr_assert_lt(++failures, tries);
        commit_another();
    }
    return failures;
}

static int64_t ledger(const char *field) {
    return commit_fixture_number(&fixture, "HGET " K "ledger %s", field);
}

static int64_t quarantined(void) {
    return commit_fixture_number(&fixture, "XLEN " K "quarantine");
}

/* The threat goes, with its bytes; the events nothing was found in are committed. The floor moves.
 */
Test(failing_batches, what_was_found_goes_first) {
    break_key("timeline");
    made_batch_add(&failing, made_benign(NOON));
    made_batch_add(&failing, made_threat(NOON, SEVERITY_HIGH, "198.51.100.4"));
    made_batch_add(&failing, made_benign(NOON));
    struct counter *drops = counter_new("siem_drops_total", "reason=\"poison\"", "");
    cr_expect_eq(send_until_answered(10), FAILURES_TO_SET_ASIDE);
    cr_expect_eq(ledger("quarantined"), 1);
    cr_expect_eq(ledger("quarantined:00c0ffee00c0ffee"), 1);
    cr_expect_eq(ledger("committed"), 2 + FAILURES_TO_SET_ASIDE);
    cr_expect_eq(ledger("threats"), 0);
    cr_expect_eq(counter_read(drops), 1);
    cr_expect_eq(commit_fixture_number(&fixture, "HGET " K "floors " LANE),
                 1 + FAILURES_TO_SET_ASIDE);
    SCOPED(redis_reply)
    struct redis_reply *entries = commit_fixture_ask(&fixture, "XRANGE " K "quarantine - +");
    cr_assert_eq(redis_reply_count(entries), 1);
    const struct redis_reply *fields = redis_reply_at(redis_reply_at(entries, 0), 1);
    cr_expect(text_is(redis_reply_text(redis_reply_field(fields, "id")), LANE "-0.1"));
    cr_expect_gt(redis_reply_text(redis_reply_field(fields, "bytes")).length, 0);
    cr_expect_eq(send_failing(), COMMIT_DUPLICATE);
}

/* The day itself cannot be counted: with one more failure the whole batch goes. */
Test(failing_batches, then_all_of_it) {
    break_key("day:20260731");
    made_batch_add(&failing, made_benign(NOON - DAY_MS));
    made_batch_add(&failing, made_threat(NOON - DAY_MS, SEVERITY_HIGH, "198.51.100.4"));
    struct counter *drops = counter_new("siem_drops_total", "reason=\"poison\"", "");
    cr_expect_eq(send_until_answered(10), FAILURES_TO_SET_ASIDE + 1);
    cr_expect_eq(ledger("quarantined"), 2);
    cr_expect_eq(counter_read(drops), 2);
    cr_expect_eq(ledger("committed"), FAILURES_TO_SET_ASIDE + 1);
    cr_expect_eq(quarantined(), 2);
}

/* Nothing was found in it: there is no half way. */
Test(failing_batches, without_findings_at_once) {
    break_key("day:20260731");
    made_batch_add(&failing, made_benign(NOON - DAY_MS));
    cr_expect_eq(send_until_answered(10), FAILURES_TO_SET_ASIDE);
    cr_expect_eq(quarantined(), 1);
}

/* Nothing can be committed: that is no fault of the batch. It is committed when Redis is mended. */
Test(failing_batches, a_broken_redis_condemns_none) {
    break_key("day:20260801");
    made_batch_add(&failing, made_threat(NOON, SEVERITY_HIGH, "198.51.100.4"));
    for (int i = 0; i < 20; i++)
        cr_assert_eq(send_failing(), COMMIT_REFUSED);
    SCOPED(redis_reply)
    struct redis_reply *mended = commit_fixture_ask(&fixture, "DEL " K "day:20260801");
    cr_expect_eq(send_failing(), COMMIT_DONE);
    cr_expect_eq(quarantined(), 0);
    cr_expect_eq(ledger("threats"), 1);
}

/* Known for failing, it goes in a call of its own; the order of the group stays. */
Test(failing_batches, it_goes_alone) {
    break_key("timeline");
    made_batch_add(&failing, made_threat(NOON, SEVERITY_HIGH, "198.51.100.4"));
    failing.head.seq = 1;
    cr_assert_eq(send_failing(), COMMIT_REFUSED);
    made_batch_add(&other, made_benign(NOON));
    struct commit *group[3];
    for (size_t i = 0; i < 3; i++) {
        other.head.seq = i;
        struct wire_message message = made_batch_message(i == 1 ? &failing : &other);
        cr_assert_eq(commit_take(&commits[i], &message), STATUS_OK);
        group[i] = &commits[i];
    }
    size_t sent = 0, answered = 0;
    for (size_t at = 0; at < 3; at += sent) {
        cr_assert_eq(committer_send(fixture.committer, group + at, 3 - at, &sent), STATUS_OK);
        cr_assert_eq(sent, 1);
        cr_assert_eq(committer_receive(fixture.committer, group + at, true, &answered), STATUS_OK);
    }
    cr_expect_eq(commits[0].state, COMMIT_DONE);
    cr_expect_eq(commits[1].state, COMMIT_REFUSED);
    cr_expect_eq(commits[2].state, COMMIT_DONE);
}

/* A call of which nothing is heard is made again, and sets no more aside than it would have. */
Test(failing_batches, a_lost_call_condemns_no_more) {
    break_key("timeline");
    made_batch_add(&failing, made_benign(NOON));
    made_batch_add(&failing, made_threat(NOON, SEVERITY_HIGH, "198.51.100.4"));
    made_batch_add(&failing, made_benign(NOON));
    for (int i = 0; i < FAILURES_TO_SET_ASIDE; i++) {
        cr_assert_eq(send_failing(), COMMIT_REFUSED);
        commit_another();
    }
    struct commit *group[] = {&commits[0]};
    struct wire_message message = made_batch_message(&failing);
    cr_assert_eq(commit_take(&commits[0], &message), STATUS_OK);
    redis_reply_destroy(
        &(struct redis_reply *){commit_fixture_ask(&fixture, "CONFIG SET maxmemory 1")});
    cr_expect_neq(committer_run(fixture.committer, group, 1), STATUS_OK);
    cr_assert_eq(commits[0].state, COMMIT_OPEN);
    redis_reply_destroy(
        &(struct redis_reply *){commit_fixture_ask(&fixture, "CONFIG SET maxmemory 0")});
    cr_expect_eq(committer_run(fixture.committer, group, 1), STATUS_OK);
    cr_expect_eq(commits[0].state, COMMIT_DONE);
    cr_expect_eq(ledger("quarantined"), 1);
}

/* Sends threats in a store that can take none; the batches that are committed for all that. */
static size_t send_threats(size_t batches, size_t rounds) {
    size_t done = 0;
    bool is_done[32] = {false};
    for (size_t round = 0; round < rounds; round++) {
        for (size_t i = 0; i < batches; i++) {
            if (is_done[i])
                continue;
            made_batch_init(&failing, 1000 + i);
            made_batch_add(&failing, made_threat(NOON, SEVERITY_HIGH, "198.51.100.4"));
            is_done[i] = send_failing() == COMMIT_DONE;
            done += is_done[i];
        }
        commit_another();
    }
    return done;
}

/* More than a few fail: it is the store. When it is mended, all are committed. */
Test(failing_batches, a_store_that_takes_no_threats_condemns_none) {
    break_key("timeline");
    cr_expect_eq(send_threats(FAILING_FEW + 1, 10), 0);
    SCOPED(redis_reply)
    struct redis_reply *mended = commit_fixture_ask(&fixture, "DEL " K "timeline");
    cr_expect_eq(send_threats(FAILING_FEW + 1, 1), FAILING_FEW + 1);
    cr_expect_eq(quarantined(), 0);
    cr_expect_eq(ledger("threats"), FAILING_FEW + 1);
}

/* They fail one after the other, so that there are never more than a few: it ends some time. */
Test(failing_batches, no_more_than_some_are_set_aside) {
    break_key("timeline");
    for (uint64_t i = 0; i < SET_ASIDE_MAX + 3; i++) {
        made_batch_init(&failing, 1000 + i);
        made_batch_add(&failing, made_threat(NOON, SEVERITY_HIGH, "198.51.100.4"));
        int failures = 0;
        while (failures < 6 && send_failing() != COMMIT_DONE) {
            failures++;
            commit_another();
        }
        cr_expect_eq(failures, i < SET_ASIDE_MAX ? FAILURES_TO_SET_ASIDE : 6, "batch %d", (int)i);
    }
    cr_expect_eq(quarantined(), SET_ASIDE_MAX);
}

static struct batch_head head_of(uint64_t seq) {
    return (struct batch_head){.producer = MADE_PRODUCER, .epoch = 1, .seq = seq};
}

/* Lets a batch fail once a second, while others are committed, until so much would be set aside. */
static int64_t seconds_until(struct failing_batches *list, uint64_t seq, enum set_aside level,
                             int64_t from_s) {
    struct batch_head head = head_of(seq);
    for (int64_t s = from_s; s < from_s + 100; s++) {
        failing_batches_note(list, &head, (uint64_t)s, at_ms(s * 1000));
        if (failing_batches_find(list, &head, at_ms(s * 1000))->level == level)
            return s - from_s;
    }
    return -1;
}

Test(failing_batches, takes_its_time, .init = NULL, .fini = NULL) {
    static struct failing_batches list = {.after_ms = 30000};
    struct batch_head head = head_of(0);
    cr_expect_eq(seconds_until(&list, 0, SET_ASIDE_FINDINGS, 1000), 30);
    cr_expect_eq(failing_batches_find(&list, &head, at_ms(1090000))->level, SET_ASIDE_FINDINGS,
                 "until it fails once more, nothing changes");
    cr_expect_eq(seconds_until(&list, 0, SET_ASIDE_ALL, 1091), 0);
    failing_batches_forget(&list, &head);
    cr_expect_null(failing_batches_find(&list, &head, at_ms(1091000)));
}

Test(failing_batches, is_forgotten_when_it_fails_no_more, .init = NULL, .fini = NULL) {
    static struct failing_batches list = {.after_ms = 0};
    struct batch_head first = head_of(0), second = head_of(1);
    for (uint64_t i = 0; i < FAILURES_TO_SET_ASIDE; i++)
        failing_batches_note(&list, &first, i, at_ms(1000));
    cr_expect_not_null(failing_batches_find(&list, &first, at_ms(FAILING_FORGOTTEN_MS)));
    failing_batches_suspect(&list, &second, at_ms(1000 + FAILING_FORGOTTEN_MS));
    cr_expect_eq(list.count, 1);
    cr_expect_null(failing_batches_find(&list, &first, at_ms(1000 + FAILING_FORGOTTEN_MS)));
}

Test(failing_batches, so_many_in_an_hour, .init = NULL, .fini = NULL) {
    static struct failing_batches list = {.after_ms = 0};
    for (uint64_t i = 0; i <= SET_ASIDE_MAX; i++) {
        struct batch_head head = head_of(i);
        int64_t took = seconds_until(&list, i, SET_ASIDE_FINDINGS, 1000);
        cr_expect_eq(took, i < SET_ASIDE_MAX ? FAILURES_TO_SET_ASIDE - 1 : -1);
        failing_batches_forget(&list, &head);
    }
    cr_expect_eq(seconds_until(&list, 100, SET_ASIDE_FINDINGS, 1000 + SET_ASIDE_PERIOD_MS / 1000),
                 FAILURES_TO_SET_ASIDE - 1);
}

/* The list is bounded: who comes when it is full is not known, and nobody is forgotten for him. */
Test(failing_batches, list_is_bounded, .init = NULL, .fini = NULL) {
    static struct failing_batches list;
    for (int round = 0; round < 3; round++) {
        for (uint64_t seq = 0; seq <= FAILING_MAX; seq++) {
            struct batch_head head = head_of(seq);
            failing_batches_note(&list, &head, 0, at_ms(1000 * round));
        }
    }
    struct batch_head first = head_of(0), last = head_of(FAILING_MAX);
    cr_expect_eq(list.count, FAILING_MAX);
    cr_expect_eq(failing_batches_find(&list, &first, at_ms(2000))->failures, 3);
    cr_expect_null(failing_batches_find(&list, &last, at_ms(2000)));
    failing_batches_forget(&list, &first);
    failing_batches_suspect(&list, &last, at_ms(3000));
    cr_expect_eq(failing_batches_find(&list, &last, at_ms(3000))->failures, 0);
}
