/* clock.h: wall time and monotonic time as different types, so that mixing them does not compile.
 *
 * Units: wall time in ms since 1970 UTC; monotonic time in ns since an unspecified start.
 * Threads: all functions may be called from any thread.
 * Limits: wall times from 0001-01-01 to 9999-12-31. Source: RFC 3339; OpenBGPD's monotime.h.
 */
#ifndef SIEM_COMMON_CLOCK_H
#define SIEM_COMMON_CLOCK_H

#include "common/bytes.h"
#include "common/status.h"

struct wall_time {
    int64_t ms;
};

struct mono_time {
    int64_t ns;
};

/* Room for "2026-01-31T23:59:59.999Z" and its NUL. */
#define CLOCK_RFC3339_SIZE 32

/* Now, by the calendar. */
struct wall_time clock_wall(void);

/* Now, by the clock that never goes back. */
struct mono_time clock_mono(void);

/* Milliseconds from `since` to now. */
int64_t clock_elapsed_ms(struct mono_time since);

/* `time` moved by `ms`. */
struct mono_time clock_mono_add_ms(struct mono_time time, int64_t ms);

/* Writes the time as RFC 3339 in UTC with Z, with milliseconds unless they are 0; returns `out`. */
const char *clock_format_rfc3339(struct wall_time time, char out[CLOCK_RFC3339_SIZE]);

/* Writes the UTC day as YYYYMMDD; returns `out`. */
const char *clock_format_day(struct wall_time time, char out[9]);

/* The UTC hour, 0..23. */
int clock_hour(struct wall_time time);

/* Reads RFC 3339 (any offset, any fraction; T, t or one space between date and time; a time without
 * an offset is UTC). STATUS_BAD_SYNTAX otherwise, STATUS_BAD_VALUE for a day that is not in the
 * calendar. */
MUST_CHECK enum status clock_parse_rfc3339(struct text text, struct wall_time *ret_time);

#endif
