/* test_epoch_closing.c: epochs that are over are forgotten, and none of their batches ever counts
 * twice or not at all, whatever comes late, again, or after Redis was restored from a copy. */
#include "common/scoped.h"
#include "proto/keys.h"
#include "services/incident/floors.h"
#include "services/ingest/epoch_closing.h"
#include "tests/support/commit_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define NOON INT64_C(1785585600000) /* 2026-08-01T12:00:00Z */
#define PRODUCER "00c0ffee00c0ffee"
#define K "siem:{0}:"

static struct commit_fixture fixture;
static struct epoch_closing *closing;
static struct made_batch batch;

static void start(void) {
    commit_fixture_start(&fixture, commit_fixture_limits());
    closing = epoch_closing_new(NULL);
}

static void stop(void) {
    epoch_closing_destroy(&closing);
    commit_fixture_stop(&fixture);
}

TestSuite(epoch_closing, .init = start, .fini = stop);

/* Commits a batch of one event; tells its state. */
static enum commit_state put(uint32_t epoch, uint64_t seq) {
    made_batch_init(&batch, seq);
    batch.head.epoch = epoch;
    made_batch_add(&batch, made_benign(NOON));
    return commit_fixture_state(&fixture, &batch);
}

static void put_all(uint32_t epoch, uint64_t count) {
    for (uint64_t seq = 0; seq < count; seq++)
        cr_assert_eq(put(epoch, seq), COMMIT_DONE, "%u-%lu", epoch, seq);
}

/* Says that epochs from `first` on had so many batches, and that the one behind them is written to;
 * gives the lowest that is not closed. */
static uint32_t say(uint32_t first, size_t count, const uint64_t *ends) {
    struct epoch_offer offer = {
        .producer = MADE_PRODUCER, .below = first + (uint32_t)count, .count = count};
    uint64_t events = 0;
    for (size_t i = 0; i < count; i++) {
        offer.ended[i] = (struct ended_epoch){first + (uint32_t)i, ends[i],
                                              first == 1 ? events : EVENTS_UNKNOWN};
        events += ends[i];
    }
    offer.accepted = events;
    offer.events_begin = first == 1 ? events : EVENTS_UNKNOWN;
    uint32_t closed = 0;
    cr_assert_eq(epoch_closing_say(closing, fixture.client, &offer, &closed), STATUS_OK, "%s",
                 redis_client_error(fixture.client));
    return closed;
}

static int64_t ask(const char *command) {
    return commit_fixture_number(&fixture, "%s", command);
}

static int64_t committed(void) {
    return ask("HGET " K "ledger committed");
}

/* Events counted that the producer's disk does not remember. */
static int64_t forgotten(void) {
    return ask("HGET " K "ledger forgotten:" PRODUCER);
}

static size_t count_pages(void) {
    struct redis_reply *reply = commit_fixture_ask(&fixture, "KEYS " K "dedup:*");
    size_t count = redis_reply_count(reply);
    redis_reply_destroy(&reply);
    return count;
}

Test(epoch_closing, what_is_over_and_committed_is_forgotten) {
    put_all(1, 3);
    put_all(2, 1);
    put_all(4, 2);
    cr_assert_eq(put(5, 1), COMMIT_DONE); /* a bit above the floor of the one written to */
    cr_expect_eq(ask("HLEN " K "floors"), 4);
    cr_expect_eq(say(1, 4, (uint64_t[]){3, 1, 0, 2}), 5);
    cr_expect_eq(ask("HLEN " K "floors"), 2, "the producer, and its epoch 5");
    cr_expect_eq(ask("HGET " K "floors " PRODUCER), 5);
    cr_expect_eq(ask("HGET " K "floors " PRODUCER "-5"), 0);
    cr_expect_eq(ask("HGET " K "ledger begins:" PRODUCER), 6);
    cr_expect_eq(ask("HEXISTS " K "ledger counted:" PRODUCER "-4"), 0);
    cr_expect_eq(ask("HGET " K "ledger counted:" PRODUCER "-5"), 1);
    cr_expect_eq(forgotten(), 0);
    cr_expect_eq(count_pages(), 1);
}

