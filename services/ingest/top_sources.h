/* top_sources.h: the source addresses with the most threats over several days together.
 *
 * Only the first names of each day are read, and of those that can still be among the first of all,
 * the numbers of the other days; as long as a name that was not read could be one of them, it goes
 * on deeper. So the answer is exact, and costs little unless very many addresses have nearly equal
 * numbers. Owner: plain values. Threads: a reader's. Errors: of redis_client.h. Limits:
 * TOP_SOURCES_DEPTH_MAX names of a day are read; with more than that many addresses a day, one
 * that is beyond them on each day is not found. Source: Fagin's threshold algorithm.
 */
#ifndef SIEM_INGEST_TOP_SOURCES_H
#define SIEM_INGEST_TOP_SOURCES_H

#include "common/redis_client.h"
#include "services/ingest/report.h"

#define TOP_SOURCES_MAX 20
#define TOP_SOURCES_DAYS_MAX 31
#define TOP_SOURCES_DEPTH_MAX 20000
#define TOP_SOURCES_NAME_SIZE 257

struct top_source {
    char name[TOP_SOURCES_NAME_SIZE];
    int64_t threats;
};

struct top_sources {
    size_t count;
    struct top_source sources[TOP_SOURCES_MAX]; /* the most threats first, then by name */
};

/* Reads those of some days. */
MUST_CHECK enum status top_sources_read(struct redis_client *redis, const struct report_day *days,
                                        size_t day_count, struct top_sources *ret_sources);

#endif
