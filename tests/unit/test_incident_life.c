/* test_incident_life.c: the life of an incident in Redis: opening, escalation, alerts, closing,
 * merging, eviction, and what the threat stream, the outbox and the audit trail say of it. */
#include "tests/support/commit_fixture.h"

#include "common/scoped.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define NOON INT64_C(1785585600000) /* 2026-08-01T12:00:00Z */
#define K "siem:{0}:"
#define FIRST "incident:INC-20260801-0001"
#define SECOND "incident:INC-20260801-0002"

static struct commit_fixture fixture;
static struct made_batch batch;
static struct commit commit;
static uint64_t next_seq;

static void start(void) {
    commit_fixture_start(&fixture, commit_fixture_limits());
    commit_init(&commit);
    next_seq = 0;
}

static void stop(void) {
    commit_fini(&commit);
    commit_fixture_stop(&fixture);
}

TestSuite(incident_life, .init = start, .fini = stop);

static void configure_channel(void) {
    struct redis_reply *reply = commit_fixture_ask(&fixture, "HSET " K "channels slack 1");
    redis_reply_destroy(&reply);
}

static void begin_batch(void) {
    made_batch_init(&batch, next_seq++);
}

/* Commits what `batch` holds; the answer stays in `commit` until the next one. */
static void send_batch(void) {
    commit_release(&commit);
    commit_fixture_run(&fixture, &batch, &commit);
    cr_assert_eq(commit.state, COMMIT_DONE);
}

/* One threat in a batch of its own. */
static void send_threat(int64_t offset_ms, enum severity severity) {
    begin_batch();
    made_batch_add(&batch, made_threat(NOON + offset_ms, severity, "198.51.100.4"));
    send_batch();
}

static bool incident_says(const char *incident, const char *field, const char *expected) {
    return commit_fixture_says(&fixture, expected, "HGET " K "%s %s", incident, field);
}

static struct committed_threat answer(size_t position) {
    struct committed_threat threat = {0};
    cr_assert(commit_threat(&commit, position, &threat));
    return threat;
}

static int64_t ledger(const char *field) {
    return commit_fixture_number(&fixture, "HGET " K "ledger %s", field);
}

static void set_status(const char *incident, const char *from, const char *to) {
    const char *id = incident + strlen("incident:");
    struct redis_reply *reply =
        commit_fixture_ask(&fixture, "HSET " K "%s status %s", incident, to);
    int64_t number = commit_fixture_number(&fixture, "HGET " K "%s number", incident);
    redis_reply_destroy(&reply);
    reply = commit_fixture_ask(&fixture, "ZREM " K "incidents:%s:high %s", from, id);
    redis_reply_destroy(&reply);
    reply = commit_fixture_ask(&fixture, "ZADD " K "incidents:%s:high %lld %s", to,
                               (long long)number, id);
    redis_reply_destroy(&reply);
}