Test(epoch_closing, a_batch_of_a_closed_epoch_never_counts_again) {
    struct commit commit;
    commit_init(&commit);
    put_all(1, 3);
    cr_assert_eq(say(1, 1, (uint64_t[]){3}), 2);
    struct redis_reply *before = commit_fixture_ask(&fixture, "DEBUG DIGEST");
    for (uint64_t seq = 0; seq < 5; seq++) {
        made_batch_init(&batch, seq);
        made_batch_add(&batch, made_threat(NOON, SEVERITY_HIGH, "198.51.100.4"));
        commit_fixture_run(&fixture, &batch, &commit);
        cr_expect_eq(commit.state, COMMIT_DUPLICATE);
        cr_expect_eq(commit.floor, FLOOR_CLOSED);
        commit_release(&commit);
    }
    struct redis_reply *after = commit_fixture_ask(&fixture, "DEBUG DIGEST");
    cr_expect(text_equal(redis_reply_text(before), redis_reply_text(after)));
    cr_expect_eq(put(2, 0), COMMIT_DONE, "the next epoch goes on");
    redis_reply_destroy(&before);
    redis_reply_destroy(&after);
    commit_fini(&commit);
}

/* A power cut took the ends of epochs 1 and 3, and all of 2, off the disk. */
Test(epoch_closing, what_the_disk_forgot_is_booked_as_accepted) {
    put_all(1, 5);
    put_all(2, 2);
    put_all(3, 4);
    struct epoch_offer offer = {.producer = MADE_PRODUCER, .below = 4, .count = 2};
    offer.ended[0] = (struct ended_epoch){1, 3, 0};
    offer.ended[1] = (struct ended_epoch){3, 3, 3};
    offer.events_begin = offer.accepted = 6;
    uint32_t closed = 0;
    for (int i = 0; i < 2; i++)
        cr_assert_eq(epoch_closing_say(closing, fixture.client, &offer, &closed), STATUS_OK);
    cr_expect_eq(closed, 4);
    cr_expect_eq(forgotten(), 5);
    cr_expect_eq(ask("HGET " K "ledger accepted:" PRODUCER), 6);
    put_all(4, 1);
    cr_assert_eq(say(4, 1, (uint64_t[]){1}), 5, "what is not known is not booked");
    cr_expect_eq(forgotten(), 5);
    cr_expect_eq(ask("HEXISTS " K "ledger begins:" PRODUCER), 0);
}

Test(epoch_closing, an_epoch_with_a_hole_stays_and_those_behind_it) {
    const uint64_t ends[] = {2, 3, 2};
    put_all(1, 2);
    cr_assert_eq(put(2, 0), COMMIT_DONE);
    cr_assert_eq(put(2, 2), COMMIT_DONE);
    put_all(3, 2);
    cr_expect_eq(say(1, 3, ends), 2);
    cr_expect_eq(ask("HLEN " K "floors"), 3);
    cr_expect_eq(put(2, 2), COMMIT_DUPLICATE);
    cr_expect_eq(put(2, 1), COMMIT_DONE, "what was missing counts");
    cr_expect_eq(say(1, 3, ends), 4);
    cr_expect_eq(ask("HLEN " K "floors"), 1);
    cr_expect_eq(count_pages(), 0);
    cr_expect_eq(committed(), 7);
}

Test(epoch_closing, a_last_batch_that_is_missing_keeps_its_epoch) {
    put_all(1, 2);
    cr_expect_eq(say(1, 1, (uint64_t[]){3}), 1);
    cr_expect_eq(ask("HLEN " K "floors"), 1);
    cr_expect_eq(put(1, 2), COMMIT_DONE);
    cr_expect_eq(say(1, 1, (uint64_t[]){3}), 2);
}

Test(epoch_closing, what_the_spool_holds_nothing_of_is_over) {
    cr_assert_eq(put(7, 1), COMMIT_DONE); /* batch 0 was lost with the disk */
    struct epoch_offer offer = {.producer = MADE_PRODUCER, .below = 9};
    uint32_t closed = 0;
    cr_assert_eq(epoch_closing_say(closing, fixture.client, &offer, &closed), STATUS_OK);
    cr_expect_eq(closed, 9);
    cr_expect_eq(ask("HLEN " K "floors"), 1);
    cr_expect_eq(count_pages(), 0);
}

Test(epoch_closing, many_epochs_go_in_several_steps) {
    struct epoch_offer offer = {.producer = MADE_PRODUCER, .below = 1000};
    uint32_t closed = 0, before = 1;
    for (uint32_t epoch = 1; epoch < 1000; epoch += 9)
        cr_assert_eq(put(epoch, 0), COMMIT_DONE);
    for (int step = 0; step < 100 && closed < 1000; step++) {
        cr_assert_eq(epoch_closing_say(closing, fixture.client, &offer, &closed), STATUS_OK);
        cr_assert_gt(closed, before);
        before = closed;
    }
    cr_expect_eq(closed, 1000);
    cr_expect_eq(ask("HLEN " K "floors"), 1);
}

