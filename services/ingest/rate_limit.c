/* rate_limit.c: decides from what this process holds whether a request may go on. */
#include "services/ingest/peer_name.h"
#include "services/ingest/rate_limit_private.h"

#include <stdio.h>
#include <stdlib.h>

/* rate_limit.lua, embedded by the build. */
extern const char rate_limit_lua[];

enum { BY_ADDRESS, BY_KEY, KINDS };

static bool is_busy(const struct lru_entry *entry) {
    return ((const struct rate_bucket_entry *)(const void *)entry)->asking;
}

struct rate_limit *rate_limit_new(const struct rate_limit_options *options) {
    static const char help[] = "Requests refused because of a rate limit";
    static const char evicted[] = "Addresses and keys a limit forgot to make room for others";
    struct rate_limit *limit = calloc(1, sizeof *limit);
    if (limit == NULL)
        abort();
    limit->options = *options;
    const char *const text = rate_limit_lua;
    shared_script_init(&limit->script, &text, 1);
    pthread_mutex_init(&limit->lock, NULL);
    lru_table_init(&limit->table, sizeof(struct rate_bucket_entry), RATE_BUCKETS_MAX, is_busy);
    limit->limited[BY_ADDRESS] = counter_new("siem_rate_limited_total", "by=\"address\"", help);
    limit->limited[BY_KEY] = counter_new("siem_rate_limited_total", "by=\"key\"", help);
    limit->leases = counter_new("siem_rate_leases_total", NULL,
                                "Times this process asked Redis for tokens of a rate limit");
    limit->evicted = counter_new("siem_limits_evicted_total", "table=\"rates\"", evicted);
    limit->evicted_shared =
        counter_new("siem_limits_evicted_total", "table=\"shared_rates\"", evicted);
    return limit;
}

void rate_limit_destroy(struct rate_limit **limit) {
    struct rate_limit *self = *limit;
    if (self == NULL)
        return;
    lru_table_fini(&self->table);
    shared_script_fini(&self->script);
    pthread_mutex_destroy(&self->lock);
    free(self);
    *limit = NULL;
}

/* The bucket of a name; NULL without a limit, or when there is no room for it. */
static struct rate_bucket_entry *find_bucket(struct rate_limit *limit, const struct rate *rate,
                                             char lead, struct text name) {
    char named[RATE_NAME_SIZE];
    if (!rate_is_set(rate) || name.length == 0)
        return NULL;
    int length = snprintf(named, sizeof named, "%c:%.*s", lead, TEXT_ARG(name));
    struct text text = {named, (size_t)length};
    uint64_t evicted = limit->table.evicted;
    struct rate_bucket_entry *bucket = lru_table_take(&limit->table, text);
    counter_add(limit->evicted, limit->table.evicted - evicted);
    if (bucket != NULL && bucket->rate == NULL) {
        bucket->rate = rate;
        bucket->limit = limit;
    }
    return bucket;
}

/* Whether the bucket has a token now. */
static enum rate_verdict look(struct rate_bucket_entry *bucket, struct mono_time now) {
    if (bucket == NULL)
        return RATE_FREE;
    if (rate_lease_is_local(bucket, now))
        return rate_wait_ns(bucket->rate, &bucket->local, now) > 0 ? RATE_REFUSED : RATE_FREE;
    if (now.ns - bucket->leased_at.ns > bucket->rate->period_ms * 1000000)
        bucket->tokens = 0;
    if (bucket->tokens > 0)
        return RATE_FREE;
    return now.ns < bucket->refused_until.ns ? RATE_REFUSED : RATE_HELD;
}

/* Takes a token of a bucket that has one; the job of the next lease when it is time for it. */
static struct round_job *take(struct rate_bucket_entry *bucket, struct mono_time now) {
    if (rate_lease_is_local(bucket, now)) {
        (void)rate_take(bucket->rate, &bucket->local, now);
        return NULL;
    }
    bucket->tokens--;
    int64_t size = rate_lease_size(bucket->rate);
    bool low = size > 1 && bucket->tokens <= size / 4 && now.ns >= bucket->refused_until.ns;
    return low ? rate_lease_ask(bucket) : NULL;
}

static int64_t ms_until(struct mono_time time, struct mono_time now) {
    return time.ns > now.ns ? (time.ns - now.ns + 999999) / 1000000 : 0;
}

