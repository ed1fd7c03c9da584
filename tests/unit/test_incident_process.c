/* test_incident_process.c: the incident process on real wires and a real Redis: what comes in on
 * FINDINGS goes out on RECEIPTS and THREATS, and neither a dead Redis nor a malformed message stops
 * it. */
#include "common/counters.h"
#include "common/scoped.h"
#include "proto/receipt.h"
#include "proto/wiring.h"
#include "services/incident/process.h"
#include "tests/support/commit_fixture.h"
#include "tests/support/made_correlations.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NOON INT64_C(1785585600000)
#define K "siem:{0}:"
#define DEADLINE_MS 60000

static struct commit_fixture fixture; /* its committer is not used: the process has its own */
static char directory[] = "/tmp/siem-process-XXXXXX";
static zloop_t *loop;
static struct process *process;
static struct wire *findings, *receipts, *threats;
static struct msgpack_frame frame;
static struct wire_message heard;
static struct receipt receipt;
static struct made_batch batch;

static const char *endpoint(char *out, size_t size, const char *name) {
    snprintf(out, size, "ipc://%s/%s", directory, name);
    return out;
}

static void open_process(struct commit_limits limits) {
    char a[96], b[96], c[96];
    const struct process_options options = {
        .redis_url = fixture.redis.url,
        .findings_listen = endpoint(a, sizeof(a), "findings"),
        .receipts_listen = endpoint(b, sizeof(b), "receipts"),
        .threats_listen = endpoint(c, sizeof(c), "threats"),
        .limits = limits,
    };
    process = process_new(loop, &options);
    cr_assert_not_null(process);
}

static struct wire *subscribe(enum wire_id id, const char *to) {
    struct wire *wire = wire_connect(wire_row(id), to, false);
    cr_assert_eq(zmq_setsockopt(wire_socket(wire), ZMQ_SUBSCRIBE, "", 0), 0);
    return wire;
}

static void start(void) {
    cr_assert_not_null(mkdtemp(directory));
    commit_fixture_start(&fixture, commit_fixture_limits());
    zsys_handler_set(NULL);
    loop = zloop_new();
    open_process(commit_fixture_limits());
    findings = wire_connect(wire_row(WIRE_FINDINGS), process_findings_endpoint(process), true);
    receipts = subscribe(WIRE_RECEIPTS, process_receipts_endpoint(process));
    threats = subscribe(WIRE_THREATS, process_threats_endpoint(process));
    msgpack_frame_init(&frame);
}

static void stop(void) {
    wire_message_close(&heard);
    msgpack_frame_fini(&frame);
    wire_destroy(&findings);
    wire_destroy(&receipts);
    wire_destroy(&threats);
    process_destroy(&process);
    zloop_destroy(&loop);
    commit_fixture_stop(&fixture);
    static const char *const sockets[] = {"findings", "receipts", "threats"};
    for (size_t i = 0; i < 3; i++) {
        char path[96];
        snprintf(path, sizeof(path), "%s/%s", directory, sockets[i]);
        unlink(path);
    }
    cr_expect_eq(rmdir(directory), 0);
}

TestSuite(incident_process, .init = start, .fini = stop);

/* Turns the loop until the condition holds. */
struct waiting {
    bool (*holds)(void *context);
    void *context;
    struct mono_time since;
    bool held;
};

static int look(zloop_t *reactor, int timer, void *context) {
    (void)reactor, (void)timer;
    struct waiting *waiting = context;
    waiting->held = waiting->holds(waiting->context);
    return waiting->held || clock_elapsed_ms(waiting->since) > DEADLINE_MS ? -1 : 0;
}

static void turn_until(bool (*holds)(void *context), void *context) {
    struct waiting waiting = {holds, context, clock_mono(), false};
    int timer = zloop_timer(loop, 2, 0, look, &waiting);
    zloop_start(loop);
    zloop_timer_end(loop, timer);
    cr_assert(waiting.held, "did not come to pass in time");
}

static bool try_push(void *message) {
    struct wire_message *push = message;
    return wire_send(findings, push->frames, push->count) == STATUS_OK;
}

static void push(struct wire_message message) {
    turn_until(try_push, &message);
}

