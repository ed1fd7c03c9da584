/* clock_parse.c: reads RFC 3339, field by field. */
#include "common/clock.h"

#include "common/clock_calendar.h"

#include <stdlib.h>

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
    int64_t ms = calendar_days_of_date(fields.date) * CLOCK_MS_PER_DAY + minutes * 60000 +
                 (int64_t)fields.second * 1000 + fields.ms;
    if (ms < CLOCK_EARLIEST_MS || ms > CLOCK_LATEST_MS)
        return STATUS_BAD_VALUE;
    ret_time->ms = ms;
    return STATUS_OK;
}
