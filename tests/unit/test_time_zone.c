/* test_time_zone.c: which day and hour it is at a place, around the changes of its clocks. */
#include "common/log.h"
#include "common/time_zone.h"

#include <criterion/criterion.h>
#include <stdlib.h>

struct zone_case {
    const char *zone, *time, *local;
};

Test(time_zone, date_and_hour_at_a_place) {
    static const struct zone_case cases[] = {
        {"UTC", "2026-03-29T00:59:59.999Z", "2026-03-29T00:59:59.999Z"},
        {"", "1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"},
        {"Europe/Berlin", "2026-03-29T00:59:59.999Z", "2026-03-29T01:59:59.999Z"},
        {"Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29T03:00:00Z"}, /* clocks leapt */
        {"Europe/Berlin", "2026-10-25T00:59:59Z", "2026-10-25T02:59:59Z"},
        {"Europe/Berlin", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"}, /* an hour again */
        {"America/New_York", "2026-01-01T04:59:59Z", "2025-12-31T23:59:59Z"},
        {"Asia/Kolkata", "2026-01-01T18:30:00Z", "2026-01-02T00:00:00Z"},
        {"Pacific/Kiritimati", "2026-01-01T10:00:00Z", "2026-01-02T00:00:00Z"}, /* +14 */
        {"+05:30", "2026-01-01T18:29:59Z", "2026-01-01T23:59:59Z"},
        {"-09:30", "2026-01-01T09:29:59Z", "2025-12-31T23:59:59Z"},
        {"+00:00", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct time_zone *zone = time_zone_new(cases[i].zone);
        struct wall_time time;
        char local[CLOCK_RFC3339_SIZE];
        cr_assert_not_null(zone, "%s", cases[i].zone);
        cr_assert_eq(clock_parse_rfc3339(text_of(cases[i].time), &time), STATUS_OK);
        cr_expect_str_eq(clock_format_rfc3339(time_zone_local(zone, time), local), cases[i].local,
                         "%s %s", cases[i].zone, cases[i].time);
        time_zone_destroy(&zone);
    }
}

Test(time_zone, unknown_names_stop_the_start) {
    static const char *const wrong[] = {
        "Mars/Olympus", "../../etc/hosts", "/usr/share/zoneinfo/UTC", "+5:30", "+15:00", "+05:60",
        "+0a:00",       "05:30",
    };
    log_init("test", LOG_LEVEL_ERROR);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        cr_expect_null(time_zone_new(wrong[i]), "%s", wrong[i]);
}

Test(time_zone, the_zone_of_the_process_is_left_as_it_was) {
    setenv("TZ", "Asia/Tokyo", 1);
    struct time_zone *zone = time_zone_new("Europe/Berlin");
    cr_assert_str_eq(getenv("TZ"), "Asia/Tokyo");
    time_zone_destroy(&zone);
}
