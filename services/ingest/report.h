/* report.h: what the reports of the API share: their days, and lists of names and numbers.
 *
 * Owner: plain values. Threads: pure functions. Errors: none. Units: days of the zone of
 * SIEM_TIME_ZONE.
 */
#ifndef SIEM_INGEST_REPORT_H
#define SIEM_INGEST_REPORT_H

#include "common/json_writer.h"
#include "common/redis_client.h"
#include "common/time_zone.h"
#include "proto/vocabulary.h"

struct report_day {
    char key[9];   /* YYYYMMDD, as the keys of Redis have it */
    char date[11]; /* YYYY-MM-DD, as people read it */
};

/* The day it is in the zone, or so many days before it. */
struct report_day report_day_before(const struct time_zone *zone, struct wall_time now, int days);

/* Writes a member that is a number. */
void report_write_number(struct json_writer *json, const char *name, int64_t number);

/* Writes a member that is a text. */
void report_write_string(struct json_writer *json, const char *name, const char *value);

/* Writes {"critical":n,"high":n,"medium":n,"low":n} as a member. */
void report_write_severities(struct json_writer *json, const char *name,
                             const int64_t numbers[SEVERITY_COUNT_]);

/* Writes {name:n} as a member, from names and scores in turn. */
void report_write_names(struct json_writer *json, const char *name,
                        const struct redis_reply *pairs);

/* Adds the numbers of a day's event types, as HGETALL gives them. */
void report_add_types(const struct redis_reply *pairs, int64_t numbers[EVENT_TYPE_COUNT_]);

/* Writes {type:n} as a member, the most frequent first, without those that did not come. */
void report_write_types(struct json_writer *json, const char *name,
                        const int64_t numbers[EVENT_TYPE_COUNT_]);

#endif