/* Hears the next receipt that `wanted` (a predicate) likes; it stays in `receipt`. */
static bool hear_receipt(void *wanted) {
    bool (*likes)(void) = *(bool (**)(void))wanted;
    struct wire_message message;
    while (wire_receive(receipts, &message) == STATUS_OK) {
        wire_message_close(&heard);
        heard = message;
        cr_assert_eq(heard.count, 2);
        cr_assert_eq(receipt_decode(wire_frame_bytes(&heard.frames[1]), &frame, &receipt),
                     STATUS_OK);
        char topic[RECEIPT_TOPIC_SIZE];
        struct bytes name = wire_frame_bytes(&heard.frames[0]);
        cr_assert(text_is((struct text){(const char *)name.data, name.length},
                          receipt_topic(receipt.producer, topic)));
        if (likes())
            return true;
    }
    return false;
}

static void await_receipt(bool (*likes)(void)) {
    turn_until(hear_receipt, &likes);
}

static bool has_range(void) {
    return receipt.range_count > 0;
}

static bool has_crash(void) {
    return receipt.crash_count > 0;
}

static bool is_any(void) {
    return receipt.producer == MADE_PRODUCER;
}

/* Subscriptions take a moment: batches of another producer go in until a receipt comes out. */
static void await_subscription(void) {
    struct redis_reply *reply =
        commit_fixture_ask(&fixture, "HSET " K "floors 00c0ffee00c0ffee-1 0");
    redis_reply_destroy(&reply);
    await_receipt(is_any);
}

static void push_batch(uint64_t seq, const struct made_event *events, uint32_t count,
                       uint32_t flags) {
    made_batch_init(&batch, seq);
    batch.head.flags = flags;
    for (uint32_t i = 0; i < count; i++)
        made_batch_add(&batch, events[i]);
    push(made_batch_message(&batch));
}

/* P7: the verdict of every event with findings, after the commit. */
Test(incident_process, receipt_and_verdicts) {
    await_subscription();
    struct made_event events[] = {
        made_benign(NOON),
        made_threat(NOON, SEVERITY_HIGH, "198.51.100.4"),
        made_threat(NOON, SEVERITY_INFO, "198.51.100.4"),
        made_threat(NOON, SEVERITY_LOW, "198.51.100.4"),
    };
    events[3].finding_count = 2;
    events[3].findings[1] = made_finding("another", SEVERITY_INFO, "noticed", "x");
    push_batch(0, events, 4, BATCH_WANTS_VERDICTS);
    await_receipt(has_range);
    cr_expect_eq(receipt.floor, 1);
    cr_assert_eq(receipt.range_count, 1);
    cr_expect_eq(receipt.ranges[0].from, 0);
    cr_expect_eq(receipt.ranges[0].to, 0);
    cr_assert_eq(receipt.batch_count, 1);
    cr_assert_eq(receipt.batches[0].count, 3);
    const struct verdict *verdicts = receipt.batches[0].verdicts;
    cr_expect_eq(verdicts[0].index, 1);
    cr_expect_eq(verdicts[0].severity, SEVERITY_HIGH);
    cr_expect(text_is(verdicts[0].incident_id, "INC-20260801-0001"));
    cr_expect_eq(verdicts[1].severity, SEVERITY_INFO);
    cr_expect_null(verdicts[1].incident_id.data);
    cr_expect_not(verdicts[1].alert_queued);
    cr_expect(text_is(verdicts[2].details, "too many failures | noticed"));
    cr_expect_eq(verdicts[2].finding_count, 2);
    cr_expect(text_is(verdicts[2].incident_id, "INC-20260801-0001"));
}

/* Nobody waits: no verdicts. The second time: a receipt, but no verdicts either. */
Test(incident_process, no_verdicts_unasked) {
    await_subscription();
    struct made_event event = made_threat(NOON, SEVERITY_HIGH, "198.51.100.4");
    push_batch(0, &event, 1, 0);
    await_receipt(has_range);
    cr_expect_eq(receipt.batch_count, 0);
    push_batch(0, &event, 1, BATCH_WANTS_VERDICTS);
    await_receipt(has_range);
    cr_expect_eq(receipt.batch_count, 0);
    cr_expect_eq(receipt.floor, 1);
}

struct threat_heard {
    const char *topic;
    struct wire_message message;
};

static bool hear_threat(void *context) {
    struct threat_heard *wanted = context;
    while (wire_receive(threats, &wanted->message) == STATUS_OK) {
        struct bytes topic = wire_frame_bytes(&wanted->message.frames[0]);
        if (text_is((struct text){(const char *)topic.data, topic.length}, wanted->topic))
            return true;
        wire_message_close(&wanted->message);
    }
    return false;
}

