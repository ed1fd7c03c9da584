/* rate_lease.c: tokens that a process takes from Redis in advance. */
#include "services/ingest/rate_limit_private.h"

#include <stdio.h>
#include <stdlib.h>

int64_t rate_lease_size(const struct rate *rate) {
    return rate->count > RATE_LEASE_PART ? rate->count / RATE_LEASE_PART : 1;
}

bool rate_lease_is_local(const struct rate_bucket_entry *bucket, struct mono_time now) {
    return rounds_is_away(bucket->limit->options.rounds) || now.ns < bucket->local_until.ns;
}

/* The element as microseconds, in ns. */
static int64_t element_ns(const struct redis_reply *reply, size_t index) {
    int64_t us = redis_reply_integer(redis_reply_at(reply, index));
    return us > 0 ? us * 1000 : 0;
}

/* Books what Redis gave. When it had less than was wanted, it is left alone until half a lease has
 * grown again, or a token, whichever takes longer. */
static void book_lease(struct rate_bucket_entry *bucket, const struct redis_reply *reply,
                       struct mono_time now) {
    int64_t taken = redis_reply_integer(redis_reply_at(reply, 0));
    int64_t pause_ns = rate_lease_size(bucket->rate) * rate_interval_ns(bucket->rate) / 2;
    int64_t retry_ns = element_ns(reply, 3);
    bucket->tokens += taken;
    bucket->leased_at = now;
    bucket->left = redis_reply_integer(redis_reply_at(reply, 1));
    bucket->full_at.ns = now.ns + element_ns(reply, 2);
    if (taken < bucket->wanted)
        bucket->refused_until.ns = now.ns + (retry_ns > pause_ns ? retry_ns : pause_ns);
    counter_add(bucket->limit->leases, 1);
    counter_add(bucket->limit->evicted_shared,
                (uint64_t)redis_reply_integer(redis_reply_at(reply, 4)));
}

/* Rounds' thread: the lease is there, or Redis is not. Whoever waited asks again. */
static void on_reply(struct round_job *job, enum status status, const struct redis_reply *reply) {
    struct rate_bucket_entry *bucket =
        (struct rate_bucket_entry *)((char *)job - offsetof(struct rate_bucket_entry, job));
    struct rate_limit *limit = bucket->limit;
    struct mono_time now = clock_mono();
    pthread_mutex_lock(&limit->lock);
    if (status == STATUS_OK && redis_reply_count(reply) == 5)
        book_lease(bucket, reply, now);
    else
        bucket->local_until = clock_mono_add_ms(now, RATE_LOCAL_MS);
    struct rate_waiter *waiters = bucket->waiters;
    bucket->waiters = NULL;
    bucket->waiting = 0;
    bucket->asking = false;
    pthread_mutex_unlock(&limit->lock);
    while (waiters != NULL) {
        struct rate_waiter *next = waiters->next;
        http_hold_end(waiters->request);
        free(waiters);
        waiters = next;
    }
}

struct round_job *rate_lease_ask(struct rate_bucket_entry *bucket) {
    if (bucket->asking)
        return NULL;
    const struct rate *rate = bucket->rate;
    int64_t size = rate_lease_size(rate);
    bucket->asking = true;
    bucket->wanted = bucket->waiting > size ? bucket->waiting : size;
    snprintf(bucket->numbers[0], RATE_NUMBER_SIZE, "%lld", (long long)bucket->wanted);
    snprintf(bucket->numbers[1], RATE_NUMBER_SIZE, "%.6f",
             (double)rate->period_ms * 1000 / (double)rate->count);
    snprintf(bucket->numbers[2], RATE_NUMBER_SIZE, "%lld", (long long)rate->count);
    bucket->job = (struct round_job){
        .script = bucket->limit->script.script,
        .count = 5,
        .arguments = {{bucket->entry.name, bucket->entry.length},
                      text_of(bucket->numbers[0]),
                      text_of(bucket->numbers[1]),
                      text_of(bucket->numbers[2]),
                      TEXT(RATE_BUCKETS_SHARED)},
        .on_reply = on_reply,
    };
    return &bucket->job;
}

void rate_lease_wait(struct rate_bucket_entry *bucket, struct http_request *request,
                     void (*on_ready)(struct http_request *request)) {
    struct rate_waiter *waiter = malloc(sizeof *waiter);
    if (waiter == NULL)
        abort();
    *waiter = (struct rate_waiter){bucket->waiters, request};
    bucket->waiters = waiter;
    bucket->waiting++;
    http_hold(request, on_ready);
}
