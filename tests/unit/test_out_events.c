/* test_out_events.c: what was answered is stored, and is sent until its receipt is there (promise
 * P1), with a detector and an incident process played over real sockets. */
#include "common/spool_internal.h"
#include "proto/wiring.h"
#include "services/ingest/spool_writer.h"

#include <criterion/criterion.h>

#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define EPOCHS_PLAYED 4
#define BATCHES_PLAYED 20000
#define DEADLINE_MS 60000
#define PUBLISH_MS 20

static char directory[64];
static char events_endpoint[96], receipts_endpoint[96];
static struct ingest_config config;
static zloop_t *loop;
static char text[65536]; /* of every event */
static struct out_events *writer;

/* The detectors: what they got. */
static struct wire *detector;
static uint64_t batches_got, events_got, highest_attempt;
static struct delivery last_delivery;
static struct batch_head last_head;
static uint64_t last_hash;
static uint64_t in_flight_most;

/* The incident process: what it committed, by epoch and seq. */
static struct wire *incident;
static uint8_t *committed[EPOCHS_PLAYED + 1];
static uint8_t *fresh[EPOCHS_PLAYED + 1]; /* committed, or found committed, and not said yet */
static bool tells_all_ranges;             /* all above the floor, not only the fresh ones */
static bool known[EPOCHS_PLAYED + 1];     /* by Redis: had a commit */
static uint64_t events_committed, events_quarantined, duplicates;
static bool commits, publishes, tells_verdicts;
static uint32_t commits_from; /* the attempt */
static struct receipt_crash crash_told;
static bool tells_crash;
static uint64_t verdict_seq;
static bool verdict_due;
static struct mono_time published_at;
static struct mono_time watched_from; /* of what must not happen */

/* The clients: what they were answered. */
static uint64_t answered[STATUS_COUNT_];
static struct outcome last_outcome;
static uint32_t last_verdict_count;

