/* rate.c: reads rates, and the arithmetic of a bucket. */
#include "common/rate.h"

static const struct {
    struct text name;
    int64_t ms;
} periods[] = {
    {TEXT_CONSTANT("second"), 1000},
    {TEXT_CONSTANT("minute"), 60000},
    {TEXT_CONSTANT("hour"), 3600000},
    {TEXT_CONSTANT("day"), 86400000},
};

enum status rate_parse(struct text text, struct rate *ret_rate) {
    int64_t count = 0;
    size_t at = 0;
    if (text.length == 0) {
        *ret_rate = (struct rate){0, 0};
        return STATUS_OK;
    }
    for (; at < text.length && text.data[at] >= '0' && text.data[at] <= '9'; at++) {
        count = count * 10 + (text.data[at] - '0');
        if (count > RATE_COUNT_MAX)
            return STATUS_BAD_SYNTAX;
    }
    if (count == 0 || at == text.length || text.data[at] != '/')
        return STATUS_BAD_SYNTAX;
    struct text name = {text.data + at + 1, text.length - at - 1};
    for (size_t i = 0; i < sizeof periods / sizeof periods[0]; i++) {
        if (text_equal(name, periods[i].name)) {
            *ret_rate = (struct rate){count, periods[i].ms};
            return STATUS_OK;
        }
    }
    return STATUS_BAD_SYNTAX;
}

bool rate_is_set(const struct rate *rate) {
    return rate->count > 0;
}

int64_t rate_interval_ns(const struct rate *rate) {
    return rate->period_ms * 1000000 / rate->count;
}

/* How far ahead of now it is full. */
static int64_t ahead_ns(const struct rate_bucket *bucket, struct mono_time now) {
    return bucket->full_at.ns > now.ns ? bucket->full_at.ns - now.ns : 0;
}

int64_t rate_wait_ns(const struct rate *rate, const struct rate_bucket *bucket,
                     struct mono_time now) {
    int64_t interval_ns = rate_interval_ns(rate);
    int64_t wait_ns = ahead_ns(bucket, now) + interval_ns - interval_ns * rate->count;
    return wait_ns > 0 ? wait_ns : 0;
}

bool rate_take(const struct rate *rate, struct rate_bucket *bucket, struct mono_time now) {
    if (rate_wait_ns(rate, bucket, now) > 0)
        return false;
    bucket->full_at.ns = now.ns + ahead_ns(bucket, now) + rate_interval_ns(rate);
    return true;
}

int64_t rate_left(const struct rate *rate, const struct rate_bucket *bucket, struct mono_time now) {
    int64_t interval_ns = rate_interval_ns(rate);
    int64_t room_ns = interval_ns * rate->count - ahead_ns(bucket, now);
    return room_ns > 0 ? room_ns / interval_ns : 0;
}
