/* clock.c: the two clocks, and times as text in UTC without the C library's time zones. */
#include "common/clock.h"

#include "common/clock_calendar.h"

#include <time.h>

struct wall_time clock_wall(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (struct wall_time){(int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000};
}

struct mono_time clock_mono(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (struct mono_time){(int64_t)now.tv_sec * 1000000000 + now.tv_nsec};
}

int64_t clock_elapsed_ms(struct mono_time since) {
    return (clock_mono().ns - since.ns) / 1000000;
}

struct mono_time clock_mono_add_ms(struct mono_time time, int64_t ms) {
    return (struct mono_time){time.ns + ms * 1000000};
}

static int64_t clamp_ms(int64_t ms) {
    return ms < CLOCK_EARLIEST_MS ? CLOCK_EARLIEST_MS : ms > CLOCK_LATEST_MS ? CLOCK_LATEST_MS : ms;
}

/* Whole days since 1970, rounded towards the past, and the rest of the day in ms. */
static int64_t split_days(struct wall_time time, int64_t *ret_rest_ms) {
    int64_t ms = clamp_ms(time.ms);
    int64_t days = ms / CLOCK_MS_PER_DAY;
    int64_t rest = ms % CLOCK_MS_PER_DAY;
    if (rest < 0) {
        days--;
        rest += CLOCK_MS_PER_DAY;
    }
    *ret_rest_ms = rest;
    return days;
}

/* Writes `value` as exactly `digits` digits; returns where it ends. */
static char *put_digits(char *out, int64_t value, int digits) {
    for (int i = digits - 1; i >= 0; i--) {
        out[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return out + digits;
}

const char *clock_format_rfc3339(struct wall_time time, char out[CLOCK_RFC3339_SIZE]) {
    int64_t rest;
    struct civil_date date = calendar_date_of_days(split_days(time, &rest));
    char *end = put_digits(out, date.year, 4);
    *end++ = '-';
    end = put_digits(end, date.month, 2);
    *end++ = '-';
    end = put_digits(end, date.day, 2);
    *end++ = 'T';
    end = put_digits(end, rest / 3600000, 2);
    *end++ = ':';
    end = put_digits(end, rest / 60000 % 60, 2);
    *end++ = ':';
    end = put_digits(end, rest / 1000 % 60, 2);
    if (rest % 1000 != 0) {
        *end++ = '.';
        end = put_digits(end, rest % 1000, 3);
    }
    *end++ = 'Z';
    *end = '\0';
    return out;
}

const char *clock_format_day(struct wall_time time, char out[9]) {
    int64_t rest;
    struct civil_date date = calendar_date_of_days(split_days(time, &rest));
    char *end = put_digits(out, date.year, 4);
    end = put_digits(end, date.month, 2);
    *put_digits(end, date.day, 2) = '\0';
    return out;
}

int clock_hour(struct wall_time time) {
    int64_t rest;
    split_days(time, &rest);
    return (int)(rest / 3600000);
}
