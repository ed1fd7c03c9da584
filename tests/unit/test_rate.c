/* test_rate.c: reading rates, and what a bucket lets through over time. */
#include "common/rate.h"

#include <criterion/criterion.h>

Test(rate, reads_what_is_a_rate_and_nothing_else) {
    static const struct {
        const char *text;
        int64_t count, period_ms;
    } good[] = {{"", 0, 0},
                {"1/second", 1, 1000},
                {"100/minute", 100, 60000},
                {"5000/hour", 5000, 3600000},
                {"1000000000/day", 1000000000, 86400000}};
    static const char *const bad[] = {
        "100",         "/minute",        "0/minute",    "-1/minute",
        "100/week",    "100/ minute",    "100/minutes", "1e3/hour",
        "100 /minute", "1000000001/day", "/",           "99999999999999999999/day"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct rate rate = {-1, -1};
        cr_expect_eq(rate_parse(text_of(good[i].text), &rate), STATUS_OK, "%s", good[i].text);
        cr_expect_eq(rate.count, good[i].count);
        cr_expect_eq(rate.period_ms, good[i].period_ms);
        cr_expect_eq(rate_is_set(&rate), good[i].count > 0);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct rate rate = {-1, -1};
        cr_expect_eq(rate_parse(text_of(bad[i]), &rate), STATUS_BAD_SYNTAX, "%s", bad[i]);
        cr_expect_eq(rate.count, -1, "untouched");
    }
}

/* Takes all there is; how many. */
static int drain(const struct rate *rate, struct rate_bucket *bucket, struct mono_time now) {
    int taken = 0;
    while (rate_take(rate, bucket, now))
        taken++;
    return taken;
}

Test(rate, gives_the_whole_count_at_once_and_then_one_an_interval) {
    const struct rate rate = {100, 60000};
    struct rate_bucket bucket = {{0}};
    struct mono_time now = {1000000000};
    cr_expect_eq(rate_left(&rate, &bucket, now), 100);
    cr_expect_eq(drain(&rate, &bucket, now), 100);
    cr_expect_eq(rate_left(&rate, &bucket, now), 0);
    cr_expect_eq(rate_wait_ns(&rate, &bucket, now), 600000000);
    now.ns += 599999999;
    cr_expect_eq(drain(&rate, &bucket, now), 0);
    now.ns += 1;
    cr_expect_eq(drain(&rate, &bucket, now), 1);
    now.ns += 6000000000;
    cr_expect_eq(rate_left(&rate, &bucket, now), 10);
    cr_expect_eq(drain(&rate, &bucket, now), 10);
    now.ns += INT64_C(3600000000000);
    cr_expect_eq(drain(&rate, &bucket, now), 100, "no more than full, however long it rests");
}

/* Whoever asks all the time gets the rate, whatever the count does not divide. */
Test(rate, holds_over_a_long_time) {
    static const struct rate rates[] = {{7, 1000}, {100, 60000}, {1000, 1000}, {3, 86400000}};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        struct rate_bucket bucket = {{0}};
        int64_t step_ns = rate_interval_ns(&rates[i]) / 3 + 1;
        int64_t taken = 0;
        struct mono_time now = {1};
        for (; now.ns < rates[i].period_ms * 1000000 * 10; now.ns += step_ns)
            taken += drain(&rates[i], &bucket, now);
        int64_t wanted = rates[i].count * 11;
        cr_expect(taken >= wanted - rates[i].count / 50 - 1 && taken <= wanted + 1,
                  "%lld of %lld/%lld", (long long)taken, (long long)rates[i].count,
                  (long long)rates[i].period_ms);
    }
}
