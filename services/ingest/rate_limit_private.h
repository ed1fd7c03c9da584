/* rate_limit_private.h: what rate_limit.c (who may go on) and rate_lease.c (tokens from Redis)
 * share.
 *
 * Owner: the limit's table owns the buckets; one that asks Redis, or is waited for, stays. Threads:
 * everything under the limit's lock. Limits: see rate_limit.h.
 */
#ifndef SIEM_INGEST_RATE_LIMIT_PRIVATE_H
#define SIEM_INGEST_RATE_LIMIT_PRIVATE_H

#include "common/counters.h"
#include "common/lru_table.h"
#include "services/ingest/rate_limit.h"
#include "services/ingest/shared_script.h"

#include <pthread.h>

/* Buckets in Redis, over all processes: some 100 bytes each. */
#define RATE_BUCKETS_SHARED "200000"
/* After an error reply of Redis, this long without asking. */
#define RATE_LOCAL_MS 1000
/* The lead of a bucket's name, and room for a number. */
#define RATE_NAME_SIZE 80
#define RATE_NUMBER_SIZE 24

/* A request that waits for a lease. */
struct rate_waiter {
    struct rate_waiter *next;
    struct http_request *request;
};

struct rate_bucket_entry {
    struct lru_entry entry; /* first */
    const struct rate *rate;
    int64_t tokens; /* leased and not used */
    struct mono_time leased_at;
    struct mono_time refused_until; /* Redis had no more */
    int64_t left;                   /* in Redis, after the last lease */
    struct mono_time full_at;       /* of the bucket in Redis */
    struct rate_bucket local;       /* while Redis is away */
    struct mono_time local_until;   /* Redis answered with an error */
    struct rate_waiter *waiters;
    int64_t waiting; /* how many */
    bool asking;     /* a lease is on its way */
    int64_t wanted;  /* by it */
    char numbers[3][RATE_NUMBER_SIZE];
    struct round_job job;
    struct rate_limit *limit;
};

struct rate_limit {
    struct rate_limit_options options;
    struct shared_script script;
    pthread_mutex_t lock;
    struct lru_table table;
    struct counter *evicted, *evicted_shared, *leases, *limited[2];
};

/* Tokens of one lease. */
int64_t rate_lease_size(const struct rate *rate);

/* True when a request must not wait for Redis now. */
bool rate_lease_is_local(const struct rate_bucket_entry *bucket, struct mono_time now);

/* Makes the job of the next lease; the caller submits it without the lock. NULL: one is on its way.
 */
struct round_job *rate_lease_ask(struct rate_bucket_entry *bucket);

/* Holds the request until the lease that is asked for is there. */
void rate_lease_wait(struct rate_bucket_entry *bucket, struct http_request *request,
                     void (*on_ready)(struct http_request *request));

#endif
