/* test_window.c: what is in flight is bounded, and is sent again when it must be and not before. */
#include "services/ingest/crashes.h"
#include "services/ingest/epochs.h"
#include "services/ingest/window.h"

#include <criterion/criterion.h>

static struct epochs epochs;
static struct window window;
static struct epoch *epoch;
static struct mono_time now;
static uint64_t receipted;

static void prepare(void) {
    now.ns = INT64_C(1000000000000);
    epochs_init(&epochs);
    const struct batch_head head = {.producer = 7, .epoch = 3};
    epoch = epochs_add(&epochs, &head, 100);
    epoch->end_seq = 1000000;
    window_init(&window, now);
    receipted = 0;
}

static void clean(void) {
    epochs_fini(&epochs);
}

TestSuite(window, .init = prepare, .fini = clean);
TestSuite(epochs, .init = prepare, .fini = clean);
TestSuite(crashes, .init = prepare, .fini = clean);

static void add(uint64_t seq, uint32_t events, uint32_t bytes) {
    const struct flight flight = {.epoch = epoch, .seq = seq, .events = events, .bytes = bytes};
    window_add(&window, &flight, now);
}

static void pass_ms(int64_t ms) {
    now = clock_mono_add_ms(now, ms);
}

static void count_receipted(void *context, const struct flight *flight) {
    (void)context;
    (void)flight;
    receipted++;
}

static const struct window_listener listener = {count_receipted, NULL};

static struct receipt receipt_of(uint64_t floor, const struct receipt_range *ranges,
                                 uint32_t count) {
    return (struct receipt){
        .producer = 7, .epoch = 3, .floor = floor, .range_count = count, .ranges = ranges};
}

static void apply(uint64_t floor, uint64_t from, uint64_t to) {
    const struct receipt_range range = {from, to};
    const struct receipt receipt = receipt_of(floor, &range, from <= to);
    window_apply(&window, epoch, &receipt, now, listener);
}

/* How many batches are due now; each is noted as sent. */
static size_t send_due(void) {
    size_t sent = 0;
    size_t place = 0;
    struct flight *flight;
    while ((flight = window_due(&window, &place, now)) != NULL) {
        window_resent(&window, flight, now);
        sent++;
    }
    return sent;
}

Test(window, is_full_by_batches_by_events_and_by_bytes) {
    const struct {
        uint32_t events, bytes;
        size_t fits;
    } cases[] = {{1, 100, WINDOW_BATCHES_MAX},
                 {256, 100, WINDOW_EVENTS_MAX / 256},
                 {1, BATCH_SIZE_MAX, WINDOW_BYTES_MAX / BATCH_SIZE_MAX}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        window_init(&window, now);
        size_t fits = 0;
        for (; window_has_room(&window); fits++)
            add(fits, cases[i].events, cases[i].bytes);
        cr_assert_eq(fits, cases[i].fits, "case %zu: %zu", i, fits);
        cr_assert_leq(window.events, WINDOW_EVENTS_MAX);
        cr_assert_leq(window.bytes, WINDOW_BYTES_MAX);
    }
}

Test(window, a_receipt_takes_out_what_it_covers) {
    for (uint64_t seq = 0; seq < 10; seq++)
        add(seq, 2, 50);
    apply(3, 5, 6);
    cr_assert_eq(receipted, 5);
    cr_assert_eq(window.count, 5);
    cr_assert_eq(window.events, 10);
    cr_assert_eq(window.bytes, 250);
    cr_assert_null(window_find(&window, epoch, 5));
    cr_assert_not_null(window_find(&window, epoch, 4));
    cr_assert_eq(window_lowest(&window, epoch), 3);
    apply(10, 1, 0);
    cr_assert_eq(window.count, 0);
    cr_assert_eq(window.events, 0);
    cr_assert_eq(window.bytes, 0);
}

