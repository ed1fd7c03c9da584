/* test_siemctl_gaps.c: a subscriber shows each threat once, and knows what it has not seen. */
#include "services/siemctl/gap_tracker.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define A TEXT("publisher-a")
#define B TEXT("publisher-b")

static struct gap_tracker tracker;

static void start(void) {
    gap_tracker_init(&tracker);
}

TestSuite(gaps, .init = start);

Test(gaps, messages_in_order_are_taken_once) {
    cr_expect(gap_tracker_is_ahead(&tracker, A, 5), "a new publisher is ahead");
    for (uint64_t seq = 5; seq < 9; seq++) {
        cr_expect(gap_tracker_take(&tracker, A, seq));
        cr_expect_not(gap_tracker_take(&tracker, A, seq));
        cr_expect_not(gap_tracker_is_ahead(&tracker, A, seq + 1));
    }
    cr_expect_eq(gap_tracker_missing(&tracker), 0);
}

Test(gaps, what_came_before_the_first_is_not_missing) {
    cr_expect(gap_tracker_take(&tracker, A, 100));
    cr_expect_not(gap_tracker_take(&tracker, A, 99));
    cr_expect_eq(gap_tracker_missing(&tracker), 0);
}

Test(gaps, a_hole_is_filled_in_any_order_and_once) {
    cr_assert(gap_tracker_take(&tracker, A, 1));
    cr_expect(gap_tracker_is_ahead(&tracker, A, 6));
    cr_expect(gap_tracker_take(&tracker, A, 6));
    cr_expect_eq(gap_tracker_missing(&tracker), 4);
    static const uint64_t order[] = {3, 5, 2, 4};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        cr_expect(gap_tracker_take(&tracker, A, order[i]));
        cr_expect_not(gap_tracker_take(&tracker, A, order[i]));
        cr_expect_eq(gap_tracker_missing(&tracker), 3 - i);
    }
    cr_expect(gap_tracker_take(&tracker, A, 7));
}

Test(gaps, publishers_are_counted_apart) {
    cr_expect(gap_tracker_take(&tracker, A, 1));
    cr_expect(gap_tracker_take(&tracker, B, 10));
    cr_expect(gap_tracker_take(&tracker, A, 3));
    cr_expect_not(gap_tracker_take(&tracker, B, 2), "the hole is A's");
    cr_expect(gap_tracker_take(&tracker, A, 2));
    cr_expect(gap_tracker_take(&tracker, B, 11));
}

Test(gaps, a_heartbeat_tells_of_the_last_words) {
    gap_tracker_take(&tracker, A, 4);
    gap_tracker_expect(&tracker, A, 4);
    cr_expect_eq(gap_tracker_missing(&tracker), 0);
    gap_tracker_expect(&tracker, A, 6);
    cr_expect_eq(gap_tracker_missing(&tracker), 2);
    cr_expect(gap_tracker_take(&tracker, A, 6));
    cr_expect(gap_tracker_take(&tracker, A, 5));
    cr_expect(gap_tracker_take(&tracker, A, 7));
}

Test(gaps, a_heartbeat_of_a_stranger_leaves_no_hole) {
    gap_tracker_expect(&tracker, A, 50);
    cr_expect_eq(gap_tracker_missing(&tracker), 0);
    cr_expect_not(gap_tracker_is_ahead(&tracker, A, 51));
    gap_tracker_expect(&tracker, B, 0);
    cr_expect_not(gap_tracker_is_ahead(&tracker, B, 1), "a publisher that published nothing yet");
    cr_expect(gap_tracker_take(&tracker, B, 1));
}

Test(gaps, what_is_given_up_is_counted_and_not_taken_later) {
    gap_tracker_take(&tracker, A, 1);
    gap_tracker_take(&tracker, A, 4);
    cr_expect_eq(gap_tracker_give_up(&tracker), 2);
    cr_expect_eq(tracker.lost, 2);
    cr_expect_not(gap_tracker_take(&tracker, A, 2));
}

Test(gaps, silence_is_reported_once) {
    struct mono_time start_time = clock_mono();
    gap_tracker_hear(&tracker, A, start_time);
    cr_expect_not(gap_tracker_has_vanished(&tracker, clock_mono_add_ms(start_time, 900), 1000));
    cr_expect(gap_tracker_has_vanished(&tracker, clock_mono_add_ms(start_time, 1100), 1000));
    cr_expect_not(gap_tracker_has_vanished(&tracker, clock_mono_add_ms(start_time, 1200), 1000));
    gap_tracker_hear(&tracker, A, clock_mono_add_ms(start_time, 1300));
    cr_expect_not(gap_tracker_has_vanished(&tracker, clock_mono_add_ms(start_time, 1400), 1000));
    cr_expect(gap_tracker_has_vanished(&tracker, clock_mono_add_ms(start_time, 2400), 1000));
}

Test(gaps, the_bounds_hold) {
    char name[32];
    for (int i = 0; i < 3 * GAP_PUBLISHERS_MAX; i++) {
        snprintf(name, sizeof name, "publisher-%d", i);
        cr_expect(gap_tracker_take(&tracker, text_of(name), 1));
        gap_tracker_hear(&tracker, text_of(name), (struct mono_time){i});
    }
    cr_expect_eq(tracker.publisher_count, GAP_PUBLISHERS_MAX);
    start();
    for (uint64_t i = 0; i <= GAP_HOLES_MAX; i++)
        gap_tracker_take(&tracker, A, 1 + 2 * i);
    gap_tracker_take(&tracker, A, 2 * GAP_HOLES_MAX + 3);
    cr_expect_eq(tracker.hole_count, GAP_HOLES_MAX);
    cr_expect_eq(tracker.lost, 1, "the oldest hole was given up");
}