/* P7: everything the first threat writes. */
Test(incident_life, opened) {
    begin_batch();
    made_batch_add(&batch, made_threat(NOON + 5, SEVERITY_HIGH, "198.51.100.4"));
    batch.events[0].event.count = 12;
    send_batch();
    const struct {
        const char *field, *expected;
    } cases[] = {
        {"id", "INC-20260801-0001"},
        {"number", "1"},
        {"timestamp", "1785585600005"},
        {"event_type", "login_failed"},
        {"severity", "high"},
        {"status", "detected"},
        {"title", "Brute Force Attack from 198.51.100.4"},
        {"description", "too many failures"},
        {"description_at", "1785585600005"},
        {"source_ip", "198.51.100.4"},
        {"affected_user", "alice"},
        {"detection_count", "12"},
        {"first_seen", "1785585600005"},
        {"last_seen", "1785585600005"},
        {"rules",
         "[{\"id\":\"rule-high\",\"title\":\"Made \\\"Rule\\\"\",\"level\":\"high\",\"tags\":["
         "\"attack.t1110\",\"attack.credential-access\"]}]"},
        {"tags", "[\"attack.credential-access\",\"attack.t1110\"]"},
        {"revision", "1"},
        {"day", "20260801"},
        {"alert", "not_configured"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_expect(incident_says(FIRST, cases[i].field, cases[i].expected));
    cr_expect_eq(commit_fixture_number(&fixture, "HLEN " K FIRST), 19);
    cr_expect(text_is(answer(0).incident_id, "INC-20260801-0001"));
    cr_expect_not(answer(0).alert_queued);
    cr_expect(text_is(answer(0).topic, "threat.high.login_failed"));
    cr_expect_eq(ledger("alerts_not_configured"), 1);
    cr_expect_eq(commit_fixture_number(&fixture, "XLEN " K "outbox"), 0);
    cr_expect_eq(commit_fixture_number(&fixture, "XLEN " K "audit"), 1);
}

/* Repetition is no revision, so that who read the incident may still change it; severity only
 * rises. */
Test(incident_life, repeated) {
    send_threat(0, SEVERITY_HIGH);
    begin_batch();
    for (int i = 0; i < 256; i++)
        made_batch_add(&batch, made_threat(NOON + i, SEVERITY_LOW, "198.51.100.4"));
    send_batch();
    cr_expect(incident_says(FIRST, "detection_count", "257"));
    cr_expect(incident_says(FIRST, "severity", "high"));
    cr_expect(incident_says(FIRST, "revision", "2"), "another rule saw it");
    cr_expect(incident_says(FIRST, "last_seen", "1785585600255"));
    cr_expect_eq(commit_fixture_number(&fixture, "ZCARD " K "incidents"), 1);
    cr_expect_eq(commit_fixture_number(&fixture, "XLEN " K "threats"), 257);
    send_threat(300, SEVERITY_LOW);
    cr_expect(incident_says(FIRST, "detection_count", "258"));
    cr_expect(incident_says(FIRST, "revision", "2"));
    cr_expect_eq(commit_fixture_number(&fixture, "XLEN " K "audit"), 2);
    send_threat(301, SEVERITY_CRITICAL);
    cr_expect(incident_says(FIRST, "revision", "3"));
    cr_expect_eq(commit_fixture_number(&fixture, "XLEN " K "audit"), 3);
}

/* P5's beginning: an alert for the opening and for each rise, in order, and never for repetition.
 */
Test(incident_life, alerts) {
    configure_channel();
    begin_batch();
    const enum severity levels[] = {SEVERITY_LOW,     SEVERITY_LOW,  SEVERITY_HIGH,
                                    SEVERITY_MEDIUM,  SEVERITY_HIGH, SEVERITY_CRITICAL,
                                    SEVERITY_CRITICAL};
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
        made_batch_add(&batch, made_threat(NOON + (int64_t)i, levels[i], "198.51.100.4"));
    send_batch();
    const bool queued[] = {true, false, true, false, false, true, false};
    for (size_t i = 0; i < sizeof(queued) / sizeof(queued[0]); i++)
        cr_expect_eq(answer(i).alert_queued, queued[i], "threat %zu", i);
    send_threat(10, SEVERITY_CRITICAL);
    cr_expect_not(answer(0).alert_queued);
    cr_expect(incident_says(FIRST, "alert", "queued"));
    cr_expect_eq(ledger("alerts_queued"), 3);
    SCOPED(redis_reply)
    struct redis_reply *entries = commit_fixture_ask(&fixture, "XRANGE " K "outbox - +");
    cr_assert_eq(redis_reply_count(entries), 3);
    const char *const expected[][2] = {
        {"opened", "low"}, {"escalated", "high"}, {"escalated", "critical"}};
    for (size_t i = 0; i < 3; i++) {
        const struct redis_reply *fields = redis_reply_at(redis_reply_at(entries, i), 1);
        cr_expect(text_is(redis_reply_text(redis_reply_field(fields, "kind")), expected[i][0]));
        cr_expect(text_is(redis_reply_text(redis_reply_field(fields, "severity")), expected[i][1]));
        cr_expect(text_is(redis_reply_text(redis_reply_field(fields, "incident_id")),
                          "INC-20260801-0001"));
        cr_expect(
            text_is(redis_reply_text(redis_reply_field(fields, "source_ip")), "198.51.100.4"));
        cr_expect(text_is(redis_reply_text(redis_reply_field(fields, "user")), "alice"));
        cr_expect(text_is(redis_reply_text(redis_reply_field(fields, "title")),
                          "Brute Force Attack from 198.51.100.4"));
    }
}

/* The outbox is bounded: an alert too many is dropped and counted, the commit goes on. */
Test(incident_life, outbox_is_bounded) {
    configure_channel();
    struct redis_reply *filled = commit_fixture_ask(
        &fixture, "EVAL for\ti=1,1e5\tdo\tredis.call('XADD','" K "outbox','*','a','b')\tend 0");
    redis_reply_destroy(&filled);
    send_threat(0, SEVERITY_HIGH);
    cr_expect_not(answer(0).alert_queued);
    cr_expect(incident_says(FIRST, "alert", "dropped"));
    cr_expect_eq(ledger("alerts_dropped"), 1);
    cr_expect_eq(commit_fixture_number(&fixture, "XLEN " K "outbox"), 100000);
}

/* A closed incident does not absorb: the next threat opens a new one; a reopened one absorbs again.
 */
Test(incident_life, closed) {
    static const char *const closed[] = {"resolved", "false_positive"};
    for (size_t i = 0; i < 2; i++) {
        commit_fixture_flush(&fixture);
        next_seq = 0;
        send_threat(0, SEVERITY_HIGH);
        set_status(FIRST, "detected", closed[i]);
        send_threat(1, SEVERITY_HIGH);
        cr_expect(incident_says(FIRST, "detection_count", "1"));
        cr_expect(incident_says(SECOND, "detection_count", "1"));
        cr_expect(incident_says(SECOND, "status", "detected"));
        send_threat(2, SEVERITY_HIGH);
        cr_expect(incident_says(SECOND, "detection_count", "2"));
        set_status(SECOND, "detected", closed[i]);
        set_status(FIRST, closed[i], "in_progress");
        send_threat(3, SEVERITY_HIGH);
        cr_expect(incident_says(FIRST, "detection_count", "2"));
        cr_expect(incident_says(FIRST, "status", "in_progress"));
    }
}

/* A late threat between two incidents makes them one: the earlier stays, nothing of either is lost.
 */
Test(incident_life, merged) {
    send_threat(0, SEVERITY_LOW);
    send_threat(1200000, SEVERITY_HIGH);
    cr_expect_eq(commit_fixture_number(&fixture, "ZCARD " K "incidents"), 2);
    set_status(SECOND, "detected", "in_progress");
    struct redis_reply *notes =
        commit_fixture_ask(&fixture, "HSET " K SECOND " analyst_notes looking");
    redis_reply_destroy(&notes);
    send_threat(600000, SEVERITY_MEDIUM);
    cr_expect(text_is(answer(0).incident_id, "INC-20260801-0001"));
    cr_expect(incident_says(SECOND, "merged_into", "INC-20260801-0001"));
    cr_expect(incident_says(SECOND, "revision", "2"));
    cr_expect(incident_says(FIRST, "severity", "high"));
    cr_expect(incident_says(FIRST, "status", "in_progress"));
    cr_expect(incident_says(FIRST, "analyst_notes", "looking"));
    cr_expect(incident_says(FIRST, "detection_count", "3"));
    cr_expect_eq(commit_fixture_number(&fixture, "ZCARD " K "incidents"), 1);
    cr_expect_eq(commit_fixture_number(&fixture, "ZCARD " K "incidents:in_progress:high"), 1);
    cr_expect_eq(ledger("incidents_merged"), 1);
    cr_expect_eq(ledger("incidents"), 2);
    cr_expect_eq(commit_fixture_number(&fixture, "HGET " K "day:20260801 incidents:severity:high"),
                 1);
    cr_expect_eq(commit_fixture_number(&fixture, "XLEN " K "audit"), 4);
    cr_expect_gt(commit_fixture_number(&fixture, "PTTL " K SECOND), 0);
    send_threat(1300000, SEVERITY_LOW);
    cr_expect(incident_says(FIRST, "detection_count", "4"));
}

/* Beyond the bound the oldest go, closed ones first, and are counted. */
Test(incident_life, incidents_are_bounded) {
    struct commit_limits limits = commit_fixture_limits();
    limits.incidents_max = 3;
    commit_fixture_restart(&fixture, limits);
    for (int64_t i = 0; i < 3; i++)
        send_threat(i * 10000000, SEVERITY_HIGH);
    set_status(SECOND, "detected", "resolved");
    send_threat(3 * 10000000, SEVERITY_HIGH);
    cr_expect_eq(commit_fixture_number(&fixture, "EXISTS " K SECOND), 0);
    cr_expect_eq(commit_fixture_number(&fixture, "EXISTS " K FIRST), 1);
    send_threat(4 * 10000000, SEVERITY_HIGH);
    cr_expect_eq(commit_fixture_number(&fixture, "EXISTS " K FIRST), 0);
    cr_expect_eq(commit_fixture_number(&fixture, "ZCARD " K "incidents"), 3);
    cr_expect_eq(commit_fixture_number(&fixture, "ZCARD " K "incidents:detected:high"), 3);
    cr_expect_eq(commit_fixture_number(&fixture, "ZCARD " K "incidents:resolved:high"), 0);
    cr_expect_eq(ledger("incidents_evicted"), 2);
    send_threat(0, SEVERITY_HIGH);
    cr_expect_eq(commit_fixture_number(&fixture, "EXISTS " K FIRST), 0,
                 "an evicted one stays away");
}

/* Names of a day are bounded: the rarest go and are counted. */
Test(incident_life, names_are_bounded) {
    struct commit_limits limits = commit_fixture_limits();
    limits.names_max = 100;
    commit_fixture_restart(&fixture, limits);
    static char names[250][16];
    begin_batch();
    for (int i = 0; i < 250; i++) {
        snprintf(names[i], sizeof(names[i]), "10.0.0.%d", i);
        made_batch_add(&batch, made_threat(NOON, SEVERITY_LOW, names[i]));
    }
    batch.events[6].event.source_ip = text_of(names[7]);
    send_batch();
    cr_expect_eq(commit_fixture_number(&fixture, "ZCARD " K "day:20260801:addresses"), 100);
    cr_expect_eq(commit_fixture_number(&fixture, "ZSCORE " K "day:20260801:addresses 10.0.0.7"), 2);
    cr_expect_eq(ledger("names_evicted"), 149);
}

/* Episodes of one kind that are open at a time are bounded too. */
Test(incident_life, episodes_are_bounded) {
    for (int64_t i = 0; i < 70; i++)
        send_threat(i * 10000000, SEVERITY_HIGH);
    cr_expect_eq(ledger("episodes_evicted"), 6);
    send_threat(69 * 10000000 + 1, SEVERITY_HIGH);
    cr_expect_eq(ledger("incidents"), 70, "the newest goes on");
    send_threat(1, SEVERITY_HIGH);
    cr_expect_eq(ledger("incidents"), 71, "the oldest was let go");
}

static uint64_t number_of(const msgpack_object *map, const char *key) {
    uint64_t number = 0;
    cr_assert_eq(msgpack_read_u64(msgpack_member(map, key), &number), STATUS_OK, "%s", key);
    return number;
}

static bool text_says(const msgpack_object *map, const char *key, const char *expected) {
    struct text text = {NULL, 0};
    cr_assert_eq(msgpack_read_text(msgpack_member(map, key), &text), STATUS_OK, "%s", key);
    return text_is(text, expected);
}

/* Every required row of threat.def is in the message, optional ones only when they have a value;
 * the generation always has, where a rule judged. */
static void check_keys(const msgpack_object *map, bool has_optional) {
#define REQUIRED true
#define OPTIONAL has_optional
#define FIELD(name, type, need, unit, meaning)                                                     \
    cr_expect_eq(msgpack_member(map, #name) != NULL, need || strcmp(#name, "generation") == 0,     \
                 #name);
#include "proto/threat.def"
#undef FIELD
#undef REQUIRED
#undef OPTIONAL
}

static void check_message(size_t position, uint64_t seq, const char *change, uint64_t count) {
    struct msgpack_frame frame;
    msgpack_frame_init(&frame);
    struct text body = answer(position).body;
    cr_assert_eq(msgpack_frame_unpack(&frame,
                                      (struct bytes){(const uint8_t *)body.data, body.length},
                                      MSGPACK_DEPTH_MAX),
                 STATUS_OK);
    const msgpack_object *map = &frame.root;
    check_keys(map, position != 1);
    cr_expect_eq(number_of(map, "version"), 1);
    cr_expect_eq(number_of(map, "seq"), seq);
    cr_expect_eq(number_of(map, "detection_count"), count);
    cr_expect(text_says(map, "change", change));
    cr_expect(text_says(map, "publisher", "0123456789abcdef"));
    cr_expect(text_says(map, "incident_id", "INC-20260801-0001"));
    cr_expect(text_says(map, "timestamp", "2026-08-01T12:00:00Z"));
    cr_expect(text_says(map, "event_type", "login_failed"));
    cr_expect_eq(msgpack_member(map, "rules")->via.array.size, 1);
    msgpack_frame_fini(&frame);
}

/* THREATS is numbered without gaps, and the stream holds the very bytes that are published. */
Test(incident_life, threat_messages) {
    begin_batch();
    made_batch_add(&batch, made_threat(NOON, SEVERITY_LOW, "198.51.100.4"));
    made_batch_add(&batch, made_threat(NOON, SEVERITY_HIGH, "198.51.100.4"));
    made_batch_add(&batch, made_threat(NOON, SEVERITY_HIGH, "198.51.100.4"));
    batch.events[0].event.destination_ip = TEXT("192.0.2.1");
    batch.events[2].event.destination_ip = TEXT("192.0.2.1");
    batch.events[1].event.source_ip = batch.events[1].event.username = (struct text){NULL, 0};
    batch.events[1].event.description = (struct text){NULL, 0};
    send_batch();
    check_message(0, 1, "opened", 1);
    check_message(1, 2, "escalated", 2);
    check_message(2, 3, "repeated", 3);
    SCOPED(redis_reply)
    struct redis_reply *entries = commit_fixture_ask(&fixture, "XRANGE " K "threats - +");
    cr_assert_eq(redis_reply_count(entries), 3);
    for (size_t i = 0; i < 3; i++) {
        const struct redis_reply *fields = redis_reply_at(redis_reply_at(entries, i), 1);
        cr_expect_eq(redis_reply_integer(redis_reply_field(fields, "seq")), (int64_t)i + 1);
        cr_expect(
            text_equal(redis_reply_text(redis_reply_field(fields, "topic")), answer(i).topic));
        cr_expect(text_equal(redis_reply_text(redis_reply_field(fields, "body")), answer(i).body));
    }
    cr_expect_eq(committer_last_seq(fixture.committer), 3);
}

/* A Redis that lost its last seconds must not make a publisher use a number twice. */
Test(incident_life, numbers_survive_a_lost_redis) {
    send_threat(0, SEVERITY_LOW);
    send_threat(1, SEVERITY_LOW);
    commit_fixture_flush(&fixture);
    send_threat(2, SEVERITY_LOW);
    cr_expect_eq(committer_last_seq(fixture.committer), 3);
    commit_fixture_restart(&fixture, fixture.limits);
    cr_expect_eq(committer_refresh(fixture.committer), STATUS_OK);
    cr_expect_eq(committer_last_seq(fixture.committer), 3);
}
