/* time_part.h: the minute, hour, day, week, month or year of a date in a log, as it is written
 * there: no zone is converted.
 *
 * Read are ISO 8601 and RFC 3339 (2026-11-28T08:30:20.966Z, a blank for the T, a date alone), the
 * date of web access lines (28/Nov/2026:08:30:20 +0000), that of syslog (Nov 28 08:30:20, which has
 * no year), and numbers: seconds since 1970 UTC, or thousandths, millionths or billionths of them.
 * Weeks are those of ISO 8601. Threads: pure. Errors: false for what is no date, or does not have
 * the part. Source: sigma-specification (time modifiers), ISO 8601.
 */
#ifndef SIEM_DETECTOR_TIME_PART_H
#define SIEM_DETECTOR_TIME_PART_H

#include "common/bytes.h"

enum time_part {
    TIME_PART_NONE,
    TIME_PART_MINUTE,
    TIME_PART_HOUR,
    TIME_PART_DAY,
    TIME_PART_WEEK,
    TIME_PART_MONTH,
    TIME_PART_YEAR,
};

/* The part of a date written as text. */
bool time_part_of_text(enum time_part part, struct text date, int64_t *ret_number);

/* The part of a date given as a number. */
bool time_part_of_number(enum time_part part, int64_t date, int64_t *ret_number);

#endif
