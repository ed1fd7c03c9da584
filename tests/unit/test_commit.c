/* test_commit.c: the commit in a real Redis: exactly once, whatever comes twice, late or out of
 * order. */
#include "tests/support/commit_fixture.h"

#include "common/scoped.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define NOON INT64_C(1785585600000) /* 2026-08-01T12:00:00Z */
#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)
#define LANE "00c0ffee00c0ffee-1"
#define K "siem:{0}:"

static struct commit_fixture fixture;
static struct made_batch batch;
static struct commit commit;

static void start(void) {
    commit_fixture_start(&fixture, commit_fixture_limits());
    commit_init(&commit);
}

static void stop(void) {
    commit_fini(&commit);
    commit_fixture_stop(&fixture);
}

TestSuite(commit, .init = start, .fini = stop);

/* Commits a batch of so many benign events; tells its state. */
static enum commit_state send_benign(uint64_t seq, uint32_t count) {
    made_batch_init(&batch, seq);
    for (uint32_t i = 0; i < count; i++)
        made_batch_add(&batch, made_benign(NOON + i));
    return commit_fixture_state(&fixture, &batch);
}

static int64_t floor_now(void) {
    return commit_fixture_number(&fixture, "HGET " K "floors " LANE);
}

static int64_t ledger(const char *field) {
    return commit_fixture_number(&fixture, "HGET " K "ledger %s", field);
}

/* P1: a batch counts once, and says so the second time. */
Test(commit, duplicate_changes_nothing) {
    made_batch_init(&batch, 0);
    made_batch_add(&batch, made_benign(NOON));
    made_batch_add(&batch, made_threat(NOON, SEVERITY_HIGH, "198.51.100.4"));
    cr_assert_eq(commit_fixture_state(&fixture, &batch), COMMIT_DONE);
    struct redis_reply *before = commit_fixture_ask(&fixture, "DEBUG DIGEST");
    cr_assert_eq(commit_fixture_state(&fixture, &batch), COMMIT_DUPLICATE);
    struct redis_reply *after = commit_fixture_ask(&fixture, "DEBUG DIGEST");
    cr_assert(text_equal(redis_reply_text(before), redis_reply_text(after)));
    redis_reply_destroy(&before);
    redis_reply_destroy(&after);
}

/* A batch of two events, what becomes of it, and the floor after it. */
/* Commits the batch once more, as one that was sent before and not answered. */
static void run_again(void) {
    commit_release(&commit);
    struct wire_message message = made_batch_message(&batch);
    cr_assert_eq(commit_take(&commit, &message), STATUS_OK);
    commit.was_sent = true;
    struct commit *group[] = {&commit};
    cr_assert_eq(committer_run(fixture.committer, group, 1), STATUS_OK);
    cr_assert_eq(commit.state, COMMIT_DUPLICATE);
}

/* P7: an answer that got lost is found again, whatever was committed since; when the stream no
 * longer holds all of it, nothing is claimed. */
Test(commit, lost_answer) {
    made_batch_init(&batch, 0);
    made_batch_add(&batch, made_threat(NOON, SEVERITY_HIGH, "198.51.100.4"));
    made_batch_add(&batch, made_benign(NOON));
    made_batch_add(&batch, made_threat(NOON, SEVERITY_LOW, "198.51.100.5"));
    struct made_batch other = batch;
    cr_assert_eq(commit_fixture_state(&fixture, &batch), COMMIT_DONE);
    for (other.head.seq = 1; other.head.seq < 200; other.head.seq++)
        cr_assert_eq(commit_fixture_state(&fixture, &other), COMMIT_DONE);
    run_again();
    cr_assert(commit_has_verdicts(&commit));
    struct committed_threat threat;
    cr_assert(commit_threat(&commit, 0, &threat));
    cr_expect_eq(threat.index, 0);
    cr_expect(text_is(threat.incident_id, "INC-20260801-0001"));
    cr_expect(text_is(threat.topic, "threat.high.login_failed"));
    cr_assert(commit_threat(&commit, 1, &threat));
    cr_expect_eq(threat.index, 2);
    cr_expect(text_is(threat.incident_id, "INC-20260801-0002"));
    cr_expect_not(commit_threat(&commit, 2, &threat));
    cr_expect_eq(committer_last_seq(fixture.committer), 400);
    cr_expect_eq(ledger("committed"), 600);
    struct redis_reply *trimmed = commit_fixture_ask(&fixture, "XTRIM " K "threats MAXLEN 399");
    redis_reply_destroy(&trimmed);
    run_again();
    cr_expect_not(commit_has_verdicts(&commit), "one of two is no answer");
}

/* A batch without threats needs nothing of the stream. */
Test(commit, lost_answer_without_threats) {
    made_batch_init(&batch, 0);
    made_batch_add(&batch, made_benign(NOON));
    cr_assert_eq(commit_fixture_state(&fixture, &batch), COMMIT_DONE);
    cr_assert_eq(commit_fixture_state(&fixture, &batch), COMMIT_DUPLICATE);
    run_again();
    struct committed_threat threat;
    cr_expect(commit_has_verdicts(&commit));
    cr_expect_not(commit_threat(&commit, 0, &threat));
}

struct floor_step {
    uint64_t seq;
    enum commit_state state;
    int64_t floor;
};

static void check_floors(size_t count, const struct floor_step *steps) {
    for (size_t i = 0; i < count; i++) {
        cr_expect_eq(send_benign(steps[i].seq, 2), steps[i].state, "step %zu", i);
        cr_expect_eq(floor_now(), steps[i].floor, "step %zu", i);
    }
}

