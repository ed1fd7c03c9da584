/* enrich_time.h: tells whether an event happened in the hours in which logins are unusual, and says
 * so in its field off_hours.
 *
 * Owner: new/destroy. Threads: new as time_zone_new, only at start; the rest from any. Errors: new
 * explains what is wrong with an option and returns NULL. Units: ms since 1970 UTC.
 */
#ifndef SIEM_DETECTOR_ENRICH_TIME_H
#define SIEM_DETECTOR_ENRICH_TIME_H

#include "common/clock.h"
#include "services/detector/fields.h"

struct enrich_time;

/* Reads "22:00-06:00" (the end is no longer in it; may pass midnight; "" is never) and a zone's
 * name. NULL after a log line with the remedy. */
struct enrich_time *enrich_time_new(const char *off_hours, const char *zone);

/* Frees it and nulls the pointer; NULL is fine. */
void enrich_time_destroy(struct enrich_time **enrichment);

/* True when the moment is in the off hours, in the zone. */
bool enrich_time_is_off_hours(const struct enrich_time *enrichment, struct wall_time time);

/* Adds off_hours: true when it is so. */
void enrich_time_apply(const struct enrich_time *enrichment, const struct event *event,
                       struct fields *fields);

#endif
