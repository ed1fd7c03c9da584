/* time_zone.h: which day and hour it is at a place: a zone's offsets from UTC, read once for the
 * years 2000 to 2100, so that asking is a pure function.
 *
 * Owner: new/destroy. Threads: new changes TZ for a moment, so only at start, before other threads
 * run; the rest from any. Errors: new says the remedy in a log line and returns NULL. Limits:
 * before 2000 and after 2100 the zone's first and last offset hold. Source: tzset(3), the IANA time
 * zone database.
 */
#ifndef SIEM_COMMON_TIME_ZONE_H
#define SIEM_COMMON_TIME_ZONE_H

#include "common/clock.h"

struct time_zone;

/* A zone by its name in the database (Europe/Berlin, UTC), or a fixed offset (+05:30, -03:00). */
struct time_zone *time_zone_new(const char *name);

/* Frees it and nulls the pointer; NULL is fine. */
void time_zone_destroy(struct time_zone **zone);

/* The time that has, in UTC, the date and hour this moment has in the zone: to be formatted or cut
 * into days, not to be compared with moments. */
struct wall_time time_zone_local(const struct time_zone *zone, struct wall_time time);

#endif