/* What is published is what stands in the stream; the heartbeat tells the last number. */
Test(incident_process, threats) {
    struct threat_heard heartbeat = {.topic = "heartbeat"};
    turn_until(hear_threat, &heartbeat);
    wire_message_close(&heartbeat.message);
    struct made_event event = made_threat(NOON, SEVERITY_HIGH, "198.51.100.4");
    push_batch(0, &event, 1, 0);
    struct threat_heard threat = {.topic = "threat.high.login_failed"};
    turn_until(hear_threat, &threat);
    SCOPED(redis_reply)
    struct redis_reply *entries = commit_fixture_ask(&fixture, "XRANGE " K "threats - +");
    cr_assert_eq(redis_reply_count(entries), 1);
    const struct redis_reply *fields = redis_reply_at(redis_reply_at(entries, 0), 1);
    struct bytes body = wire_frame_bytes(&threat.message.frames[1]);
    cr_expect(text_equal(redis_reply_text(redis_reply_field(fields, "body")),
                         (struct text){(const char *)body.data, body.length}));
    wire_message_close(&threat.message);
    turn_until(hear_threat, &heartbeat);
    cr_assert_eq(msgpack_frame_unpack(&frame, wire_frame_bytes(&heartbeat.message.frames[1]),
                                      MSGPACK_DEPTH_MAX),
                 STATUS_OK);
    uint64_t seq = 0;
    cr_assert_eq(msgpack_read_u64(msgpack_member(&frame.root, "seq"), &seq), STATUS_OK);
    cr_expect_eq(seq, 1);
    wire_message_close(&heartbeat.message);
}

/* A detector's crash report reaches the producer, with the floor as Redis has it. */
Test(incident_process, crash_report) {
    await_subscription();
    struct made_event event = made_benign(NOON);
    push_batch(0, &event, 1, 0);
    await_receipt(has_range);
    struct buffer bytes;
    buffer_init(&bytes, 1024);
    crash_report_encode(
        &(struct crash_report){.producer = MADE_PRODUCER, .epoch = 1, .seq = 9, .index = 4},
        &bytes);
    struct wire_message message = {.count = 1};
    wire_frame_copy(&message.frames[0], buffer_bytes(&bytes));
    buffer_fini(&bytes);
    push(message);
    await_receipt(has_crash);
    cr_expect_eq(receipt.floor, 1);
    cr_expect_eq(receipt.crashes[0].seq, 9);
    cr_expect_eq(receipt.crashes[0].index, 4);
    await_receipt(is_any);
    cr_expect_eq(receipt.crash_count, 0, "told once");
}

static bool is_at_floor_zero(void) {
    return receipt.producer == MADE_PRODUCER && receipt.floor == 0 && receipt.range_count == 0;
}

/* A lane that Redis has forgotten is told so: the producer sends again from there. */
Test(incident_process, lost_redis_is_noticed) {
    await_subscription();
    struct made_event event = made_benign(NOON);
    push_batch(0, &event, 1, 0);
    await_receipt(has_range);
    commit_fixture_flush(&fixture);
    await_receipt(is_at_floor_zero);
    cr_expect_eq(receipt.epoch, 1);
}

static bool is_not_ready(void *context) {
    (void)context;
    return !process_is_ready(process);
}

/* P1: while Redis is dead nothing is receipted and nothing lost; when it is back, all is committed.
 */
Test(incident_process, redis_restart_midway) {
    await_subscription();
    struct made_event event = made_benign(NOON);
    redis_fixture_kill(&fixture.redis);
    for (uint64_t seq = 0; seq < 40; seq++)
        push_batch(seq, &event, 1, 0);
    turn_until(is_not_ready, NULL);
    redis_fixture_restart(&fixture.redis);
    do
        await_receipt(has_range);
    while (receipt.floor < 40);
    cr_expect_eq(commit_fixture_number(&fixture, "HGET " K "ledger committed"), 40);
    cr_expect(process_is_ready(process));
}

/* P7: Redis hangs, commits what it was sent, and nobody hears the answer. The second try finds it
 * again: the verdicts go out, and the threats, numbered and counted once. */