/* The floor stands still before a hole and moves over all that is full behind it. */
Test(commit, floor_waits_for_holes) {
    const struct floor_step steps[] = {
        {0, COMMIT_DONE, 1},      {2, COMMIT_DONE, 1},      {3, COMMIT_DONE, 1},
        {5, COMMIT_DONE, 1},      {1, COMMIT_DONE, 4},      {4, COMMIT_DONE, 6},
        {3, COMMIT_DUPLICATE, 6}, {5, COMMIT_DUPLICATE, 6}, {6, COMMIT_DONE, 7},
    };
    check_floors(sizeof(steps) / sizeof(steps[0]), steps);
    cr_expect_eq(ledger("committed"), 14);
    cr_expect_eq(ledger("batches"), 7);
    cr_expect_eq(ledger("committed:00c0ffee00c0ffee"), 14);
}

/* Puts the floor somewhere, as if all below had been committed. */
static void set_floor(int64_t floor) {
    struct redis_reply *reply =
        commit_fixture_ask(&fixture, "HSET " K "floors " LANE " %lld", (long long)floor);
    redis_reply_destroy(&reply);
}

/* Pages are 65536 batches: what spans their edge moves the floor over it, and full pages go. */
Test(commit, floor_crosses_pages) {
    set_floor(65534);
    const struct floor_step steps[] = {
        {65535, COMMIT_DONE, 65534}, {65536, COMMIT_DONE, 65534},      {65537, COMMIT_DONE, 65534},
        {65534, COMMIT_DONE, 65538}, {65537, COMMIT_DUPLICATE, 65538},
    };
    check_floors(sizeof(steps) / sizeof(steps[0]), steps);
    cr_expect_eq(commit_fixture_number(&fixture, "EXISTS " K "dedup:" LANE ":0"), 0);
    cr_expect_eq(commit_fixture_number(&fixture, "EXISTS " K "dedup:" LANE ":1"), 1);
}

/* A page that is full to its last bit is crossed although no bit stands behind it. */
Test(commit, floor_ends_at_a_page_edge) {
    set_floor(65533);
    const struct floor_step steps[] = {
        {65535, COMMIT_DONE, 65533}, {65534, COMMIT_DONE, 65533},      {65533, COMMIT_DONE, 65536},
        {65536, COMMIT_DONE, 65537}, {65535, COMMIT_DUPLICATE, 65537},
    };
    check_floors(sizeof(steps) / sizeof(steps[0]), steps);
    cr_expect_eq(commit_fixture_number(&fixture, "EXISTS " K "dedup:" LANE ":0"), 0);
}

/* A number far above the floor would cost memory without bound: refused, counted, not committed. */
Test(commit, far_ahead_is_refused) {
    cr_expect_eq(send_benign(1048576, 1), COMMIT_DONE);
    cr_expect_eq(send_benign(1048577, 1), COMMIT_REFUSED);
    cr_expect_eq(ledger("committed"), 1);
    cr_expect_eq(send_benign(0, 1), COMMIT_DONE);
    cr_expect_eq(send_benign(1048577, 1), COMMIT_DONE);
}

/* A Redis that was lost after its producer let go of committed batches does not wait for them: the
 * floor goes to what is still kept, and over what is committed behind it. */
Test(commit, floor_does_not_wait_for_what_is_kept_no_more) {
    cr_expect_eq(send_benign(70001, 1), COMMIT_DONE);
    cr_expect_eq(floor_now(), 0);
    made_batch_init(&batch, 2000000);
    batch.head.kept_from = 70000;
    made_batch_add(&batch, made_benign(NOON));
    cr_expect_eq(commit_fixture_state(&fixture, &batch), COMMIT_REFUSED, "too far ahead of 70000");
    batch.head.seq = 70000;
    cr_expect_eq(commit_fixture_state(&fixture, &batch), COMMIT_DONE);
    cr_expect_eq(floor_now(), 70002);
    cr_expect_eq(commit_fixture_number(&fixture, "EXISTS " K "dedup:" LANE ":0"), 0);
    cr_expect_eq(send_benign(69999, 1), COMMIT_DUPLICATE);
    batch.head.seq = 70010;
    batch.head.kept_from = 70005;
    cr_expect_eq(commit_fixture_state(&fixture, &batch), COMMIT_DONE);
    cr_expect_eq(floor_now(), 70005);
    cr_expect_eq(ledger("committed"), 3);
}

/* Epochs and producers have floors of their own. */
Test(commit, lanes_are_apart) {
    cr_expect_eq(send_benign(0, 1), COMMIT_DONE);
    made_batch_init(&batch, 0);
    batch.head.epoch = 2;
    made_batch_add(&batch, made_benign(NOON));
    cr_expect_eq(commit_fixture_state(&fixture, &batch), COMMIT_DONE);
    batch.head.producer = 7;
    cr_expect_eq(commit_fixture_state(&fixture, &batch), COMMIT_DONE);
    cr_expect_eq(commit_fixture_number(&fixture, "HLEN " K "floors"), 3);
    cr_expect_eq(ledger("committed:0000000000000007"), 1);
}

