/* rate.h: "100/minute": so many in such a time, and the bucket that knows whether one more is
 * within it.
 *
 * GCRA: a bucket is one number, the time at which it will be full again. Each token moves it on by
 * period / count; it may not be further ahead than the period. So `count` may come at once, and
 * then one every period / count. Owner: plain values. Units: ns of the monotonic clock; ms.
 * Threads: pure functions; a bucket one at a time. Errors: BAD_SYNTAX. Limits: RATE_COUNT_MAX.
 * Source: ITU-T I.371 (GCRA).
 */
#ifndef SIEM_COMMON_RATE_H
#define SIEM_COMMON_RATE_H

#include "common/clock.h"

#define RATE_COUNT_MAX 1000000000

struct rate {
    int64_t count; /* 0: no limit */
    int64_t period_ms;
};

struct rate_bucket {
    struct mono_time full_at; /* 0: it is full */
};

/* Reads "100/minute" (second, minute, hour, day); "" is no limit. */
MUST_CHECK enum status rate_parse(struct text text, struct rate *ret_rate);

/* True when there is a limit. */
bool rate_is_set(const struct rate *rate);

/* Time between two tokens. */
int64_t rate_interval_ns(const struct rate *rate);

/* How long until the bucket has a token; 0 when it has one. */
int64_t rate_wait_ns(const struct rate *rate, const struct rate_bucket *bucket,
                     struct mono_time now);

/* Takes a token; false when the bucket has none. */
bool rate_take(const struct rate *rate, struct rate_bucket *bucket, struct mono_time now);

/* Tokens that are left. */
int64_t rate_left(const struct rate *rate, const struct rate_bucket *bucket, struct mono_time now);

#endif
