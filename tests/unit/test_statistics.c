/* test_statistics.c: a batch's sums by day, hour, name and rule; pure functions. */
#include "services/incident/statistics.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define DAY_MS INT64_C(86400000)
#define HOUR_MS INT64_C(3600000)
#define DAY_10 (10 * DAY_MS)

static struct statistics statistics;
static struct time_zone *zone;

static void start_in(const char *name) {
    zone = time_zone_new(name);
    cr_assert_not_null(zone);
    statistics_reset(&statistics, zone);
}

static void start(void) {
    start_in("UTC");
}

static void stop(void) {
    time_zone_destroy(&zone);
}

TestSuite(statistics, .init = start, .fini = stop);

/* The tally of a kind, day and name; 0 when there is none. */
static uint32_t amount_of(enum tally_kind kind, uint32_t day, const char *name) {
    uint32_t amount = 0;
    for (uint32_t i = 0; i < statistics.tally_count; i++) {
        const struct tally *tally = &statistics.tallies[i];
        if (tally->kind == kind && tally->day == day && text_is(tally->name, name))
            amount += tally->amount;
    }
    return amount;
}

static void add_threat(int64_t time_ms, const char *address, const char *user) {
    statistics_add_event(&statistics, time_ms);
    statistics_add_threat(&statistics, &(struct counted_threat){.time_ms = time_ms,
                                                                .severity = SEVERITY_HIGH,
                                                                .type = EVENT_TYPE_FILE_ACCESS,
                                                                .address = text_of(address),
                                                                .user = text_of(user)});
}

/* Midnight belongs to the day it begins, 23:59:59.999 to the one it ends. */
Test(statistics, days_and_hours) {
    statistics_add_event(&statistics, DAY_10);
    statistics_add_event(&statistics, DAY_10 + DAY_MS - 1);
    statistics_add_event(&statistics, DAY_10 - 1);
    statistics_add_event(&statistics, DAY_10 + 5 * HOUR_MS);
    statistics_add_event(&statistics, 0);
    statistics_add_event(&statistics, EVENT_TIME_MAX);
    cr_assert_eq(statistics.day_count, 4);
    cr_expect_eq(statistics.days[0].day, 10);
    cr_expect_eq(statistics.days[0].total, 3);
    cr_expect_eq(statistics.days[0].by_hour[0], 1);
    cr_expect_eq(statistics.days[0].by_hour[5], 1);
    cr_expect_eq(statistics.days[0].by_hour[23], 1);
    cr_expect_eq(statistics.days[1].day, 9);
    cr_expect_eq(statistics.days[1].by_hour[23], 1);
    cr_expect_eq(statistics.days[2].day, 0);
    cr_expect_eq(statistics.days[3].by_hour[23], 1);
}

/* A zone's midnight divides the days, also the one before 1970. */
Test(statistics, days_of_a_zone) {
    stop();
    start_in("-05:30");
    statistics_add_event(&statistics, DAY_10 + 5 * HOUR_MS + HOUR_MS / 2 - 1);
    statistics_add_event(&statistics, DAY_10 + 5 * HOUR_MS + HOUR_MS / 2);
    statistics_add_event(&statistics, 0);
    cr_assert_eq(statistics.day_count, 3);
    cr_expect_eq(statistics.days[0].day, 9);
    cr_expect_eq(statistics.days[0].by_hour[23], 1);
    cr_expect_eq(statistics.days[1].day, 10);
    cr_expect_eq(statistics.days[1].by_hour[0], 1);
    cr_expect_eq(statistics.days[2].day, -1);
    cr_expect_eq(statistics.days[2].by_hour[18], 1);
}

/* Names are counted by day; null names not at all. */
Test(statistics, threats) {
    add_threat(DAY_10, "a", "u");
    add_threat(DAY_10 + 1, "a", NULL);
    add_threat(DAY_10 + DAY_MS, "a", "a");
    add_threat(DAY_10 + HOUR_MS, NULL, "u");
    cr_expect_eq(statistics.days[0].threats, 3);
    cr_expect_eq(statistics.days[0].threats_by_hour[0], 2);
    cr_expect_eq(statistics.days[0].threats_by_severity[SEVERITY_HIGH], 3);
    cr_expect_eq(statistics.days[1].threats_by_type[EVENT_TYPE_FILE_ACCESS], 1);
    cr_expect_eq(amount_of(TALLY_ADDRESS, 0, "a"), 2);
    cr_expect_eq(amount_of(TALLY_ADDRESS, 1, "a"), 1);
    cr_expect_eq(amount_of(TALLY_USER, 0, "u"), 2);
    cr_expect_eq(amount_of(TALLY_USER, 1, "a"), 1);
    cr_expect_eq(statistics.tally_count, 4);
}

/* The worst batch there can be: every name and rule another, every event another day. */
Test(statistics, limits) {
    static char names[TALLIES_MAX][8];
    for (uint32_t i = 0; i < TALLIES_MAX; i++)
        snprintf(names[i], sizeof(names[i]), "%x", i);
    for (int round = 0; round < 2; round++) {
        statistics_reset(&statistics, zone);
        for (uint32_t i = 0; i < BATCH_EVENTS_MAX; i++)
            add_threat(DAY_MS * i, names[i], names[i + BATCH_EVENTS_MAX]);
        for (uint32_t i = 0; i < BATCH_EVENTS_MAX * FINDINGS_PER_EVENT_MAX; i++)
            statistics_add_finding(&statistics, text_of(names[i]));
        for (uint32_t i = TALLIES_MAX - SHADOW_HITS_MAX; i < TALLIES_MAX; i++)
            statistics_add_shadow(&statistics, &(struct shadow_hit){text_of(names[i]), 1});
        cr_expect_eq(statistics.day_count, BATCH_EVENTS_MAX);
        cr_expect_eq(statistics.tally_count, TALLIES_MAX);
    }
    cr_expect_eq(amount_of(TALLY_RULE, 0, names[77]), 1);
    cr_expect_eq(statistics_add_finding(&statistics, text_of(names[77])),
                 statistics_add_finding(&statistics, text_of(names[77])));
    cr_expect_eq(amount_of(TALLY_RULE, 0, names[77]), 3);
}
