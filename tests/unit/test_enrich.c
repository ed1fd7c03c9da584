/* test_enrich.c: off hours in a zone that changes its clocks, lists of bad addresses, and
 * addresses. */
#include "services/detector/address.h"
#include "services/detector/casefold.h"
#include "services/detector/enrich_reputation.h"
#include "services/detector/enrich_time.h"

#include "common/log.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int64_t ms_of(const char *text) {
    struct wall_time time = {0};
    cr_assert_eq(clock_parse_rfc3339(text_of(text), &time), STATUS_OK, "%s", text);
    return time.ms;
}

struct hour_case {
    const char *hours, *zone, *time;
    bool off;
};

Test(enrich_time, hours_in_a_zone) {
    static const struct hour_case cases[] = {
        {"02:00-05:00", "UTC", "2025-06-01T02:00:00Z", true},
        {"02:00-05:00", "UTC", "2025-06-01T01:59:59.999Z", false},
        {"02:00-05:00", "UTC", "2025-06-01T04:59:59.999Z", true},
        {"02:00-05:00", "UTC", "2025-06-01T05:00:00Z", false},
        {"22:00-06:00", "UTC", "2025-06-01T23:00:00Z", true},
        {"22:00-06:00", "UTC", "2025-06-01T05:59:00Z", true},
        {"22:00-06:00", "UTC", "2025-06-01T12:00:00Z", false},
        {"00:00-24:00", "UTC", "2025-06-01T12:00:00Z", true},
        {"03:00-03:00", "UTC", "2025-06-01T03:00:00Z", false},
        {"", "UTC", "2025-06-01T00:00:00Z", false},
        {"02:00-05:00", "Europe/Berlin", "2025-03-30T00:59:59Z", false}, /* 01:59:59 */
        {"02:00-05:00", "Europe/Berlin", "2025-03-30T01:00:00Z", true},  /* 03:00, clocks leapt */
        {"02:00-05:00", "Europe/Berlin", "2025-03-30T03:00:00Z", false}, /* 05:00 */
        {"02:00-03:00", "Europe/Berlin", "2025-10-26T00:30:00Z", true},  /* 02:30, the first */
        {"02:00-03:00", "Europe/Berlin", "2025-10-26T01:30:00Z", true},  /* 02:30 again */
        {"02:00-03:00", "Europe/Berlin", "2025-10-26T02:00:00Z", false},
        {"02:00-05:00", "Asia/Kolkata", "2025-06-01T20:30:00Z", true}, /* half an hour's zone */
        {"02:00-05:00", "America/New_York", "1999-12-31T08:00:00Z", true},
        {"02:00-05:00", "UTC", "1969-12-31T03:00:00Z", true}, /* before the epoch */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct enrich_time *enrichment = enrich_time_new(cases[i].hours, cases[i].zone);
        cr_assert_not_null(enrichment);
        cr_expect_eq(enrich_time_is_off_hours(enrichment, (struct wall_time){ms_of(cases[i].time)}),
                     cases[i].off, "%s %s %s", cases[i].hours, cases[i].zone, cases[i].time);
        enrich_time_destroy(&enrichment);
    }
}

Test(enrich_time, wrong_options_stop_the_start) {
    static const char *const wrong[][2] = {
        {"2-5", "UTC"},          {"02:00-25:00", "UTC"},          {"02:60-03:00", "UTC"},
        {"02:00", "UTC"},        {"02:00-05:00x", "UTC"},         {"02:00-05:00", "Mars/Olympus"},
        {"", "../../etc/hosts"}, {"", "/usr/share/zoneinfo/UTC"},
    };
    log_init("test", LOG_LEVEL_ERROR);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        cr_expect_null(enrich_time_new(wrong[i][0], wrong[i][1]), "%s %s", wrong[i][0],
                       wrong[i][1]);
}

