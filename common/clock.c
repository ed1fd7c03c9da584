/* clock.c: the two clocks, and calendar arithmetic in UTC without the C library's time zones. */
#include "common/clock.h"

#include <stdlib.h>
#include <time.h>

#define MS_PER_DAY INT64_C(86400000)
#define EARLIEST_MS INT64_C(-62135596800000) /* 0001-01-01T00:00:00Z */
#define LATEST_MS INT64_C(253402300799999)   /* 9999-12-31T23:59:59.999Z */

struct civil_date {
    int year, month, day;
};

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
    return ms < EARLIEST_MS ? EARLIEST_MS : ms > LATEST_MS ? LATEST_MS : ms;
}

/* Whole days since 1970, rounded towards the past, and the rest of the day in ms. */
static int64_t split_days(struct wall_time time, int64_t *ret_rest_ms) {
    int64_t ms = clamp_ms(time.ms);
    int64_t days = ms / MS_PER_DAY;
    int64_t rest = ms % MS_PER_DAY;
    if (rest < 0) {
        days--;
        rest += MS_PER_DAY;
    }
    *ret_rest_ms = rest;
    return days;
}

/* The proleptic Gregorian date of a day; eras of 400 years, which begin on 1 March. */
static struct civil_date date_of_days(int64_t days) {
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    int month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    return (struct civil_date){
        .year = (int)(year_of_era + era * 400 + (month <= 2)),
        .month = month,
        .day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1),
    };
}

static int64_t days_of_date(struct civil_date date) {
    int64_t year = date.year - (date.month <= 2);
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
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
    struct civil_date date = date_of_days(split_days(time, &rest));
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
    struct civil_date date = date_of_days(split_days(time, &rest));
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

/* What is left to read. */
struct cursor {
    const char *at, *end;
};

/* Takes one of the characters in `allowed`. */
static bool take_character(struct cursor *cursor, const char *allowed) {
    if (cursor->at == cursor->end || *cursor->at == '\0' || strchr(allowed, *cursor->at) == NULL)
        return false;
    cursor->at++;
    return true;
}

/* Takes exactly `digits` digits. */
static bool take_number(struct cursor *cursor, int digits, int *ret_value) {
    int value = 0;
    for (int i = 0; i < digits; i++) {
        if (cursor->at == cursor->end || *cursor->at < '0' || *cursor->at > '9')
            return false;
        value = value * 10 + (*cursor->at++ - '0');
    }
    *ret_value = value;
    return true;
}

struct clock_fields {
    struct civil_date date;
    int hour, minute, second, ms, offset_minutes;
};

/* Takes ".5", ".123456789" or nothing; what is finer than a millisecond is cut. */
static bool take_fraction(struct cursor *cursor, int *ret_ms) {
    int ms = 0, digits = 0;
    if (take_character(cursor, ".")) {
        int digit;
        for (; take_number(cursor, 1, &digit); digits++)
            if (digits < 3)
                ms = ms * 10 + digit;
        if (digits == 0)
            return false;
        for (; digits < 3; digits++)
            ms *= 10;
    }
    *ret_ms = ms;
    return true;
}

/* Takes Z, +hh:mm, -hh:mm or nothing, which is UTC. */
static bool take_offset(struct cursor *cursor, int *ret_minutes) {
    *ret_minutes = 0;
    if (cursor->at == cursor->end || take_character(cursor, "Zz"))
        return true;
    int sign = *cursor->at == '-' ? -1 : 1;
    int hours, minutes;
    if (!take_character(cursor, "+-") || !take_number(cursor, 2, &hours) ||
        !take_character(cursor, ":") || !take_number(cursor, 2, &minutes))
        return false;
    *ret_minutes = hours < 24 && minutes < 60 ? sign * (hours * 60 + minutes) : 24 * 60;
    return true;
}

static bool take_fields(struct cursor *cursor, struct clock_fields *fields) {
    return take_number(cursor, 4, &fields->date.year) && take_character(cursor, "-") &&
           take_number(cursor, 2, &fields->date.month) && take_character(cursor, "-") &&
           take_number(cursor, 2, &fields->date.day) && take_character(cursor, "Tt ") &&
           take_number(cursor, 2, &fields->hour) && take_character(cursor, ":") &&
           take_number(cursor, 2, &fields->minute) && take_character(cursor, ":") &&
           take_number(cursor, 2, &fields->second) && take_fraction(cursor, &fields->ms) &&
           take_offset(cursor, &fields->offset_minutes) && cursor->at == cursor->end;
}

/* True when the fields name a moment; second 60 is a leap second, which ends a quarter of an hour
 * in every zone. */
static bool fields_are_in_calendar(const struct clock_fields *fields) {
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const struct civil_date *date = &fields->date;
    bool leap = (date->year % 4 == 0 && date->year % 100 != 0) || date->year % 400 == 0;
    if (date->year < 1 || date->month < 1 || date->month > 12 || date->day < 1)
        return false;
    if (date->day > month_days[date->month - 1] + (date->month == 2 && leap))
        return false;
    return fields->hour < 24 && fields->minute < 60 && abs(fields->offset_minutes) < 24 * 60 &&
           (fields->second < 60 || (fields->second == 60 && fields->minute % 15 == 14));
}

enum status clock_parse_rfc3339(struct text text, struct wall_time *ret_time) {
    struct cursor cursor = {text.data, text.data + text.length};
    struct clock_fields fields;
    if (text.data == NULL || !take_fields(&cursor, &fields))
        return STATUS_BAD_SYNTAX;
    if (!fields_are_in_calendar(&fields))
        return STATUS_BAD_VALUE;
    int64_t minutes = fields.hour * 60 + fields.minute - fields.offset_minutes;
    int64_t ms = days_of_date(fields.date) * MS_PER_DAY + minutes * 60000 +
                 (int64_t)fields.second * 1000 + fields.ms;
    if (ms < EARLIEST_MS || ms > LATEST_MS)
        return STATUS_BAD_VALUE;
    ret_time->ms = ms;
    return STATUS_OK;
}
