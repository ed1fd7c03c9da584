/* test_clock.c: times are read and written as RFC 3339 says, over the whole calendar. */
#include "common/clock.h"

#include <criterion/criterion.h>

Test(clock, formats_known_moments) {
    static const struct {
        int64_t ms;
        const char *expected;
    } cases[] = {
        {0, "1970-01-01T00:00:00Z"},
        {1, "1970-01-01T00:00:00.001Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {951782400000, "2000-02-29T00:00:00Z"},
        {1769904000000, "2026-02-01T00:00:00Z"},
        {4107542399999, "2100-02-28T23:59:59.999Z"},
        {4107542400000, "2100-03-01T00:00:00Z"},
        {-62135596800000, "0001-01-01T00:00:00Z"},
        {INT64_MIN, "0001-01-01T00:00:00Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999Z"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[CLOCK_RFC3339_SIZE];
        cr_expect_str_eq(clock_format_rfc3339((struct wall_time){cases[i].ms}, out),
                         cases[i].expected);
    }
}

Test(clock, parses_every_form_of_rfc3339) {
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01t00:00:00z", 0},
        {"1970-01-01 00:00:00", 0},
        {"1970-01-01T00:00:00.5Z", 500},
        {"1970-01-01T00:00:00.123456789Z", 123},
        {"1970-01-01T01:00:00+01:00", 0},
        {"1969-12-31T19:30:00-04:30", 0},
        {"1985-04-12T23:20:50.52Z", 482196050520},
        {"1990-12-31T23:59:60Z", 662688000000},
        {"1990-12-31T15:59:60-08:00", 662688000000},
        {"2024-02-29T12:00:00Z", 1709208000000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct wall_time time = {-7};
        cr_expect_eq(clock_parse_rfc3339(text_of(cases[i].text), &time), STATUS_OK, "%s",
                     cases[i].text);
        cr_expect_eq(time.ms, cases[i].ms, "%s gave %lld", cases[i].text, (long long)time.ms);
    }
}

Test(clock, refuses_what_is_no_time) {
    static const struct {
        const char *text;
        enum status expected;
    } cases[] = {
        {NULL, STATUS_BAD_SYNTAX},
        {"", STATUS_BAD_SYNTAX},
        {"yesterday", STATUS_BAD_SYNTAX},
        {"2026-01-01", STATUS_BAD_SYNTAX},
        {"2026-01-01T00:00Z", STATUS_BAD_SYNTAX},
        {"2026-01-01T00:00:00.Z", STATUS_BAD_SYNTAX},
        {"2026-01-01T00:00:00Zz", STATUS_BAD_SYNTAX},
        {"2026-01-01T00:00:00+0100", STATUS_BAD_SYNTAX},
        {"02026-01-01T00:00:00Z", STATUS_BAD_SYNTAX},
        {"2026-1-01T00:00:00Z", STATUS_BAD_SYNTAX},
        {"2026-02-29T00:00:00Z", STATUS_BAD_VALUE},
        {"2100-02-29T00:00:00Z", STATUS_BAD_VALUE},
        {"2026-13-01T00:00:00Z", STATUS_BAD_VALUE},
        {"2026-00-01T00:00:00Z", STATUS_BAD_VALUE},
        {"2026-04-31T00:00:00Z", STATUS_BAD_VALUE},
        {"2026-01-01T24:00:00Z", STATUS_BAD_VALUE},
        {"2026-01-01T00:60:00Z", STATUS_BAD_VALUE},
        {"2026-01-01T00:00:60Z", STATUS_BAD_VALUE},
        {"2026-01-01T00:00:00+24:00", STATUS_BAD_VALUE},
        {"0000-01-01T00:00:00Z", STATUS_BAD_VALUE},
        {"0001-01-01T00:00:00+01:00", STATUS_BAD_VALUE},
        {"9999-12-31T23:59:59-01:00", STATUS_BAD_VALUE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct wall_time time = {-7};
        cr_expect_eq(clock_parse_rfc3339(text_of(cases[i].text), &time), cases[i].expected, "%s",
                     cases[i].text ? cases[i].text : "null");
        cr_expect_eq(time.ms, -7, "untouched on failure");
    }
}

Test(clock, an_embedded_nul_is_no_separator) {
    struct wall_time time;
    cr_expect_eq(clock_parse_rfc3339(TEXT("2026-01-01\0"
                                          "00:00:00Z"),
                                     &time),
                 STATUS_BAD_SYNTAX);
}

Test(clock, every_day_survives_a_round_trip) {
    for (int64_t day = -719162; day <= 2932896; day += 97) {
        struct wall_time time = {day * 86400000 + 12345678}, again = {0};
        char out[CLOCK_RFC3339_SIZE];
        clock_format_rfc3339(time, out);
        cr_assert_eq(clock_parse_rfc3339(text_of(out), &again), STATUS_OK, "%s", out);
        cr_assert_eq(again.ms, time.ms, "%s", out);
    }
}

Test(clock, day_and_hour_are_utc) {
    char day[9];
    struct wall_time time = {1769903999999};
    cr_expect_str_eq(clock_format_day(time, day), "20260131");
    cr_expect_eq(clock_hour(time), 23);
    cr_expect_eq(clock_hour((struct wall_time){-1}), 23);
}

Test(clock, monotonic_time_moves_by_milliseconds) {
    struct mono_time start = clock_mono();
    cr_expect_eq(clock_mono_add_ms(start, 3).ns - start.ns, 3000000);
    cr_expect_geq(clock_elapsed_ms(clock_mono_add_ms(start, -5)), 5);
}