/* P3: what is counted by day, hour, severity, name and rule. */
Test(commit, counters) {
    made_batch_init(&batch, 0);
    batch.head.accepted_before = 1000;
    made_batch_add(&batch, made_benign(NOON));
    made_batch_add(&batch, made_benign(NOON + 3600000));
    made_batch_add(&batch, made_benign(NOON + 86400000));
    made_batch_add(&batch, made_threat(NOON + 1, SEVERITY_HIGH, "198.51.100.4"));
    made_batch_add(&batch, made_threat(NOON + 2, SEVERITY_HIGH, "198.51.100.4"));
    made_batch_add(&batch, made_threat(NOON + 3, SEVERITY_INFO, "198.51.100.5"));
    batch.events[3].event.count = 40;
    cr_assert_eq(commit_fixture_state(&fixture, &batch), COMMIT_DONE);
    const struct {
        const char *key, *field;
        int64_t expected;
    } cases[] = {
        {"day:20260801", "total", 5},
        {"day:20260801", "hour:12", 4},
        {"day:20260801", "hour:13", 1},
        {"day:20260802", "total", 1},
        {"day:20260801", "threats", 2},
        {"day:20260801", "threat_hour:12", 2},
        {"day:20260801", "severity:high", 2},
        {"day:20260801", "incidents:severity:high", 1},
        {"day:20260801:types", "login_failed", 2},
        {"day:20260801", "incidents:status:detected", 1},
        {"rule_hits", "rule-high", 2},
        {"rule_hits", "rule-info", 1},
        {"ledger", "committed", 6},
        {"ledger", "threats", 2},
        {"ledger", "incidents", 1},
        {"ledger", "accepted:00c0ffee00c0ffee", 1006},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_expect_eq(
            commit_fixture_number(&fixture, "HGET " K "%s %s", cases[i].key, cases[i].field),
            cases[i].expected, "%s %s", cases[i].key, cases[i].field);
    cr_expect_eq(commit_fixture_number(&fixture, "ZSCORE " K "day:20260801:addresses 198.51.100.4"),
                 2);
    cr_expect_eq(commit_fixture_number(&fixture, "ZSCORE " K "day:20260801:users alice"), 2);
    cr_expect_gt(commit_fixture_number(&fixture, "TTL " K "day:20260801"), 0);
    cr_expect_gt(commit_fixture_number(&fixture, "TTL " K "day:20260801:addresses"), 0);
    cr_expect_gt(commit_fixture_number(&fixture, "TTL " K "day:20260801:types"), 0);
}

/* Days, hours and the days of incidents follow the zone; their times do not. */
Test(commit, days_of_a_zone) {
    struct commit_limits limits = commit_fixture_limits();
    struct time_zone *zone = time_zone_new("Asia/Tokyo");
    limits.zone = zone;
    commit_fixture_restart(&fixture, limits);
    made_batch_init(&batch, 0);
    made_batch_add(&batch, made_threat(NOON + 3 * HOUR_MS - 1, SEVERITY_HIGH, "198.51.100.4"));
    made_batch_add(&batch, made_threat(NOON + 3 * HOUR_MS, SEVERITY_HIGH, "198.51.100.5"));
    cr_assert_eq(commit_fixture_state(&fixture, &batch), COMMIT_DONE);
    const struct {
        const char *question;
        int64_t expected;
    } cases[] = {
        {"HGET " K "day:20260801 hour:23", 1},
        {"HGET " K "day:20260802 threat_hour:00", 1},
        {"HGET " K "day:20260802 incidents:severity:high", 1},
        {"HGET " K "incident:INC-20260801-0001 first_seen", NOON + 3 * HOUR_MS - 1},
        {"HGET " K "incident:INC-20260802-0001 day", 20260802},
        {"ZCARD " K "day:20260802:top_threats", 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_expect_eq(commit_fixture_number(&fixture, "%s", cases[i].question), cases[i].expected,
                     "%s", cases[i].question);
    time_zone_destroy(&zone);
}

/* The report's list of a day: severity decides, then the count, then who came first. */
Test(commit, gravest_threats_of_a_day) {
    made_batch_init(&batch, 0);
    for (int i = 0; i < 30; i++) {
        made_batch_add(&batch, made_threat(NOON + i, SEVERITY_LOW + i % 3, "198.51.100.4"));
        batch.events[i].event.count = 7;
    }
    cr_assert_eq(commit_fixture_state(&fixture, &batch), COMMIT_DONE);
    made_batch_init(&batch, 1);
    made_batch_add(&batch, made_threat(NOON + 100, SEVERITY_MEDIUM, "x"));
    batch.events[0].event.count = 1000000;
    made_batch_add(&batch, made_threat(NOON + 101, SEVERITY_CRITICAL, "x"));
    made_batch_add(&batch, made_threat(NOON + 102, SEVERITY_HIGH, "x"));
    batch.events[2].event.count = 8;
    cr_assert_eq(commit_fixture_state(&fixture, &batch), COMMIT_DONE);
    static const int64_t expected[] = {101, 102, 2, 5, 8, 11, 14, 17, 20, 23};
    SCOPED(redis_reply)
    struct redis_reply *top =
        commit_fixture_ask(&fixture, "ZRANGE " K "day:20260801:top_threats 0 -1");
    cr_assert_eq(redis_reply_count(top), sizeof(expected) / sizeof(expected[0]));
    for (size_t i = 0; i < redis_reply_count(top); i++)
        cr_expect_eq(strtoll(redis_reply_text(redis_reply_at(top, i)).data, NULL, 10),
                     NOON + expected[i], "place %zu", i);
    cr_expect_gt(commit_fixture_number(&fixture, "TTL " K "day:20260801:top_threats"), 0);
}

/* While a report sums up a week, every commit adds to its addresses what belongs to its days, once.
 */
Test(commit, week_of_a_report) {
    static const struct {
        const char *address;
        int64_t expected;
    } cases[] = {
        {"198.51.100.1", 4}, {"198.51.100.2", 0}, {"198.51.100.3", 0}, {"198.51.100.4", 1}};
    SCOPED(redis_reply)
    struct redis_reply *marked = NULL;
    cr_assert_eq(redis_command(fixture.client, &marked, TEXT("SET"), TEXT(K "week"),
                               TEXT("20260726 20260801")),
                 STATUS_OK);
    for (uint64_t seq = 0; seq < 2; seq++) {
        made_batch_init(&batch, seq);
        made_batch_add(&batch, made_threat(NOON, SEVERITY_LOW, "198.51.100.1"));
        made_batch_add(&batch, made_threat(NOON - 24 * HOUR_MS, SEVERITY_LOW, "198.51.100.1"));
        made_batch_add(&batch, made_threat(NOON - 7 * 24 * HOUR_MS, SEVERITY_LOW, "198.51.100.2"));
        made_batch_add(&batch, made_threat(NOON + 24 * HOUR_MS, SEVERITY_LOW, "198.51.100.3"));
        if (seq == 0)
            made_batch_add(&batch,
                           made_threat(NOON - 6 * 24 * HOUR_MS, SEVERITY_LOW, "198.51.100.4"));
        cr_assert_eq(commit_fixture_state(&fixture, &batch), COMMIT_DONE);
        cr_assert_eq(commit_fixture_state(&fixture, &batch), COMMIT_DUPLICATE);
    }
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_expect_eq(commit_fixture_number(&fixture, "ZSCORE " K "week:20260801:addresses %s",
                                           cases[i].address),
                     cases[i].expected, "%s", cases[i].address);
    cr_expect_gt(commit_fixture_number(&fixture, "TTL " K "week:20260801:addresses"), 0);
}

/* The timeline is bounded: the oldest by event time go, whenever they came, some at a time. */
Test(commit, timeline_keeps_the_newest) {
    SCOPED(redis_reply)
    struct redis_reply *filled = NULL;
    cr_assert_eq(
        redis_command(fixture.client, &filled, TEXT("EVAL"),
                      TEXT("for i = 1, 10063 do redis.call('ZADD', KEYS[1], i, 'x' .. i) end"),
                      TEXT("1"), TEXT(K "timeline")),
        STATUS_OK);
    made_batch_init(&batch, 0);
    made_batch_add(&batch, made_threat(NOON, SEVERITY_LOW, "x"));
    made_batch_add(&batch, made_threat(2, SEVERITY_LOW, "x"));
    cr_assert_eq(commit_fixture_state(&fixture, &batch), COMMIT_DONE);
    cr_expect_eq(commit_fixture_number(&fixture, "ZCARD " K "timeline"), 10000);
    cr_expect_eq(commit_fixture_number(&fixture, "ZCOUNT " K "timeline -inf 65"), 1);
    cr_expect_eq(commit_fixture_number(&fixture, "ZCOUNT " K "timeline %lld +inf", (long long)NOON),
                 1);
}

/* A day older than the statistics kept leaves nothing behind, and is committed all the same. */
Test(commit, days_beyond_the_statistics_are_not_kept) {
    struct commit_limits limits = commit_fixture_limits();
    limits.statistics_days = 40;
    commit_fixture_restart(&fixture, limits);
    made_batch_init(&batch, 0);
    made_batch_add(&batch, made_threat(1000, SEVERITY_LOW, "198.51.100.4"));
    cr_assert_eq(commit_fixture_state(&fixture, &batch), COMMIT_DONE);
    cr_expect_eq(ledger("committed"), 1);
    cr_expect_eq(commit_fixture_number(&fixture,
                                       "EXISTS " K "day:19700101 " K "day:19700101:addresses " K
                                       "day:19700101:types " K "day:19700101:top_threats"),
                 0);
}

/* Quarantined events are kept with their bytes and counted apart, unreadable ones too. */
Test(commit, quarantine) {
    made_batch_init(&batch, 0);
    made_batch_add(&batch, made_benign(NOON));
    made_batch_add(&batch, made_benign(NOON));
    batch.events[1].is_quarantined = true;
    made_batch_add(&batch, made_benign(NOON));
    batch.events[2].is_garbage = true;
    made_batch_add(&batch, made_threat(NOON, SEVERITY_HIGH, "x"));
    batch.events[3].is_garbage = true;
    cr_assert_eq(commit_fixture_state(&fixture, &batch), COMMIT_DONE);
    cr_expect_eq(ledger("committed"), 1);
    cr_expect_eq(ledger("quarantined"), 3);
    cr_expect_eq(ledger("quarantined:00c0ffee00c0ffee"), 3);
    cr_expect_eq(ledger("threats"), 0);
    cr_expect_eq(commit_fixture_number(&fixture, "HGET " K "day:20260801 total"), 1);
    SCOPED(redis_reply)
    struct redis_reply *entries = commit_fixture_ask(&fixture, "XRANGE " K "quarantine - +");
    cr_assert_eq(redis_reply_count(entries), 3);
    const struct redis_reply *fields = redis_reply_at(redis_reply_at(entries, 1), 1);
    cr_expect(text_is(redis_reply_text(redis_reply_field(fields, "id")), "00c0ffee00c0ffee-1-0.2"));
    cr_expect(text_is(redis_reply_text(redis_reply_field(fields, "bytes")), "\x91\xa1x"));
}

/* P1: a Redis without memory refuses before the first write, and the same commit succeeds later. */
Test(commit, out_of_memory_writes_nothing) {
    cr_assert_eq(send_benign(0, 1), COMMIT_DONE);
    SCOPED(redis_reply)
    struct redis_reply *set = commit_fixture_ask(&fixture, "CONFIG SET maxmemory 1");
    struct redis_reply *before = commit_fixture_ask(&fixture, "DEBUG DIGEST");
    made_batch_init(&batch, 1);
    made_batch_add(&batch, made_threat(NOON, SEVERITY_HIGH, "198.51.100.4"));
    struct wire_message message = made_batch_message(&batch);
    cr_assert_eq(commit_take(&commit, &message), STATUS_OK);
    struct commit *group[] = {&commit};
    for (int i = 0; i < 20; i++) { /* as often as it takes: it is never given up */
        cr_expect_eq(committer_run(fixture.committer, group, 1), STATUS_REFUSED);
        cr_expect_eq(commit.state, COMMIT_OPEN);
    }
    struct redis_reply *after = commit_fixture_ask(&fixture, "DEBUG DIGEST");
    cr_expect(text_equal(redis_reply_text(before), redis_reply_text(after)));
    redis_reply_destroy(&before);
    redis_reply_destroy(&after);
    SCOPED(redis_reply)
    struct redis_reply *unset = commit_fixture_ask(&fixture, "CONFIG SET maxmemory 0");
    cr_expect_eq(committer_run(fixture.committer, group, 1), STATUS_OK);
    cr_expect_eq(commit.state, COMMIT_DONE);
}

/* A key of a wrong type stops the script before any write; the batch is put down. */
Test(commit, error_of_the_script_writes_nothing) {
    static const char *const keys[] = {"ledger",
                                       "day:20260801",
                                       "day:20260801:addresses",
                                       "rule_hits",
                                       "threats",
                                       "outbox",
                                       "audit",
                                       "incidents",
                                       "incidents:detected:high",
                                       "incident:INC-20260801-0001",
                                       "day:20260801:types",
                                       "timeline",
                                       "day:20260801:top_threats"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        commit_fixture_flush(&fixture);
        SCOPED(redis_reply)
        struct redis_reply *wrong = commit_fixture_ask(&fixture, "SET " K "%s wrong", keys[i]);
        SCOPED(redis_reply)
        struct redis_reply *channel = commit_fixture_ask(&fixture, "HSET " K "channels slack 1");
        made_batch_init(&batch, 0);
        made_batch_add(&batch, made_threat(NOON, SEVERITY_HIGH, "198.51.100.4"));
        struct wire_message message = made_batch_message(&batch);
        cr_assert_eq(commit_take(&commit, &message), STATUS_OK);
        struct commit *group[] = {&commit};
        cr_expect_eq(committer_run(fixture.committer, group, 1), STATUS_OK, "%s", keys[i]);
        cr_expect_eq(commit.state, COMMIT_REFUSED, "%s", keys[i]);
        cr_expect_not(commit.has_floor);
        cr_expect_eq(commit_fixture_number(&fixture, "DBSIZE"), 2, "%s", keys[i]);
        commit_release(&commit);
    }
}

/* A Redis that was restarted empty has forgotten script and floors: everything is committed again.
 */
Test(commit, redis_restarted) {
    cr_assert_eq(send_benign(0, 1), COMMIT_DONE);
    redis_fixture_kill(&fixture.redis);
    made_batch_init(&batch, 1);
    made_batch_add(&batch, made_benign(NOON));
    struct wire_message message = made_batch_message(&batch);
    cr_assert_eq(commit_take(&commit, &message), STATUS_OK);
    struct commit *group[] = {&commit};
    cr_expect_eq(committer_run(fixture.committer, group, 1), STATUS_UNAVAILABLE);
    cr_expect_eq(commit.state, COMMIT_OPEN);
    redis_fixture_restart(&fixture.redis);
    struct mono_time since = clock_mono();
    while (committer_run(fixture.committer, group, 1) != STATUS_OK)
        cr_assert_lt(clock_elapsed_ms(since), 60000, "%s", committer_error(fixture.committer));
    cr_expect_eq(commit.state, COMMIT_DONE);
    cr_expect_eq(commit.floor, 0);
    cr_expect_eq(ledger("committed"), 1);
    cr_expect_eq(send_benign(0, 1), COMMIT_DONE);
    cr_expect_eq(floor_now(), 2);
}

/* Libraries of other versions are deleted once, at the first load; one that somebody deletes is
 * loaded again. */
Test(commit, libraries) {
    static const char *const others[] = {"siem_commit_older", "somebody_else"};
    for (size_t i = 0; i < 2; i++) {
        char library[128];
        SCOPED(redis_reply)
        struct redis_reply *reply = NULL;
        snprintf(library, sizeof(library),
                 "#!lua name=%s\nredis.register_function('%s', function() end)", others[i],
                 others[i]);
        cr_assert_eq(
            redis_command(fixture.client, &reply, TEXT("FUNCTION"), TEXT("LOAD"), text_of(library)),
            STATUS_OK);
    }
    for (uint64_t seq = 0; seq < 2; seq++) {
        cr_assert_eq(send_benign(seq, 1), COMMIT_DONE);
        SCOPED(redis_reply)
        struct redis_reply *ours =
            commit_fixture_ask(&fixture, "FUNCTION LIST LIBRARYNAME siem_commit_*");
        cr_expect_eq(redis_reply_count(ours), 1);
        SCOPED(redis_reply)
        struct redis_reply *theirs =
            commit_fixture_ask(&fixture, "FUNCTION LIST LIBRARYNAME somebody_*");
        cr_expect_eq(redis_reply_count(theirs), 1 - seq);
        SCOPED(redis_reply)
        struct redis_reply *gone = commit_fixture_ask(&fixture, "FUNCTION FLUSH");
    }
}

/* A group shares one round trip; each batch has its own answer, in any order. */
Test(commit, group_of_batches) {
    static struct commit commits[GROUP_MAX];
    struct commit *group[GROUP_MAX];
    for (size_t i = 0; i < GROUP_MAX; i++) {
        group[i] = &commits[i];
        commit_init(group[i]);
        made_batch_init(&batch, GROUP_MAX / 2 - 1 - i / 2); /* each twice */
        made_batch_add(&batch, made_benign(NOON));
        struct wire_message message = made_batch_message(&batch);
        cr_assert_eq(commit_take(group[i], &message), STATUS_OK);
    }
    cr_assert_eq(committer_run(fixture.committer, group, GROUP_MAX), STATUS_OK);
    size_t done = 0, duplicates = 0;
    for (size_t i = 0; i < GROUP_MAX; i++) {
        done += commits[i].state == COMMIT_DONE;
        duplicates += commits[i].state == COMMIT_DUPLICATE;
        commit_fini(group[i]);
    }
    cr_expect_eq(done, GROUP_MAX / 2);
    cr_expect_eq(duplicates, GROUP_MAX / 2);
    cr_expect_eq(ledger("committed"), GROUP_MAX / 2);
    cr_expect_eq(floor_now(), GROUP_MAX / 2);
}

/* Threats of one incident; the first of them also has one of a day that cannot be written to. */
enum { FAILING, FIRST, WORSE, EARLIER, STORIES };

static void make_story(uint64_t story) {
    static const enum severity severities[STORIES] = {SEVERITY_CRITICAL, SEVERITY_MEDIUM,
                                                      SEVERITY_HIGH, SEVERITY_LOW};
    static const int64_t offsets[STORIES] = {-2000, 0, 1000, -1000};
    made_batch_init(&batch, story);
    made_batch_add(&batch, made_threat(NOON + offsets[story], severities[story], "198.51.100.4"));
    made_batch_add(&batch, made_benign(NOON + offsets[story]));
    if (story == FAILING)
        made_batch_add(&batch, made_threat(NOON - 3 * DAY_MS, SEVERITY_LOW, "198.51.100.5"));
}

/* Commits stories in this order, so many a call, into an empty Redis. */
static void tell(const uint64_t *stories, size_t count, size_t at_once) {
    static struct commit commits[STORIES];
    struct commit *group[STORIES];
    commit_fixture_flush(&fixture);
    commit_fixture_restart(&fixture, fixture.limits); /* remembers no failure of another order */
    SCOPED(redis_reply)
    struct redis_reply *wrong = commit_fixture_ask(&fixture, "SET " K "day:20260729:types wrong");
    for (size_t i = 0; i < count; i++) {
        group[i] = &commits[i];
        commit_init(group[i]);
        make_story(stories[i]);
        struct wire_message message = made_batch_message(&batch);
        cr_assert_eq(commit_take(group[i], &message), STATUS_OK);
    }
    for (size_t i = 0; i < count; i += at_once)
        cr_assert_eq(committer_run(fixture.committer, group + i, at_once), STATUS_OK);
    for (size_t i = 0; i < count; i++) {
        cr_expect_eq(commits[i].state, stories[i] == FAILING ? COMMIT_REFUSED : COMMIT_DONE);
        commit_fini(group[i]);
    }
}

/* What Redis holds of them, as one text to be freed; values as digests. */
static char *told(void) {
    static const char *const questions[] = {"DEBUG DIGEST-VALUE " K "incident:INC-20260801-0001",
                                            "DEBUG DIGEST-VALUE " K "ledger",
                                            "DEBUG DIGEST-VALUE " K "floors",
                                            "DEBUG DIGEST-VALUE " K "rule_hits",
                                            "DEBUG DIGEST-VALUE " K "day:20260801",
                                            "DEBUG DIGEST-VALUE " K "day:20260801:types",
                                            "DEBUG DIGEST-VALUE " K "day:20260801:addresses",
                                            "DEBUG DIGEST-VALUE " K "day:20260801:incident_number",
                                            "DEBUG DIGEST-VALUE " K "incidents",
                                            "DEBUG DIGEST-VALUE " K "incidents:detected:high",
                                            "ZCARD " K "timeline",
                                            "ZCARD " K "day:20260801:top_threats",
                                            "XLEN " K "threats",
                                            "XLEN " K "audit",
                                            "DBSIZE"};
    struct buffer text;
    buffer_init(&text, SIZE_MAX);
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
        SCOPED(redis_reply)
        struct redis_reply *reply = commit_fixture_ask(&fixture, "%s", questions[i]);
        struct text digest = redis_reply_count(reply) > 0
                                 ? redis_reply_text(redis_reply_at(reply, 0))
                                 : (struct text){NULL, 0};
        buffer_printf(&text, "%s: %" PRId64 " %.*s\n", questions[i], redis_reply_integer(reply),
                      TEXT_ARG(digest));
    }
    char *told = strndup((const char *)text.data, text.length);
    buffer_fini(&text);
    return told;
}

/* What batches of a call share leaves no trace: not of one that failed after it had changed the
 * incident of the others, or had opened it. */
Test(commit, calls_of_several_batches_come_to_the_same_as_calls_of_one) {
    static const uint64_t orders[][STORIES] = {{FIRST, FAILING, WORSE, EARLIER},
                                               {FAILING, FIRST, WORSE, EARLIER},
                                               {FIRST, EARLIER, FAILING, WORSE},
                                               {FIRST, EARLIER, WORSE, FAILING}};
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        tell(orders[i], STORIES, 1);
        char *alone = told();
        for (size_t at_once = 2; at_once <= STORIES; at_once += 2) {
            tell(orders[i], STORIES, at_once);
            char *together = told();
            cr_expect_str_eq(together, alone);
            free(together);
        }
        free(alone);
    }
}

/* The same when a threat changes an incident: it is moved in lists that could not be written. */
Test(commit, error_of_a_change_writes_nothing) {
    static const char *const keys[] = {"incidents", "incidents:detected:medium",
                                       "incidents:detected:high", "audit"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        commit_fixture_flush(&fixture);
        commit_fixture_restart(&fixture, fixture.limits); /* remembers no failure of another */
        made_batch_init(&batch, 0);
        made_batch_add(&batch, made_threat(NOON, SEVERITY_MEDIUM, "198.51.100.4"));
        cr_assert_eq(commit_fixture_state(&fixture, &batch), COMMIT_DONE);
        SCOPED(redis_reply)
        struct redis_reply *wrong = commit_fixture_ask(&fixture, "SET " K "%s wrong", keys[i]);
        SCOPED(redis_reply)
        struct redis_reply *before = commit_fixture_ask(&fixture, "DEBUG DIGEST");
        made_batch_init(&batch, 1);
        made_batch_add(&batch, made_threat(NOON, SEVERITY_HIGH, "198.51.100.4"));
        cr_expect_eq(commit_fixture_state(&fixture, &batch), COMMIT_REFUSED, "%s", keys[i]);
        SCOPED(redis_reply)
        struct redis_reply *after = commit_fixture_ask(&fixture, "DEBUG DIGEST");
        cr_expect(text_equal(redis_reply_text(before), redis_reply_text(after)), "%s", keys[i]);
    }
}

static void evaluate(const char *script, const char *key) {
    SCOPED(redis_reply)
    struct redis_reply *reply = NULL;
    cr_assert_eq(redis_command(fixture.client, &reply, TEXT("EVAL"), text_of(script), TEXT("1"),
                               text_of(key)),
                 STATUS_OK);
}

/* What is kept of threats and rules is bounded however much there is already. */
Test(commit, full_streams_and_tables_stay_bounded) {
    struct commit_limits limits = commit_fixture_limits();
    limits.threats_kept = 1000;
    commit_fixture_restart(&fixture, limits);
    evaluate("for i = 1, 3000 do redis.call('XADD', KEYS[1], '*', 'x', i) end", K "threats");
    evaluate("for i = 1, 100000 do redis.call('HSET', KEYS[1], 'x' .. i, 1) end", K "rule_hits");
    made_batch_init(&batch, 0);
    made_batch_add(&batch, made_threat(NOON, SEVERITY_LOW, "x"));
    cr_assert_eq(commit_fixture_state(&fixture, &batch), COMMIT_DONE);
    cr_expect_leq(commit_fixture_number(&fixture, "XLEN " K "threats"), 1100);
    cr_expect_eq(commit_fixture_number(&fixture, "HLEN " K "rule_hits"), 100000);
    cr_expect_eq(commit_fixture_number(&fixture, "HLEN " K "rule_last_hit"), 0);
}

/* A day's lists live as long as was said when they began, whatever comes to them. */
Test(commit, lists_of_a_day_keep_their_end) {
    for (uint64_t seq = 0; seq < 2; seq++) {
        made_batch_init(&batch, seq);
        made_batch_add(&batch, made_threat(NOON, SEVERITY_LOW, seq == 0 ? "x" : "y"));
        cr_assert_eq(commit_fixture_state(&fixture, &batch), COMMIT_DONE);
        cr_assert_gt(commit_fixture_number(&fixture, "TTL " K "day:20260801:addresses"),
                     seq == 0 ? 1000 : 0);
        SCOPED(redis_reply)
        struct redis_reply *shorter =
            commit_fixture_ask(&fixture, "EXPIRE " K "day:20260801:addresses 1000");
    }
    made_batch_init(&batch, 2);
    made_batch_add(&batch, made_threat(NOON, SEVERITY_LOW, "z"));
    cr_assert_eq(commit_fixture_state(&fixture, &batch), COMMIT_DONE);
    cr_expect_leq(commit_fixture_number(&fixture, "TTL " K "day:20260801:addresses"), 1000);
}

/* A batch the script fails on holds up none of its group. */
Test(commit, a_failing_batch_is_put_down_alone) {
    static struct commit commits[3];
    struct commit *group[] = {&commits[0], &commits[1], &commits[2]};
    redis_reply_destroy(
        &(struct redis_reply *){commit_fixture_ask(&fixture, "SET " K "timeline wrong")});
    for (uint64_t i = 0; i < 3; i++) {
        commit_init(group[i]);
        made_batch_init(&batch, i);
        made_batch_add(&batch, i == 1 ? made_threat(NOON, SEVERITY_HIGH, "198.51.100.4")
                                      : made_benign(NOON));
        struct wire_message message = made_batch_message(&batch);
        cr_assert_eq(commit_take(group[i], &message), STATUS_OK);
    }
    cr_expect_eq(committer_run(fixture.committer, group, 3), STATUS_OK);
    cr_expect_eq(commits[0].state, COMMIT_DONE);
    cr_expect_eq(commits[1].state, COMMIT_REFUSED);
    cr_expect_eq(commits[2].state, COMMIT_DONE);
    for (size_t i = 0; i < 3; i++)
        commit_fini(group[i]);
    cr_expect_eq(ledger("committed"), 2);
    cr_expect_eq(floor_now(), 1);
}

/* Takes a word of a command, `$4\r\nPING\r\n`; what does not fit is passed over. */
static void take_word(FILE *in, char *word, size_t size) {
    size_t length = 0;
    cr_assert_eq(fscanf(in, "$%zu", &length), 1);
    fgetc(in), fgetc(in);
    for (size_t i = 0; i < length; i++) {
        char byte = (char)fgetc(in);
        if (i + 1 < size)
            word[i] = byte;
    }
    word[length < size ? length : size - 1] = '\0';
    fgetc(in), fgetc(in);
}

/* What the impostor's functions answer with: a text; a list that is as long as an answer for one
 * commit, but not as many answers as were asked for. */
static const struct text nonsense[] = {TEXT_CONSTANT("+OK\r\n"),
                                       TEXT_CONSTANT("*4\r\n$2\r\nok\r\n:1\r\n:7\r\n*0\r\n")};

struct impostor {
    int listener;
    struct text answer;
};

/* Serves one connection: speaks as Redis does, but for its functions. */
static void *run_impostor(void *context) {
    const struct impostor *impostor = context;
    int fd = accept(impostor->listener, NULL, NULL), words = 0;
    FILE *in = fdopen(fd, "r");
    while (fscanf(in, "*%d ", &words) == 1) {
        char word[16], first[16];
        take_word(in, first, sizeof(first));
        for (int i = 1; i < words; i++)
            take_word(in, word, sizeof(word));
        struct text answer = strcmp(first, "FCALL") == 0 ? impostor->answer : nonsense[0];
        cr_assert_eq(send(fd, answer.data, answer.length, MSG_NOSIGNAL), (ssize_t)answer.length);
    }
    fclose(in);
    return NULL;
}

/* A group of commits for a Redis whose script answers nonsense: they stay open, the answer is taken
 * off the wire, and the next command gets its own. */
static void commit_at_impostor(struct text answer) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/impostor", fixture.redis.directory);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct impostor impostor = {listener, answer};
    cr_assert_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(listen(listener, 1), 0);
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, run_impostor, &impostor), 0);
    char url[128];
    snprintf(url, sizeof(url), "unix://%s", address.sun_path);
    struct commit_limits limits = commit_fixture_limits();
    struct committer *committer = committer_new(url, &limits);
    struct commit second;
    commit_init(&second);
    struct commit *group[] = {&commit, &second};
    made_batch_init(&batch, 0);
    made_batch_add(&batch, made_benign(NOON));
    for (size_t i = 0; i < 2; i++) {
        struct wire_message message = made_batch_message(&batch);
        cr_assert_eq(commit_take(group[i], &message), STATUS_OK);
    }
    cr_expect_eq(committer_run(committer, group, 2), STATUS_REFUSED);
    cr_expect_eq(commit.state, COMMIT_OPEN);
    cr_expect_eq(second.state, COMMIT_OPEN);
    cr_expect_eq(committer_refresh(committer), STATUS_OK);
    committer_destroy(&committer);
    commit_release(&commit);
    commit_fini(&second);
    pthread_join(thread, NULL);
    close(listener);
    unlink(address.sun_path);
}

