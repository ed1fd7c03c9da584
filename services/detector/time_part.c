/* time_part.c: dates in the spellings of logs to their parts. */
#include "services/detector/time_part.h"

#include <time.h>

#define ABSENT (-1)

/* What was read of a date. */
struct date {
    int64_t year, month, day, hour, minute;
};

struct cursor {
    const char *at;
    const char *end;
};

static bool take(struct cursor *cursor, char byte) {
    if (cursor->at == cursor->end || *cursor->at != byte)
        return false;
    cursor->at++;
    return true;
}

/* Takes at least one and at most `digits` digits. */
static bool take_digits(struct cursor *cursor, int digits, int64_t *ret_number) {
    int64_t number = 0;
    const char *start = cursor->at;
    while (cursor->at < cursor->end && cursor->at - start < digits && *cursor->at >= '0' &&
           *cursor->at <= '9')
        number = number * 10 + (*cursor->at++ - '0');
    *ret_number = number;
    return cursor->at > start;
}

/* Takes an English month's first three letters. */
static bool take_month(struct cursor *cursor, int64_t *ret_month) {
    static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";
    if (cursor->end - cursor->at < 3)
        return false;
    char name[3];
    for (int i = 0; i < 3; i++)
        name[i] = (char)(cursor->at[i] | 0x20);
    for (size_t month = 0; month < 12; month++) {
        if (memcmp(names + 3 * month, name, 3) == 0) {
            *ret_month = (int64_t)month + 1;
            cursor->at += 3;
            return true;
        }
    }
    return false;
}

/* Takes 08:30. */
static bool take_clock(struct cursor *cursor, struct date *date) {
    return take_digits(cursor, 2, &date->hour) && take(cursor, ':') &&
           take_digits(cursor, 2, &date->minute);
}

/* 2026-11-28, and then perhaps T08:30; slashes will do, too. */
static bool read_iso(struct cursor cursor, struct date *date) {
    if (!take_digits(&cursor, 4, &date->year) || date->year < 1000)
        return false;
    char dash = cursor.at < cursor.end && *cursor.at == '/' ? '/' : '-';
    if (!take(&cursor, dash) || !take_digits(&cursor, 2, &date->month) || !take(&cursor, dash) ||
        !take_digits(&cursor, 2, &date->day))
        return false;
    if (cursor.at == cursor.end)
        return true;
    return (take(&cursor, 'T') || take(&cursor, 't') || take(&cursor, ' ')) &&
           take_clock(&cursor, date);
}

/* 28/Nov/2026:08:30 */
static bool read_access(struct cursor cursor, struct date *date) {
    (void)take(&cursor, '[');
    return take_digits(&cursor, 2, &date->day) && take(&cursor, '/') &&
           take_month(&cursor, &date->month) && take(&cursor, '/') &&
           take_digits(&cursor, 4, &date->year) && take(&cursor, ':') && take_clock(&cursor, date);
}

/* Nov 28 08:30 */
static bool read_syslog(struct cursor cursor, struct date *date) {
    if (!take_month(&cursor, &date->month) || !take(&cursor, ' '))
        return false;
    (void)take(&cursor, ' ');
    return take_digits(&cursor, 2, &date->day) && take(&cursor, ' ') && take_clock(&cursor, date);
}

static bool is_sound(const struct date *date) {
    return date->month >= 1 && date->month <= 12 && date->day >= 1 && date->day <= 31 &&
           date->hour <= 23 && date->minute <= 59;
}

/* The ISO 8601 week of a date. */
static int64_t week_of(const struct date *date) {
    struct tm parts = {.tm_year = (int)date->year - 1900,
                       .tm_mon = (int)date->month - 1,
                       .tm_mday = (int)date->day,
                       .tm_hour = 12};
    char digits[8];
    time_t seconds = timegm(&parts);
    gmtime_r(&seconds, &parts);
    if (strftime(digits, sizeof digits, "%V", &parts) != 2)
        return ABSENT;
    return (digits[0] - '0') * 10 + (digits[1] - '0');
}

static bool take_part(enum time_part part, const struct date *date, int64_t *ret_number) {
    int64_t number = ABSENT;
    switch (part) {
    case TIME_PART_MINUTE:
        number = date->minute;
        break;
    case TIME_PART_HOUR:
        number = date->hour;
        break;
    case TIME_PART_DAY:
        number = date->day;
        break;
    case TIME_PART_WEEK:
        number = date->year == ABSENT ? ABSENT : week_of(date);
        break;
    case TIME_PART_MONTH:
        number = date->month;
        break;
    case TIME_PART_YEAR:
        number = date->year;
        break;
    case TIME_PART_NONE:
        break;
    }
    if (number == ABSENT)
        return false;
    *ret_number = number;
    return true;
}

/* Reads a whole number of at least as many digits as seconds have had since 1973. */
static bool read_number(struct text text, int64_t *ret_number) {
    struct cursor cursor = {text.data, text.data + text.length};
    return text.length >= 9 && take_digits(&cursor, 19, ret_number) && cursor.at == cursor.end;
}

bool time_part_of_text(enum time_part part, struct text text, int64_t *ret_number) {
    static bool (*const readers[])(struct cursor, struct date *) = {read_iso, read_access,
                                                                    read_syslog};
    struct cursor cursor = {text.data, text.data + text.length};
    int64_t number;
    if (read_number(text, &number))
        return time_part_of_number(part, number, ret_number);
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
        struct date date = {ABSENT, ABSENT, ABSENT, ABSENT, ABSENT};
        if (readers[i](cursor, &date) && is_sound(&date))
            return take_part(part, &date, ret_number);
    }
    return false;
}

bool time_part_of_number(enum time_part part, int64_t number, int64_t *ret_number) {
    static const int64_t last_second = INT64_C(100000000000); /* of the year 5138 */
    struct tm parts;
    if (number < 0)
        return false;
    while (number >= last_second)
        number /= 1000;
    time_t seconds = (time_t)number;
    if (gmtime_r(&seconds, &parts) == NULL)
        return false;
    struct date date = {parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour,
                        parts.tm_min};
    return take_part(part, &date, ret_number);
}