Test(epoch_closing, a_late_offer_opens_nothing) {
    put_all(1, 1);
    cr_assert_eq(say(1, 3, (uint64_t[]){1, 0, 0}), 4);
    cr_expect_eq(say(1, 1, (uint64_t[]){1}), 4);
    cr_expect_eq(ask("HGET " K "floors " PRODUCER), 4);
}

static void note_lane(void *context, const struct lane_floor *lane) {
    size_t *count = context;
    cr_expect_eq(lane->epoch, 3);
    ++*count;
}

Test(epoch_closing, receipts_tell_closed_epochs_as_closed) {
    put_all(1, 2);
    put_all(2, 1);
    put_all(3, 1);
    cr_assert_eq(say(1, 2, (uint64_t[]){2, 1}), 3);
    size_t lanes = 0;
    cr_assert_eq(floors_read_all(fixture.client, note_lane, &lanes), STATUS_OK);
    cr_expect_eq(lanes, 1);
    struct lane_floor asked[] = {{.producer = MADE_PRODUCER, .epoch = 1},
                                 {.producer = MADE_PRODUCER, .epoch = 3},
                                 {.producer = MADE_PRODUCER, .epoch = 4},
                                 {.producer = MADE_PRODUCER + 1, .epoch = 1}};
    cr_assert_eq(floors_read_some(fixture.client, asked, 4), STATUS_OK);
    cr_expect_eq(asked[0].floor, FLOOR_CLOSED);
    cr_expect_eq(asked[1].floor, 1);
    cr_expect_eq(asked[2].floor, 0);
    cr_expect_eq(asked[3].floor, 0);
}

/* ---- any order, and copies of Redis ------------------------------------------------------------
 */

#define EPOCHS 6
#define BATCHES_MAX 5
#define STEPS 150
#define RUNS 12

/* Copies every key of one database of Redis to the other, which is emptied first. */
static void copy_database(int from, int to) {
    redis_reply_destroy(&(struct redis_reply *){commit_fixture_ask(&fixture, "SELECT %d", to)});
    redis_reply_destroy(&(struct redis_reply *){commit_fixture_ask(&fixture, "FLUSHDB")});
    redis_reply_destroy(&(struct redis_reply *){commit_fixture_ask(&fixture, "SELECT %d", from)});
    struct redis_reply *keys = commit_fixture_ask(&fixture, "KEYS *");
    for (size_t i = 0; i < redis_reply_count(keys); i++) {
        struct text name = redis_reply_text(redis_reply_at(keys, i));
        cr_assert_eq(commit_fixture_number(&fixture, "COPY %.*s %.*s DB %d", TEXT_ARG(name),
                                           TEXT_ARG(name), to),
                     1);
    }
    redis_reply_destroy(&keys);
    redis_reply_destroy(&(struct redis_reply *){commit_fixture_ask(&fixture, "SELECT 0")});
}

/* One spool's life: epochs come and go, batches in any order and again, Redis is restored from its
 * last copy; in the end everything is sent once more. */
static void live(unsigned seed) {
    uint64_t ends[EPOCHS], total = 0;
    uint32_t current = 1;
    srandom(seed);
    for (size_t i = 0; i < EPOCHS; i++)
        total += ends[i] = (uint64_t)random() % (BATCHES_MAX + 1);
    copy_database(0, 1);
    for (int step = 0; step < STEPS; step++) {
        uint32_t epoch = 1 + (uint32_t)random() % current;
        switch (random() % 16) {
        case 0:
            current += current < EPOCHS;
            break;
        case 1:
            copy_database(0, 1);
            break;
        case 2:
            copy_database(1, 0);
            break;
        case 3:
        case 4:
            (void)say(1, current - 1, ends);
            break;
        default:
            if (ends[epoch - 1] > 0)
                (void)put(epoch, (uint64_t)random() % ends[epoch - 1]);
        }
    }
    for (uint32_t epoch = EPOCHS; epoch > 0; epoch--)
        for (uint64_t seq = ends[epoch - 1]; seq > 0; seq--)
            (void)put(epoch, seq - 1);
    cr_expect_eq((uint64_t)committed(), total, "seed %u: %ld, not %lu", seed, committed(), total);
    cr_expect_eq(say(1, EPOCHS, ends), EPOCHS + 1, "seed %u", seed);
    cr_expect_leq(ask("HLEN " K "floors"), 1, "seed %u", seed);
    cr_expect_eq(count_pages(), 0, "seed %u", seed);
    cr_expect_eq(forgotten(), 0, "seed %u", seed);
}

Test(epoch_closing, every_batch_counts_once_in_any_order_and_after_any_restore, .timeout = 300) {
    for (unsigned seed = 1; seed <= RUNS; seed++) {
        live(seed);
        commit_fixture_flush(&fixture);
    }
}