Test(window, another_epoch_s_receipt_takes_out_nothing) {
    const struct batch_head head = {.producer = 7, .epoch = 4};
    struct epoch *other = epochs_add(&epochs, &head, 2000000);
    add(0, 1, 1);
    const struct receipt receipt = receipt_of(10, NULL, 0);
    window_apply(&window, other, &receipt, now, listener);
    cr_assert_eq(window.count, 1);
}

Test(window, waits_twice_as_long_each_time_up_to_a_bound) {
    add(0, 1, 1);
    int64_t expected = RESEND_FIRST_MS;
    for (int i = 0; i < 8; i++) {
        cr_assert_eq(send_due(), 0);
        pass_ms(expected * 3 / 4 - 1);
        cr_assert_eq(send_due(), 0, "too early, round %d", i);
        pass_ms(expected / 2 + 2);
        cr_assert_eq(send_due(), 1, "too late, round %d", i);
        expected = expected * 2 < RESEND_LONGEST_MS ? expected * 2 : RESEND_LONGEST_MS;
    }
    cr_assert_eq(window.flights[0].attempt, 9);
}

Test(window, while_nothing_comes_back_only_the_oldest_is_sent_again) {
    for (uint64_t seq = 0; seq < 100; seq++)
        add(seq, 1, 1);
    pass_ms(10000);
    cr_assert_eq(send_due(), 1);
    cr_assert_eq(window_find(&window, epoch, 0)->attempt, 2);
    pass_ms(60000);
    cr_assert_eq(send_due(), 1);
    /* It comes back: the others get time to do so, too, then they are lost. */
    apply(1, 1, 0);
    cr_assert_eq(send_due(), 1); /* the next oldest */
    pass_ms(RESEND_FIRST_MS - 1);
    cr_assert_eq(send_due(), 0);
    pass_ms(1);
    cr_assert_eq(send_due(), 98);
}

Test(window, what_was_overtaken_is_sent_again) {
    add(0, 1, 1);
    add(1, 1, 1);
    add(2, 1, 1);
    pass_ms(10);
    apply(0, 2, 2);
    pass_ms(2600);
    cr_assert_eq(send_due(), 2);
}

/* One detector of several hangs without going: its batches do not wait for the long time-out. */
Test(window, what_a_later_batch_overtook_is_sent_again_soon) {
    add(0, 1, 1);
    pass_ms(1);
    add(1, 1, 1);
    pass_ms(5);
    cr_assert_eq(send_due(), 0);
    apply(0, 1, 1);
    pass_ms(OVERTAKEN_LEAST_MS - 7);
    cr_assert_eq(send_due(), 0, "too early");
    pass_ms(1);
    cr_assert_eq(send_due(), 1);
    cr_assert_eq(window_find(&window, epoch, 0)->attempt, 2);
    cr_assert_eq(window_find(&window, epoch, 0)->cause, RESEND_TIMEOUT);
    /* Nothing that left after it has come back yet; then something has. */
    pass_ms(OVERTAKEN_LEAST_MS);
    cr_assert_eq(send_due(), 0);
    add(2, 1, 1);
    pass_ms(1);
    apply(0, 1, 2);
    cr_assert_eq(send_due(), 0, "the second time it gets twice as long");
    pass_ms(OVERTAKEN_LEAST_MS);
    cr_assert_eq(send_due(), 1);
}

/* Slow is not stuck: what batches take on average is waited for several times over. */
Test(window, when_all_are_slow_the_overtaken_are_waited_for_longer) {
    for (uint64_t seq = 0; seq < 100; seq++) {
        add(seq, 1, 1);
        pass_ms(100);
        apply(seq + 1, 1, 0);
    }
    add(100, 1, 1);
    pass_ms(1);
    add(101, 1, 1);
    pass_ms(100);
    apply(100, 101, 101);
    pass_ms(OVERTAKEN_LEAST_MS + 100);
    cr_assert_eq(send_due(), 0);
    pass_ms(500);
    cr_assert_eq(send_due(), 1);
}