static void prepare(void) {
    snprintf(directory, sizeof directory, "/tmp/siem-writer-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    snprintf(events_endpoint, sizeof events_endpoint, "ipc://%s/events", directory);
    snprintf(receipts_endpoint, sizeof receipts_endpoint, "ipc://%s/receipts", directory);
    config = (struct ingest_config){.state_dir = directory,
                                    .events_listen = events_endpoint,
                                    .receipts_from = receipts_endpoint,
                                    .verdict_timeout_ms = 5000,
                                    .queue_bytes = 1 << 20,
                                    .spool_max_bytes = 1 << 30,
                                    .spool_segment_bytes = 2 << 20,
                                    .spool_retain_ms = 900000,
                                    .spool_retain_bytes = 1 << 30};
    for (int i = 0; i <= EPOCHS_PLAYED; i++) {
        committed[i] = calloc(BATCHES_PLAYED, 1);
        fresh[i] = calloc(BATCHES_PLAYED, 1);
    }
    commits = publishes = tells_verdicts = true;
    commits_from = 1;
    memset(text, 'x', sizeof text);
    loop = zloop_new();
    zloop_set_verbose(loop, false);
}

static void remove_all(const char *path) {
    DIR *listing = opendir(path);
    struct dirent *entry;
    while (listing != NULL && (entry = readdir(listing)) != NULL)
        unlinkat(dirfd(listing), entry->d_name, 0);
    if (listing != NULL)
        closedir(listing);
    rmdir(path);
}

static void clean(void) {
    out_events_destroy(&writer);
    wire_destroy(&detector);
    wire_destroy(&incident);
    zloop_destroy(&loop);
    for (int i = 0; i <= EPOCHS_PLAYED; i++) {
        free(committed[i]);
        free(fresh[i]);
    }
    char spool[96];
    snprintf(spool, sizeof spool, "%s/spool", directory);
    remove_all(spool);
    remove_all(directory);
}

TestSuite(out_events, .init = prepare, .fini = clean, .timeout = 300);

static void start_writer(void) {
    writer = out_events_new_on(loop, &config);
    cr_assert_not_null(writer);
}

static struct epoch *epoch_of_writer(void) {
    return epochs_newest(&writer->epochs);
}

static void start_detector(void) {
    detector = wire_connect(wire_row(WIRE_EVENTS), events_endpoint, false);
    cr_assert_not_null(detector);
}

static void start_incident(void) {
    incident = wire_bind(wire_row(WIRE_RECEIPTS), receipts_endpoint, true);
    cr_assert_not_null(incident);
}

static void commit(const struct batch_head *head, const struct delivery *delivery) {
    cr_assert(head->epoch <= EPOCHS_PLAYED && head->seq < BATCHES_PLAYED);
    known[head->epoch] = true;
    fresh[head->epoch][head->seq] = 1;
    if (committed[head->epoch][head->seq]) {
        duplicates++;
        return;
    }
    committed[head->epoch][head->seq] = 1;
    events_committed += head->count - delivery->skip_count;
    events_quarantined += delivery->skip_count;
    verdict_due = verdict_due || (head->flags & BATCH_WANTS_VERDICTS) != 0;
    verdict_seq = head->seq;
}

/* Takes what detectors got. */
static void play_detector(void) {
    struct wire_message message;
    while (detector != NULL && wire_receive(detector, &message) == STATUS_OK) {
        struct batch_view view;
        cr_assert_eq(message.count, 2);
        struct bytes frame = wire_frame_bytes(&message.frames[1]);
        cr_assert_eq(delivery_decode(wire_frame_bytes(&message.frames[0]), &last_delivery),
                     STATUS_OK);
        cr_assert_eq(batch_open(frame, &view), STATUS_OK);
        last_head = view.head;
        last_hash = XXH3_64bits(frame.data, frame.length);
        batches_got++;
        events_got += view.head.count;
        if (last_delivery.attempt > highest_attempt)
            highest_attempt = last_delivery.attempt;
        if (commits && last_delivery.attempt >= commits_from)
            commit(&view.head, &last_delivery);
        wire_message_close(&message);
    }
}

static void publish(struct bytes frame) {
    char topic[RECEIPT_TOPIC_SIZE];
    receipt_topic(spool_producer(writer->spool), topic);
    zmq_msg_t frames[2];
    wire_frame_copy(&frames[0], (struct bytes){(const uint8_t *)topic, strlen(topic)});
    wire_frame_copy(&frames[1], frame);
    cr_assert_eq(wire_send(incident, frames, 2), STATUS_OK);
}

/* Publishes an epoch's floor and ranges. */
static void publish_epoch(uint32_t epoch) {
    struct receipt_range ranges[RECEIPT_RANGES_MAX];
    struct receipt receipt = {
        .producer = spool_producer(writer->spool), .epoch = epoch, .ranges = ranges};
    const uint8_t *bits = committed[epoch];
    while (receipt.floor < BATCHES_PLAYED && bits[receipt.floor])
        receipt.floor++;
    const uint8_t *said = tells_all_ranges ? bits : fresh[epoch];
    for (uint64_t seq = receipt.floor; seq < BATCHES_PLAYED; seq++) {
        if (!said[seq])
            continue;
        if (receipt.range_count > 0 && ranges[receipt.range_count - 1].to + 1 == seq)
            ranges[receipt.range_count - 1].to = seq;
        else if (receipt.range_count == RECEIPT_RANGES_MAX)
            break;
        else
            ranges[receipt.range_count++] = (struct receipt_range){seq, seq};
    }
    memset(fresh[epoch], 0, BATCHES_PLAYED);
    const struct verdict verdict = {.index = 0, .incident_id = TEXT("INC-20260101-0001")};
    const struct batch_verdicts verdicts = {verdict_seq, 1, &verdict};
    bool newest = epoch == spool_epoch(writer->spool);
    if (newest && verdict_due && tells_verdicts) {
        receipt.batch_count = 1;
        receipt.batches = &verdicts;
    }
    if (newest && tells_crash) {
        receipt.crash_count = 1;
        receipt.crashes = &crash_told;
    }
    struct buffer frame;
    buffer_init(&frame, WIRE_FRAME_SIZE_MAX);
    receipt_encode(&receipt, &frame);
    publish(buffer_bytes(&frame));
    buffer_fini(&frame);
}

static void play_incident(void) {
    if (incident == NULL || !publishes || clock_elapsed_ms(published_at) < PUBLISH_MS)
        return;
    published_at = clock_mono();
    for (uint32_t epoch = 1; epoch <= EPOCHS_PLAYED; epoch++) {
        if (known[epoch])
            publish_epoch(epoch);
    }
}

struct wait {
    bool (*is_done)(uint64_t wanted);
    uint64_t wanted;
    struct mono_time start;
    bool done;
};

static int on_step(zloop_t *on_loop, int timer, void *context) {
    (void)on_loop;
    (void)timer;
    struct wait *wait = context;
    play_detector();
    play_incident();
    struct ledger_books books;
    out_events_books(writer, &books);
    if (books.in_flight_batches > in_flight_most)
        in_flight_most = books.in_flight_batches;
    wait->done = wait->is_done(wait->wanted);
    return wait->done || clock_elapsed_ms(wait->start) > DEADLINE_MS ? -1 : 0;
}

/* Runs the loop, with the fakes in it, until the claim holds. */
static void run_until(bool (*is_done)(uint64_t wanted), uint64_t wanted, const char *claim) {
    struct wait wait = {is_done, wanted, clock_mono(), false};
    int timer = zloop_timer(loop, 1, 0, on_step, &wait);
    zloop_start(loop);
    zloop_timer_end(loop, timer);
    cr_assert(wait.done, "not within the deadline: %s", claim);
}

#define RUN_UNTIL(claim, wanted) run_until(claim, wanted, #claim)

static struct ledger_books books_now(void) {
    struct ledger_books books;
    out_events_books(writer, &books);
    return books;
}

static bool answers_reached(uint64_t wanted) {
    uint64_t sum = 0;
    for (int i = 0; i < STATUS_COUNT_; i++)
        sum += answered[i];
    return sum >= wanted;
}
static bool batches_reached(uint64_t wanted) {
    return batches_got >= wanted;
}
static bool quarantined_reached(uint64_t wanted) {
    return events_quarantined >= wanted;
}
static bool committed_reached(uint64_t wanted) {
    return events_committed >= wanted;
}
static bool spooled_is(uint64_t wanted) {
    return books_now().spooled == wanted;
}
static bool detectors_are(uint64_t wanted) {
    return books_now().detectors == (int)wanted;
}
static bool receipts_heard(uint64_t wanted) {
    return books_now().receipts == (wanted != 0);
}
static bool ms_watched_reached(uint64_t wanted) {
    return clock_elapsed_ms(watched_from) >= (int64_t)wanted;
}

static void on_done(struct submission *submission, const struct outcome *outcome) {
    answered[outcome->status]++;
    last_outcome = *outcome;
    last_verdict_count = outcome->verdicts == NULL ? 0 : outcome->verdicts->count;
    buffer_fini(&submission->events);
    free(submission);
}

static struct submission *submission_of(uint32_t count, size_t text_length, bool wants_verdict) {
    struct submission *submission = calloc(1, sizeof *submission);
    const struct event event = {.time_ms = 1700000000000,
                                .received_ms = clock_wall().ms - 5000,
                                .event_type = EVENT_TYPE_UNKNOWN,
                                .count = 1,
                                .description = {text, text_length}};
    buffer_init(&submission->events, BATCH_EVENTS_BYTES_MAX);
    for (uint32_t i = 0; i < count; i++)
        event_encode(&event, &submission->events);
    submission->count = count;
    submission->wants_verdict = wants_verdict;
    submission->wants_sync = !wants_verdict;
    submission->submitted_at = clock_mono();
    submission->on_done = on_done;
    return submission;
}

static void submit(uint32_t count, bool wants_verdict) {
    cr_assert_eq(out_events_submit(writer, submission_of(count, 50, wants_verdict)), STATUS_OK);
}

/* `count` batches of one event each, however they are timed. */
static void submit_batches(uint64_t count) {
    uint64_t before = answered[STATUS_OK];
    for (uint64_t i = 0; i < count; i++) {
        submit(1, false);
        writer_store(writer); /* a round each */
    }
    cr_assert_eq(answered[STATUS_OK], before + count);
}

Test(out_events, answers_with_the_verdict) {
    start_writer();
    start_detector();
    start_incident();
    submit(1, true);
    RUN_UNTIL(answers_reached, 1);
    cr_assert_eq(answered[STATUS_OK], 1);
    cr_assert_eq(last_verdict_count, 1);
    cr_assert_eq(last_outcome.head.seq, 0);
    cr_assert_eq(last_outcome.head.epoch, 1);
    cr_assert_eq(last_head.flags, BATCH_WANTS_VERDICTS);
    RUN_UNTIL(spooled_is, 0);
    cr_assert_eq(books_now().accepted, 1);
}

Test(out_events, answers_when_stored_though_nobody_listens) {
    start_writer();
    struct submission *first = submission_of(3, 50, false);
    first->next = submission_of(2, 50, false);
    cr_assert_eq(out_events_submit(writer, first), STATUS_OK);
    cr_assert_not(out_events_is_drained(writer));
    RUN_UNTIL(answers_reached, 2);
    cr_assert_eq(last_outcome.first_index, 3); /* one batch, in order */
    cr_assert_eq(last_outcome.head.count, 5);
    cr_assert_eq(last_outcome.head.seq, 0);
    cr_assert(out_events_is_drained(writer));
    struct ledger_books books = books_now();
    cr_assert_eq(books.accepted, 5);
    cr_assert_eq(books.spooled, 5);
    cr_assert_eq(books.in_flight_batches, 0);
    cr_assert_gt(books.spool_bytes, 0);
}

Test(out_events, packs_without_splitting) {
    start_writer();
    start_detector();
    struct submission *list = submission_of(200, 50, false);
    list->next = submission_of(56, 50, false);
    list->next->next = submission_of(1, 50, false);
    list->next->next->next = submission_of(3, 60000, false);
    list->next->next->next->next = submission_of(2, 60000, false);
    cr_assert_eq(out_events_submit(writer, list), STATUS_OK);
    RUN_UNTIL(batches_reached, 3); /* 256; 1 + 3 large ones; 2 that did not fit */
    cr_assert_eq(events_got, 262);
    cr_assert_eq(last_head.seq, 2);
    cr_assert_eq(last_head.accepted_before, 260);
    cr_assert_eq(batches_got, 3);
}

Test(out_events, without_a_verdict_in_time_says_so) {
    config.verdict_timeout_ms = 100;
    start_writer();
    submit(1, true);
    RUN_UNTIL(answers_reached, 1);
    cr_assert_eq(answered[STATUS_TIMEOUT], 1);
    cr_assert_eq(last_outcome.head.seq, 0);
    start_detector(); /* a receipt that lost its verdicts is no verdict */
    start_incident();
    tells_verdicts = false;
    submit(1, true);
    RUN_UNTIL(answers_reached, 2);
    cr_assert_eq(answered[STATUS_TIMEOUT], 2);
    RUN_UNTIL(spooled_is, 0);
}

static bool next_seq_is(uint64_t seq) {
    return books_now().next_seq == seq;
}

/* While many events are under way few more wait for company, but not beside one who waits for the
 * disk, and not for long. */
Test(out_events, small_batches_gather_while_others_are_under_way) {
    start_writer();
    start_detector();
    commits = false;
    submit(11, true);
    RUN_UNTIL(batches_reached, 1);
    submit(1, true);
    writer_store(writer);
    cr_assert(next_seq_is(2), "few are under way");
    submit(10, true);
    writer_store(writer);
    submit(21, true);
    writer_store(writer);
    cr_assert(next_seq_is(2));
    cr_assert_not(out_events_is_drained(writer));
    submit(1, true);
    writer_store(writer);
    cr_assert(next_seq_is(3));
    cr_assert_eq(books_now().accepted, 44);
    submit(1, true);
    writer_store(writer);
    cr_assert(next_seq_is(3));
    submit(1, false);
    writer_store(writer);
    cr_assert(next_seq_is(4));
    cr_assert_eq(answered[STATUS_OK], 1);
    submit(1, true);
    RUN_UNTIL(next_seq_is, 5);
}

/* What was put off long enough is done when a batch has gone out. */
Test(out_events, syncs_behind_a_batch) {
    start_writer();
    start_detector();
    commits = false;
    submit(1, true);
    writer_store(writer);
    submit(1, true);
    writer_store(writer);
    cr_assert(writer->unsynced);
    writer->unsynced_at = clock_mono_add_ms(writer->unsynced_at, -1000);
    submit(1, true);
    writer_store(writer);
    cr_assert(next_seq_is(3));
    cr_assert_not(writer->unsynced);
    cr_assert_eq(writer->sync_timer, 0);
}

static void submit_many(uint64_t count) {
    for (uint64_t i = 0; i < count; i++)
        submit(1, true);
}

/* Clients who waited at once are waited for the next time, though nothing is under way; when they
 * do not come, not for longer than a batch takes, and not for some batches behind that. */
Test(out_events, a_batch_waits_for_the_crowd) {
    start_writer();
    start_detector();
    start_incident();
    submit_many(16);
    writer_store(writer);
    RUN_UNTIL(answers_reached, 16);
    submit_many(15);
    writer_store(writer);
    cr_assert(next_seq_is(1), "one of them is not there yet");
    submit(1, true);
    writer_store(writer);
    cr_assert(next_seq_is(2));
    RUN_UNTIL(answers_reached, 32);
    writer->window.average_ns = 1000000;
    submit_many(3);
    writer_store(writer);
    cr_assert(next_seq_is(2));
    struct itimerspec left;
    cr_assert_eq(timerfd_gettime(writer->gather_fd, &left), 0);
    cr_assert(left.it_value.tv_sec == 0 && left.it_value.tv_nsec <= 1000000);
    RUN_UNTIL(answers_reached, 35);
    cr_assert(next_seq_is(3));
    submit_many(16);
    writer_store(writer);
    RUN_UNTIL(answers_reached, 51);
    for (uint64_t seq = 4; seq < 10; seq++) {
        submit(1, true);
        writer_store(writer);
        cr_assert(next_seq_is(seq + 1), "batch %" PRIu64 " does not wait", seq);
        RUN_UNTIL(answers_reached, 48 + seq);
    }
    submit(1, true);
    writer_store(writer);
    cr_assert(next_seq_is(10), "it is tried again");
    RUN_UNTIL(answers_reached, 58);
}

/* The sync is put off only as long as nobody's answer needs it. */
Test(out_events, syncs_before_it_answers) {
    config.verdict_timeout_ms = 200;
    start_writer();
    submit(1, true);
    writer_store(writer);
    cr_assert(writer->unsynced);
    submit(1, false);
    writer_store(writer);
    cr_assert_not(writer->unsynced);
    cr_assert_eq(answered[STATUS_OK], 1);
    submit(1, true);
    writer_store(writer);
    cr_assert(writer->unsynced);
    RUN_UNTIL(answers_reached, 3);
    cr_assert_eq(answered[STATUS_TIMEOUT], 2);
    cr_assert_not(writer->unsynced);
}

Test(out_events, sends_again_what_a_killed_detector_had) {
    start_writer();
    start_incident();
    start_detector();
    commits = false;
    submit_batches(20);
    RUN_UNTIL(batches_reached, 20);
    uint64_t hash = last_hash;
    cr_assert_eq(last_head.seq, 19);
    wire_destroy(&detector);
    start_detector();
    commits = true;
    RUN_UNTIL(committed_reached, 20);
    const struct counter *on_evidence =
        counter_new("siem_batches_resent_total", "cause=\"peer_lost\"", "");
    cr_assert_eq(counter_read(on_evidence), 20, "not by the timeout");
    cr_assert_eq(highest_attempt, 2);
    for (uint64_t seq = 0; seq < 20; seq++)
        cr_assert_eq(committed[1][seq], 1);
    if (last_head.seq == 19)
        cr_assert_eq(last_hash, hash); /* the same bytes */
    RUN_UNTIL(spooled_is, 0);
}

Test(out_events, sends_again_what_nobody_receipts) {
    start_writer();
    start_incident();
    start_detector();
    commits_from = 2;
    submit_batches(1);
    RUN_UNTIL(committed_reached, 1);
    RUN_UNTIL(spooled_is, 0);
    cr_assert_eq(events_committed, 1);
}

Test(out_events, holds_no_more_than_the_window_and_sends_a_backlog_in_order) {
    start_writer();
    start_incident();
    submit_batches(500);
    struct mallinfo2 before = mallinfo2();
    submit_batches(9500);
    struct mallinfo2 after = mallinfo2();
    cr_expect_lt(after.uordblks, before.uordblks + (256 << 10)); /* whatever the backlog */
    cr_assert_eq(books_now().spooled, 10000);
    start_detector();
    RUN_UNTIL(committed_reached, 10000);
    RUN_UNTIL(spooled_is, 0);
    cr_assert_eq(in_flight_most, WINDOW_BATCHES_MAX);
    cr_assert_eq(batches_got, 10000 + duplicates);
    cr_assert_eq(books_now().accepted, 10000);
}

Test(out_events, restarts_with_what_was_not_receipted) {
    start_writer();
    submit_batches(30);
    uint64_t producer = books_now().producer;
    out_events_destroy(&writer);
    start_writer();
    submit_batches(10);
    cr_assert_eq(books_now().producer, producer);
    cr_assert_eq(books_now().epoch, 2);
    cr_assert_eq(books_now().accepted, 40);
    cr_assert_eq(books_now().spooled, 40);
    out_events_destroy(&writer);
    start_writer();
    start_incident();
    start_detector();
    RUN_UNTIL(committed_reached, 40);
    RUN_UNTIL(spooled_is, 0);
    cr_assert(known[1] && known[2] && !known[3]); /* with their own epoch and seq */
    cr_assert_eq(committed[1][29] + committed[2][9], 2);
    submit_batches(1);
    RUN_UNTIL(committed_reached, 41);
    cr_assert_eq(committed[3][0], 1);
    cr_assert_eq(last_head.accepted_before, 40);
}

Test(out_events, a_restart_sends_little_of_what_was_receipted) {
    start_writer();
    start_incident();
    start_detector();
    submit_batches(300);
    RUN_UNTIL(spooled_is, 0);
    out_events_destroy(&writer);
    wire_destroy(&detector);
    start_writer();
    start_detector();
    uint64_t before = batches_got;
    RUN_UNTIL(batches_reached, before + 1); /* the probe */
    RUN_UNTIL(spooled_is, 0);
    cr_assert_eq(batches_got, before + 1);
    cr_assert_eq(last_head.seq, 299);
    cr_assert_eq(events_committed, 300);
}

Test(out_events, heals_a_redis_that_lost_its_last_batches) {
    start_writer();
    start_incident();
    start_detector();
    submit_batches(100);
    RUN_UNTIL(spooled_is, 0);
    for (uint64_t seq = 60; seq < 100; seq++) {
        events_committed -= committed[1][seq];
        committed[1][seq] = 0;
    }
    RUN_UNTIL(committed_reached, 100);
    RUN_UNTIL(spooled_is, 0);
    cr_assert_eq(batches_got, 140); /* from its floor, and no more */
    cr_assert_eq(duplicates, 0);
}

Test(out_events, heals_a_redis_that_lost_a_hole_above_its_floor) {
    tells_all_ranges = true;
    start_writer();
    start_incident();
    start_detector();
    submit_batches(100);
    RUN_UNTIL(spooled_is, 0);
    const uint64_t holes[] = {30, 50, 99};
    for (size_t i = 0; i < 3; i++) {
        committed[1][holes[i]] = 0;
        events_committed--;
    }
    RUN_UNTIL(committed_reached, 100);
    RUN_UNTIL(spooled_is, 0);
    cr_assert_eq(batches_got, 103); /* the ranges spare the others */
}

Test(out_events, heals_earlier_epochs_of_a_redis_that_was_restored) {
    start_writer();
    start_incident();
    start_detector();
    submit_batches(20);
    RUN_UNTIL(spooled_is, 0);
    out_events_destroy(&writer);
    start_writer();
    submit_batches(20);
    RUN_UNTIL(spooled_is, 0);
    memset(committed[1], 0, BATCHES_PLAYED); /* everything is gone, the epochs are unknown */
    memset(committed[2], 0, BATCHES_PLAYED);
    events_committed = 0;
    known[1] = known[2] = false;
    submit_batches(1); /* its receipt shows it */
    RUN_UNTIL(committed_reached, 41);
    RUN_UNTIL(spooled_is, 0);
}

Test(out_events, does_not_send_for_ever_what_a_lost_redis_waits_for_in_vain) {
    config.spool_retain_ms = 0;
    start_writer();
    start_incident();
    start_detector();
    for (int i = 0; i < 20; i++) {
        cr_assert_eq(out_events_submit(writer, submission_of(4, 60000, false)), STATUS_OK);
        writer_store(writer);
    }
    RUN_UNTIL(committed_reached, 80);
    RUN_UNTIL(spooled_is, 0);
    writer_release(writer);
    uint64_t first = spool_first(writer->spool);
    cr_assert_gt(first, 0);
    memset(committed[1], 0, BATCHES_PLAYED);
    events_committed = 0;
    RUN_UNTIL(committed_reached, 4 * (20 - first)); /* all that is still there */
    RUN_UNTIL(spooled_is, 0);
    uint64_t got = batches_got;
    epoch_of_writer()->rewound = false; /* as if the pause were over */
    watched_from = clock_mono();
    RUN_UNTIL(ms_watched_reached, 2 * EPOCH_DOUBT_MS);
    submit_batches(1);
    RUN_UNTIL(committed_reached, 4 * (20 - first) + 1);
    RUN_UNTIL(spooled_is, 0);
    cr_assert_eq(batches_got, got + 1);
    writer_release(writer); /* and the disk is given back all the same */
    cr_assert_eq(spool_floor(writer->spool), 21);
}

Test(out_events, one_late_receipt_sends_nothing_again) {
    start_writer();
    start_incident();
    start_detector();
    submit_batches(100);
    RUN_UNTIL(spooled_is, 0);
    uint8_t *truth = committed[1];
    committed[1] = calloc(BATCHES_PLAYED, 1);
    publish_epoch(1);
    free(committed[1]);
    committed[1] = truth;
    publish_epoch(1);
    publishes = false;
    watched_from = clock_mono();
    RUN_UNTIL(ms_watched_reached, EPOCH_DOUBT_MS + 200);
    publishes = true;
    submit_batches(1);
    RUN_UNTIL(committed_reached, 101);
    cr_assert_eq(batches_got, 101);
}

Test(out_events, an_event_that_kills_detectors_is_skipped) {
    start_writer();
    start_incident();
    start_detector();
    commits_from = CRASHES_TO_SKIP + 1;
    submit(5, false);
    crash_told = (struct receipt_crash){0, 3};
    known[1] = true;
    tells_crash = true;
    RUN_UNTIL(quarantined_reached, 1);
    cr_assert_eq(last_delivery.skip_count, 1);
    cr_assert_eq(last_delivery.skip[0], 3);
    RUN_UNTIL(spooled_is, 0);
    cr_assert_eq(events_committed + events_quarantined, 5);
}

Test(out_events, a_damaged_batch_is_booked_as_quarantined_and_blocks_nothing) {
    start_writer();
    submit_batches(3);
    submit(7, false);
    writer_store(writer);
    submit_batches(3);
    out_events_destroy(&writer);
    char path[128];
    snprintf(path, sizeof path, "%s/spool/0000000000000000.spool", directory);
    int fd = open(path, O_RDWR);
    static uint8_t content[65536];
    cr_assert_gt(pread(fd, content, sizeof content, 0), 0);
    size_t at = 32;
    for (int record = 0; record < 3; record++)
        at += 24 + (spool_get(content + at + 4, 4) + 7) / 8 * 8;
    content[at + 100] ^= 0x40;
    cr_assert_eq(pwrite(fd, content + at + 100, 1, (off_t)at + 100), 1);
    close(fd);
    start_writer();
    cr_assert_eq(books_now().accepted, 13);
    start_incident();
    start_detector();
    RUN_UNTIL(committed_reached, 6);
    RUN_UNTIL(spooled_is, 0);
    cr_assert_eq(events_committed, 6);
    cr_assert_eq(events_quarantined, 7);
}

Test(out_events, a_full_queue_refuses_and_a_list_alone_is_taken) {
    start_writer();
    struct submission *list = NULL;
    for (int i = 0; i < 8; i++) {
        struct submission *large = submission_of(4, 60000, false);
        large->next = list;
        list = large;
    }
    cr_assert_eq(out_events_submit(writer, list), STATUS_OK); /* 1.9 MB, the bound is 1 MiB */
    struct submission *small = submission_of(1, 10, false);
    cr_assert_eq(out_events_submit(writer, small), STATUS_FULL);
    RUN_UNTIL(answers_reached, 8);
    cr_assert_eq(out_events_submit(writer, small), STATUS_OK);
    RUN_UNTIL(answers_reached, 9);
    cr_assert_eq(answered[STATUS_OK], 9);
}

Test(out_events, a_full_spool_refuses_whole_submissions_and_goes_on_later) {
    config.spool_max_bytes = 4 << 20;
    start_writer();
    start_incident();
    uint64_t sent = 0;
    while (answered[STATUS_DISK_FULL] == 0) {
        cr_assert_eq(out_events_submit(writer, submission_of(4, 60000, false)), STATUS_OK);
        writer_store(writer);
        sent++;
    }
    cr_assert_eq(answered[STATUS_OK] + answered[STATUS_DISK_FULL], sent);
    cr_assert_eq(books_now().accepted, 4 * answered[STATUS_OK]);
    struct submission *refused = submission_of(1, 10, false);
    cr_assert_eq(out_events_submit(writer, refused), STATUS_DISK_FULL); /* at once */
    start_detector();
    RUN_UNTIL(spooled_is, 0);
    writer_release(writer);
    submission_queue_settle(&writer->queue, 0, false);
    cr_assert_eq(out_events_submit(writer, refused), STATUS_OK);
    uint64_t before = answered[STATUS_OK];
    RUN_UNTIL(answers_reached, sent + 1);
    cr_assert_eq(answered[STATUS_OK], before + 1);
}

#define CLIENTS 4
#define CLIENT_SUBMISSIONS 3000

static void *play_client(void *unused) {
    (void)unused;
    for (int i = 0; i < CLIENT_SUBMISSIONS; i++) {
        struct submission *submission = submission_of(2, 50, i % 7 == 0);
        while (out_events_submit(writer, submission) != STATUS_OK) {
            struct ledger_books books; /* the queue is full: look at the books meanwhile */
            out_events_books(writer, &books);
            sched_yield();
        }
    }
    return NULL;
}

Test(out_events, answers_each_submission_of_many_threads_once) {
    config.verdict_timeout_ms = 300;
    start_writer();
    start_incident();
    start_detector();
    pthread_t clients[CLIENTS];
    for (int i = 0; i < CLIENTS; i++)
        pthread_create(&clients[i], NULL, play_client, NULL);
    RUN_UNTIL(answers_reached, CLIENTS * CLIENT_SUBMISSIONS);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(clients[i], NULL);
    RUN_UNTIL(spooled_is, 0);
    cr_assert(answers_reached(CLIENTS * CLIENT_SUBMISSIONS));
    cr_assert_not(answers_reached(CLIENTS * CLIENT_SUBMISSIONS + 1));
    cr_assert_eq(books_now().accepted, 2 * CLIENTS * CLIENT_SUBMISSIONS);
    cr_assert_eq(events_committed, 2 * CLIENTS * CLIENT_SUBMISSIONS);
    cr_assert(out_events_is_drained(writer));
}

Test(out_events, answers_everybody_when_it_is_destroyed) {
    start_writer();
    submit(1, true);
    writer_store(writer);
    submit(1, false);
    cr_assert_not(out_events_is_drained(writer));
    out_events_destroy(&writer);
    cr_assert_eq(answered[STATUS_TIMEOUT], 1);
    cr_assert_eq(answered[STATUS_UNAVAILABLE], 1);
}

Test(out_events, receipts_that_are_nonsense_change_nothing) {
    start_writer();
    start_incident();
    start_detector();
    submit_batches(5);
    RUN_UNTIL(spooled_is, 0);
    const uint8_t garbage[] = {0x97, 0x01, 0xdd, 0xff, 0xff, 0xff, 0xff};
    publish((struct bytes){garbage, sizeof garbage});
    publish((struct bytes){NULL, 0});
    const struct receipt_range range = {0, UINT64_MAX};
    const struct receipt_crash crash = {UINT64_MAX, UINT32_MAX};
    const struct receipt hostile = {.producer = spool_producer(writer->spool),
                                    .epoch = 1,
                                    .floor = UINT64_MAX,
                                    .range_count = 1,
                                    .ranges = &range,
                                    .crash_count = 1,
                                    .crashes = &crash};
    for (uint32_t epoch = 0; epoch < 3; epoch++) {
        struct receipt receipt = hostile;
        receipt.epoch = epoch;
        writer_on_receipt(writer, &receipt);
    }
    submit_batches(5);
    RUN_UNTIL(committed_reached, 10); /* the truth, said again, heals what the lie took out */
    RUN_UNTIL(spooled_is, 0);
}

Test(out_events, says_who_can_be_reached) {
    start_writer();
    RUN_UNTIL(detectors_are, 0);
    cr_assert_not(books_now().receipts);
    start_detector();
    start_incident();
    RUN_UNTIL(detectors_are, 1);
    RUN_UNTIL(receipts_heard, 1);
    wire_destroy(&detector);
    wire_destroy(&incident);
    RUN_UNTIL(detectors_are, 0);
    RUN_UNTIL(receipts_heard, 0);
    submit_batches(1);
    RUN_UNTIL(spooled_is, 1);
    writer_publish_books(writer);
    cr_assert_geq(writer_oldest_ms(writer), 5000);
    cr_assert_lt(writer_oldest_ms(writer), 60000);
}