Test(incident_process, lost_answer_is_found_again) {
    struct threat_heard heartbeat = {.topic = "heartbeat"};
    turn_until(hear_threat, &heartbeat);
    wire_message_close(&heartbeat.message);
    await_subscription();
    const struct made_event events[] = {
        made_threat(NOON, SEVERITY_HIGH, "198.51.100.4"),
        made_benign(NOON),
        made_threat(NOON, SEVERITY_LOW, "198.51.100.5"),
    };
    push_batch(0, &events[1], 1, 0); /* the script is loaded */
    await_receipt(has_range);
    push_batch(1, events, 3, BATCH_WANTS_VERDICTS);
    kill(fixture.redis.pid, SIGSTOP); /* the loop has not turned since the push */
    turn_until(is_not_ready, NULL);
    kill(fixture.redis.pid, SIGCONT);
    await_receipt(has_range);
    struct counter *duplicates = counter_new("siem_commits_total", "outcome=\"duplicate\"", "");
    cr_assert_eq(counter_read(duplicates), 1, "the answer was not lost");
    cr_expect_eq(receipt.floor, 2);
    cr_assert_eq(receipt.batch_count, 1);
    cr_assert_eq(receipt.batches[0].count, 2);
    const struct verdict *verdicts = receipt.batches[0].verdicts;
    cr_expect_eq(verdicts[0].index, 0);
    cr_expect(text_is(verdicts[0].incident_id, "INC-20260801-0001"));
    cr_expect_eq(verdicts[1].index, 2);
    cr_expect(text_is(verdicts[1].incident_id, "INC-20260801-0002"));
    struct threat_heard threat = {.topic = "threat.low.login_failed"};
    turn_until(hear_threat, &threat);
    wire_message_close(&threat.message);
    cr_expect_eq(commit_fixture_number(&fixture, "HGET " K "ledger committed"), 4);
    cr_expect_eq(commit_fixture_number(&fixture, "XLEN " K "threats"), 2);
}

/* P6: what is no message of ours is dropped; the next good one passes. */
Test(incident_process, malformed_messages_are_dropped) {
    await_subscription();
    static const char *const bad[] = {"", "\x93", "not MessagePack at all", "\xdd\xff\xff\xff\xff"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        for (int frames = 1; frames <= 2; frames++) {
            struct wire_message message = {.count = frames};
            for (int j = 0; j < frames; j++)
                wire_frame_copy(&message.frames[j],
                                (struct bytes){(const uint8_t *)bad[i], strlen(bad[i])});
            push(message);
        }
    }
    struct made_event event = made_benign(NOON);
    push_batch(0, &event, 1, 0);
    await_receipt(has_range);
    cr_expect_eq(commit_fixture_number(&fixture, "HGET " K "ledger committed"), 1);
}

/* Verdicts that no frame can hold are left out; the receipt itself is not. */
Test(incident_process, huge_verdicts) {
    await_subscription();
    static char text[769];
    memset(text, 'x', sizeof(text) - 1);
    made_batch_init(&batch, 0);
    batch.head.flags = BATCH_WANTS_VERDICTS;
    for (int i = 0; i < BATCH_EVENTS_MAX; i++) {
        struct made_event event = made_threat(NOON, SEVERITY_LOW, "198.51.100.4");
        static const char *const ids[MADE_FINDINGS_MAX] = {"a", "b", "c", "d", "e"};
        event.finding_count = MADE_FINDINGS_MAX;
        for (uint32_t j = 0; j < MADE_FINDINGS_MAX; j++)
            event.findings[j] = made_finding(ids[j], SEVERITY_LOW, text, "x");
        made_batch_add(&batch, event);
    }
    push(made_batch_message(&batch));
    await_receipt(has_range);
    cr_expect_eq(receipt.floor, 1);
    cr_expect_eq(receipt.batch_count, 0);
}

static bool is_nothing_due(void *context) {
    (void)context;
    return commit_fixture_number(&fixture, "ZCARD " K "correlations_due") == 0;
}

static bool has_threat(void *context) {
    (void)context;
    return commit_fixture_number(&fixture, "HGET " K "ledger threats") == 1;
}

/* P6: a correlation's group that waits, and that the script fails on, is first in the row for ever;
 * those behind it are judged all the same, and the process does not say that Redis is away. */