Test(window, evidence_of_loss_makes_all_due_after_the_grace) {
    for (uint64_t seq = 0; seq < 100; seq++)
        add(seq, 1, 1);
    window_suspect_all(&window, now);
    cr_assert_eq(send_due(), 0);
    pass_ms(RESEND_GRACE_MS / 2);
    apply(50, 1, 0); /* these were not lost */
    pass_ms(RESEND_GRACE_MS / 2);
    cr_assert_eq(send_due(), 50);
    cr_assert_eq(send_due(), 0);
}

Test(window, evidence_again_does_not_put_off_what_is_due) {
    add(0, 1, 1);
    window_suspect_all(&window, now);
    for (int i = 0; i < 3; i++) {
        pass_ms(RESEND_GRACE_MS / 2);
        window_suspect_all(&window, now);
    }
    cr_assert_eq(send_due(), 1);
}

Test(window, a_crash_is_sent_again_at_once) {
    add(0, 1, 1);
    add(1, 1, 1);
    window_suspect(window_find(&window, epoch, 1), RESEND_CRASH, now);
    cr_assert_eq(send_due(), 1);
    cr_assert_eq(window_find(&window, epoch, 1)->attempt, 2);
}

Test(epochs, batches_map_to_numbers_and_back) {
    const struct batch_head head = {.producer = 7, .epoch = 4, .seq = 40};
    struct epoch *second = epochs_add(&epochs, &head, 500);
    second->end_seq = 60;
    cr_assert_eq(epoch_number(second, 45), 505);
    cr_assert_eq(epoch_seq_from(second, 505), 45);
    cr_assert_eq(epoch_seq_from(second, 3), 40);
    cr_assert_eq(epoch_seq_from(second, 9999), 60);
    cr_assert_eq(epochs_find(&epochs, 7, 4), second);
    cr_assert_null(epochs_find(&epochs, 8, 4));
    cr_assert_eq(epochs_newest(&epochs), second);
}

/* One receipt after `pause_ms`: its floor, and whether batch `floor` counts as receipted with us.
 */
struct step {
    int64_t pause_ms;
    bool held;
    enum epoch_news news;
};

