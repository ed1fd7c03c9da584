/* clock_calendar.h: days since 1970 and dates of the proleptic Gregorian calendar, for clock*.c.
 *
 * Threads: pure functions. Limits: the years 1 to 9999. Source: eras of 400 years that begin on 1
 * March.
 */
#ifndef SIEM_COMMON_CLOCK_CALENDAR_H
#define SIEM_COMMON_CLOCK_CALENDAR_H

#include <stdint.h>

#define CLOCK_MS_PER_DAY INT64_C(86400000)
#define CLOCK_EARLIEST_MS INT64_C(-62135596800000) /* 0001-01-01T00:00:00Z */
#define CLOCK_LATEST_MS INT64_C(253402300799999)   /* 9999-12-31T23:59:59.999Z */

struct civil_date {
    int year, month, day;
};

/* The date of a day, counted from 1970-01-01. */
struct civil_date calendar_date_of_days(int64_t days);

/* The day of a date; the date must be one. */
int64_t calendar_days_of_date(struct civil_date date);

#endif