Test(incident_process, a_group_the_script_fails_on_holds_up_no_other) {
    static const struct correlation few = {
        MADE_CORRELATION("few", "Few", "few", LOW, EVENT_COUNT, 1, 1), MADE_RAISES,
        .comparisons = MADE_COMPARISON(LT, 3), .waits = true};
    static const struct oracle_group group = {
        .correlation = &few, .key = TEXT_CONSTANT("1:a"), .details = TEXT_CONSTANT("too few")};
    struct commit_limits limits = commit_fixture_limits();
    limits.lateness_ms = 1500; /* nothing waits for long */
    process_destroy(&process);
    open_process(limits);
    /* Anew: what is sent on a connection to the one before may be lost. */
    wire_destroy(&findings);
    findings = wire_connect(wire_row(WIRE_FINDINGS), process_findings_endpoint(process), true);
    SCOPED(redis_reply)
    struct redis_reply *wrong =
        commit_fixture_ask(&fixture, "SET " K "correlation:0123456789abcdef wrong");
    SCOPED(redis_reply)
    struct redis_reply *due = commit_fixture_ask(
        &fixture, "ZADD " K "correlations_due 1 0123456789abcdefxxxxxxxxxxxxxxxx");
    struct made_event event = made_benign(NOON);
    event.contribution_count = 1;
    event.contributions[0] = (struct made_contribution){&group, 1, 0};
    push_batch(0, &event, 1, 0);
    turn_until(has_threat, NULL);
    cr_expect(process_is_ready(process));
    cr_expect_eq(commit_fixture_number(&fixture, "ZCARD " K "correlations_due"), 1);
    SCOPED(redis_reply)
    struct redis_reply *mended =
        commit_fixture_ask(&fixture, "DEL " K "correlation:0123456789abcdef");
    turn_until(is_nothing_due, NULL);
}

/* Of many that are due all of the time, some were judged. */
static bool has_begun(void *context) {
    return commit_fixture_number(&fixture, "ZCARD " K "correlations_due") <
           *(const int64_t *)context;
}

static bool is_front_judged(void *context) {
    (void)context;
    return commit_fixture_number(&fixture, "ZCOUNT " K "correlations_due -inf 1") == 0;
}

/* P6: what is passed over is the first in the row, be it that group or one that came to be due in
 * front of it: it has its turn again, though others wait without end. */
Test(incident_process, what_was_passed_over_has_its_turn_again) {
    /* One word: tabs. */
    static const char many[] = "for\ti=2,ARGV[1]\tdo\tredis.call('ZADD',KEYS[1],i,"
                               "string.format('fedcba9876543210%016d',i))\tend";
    int64_t waiting = 16000;
    SCOPED(redis_reply)
    struct redis_reply *wrong =
        commit_fixture_ask(&fixture, "SET " K "correlation:0123456789abcdef wrong");
    SCOPED(redis_reply)
    struct redis_reply *due =
        commit_fixture_ask(&fixture, "ZADD " K "correlations_due 1 0123456789abcdef%s", "x");
    SCOPED(redis_reply)
    struct redis_reply *others =
        commit_fixture_ask(&fixture, "EVAL %s 1 " K "correlations_due %d", many, (int)waiting);
    turn_until(has_begun, &waiting);
    SCOPED(redis_reply)
    struct redis_reply *front =
        commit_fixture_ask(&fixture, "ZADD " K "correlations_due 0 fedcba9876543210%s", "x");
    SCOPED(redis_reply)
    struct redis_reply *mended =
        commit_fixture_ask(&fixture, "DEL " K "correlation:0123456789abcdef");
    turn_until(is_front_judged, NULL);
    cr_expect_gt(commit_fixture_number(&fixture, "ZCARD " K "correlations_due"), 0);
}

static bool is_drained(void *context) {
    (void)context;
    return process_drain(process);
}

/* SIGTERM while Redis is away: what is in hand is committed and receipted before the end. */
Test(incident_process, drain_finishes_what_is_in_hand) {
    await_subscription();
    struct made_event event = made_benign(NOON);
    redis_fixture_kill(&fixture.redis);
    push_batch(0, &event, 1, 0);
    turn_until(is_not_ready, NULL);
    cr_expect_not(process_drain(process));
    redis_fixture_restart(&fixture.redis);
    turn_until(is_drained, NULL);
    await_receipt(has_range);
    cr_expect_eq(receipt.ranges[0].from, 0);
    cr_expect_eq(commit_fixture_number(&fixture, "HGET " K "ledger committed"), 1);
}