Test(epochs, a_floor_that_went_back_is_believed_when_it_persists) {
    const struct {
        const char *what;
        struct step steps[8];
    } cases[] = {
        {"one late receipt", {{0, true, EPOCH_DOUBTED}, {10, false, EPOCH_AGREES}}},
        {"a burst of late receipts of a publisher that was stopped, then a fresh one",
         {{0, true, EPOCH_DOUBTED},
          {1, true, EPOCH_DOUBTED},
          {1, true, EPOCH_DOUBTED},
          {900, false, EPOCH_AGREES},
          {900, true, EPOCH_DOUBTED},
          {1000, false, EPOCH_AGREES}}},
        {"two publishers, one of them always behind",
         {{0, true, EPOCH_DOUBTED},
          {500, false, EPOCH_AGREES},
          {500, true, EPOCH_DOUBTED},
          {500, false, EPOCH_AGREES},
          {1000, true, EPOCH_DOUBTED},
          {1000, false, EPOCH_AGREES}}},
        {"Redis lost data",
         {{0, true, EPOCH_DOUBTED}, {1000, true, EPOCH_DOUBTED}, {1000, true, EPOCH_WENT_BACK}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        epoch->doubted = false;
        for (const struct step *step = cases[i].steps; step->pause_ms > 0 || step->held; step++) {
            pass_ms(step->pause_ms);
            const struct receipt receipt = receipt_of(5, NULL, 0);
            cr_assert_eq(epoch_judge(epoch, &receipt, step->held, now), step->news, "%s, step %td",
                         cases[i].what, step - cases[i].steps);
        }
    }
}

Test(epochs, is_not_rewound_again_while_it_is_being_sent_again) {
    const struct receipt receipt = receipt_of(5, NULL, 0);
    epoch->cursor = 10;
    cr_assert_eq(epoch_judge(epoch, &receipt, true, now), EPOCH_DOUBTED);
    pass_ms(2000);
    cr_assert_eq(epoch_judge(epoch, &receipt, true, now), EPOCH_WENT_BACK);
    epoch_rewind(epoch, 5, 0, now);
    epoch->cursor = 10;
    cr_assert_eq(epoch_judge(epoch, &receipt, true, now), EPOCH_DOUBTED);
    pass_ms(2000);
    cr_assert_eq(epoch_judge(epoch, &receipt, true, now), EPOCH_DOUBTED);
    pass_ms(3000);
    cr_assert_eq(epoch_judge(epoch, &receipt, true, now), EPOCH_WENT_BACK);
}

Test(epochs, passes_over_what_is_committed_above_the_floor) {
    const struct receipt_range ranges[] = {{5, 9}, {12, 20}};
    const struct receipt receipt = receipt_of(5, ranges, 2);
    epoch_remember(epoch, &receipt);
    const struct {
        uint64_t cursor, next;
    } cases[] = {{4, 4}, {5, 10}, {7, 10}, {10, 10}, {12, 21}, {20, 21}, {21, 21}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        epoch->cursor = cases[i].cursor;
        cr_assert_eq(epoch_pass_over(epoch), cases[i].next);
    }
    epoch->end_seq = 15;
    epoch->cursor = 12;
    cr_assert_eq(epoch_pass_over(epoch), 15);
}

static bool never_busy(const void *context, const struct epoch *item) {
    (void)context;
    (void)item;
    return false;
}

Test(epochs, forgets_those_that_are_gone_from_the_disk) {
    epoch->end_seq = epoch->cursor = 10; /* numbers 100..109 */
    struct batch_head head = {.producer = 7, .epoch = 4};
    epochs_add(&epochs, &head, 110)->end_seq = 10; /* not sent yet */
    head.epoch = 5;
    epochs_add(&epochs, &head, 120);
    epochs_forget_below(&epochs, 109, never_busy, NULL);
    cr_assert_eq(epochs.count, 3);
    epochs_forget_below(&epochs, 500, never_busy, NULL);
    cr_assert_eq(epochs.count, 2);
    epochs.items[0]->cursor = 10;
    epochs_forget_below(&epochs, 500, never_busy, NULL);
    cr_assert_eq(epochs.count, 1);
    cr_assert_eq(epochs_newest(&epochs)->epoch, 5);
}

Test(crashes, three_deaths_over_an_event_put_it_on_the_skip_list) {
    static struct crashes crashes;
    struct flight flight = {.epoch = epoch, .seq = 9, .events = 10};
    struct delivery delivery;
    for (uint32_t attempt = 1; attempt <= 3; attempt++) {
        crashes_skip(&crashes, epoch, 9, &delivery);
        cr_assert_eq(delivery.skip_count, 0);
        flight.attempt = attempt;
        cr_assert_eq(crashes_note(&crashes, &flight, 4), attempt);
        cr_assert_eq(crashes_note(&crashes, &flight, 4), 0); /* said twice, counted once */
        crashes_note(&crashes, &flight, 2);
    }
    crashes_skip(&crashes, epoch, 9, &delivery);
    cr_assert_eq(delivery.skip_count, 2);
    cr_assert_eq(delivery.skip[0], 2);
    cr_assert_eq(delivery.skip[1], 4);
    crashes_skip(&crashes, epoch, 8, &delivery);
    cr_assert_eq(delivery.skip_count, 0);
    crashes_forget(&crashes, epoch, 9);
    cr_assert_eq(crashes.count, 0);
}

Test(crashes, the_table_is_bounded) {
    static struct crashes crashes;
    struct flight flight = {.epoch = epoch, .attempt = 1};
    for (uint64_t seq = 0; seq < 2 * CRASHES_MAX; seq++) {
        flight.seq = seq;
        crashes_note(&crashes, &flight, 0);
    }
    cr_assert_eq(crashes.count, CRASHES_MAX);
    flight.seq = 2 * CRASHES_MAX - 1; /* the newest are remembered */
    flight.attempt = 2;
    cr_assert_eq(crashes_note(&crashes, &flight, 0), 2);
}
