/* incident_list.h: a page of incidents, newest first, from the sorted sets of Redis.
 *
 * Every incident stands in exactly one set of (status, severity); a filter picks the sets, which
 * are merged by number. An address or a text to look for is compared incident by incident. Owner:
 * plain values; texts borrow from the request. Threads: a reader's. Errors: of redis_client.h.
 * Limits: INCIDENT_LIST_MAX a page; INCIDENT_LIST_SCAN incidents are looked at for one page: then
 * the page may be short, and its cursor goes on from there.
 */
#ifndef SIEM_INGEST_INCIDENT_LIST_H
#define SIEM_INGEST_INCIDENT_LIST_H

#include "common/json_writer.h"
#include "common/redis_client.h"
#include "proto/vocabulary.h"

#define INCIDENT_LIST_MAX 500
#define INCIDENT_LIST_SCAN 5000

struct incident_query {
    bool any_status;
    enum incident_status status;
    bool any_severity;
    enum severity severity;
    struct text source_ip; /* null: any */
    struct text q;         /* null: any; looked for without regard to ASCII case */
    size_t limit;
    uint64_t before; /* only numbers below; UINT64_MAX: all */
};

struct incident_page {
    size_t count;
    uint64_t next; /* the cursor behind it; 0: there is no more */
};

/* Writes the incidents of a page as a JSON array. */
MUST_CHECK enum status incident_list_write(struct redis_client *redis,
                                           const struct incident_query *query,
                                           struct json_writer *json,
                                           struct incident_page *ret_page);

#endif