/* P6. */
Test(commit, nonsense_for_an_answer) {
    for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++)
        commit_at_impostor(nonsense[i]);
}

/* What is not findings and batch, or speaks of events the batch has not, is refused at the door. */
Test(commit, malformed_messages) {
    made_batch_init(&batch, 0);
    made_batch_add(&batch, made_threat(NOON, SEVERITY_HIGH, "a"));
    made_batch_add(&batch, made_threat(NOON, SEVERITY_HIGH, "a"));
    struct wire_message two = made_batch_message(&batch);
    batch.count = 1;
    struct wire_message one = made_batch_message(&batch);
    batch.head.seq = LUA_INTEGER_MAX + 1;
    struct wire_message beyond = made_batch_message(&batch);
    struct wire_message mixed = {.count = 2};
    wire_frame_copy(&mixed.frames[0], wire_frame_bytes(&two.frames[0]));
    wire_frame_copy(&mixed.frames[1], wire_frame_bytes(&one.frames[1]));
    struct wire_message swapped = {.count = 2};
    wire_frame_copy(&swapped.frames[0], wire_frame_bytes(&one.frames[1]));
    wire_frame_copy(&swapped.frames[1], wire_frame_bytes(&one.frames[0]));
    struct wire_message cut = {.count = 2};
    struct bytes bytes = wire_frame_bytes(&one.frames[1]);
    wire_frame_copy(&cut.frames[0], wire_frame_bytes(&one.frames[0]));
    wire_frame_copy(&cut.frames[1], (struct bytes){bytes.data, bytes.length - 1});
    cr_expect_eq(commit_take(&commit, &mixed), STATUS_BAD_VALUE);
    cr_expect_eq(commit_take(&commit, &beyond), STATUS_BAD_VALUE);
    cr_expect_neq(commit_take(&commit, &swapped), STATUS_OK);
    cr_expect_neq(commit_take(&commit, &cut), STATUS_OK);
    cr_expect_eq(commit_take(&commit, &two), STATUS_OK);
    wire_message_close(&one);
}
