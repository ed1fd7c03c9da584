/* test_retry.c: what an answer means, how waits grow, and every form of Retry-After. */
#include "services/alerter/retry.h"

#include <criterion/criterion.h>

Test(retry, answers_are_classified) {
    static const struct {
        long status;
        enum delivery want;
    } cases[] = {
        {0, DELIVERY_RETRY},     {200, DELIVERY_DONE},    {204, DELIVERY_DONE},
        {299, DELIVERY_DONE},    {301, DELIVERY_GIVE_UP}, {304, DELIVERY_GIVE_UP},
        {400, DELIVERY_GIVE_UP}, {401, DELIVERY_GIVE_UP}, {404, DELIVERY_GIVE_UP},
        {408, DELIVERY_RETRY},   {410, DELIVERY_GIVE_UP}, {429, DELIVERY_RETRY},
        {499, DELIVERY_GIVE_UP}, {500, DELIVERY_RETRY},   {503, DELIVERY_RETRY},
        {599, DELIVERY_RETRY},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_expect_eq(retry_classify(cases[i].status), cases[i].want, "%ld", cases[i].status);
}

Test(retry, waits_double_within_a_quarter_of_jitter) {
    int64_t middle = 1000;
    for (int64_t attempts = 1; attempts <= 8; attempts++, middle *= 2) {
        for (uint32_t random = 0; random < 2048; random += 31) {
            int64_t wait = retry_wait_ms(1000, attempts, random);
            cr_assert_geq(wait, middle * 3 / 4, "attempt %ld: %ld", (long)attempts, (long)wait);
            cr_assert_leq(wait, middle * 5 / 4, "attempt %ld: %ld", (long)attempts, (long)wait);
        }
    }
    cr_assert_gt(retry_wait_ms(1000, 1, 0), retry_wait_ms(1000, 1, 1023), "the jitter varies");
}

Test(retry, waits_have_a_bound) {
    for (uint32_t random = 0; random < 2048; random += 31) {
        cr_assert_leq(retry_wait_ms(1000, 1000000, random), RETRY_WAIT_MAX_MS);
        cr_assert_leq(retry_wait_ms(3600000, 1, random), RETRY_WAIT_MAX_MS);
        cr_assert_gt(retry_wait_ms(10, 1, random), 0);
    }
}

/* 2026-01-01T00:00:00Z, a Thursday. */
static const struct wall_time now = {INT64_C(1767225600000)};

Test(retry_after, table) {
    static const struct {
        const char *value;
        enum status status;
        int64_t want_ms;
    } cases[] = {
        {"0", STATUS_OK, 0},
        {"1", STATUS_OK, 1000},
        {" 120 \r\n", STATUS_OK, 120000},
        {"3600", STATUS_OK, 3600000},
        {"3601", STATUS_OK, RETRY_AFTER_MAX_MS},
        {"99999999999999999999999999999999", STATUS_OK, RETRY_AFTER_MAX_MS},
        {"00000000000000000000000000000005", STATUS_OK, 5000},
        {"Thu, 01 Jan 2026 00:01:30 GMT", STATUS_OK, 90000},
        {"Thursday, 01-Jan-26 00:01:30 GMT", STATUS_OK, 90000},
        {"Thu Jan  1 00:01:30 2026", STATUS_OK, 90000},
        {"Wed, 31 Dec 2025 23:59:59 GMT", STATUS_OK, 0},
        {"Fri, 31 Dec 9999 23:59:59 GMT", STATUS_OK, RETRY_AFTER_MAX_MS},
        {"", STATUS_BAD_SYNTAX, -1},
        {"   ", STATUS_BAD_SYNTAX, -1},
        {"-5", STATUS_BAD_SYNTAX, -1},
        {"1.5", STATUS_BAD_SYNTAX, -1},
        {"5 seconds", STATUS_BAD_SYNTAX, -1},
        {"soon", STATUS_BAD_SYNTAX, -1},
        {"Thu, 01 Jan 2026 00:01:30", STATUS_BAD_SYNTAX, -1},
        {"Thu, 01 Jan 2026 00:01:30 GMT and more", STATUS_BAD_SYNTAX, -1},
        {"Thu, 01 Jan 2026 00:01:30 GMTxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
         STATUS_BAD_SYNTAX, -1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t wait_ms = -1;
        enum status status = retry_after_parse(text_of(cases[i].value), now, &wait_ms);
        cr_expect_eq(status, cases[i].status, "\"%s\"", cases[i].value);
        cr_expect_eq(wait_ms, cases[i].want_ms, "\"%s\": %ld", cases[i].value, (long)wait_ms);
    }
}