/* What is to be told, of the bucket with the fewest left. */
static void tell(const struct rate_bucket_entry *bucket, struct mono_time now,
                 struct rate_state *state) {
    if (bucket == NULL)
        return;
    struct rate_state told = {.rate = bucket->rate};
    if (rate_lease_is_local(bucket, now)) {
        told.left = rate_left(bucket->rate, &bucket->local, now);
        told.reset_ms = ms_until(bucket->local.full_at, now);
        told.retry_ms = (rate_wait_ns(bucket->rate, &bucket->local, now) + 999999) / 1000000;
    } else {
        told.left = bucket->left + bucket->tokens;
        told.reset_ms = ms_until(bucket->full_at, now);
        told.retry_ms = bucket->tokens > 0 ? 0 : ms_until(bucket->refused_until, now);
    }
    if (state->rate == NULL || told.left < state->left)
        *state = told;
}

/* Both buckets have a token, or one is waited for, or refuses. */
static enum rate_verdict decide(struct rate_bucket_entry *const buckets[KINDS],
                                struct mono_time now, int *ret_kind) {
    enum rate_verdict verdict = RATE_FREE;
    for (int i = 0; i < KINDS; i++) {
        enum rate_verdict own = look(buckets[i], now);
        if (own == RATE_FREE || verdict == RATE_REFUSED)
            continue;
        verdict = own;
        *ret_kind = i;
    }
    return verdict;
}

enum rate_verdict rate_limit_take(struct rate_limit *limit, struct http_request *request,
                                  const char *key, void (*on_ready)(struct http_request *request),
                                  struct rate_state *ret_state) {
    const struct rate_limit_options *options = &limit->options;
    *ret_state = (struct rate_state){0};
    if (!rate_is_set(&options->by_address) && !rate_is_set(&options->by_key))
        return RATE_FREE;
    char room[PEER_NAME_SIZE];
    struct mono_time now = clock_mono();
    struct text address = peer_name(http_peer(request), room);
    struct round_job *jobs[KINDS] = {NULL};
    int kind = 0;
    pthread_mutex_lock(&limit->lock);
    struct rate_bucket_entry *const buckets[KINDS] = {
        [BY_ADDRESS] = find_bucket(limit, &options->by_address, 'a', address),
        [BY_KEY] = find_bucket(limit, &options->by_key, 'k', text_of(key)),
    };
    enum rate_verdict verdict = decide(buckets, now, &kind);
    for (int i = 0; i < KINDS && verdict == RATE_FREE; i++)
        jobs[i] = buckets[i] != NULL ? take(buckets[i], now) : NULL;
    if (verdict == RATE_HELD) {
        rate_lease_wait(buckets[kind], request, on_ready);
        jobs[kind] = rate_lease_ask(buckets[kind]);
    }
    for (int i = 0; i < KINDS; i++)
        tell(verdict == RATE_REFUSED && i != kind ? NULL : buckets[i], now, ret_state);
    pthread_mutex_unlock(&limit->lock);
    if (verdict == RATE_REFUSED)
        counter_add(limit->limited[kind], 1);
    else
        ret_state->retry_ms = 0;
    for (int i = 0; i < KINDS; i++) {
        if (jobs[i] != NULL)
            rounds_submit(options->rounds, jobs[i]);
    }
    return verdict;
}

/* Whole seconds, upwards. */
static void add_seconds(struct http_request *request, const char *name, int64_t ms) {
    char number[RATE_NUMBER_SIZE];
    snprintf(number, sizeof number, "%lld", (long long)(ms + 999) / 1000);
    http_answer_header(request, name, number);
}

void rate_limit_write_headers(struct http_request *request, const struct rate_state *state) {
    char text[2 * RATE_NUMBER_SIZE + 4];
    if (state->rate == NULL)
        return;
    snprintf(text, sizeof text, "%lld", (long long)state->rate->count);
    http_answer_header(request, "RateLimit-Limit", text);
    snprintf(text, sizeof text, "%lld", (long long)(state->left > 0 ? state->left : 0));
    http_answer_header(request, "RateLimit-Remaining", text);
    add_seconds(request, "RateLimit-Reset", state->reset_ms);
    snprintf(text, sizeof text, "%lld;w=%lld", (long long)state->rate->count,
             (long long)state->rate->period_ms / 1000);
    http_answer_header(request, "RateLimit-Policy", text);
    if (state->retry_ms > 0)
        add_seconds(request, "Retry-After", state->retry_ms);
}