/* Writes a file as if it had changed at `second`. */
static void write_list(const char *path, const char *text, time_t second) {
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
    const struct timespec times[2] = {{second, 0}, {second, 0}};
    cr_assert_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

Test(enrich_reputation, a_list_is_read_joined_and_read_again) {
    char path[] = "/tmp/addresses-XXXXXX";
    int descriptor = mkstemp(path);
    cr_assert_geq(descriptor, 0);
    close(descriptor);
    log_init("test", LOG_LEVEL_ERROR);
    write_list(path,
               "# comment\n\n 192.0.2.0/25 # lower half\r\n192.0.2.64\n192.0.2.100/30\n"
               "nonsense\n10.0.0.0/33\n2001:db8::/32\n2001:db8:1::/48\n203.0.113.5",
               1000);
    struct enrich_reputation *list = enrich_reputation_new(path);
    cr_assert_not_null(list);
    cr_expect(enrich_reputation_is_bad(list, TEXT("192.0.2.127")));
    cr_expect_not(enrich_reputation_is_bad(list, TEXT("192.0.2.128")));
    cr_expect(enrich_reputation_is_bad(list, TEXT("203.0.113.5")));
    cr_expect_not(enrich_reputation_is_bad(list, TEXT("203.0.113.4")));
    cr_expect(enrich_reputation_is_bad(list, TEXT("2001:db8:ffff::1")));
    cr_expect_not(enrich_reputation_is_bad(list, TEXT("2001:db7::1")));
    cr_expect_not(enrich_reputation_is_bad(list, (struct text){NULL, 0}));
    cr_expect_not(enrich_reputation_is_bad(list, TEXT("0.0.0.0")), "below the lowest");
    write_list(path, "0.0.0.0\n", 1000);
    enrich_reputation_refresh(list);
    cr_expect_not(enrich_reputation_is_bad(list, TEXT("0.0.0.0")), "it looks unchanged");
    write_list(path, "0.0.0.0\n", 2000);
    enrich_reputation_refresh(list);
    cr_expect(enrich_reputation_is_bad(list, TEXT("0.0.0.0")));
    cr_expect_not(enrich_reputation_is_bad(list, TEXT("203.0.113.5")));
    unlink(path);
    enrich_reputation_refresh(list);
    cr_expect(enrich_reputation_is_bad(list, TEXT("0.0.0.0")), "a list that is gone stays in use");
    enrich_reputation_destroy(&list);
}

Test(enrich_reputation, a_missing_file_stops_the_start_and_none_is_fine) {
    log_init("test", LOG_LEVEL_ERROR);
    cr_expect_null(enrich_reputation_new("/nonexistent/list"));
    struct enrich_reputation *none = enrich_reputation_new("");
    cr_assert_not_null(none);
    cr_expect_not(enrich_reputation_is_bad(none, TEXT("1.2.3.4")));
    enrich_reputation_destroy(&none);
}

Test(address, what_is_one) {
    static const char *const right[] = {
        "0.0.0.0",        "255.255.255.255", "::", "::1", "2001:DB8::a",
        "::ffff:1.2.3.4", "1:2:3:4:5:6:7:8"};
    static const char *const wrong[] = {
        "",       "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4",   "1.2.3.4 ", "1..2.3",
        "1.2.3.", ":",     "1:2",       "g::1",      "1.2.3.1000", "::1%lo",   "localhost"};
    struct address address;
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++)
        cr_expect(address_parse(text_of(right[i]), &address), "%s", right[i]);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        cr_expect_not(address_parse(text_of(wrong[i]), &address), "%s", wrong[i]);
}

static void check_fold(const char *from, const char *to) {
    char out[CASEFOLD_SIZE(256)];
    size_t length = casefold_text(text_of(from), out);
    cr_expect(text_equal(text_of(to), (struct text){out, length}), "%s: %.*s", from, (int)length,
              out);
}

Test(casefold, folds_letters_of_every_script_and_leaves_the_rest) {
    check_fold("", "");
    check_fold("ABCDEFGHIJKLMNOPQRSTUVWXYZ@[`{09", "abcdefghijklmnopqrstuvwxyz@[`{09");
    check_fold("ÀÉÎÕÜ ß ẞ", "àéîõü ß ß");
    check_fold("ΣΊΣΥΦΟΣ", "σίσυφοσ");
    check_fold("ς", "σ");
    check_fold("ЁЖИК", "ёжик");
    check_fold("\u212a\u2126\u017f", "kωs"); /* Kelvin, Ohm, long s */
    check_fold("\u023a", "\u2c65");          /* two bytes become three */
    check_fold("\U00010400", "\U00010428");
    check_fold("日本語 🙂", "日本語 🙂");
    check_fold("A\xff\xc3", "a\xff\xc3"); /* no UTF-8 */
}
