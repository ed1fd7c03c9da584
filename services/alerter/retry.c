/* retry.c: what an answer means, and how long to wait before the next attempt. */
#include "services/alerter/retry.h"

#include <ctype.h>
#include <stdio.h>
#include <time.h>

#define HTTP_DATE_SIZE 64

enum delivery retry_classify(long http_status) {
    if (http_status >= 200 && http_status <= 299)
        return DELIVERY_DONE;
    if (http_status == 408 || http_status == 429)
        return DELIVERY_RETRY;
    if (http_status >= 300 && http_status <= 499) /* redirects are not followed */
        return DELIVERY_GIVE_UP;
    return DELIVERY_RETRY;
}

int64_t retry_wait_ms(int64_t first_ms, int64_t attempts, uint32_t random) {
    int64_t wait = first_ms;
    for (int64_t i = 1; i < attempts && wait < RETRY_WAIT_MAX_MS; i++)
        wait *= 2;
    wait += wait / 4 - wait / 2 * (int64_t)(random % 1024) / 1023;
    return wait < RETRY_WAIT_MAX_MS ? wait : RETRY_WAIT_MAX_MS;
}

static bool is_all_digits(struct text text) {
    for (size_t i = 0; i < text.length; i++) {
        if (!isdigit((unsigned char)text.data[i]))
            return false;
    }
    return text.length > 0;
}

static int64_t capped(int64_t ms) {
    if (ms < 0)
        return 0;
    return ms < RETRY_AFTER_MAX_MS ? ms : RETRY_AFTER_MAX_MS;
}

static int64_t parse_seconds(struct text digits) {
    int64_t seconds = 0;
    for (size_t i = 0; i < digits.length && seconds < RETRY_AFTER_MAX_MS; i++)
        seconds = seconds * 10 + (digits.data[i] - '0');
    return capped(seconds * 1000);
}

/* The three forms of an HTTP-date: IMF-fixdate, RFC 850, asctime. */
static bool parse_date(const char *text, struct wall_time *ret_time) {
    static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                                        "%a %b %e %H:%M:%S %Y"};
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct tm broken = {.tm_mday = 0};
        const char *end = strptime(text, forms[i], &broken);
        if (end == NULL || *end != '\0')
            continue;
        *ret_time = (struct wall_time){(int64_t)timegm(&broken) * 1000};
        return true;
    }
    return false;
}

static struct text trim(struct text text) {
    while (text.length > 0 && isspace((unsigned char)text.data[0]))
        text = (struct text){text.data + 1, text.length - 1};
    while (text.length > 0 && isspace((unsigned char)text.data[text.length - 1]))
        text.length--;
    return text;
}

enum status retry_after_parse(struct text value, struct wall_time now, int64_t *ret_ms) {
    struct text trimmed = trim(value);
    if (is_all_digits(trimmed)) {
        *ret_ms = parse_seconds(trimmed);
        return STATUS_OK;
    }
    char date[HTTP_DATE_SIZE];
    struct wall_time until;
    if (trimmed.length == 0 || trimmed.length >= sizeof(date))
        return STATUS_BAD_SYNTAX;
    memcpy(date, trimmed.data, trimmed.length);
    date[trimmed.length] = '\0';
    if (!parse_date(date, &until))
        return STATUS_BAD_SYNTAX;
    *ret_ms = capped(until.ms - now.ms);
    return STATUS_OK;
}
