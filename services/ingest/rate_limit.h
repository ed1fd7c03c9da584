/* rate_limit.h: how many requests a key and an address may make, over all ingest processes.
 *
 * The buckets stand in Redis and run on its clock (rate_limit.lua). No request waits for a round
 * trip of its own: a process takes tokens from Redis in leases of a hundredth of the limit, asks
 * for the next one before the last is used up, and keeps a refusal until the time Redis named. Only
 * a request that comes while the very first lease is on its way is held (http_hold). So Redis is
 * asked at most some hundred times a period for each key, the budget is never exceeded, and at most
 * an eightieth of it lies unused in a process. Leases older than the period are void.
 * While Redis is away each process keeps the whole limit by itself: better a limit that is too wide
 * by the number of processes than none, or no service.
 * A request counts as one, whatever it carries: the number of a bulk's events is known only when
 * it was read, a bulk cannot be half refused, and how many events are taken is bounded by the
 * queue, the spool and their 503.
 * Owner: new/destroy. Threads: any (a short lock); replies on the rounds'. Errors: none. Limits:
 * RATE_BUCKETS_MAX keys and addresses here, those of rate_limit.lua in Redis; the longest unused
 * goes, and is counted. Source: ITU-T I.371 (GCRA); draft-ietf-httpapi-ratelimit-headers-06.
 */
#ifndef SIEM_INGEST_RATE_LIMIT_H
#define SIEM_INGEST_RATE_LIMIT_H

#include "common/http_server.h"
#include "common/rate.h"
#include "services/ingest/rounds.h"

#define RATE_BUCKETS_MAX 16384
/* A lease is this part of the limit; the next one is asked for when a quarter of it is left. */
#define RATE_LEASE_PART 100

struct rate_limit;

struct rate_limit_options {
    struct rate by_key;
    struct rate by_address;
    struct rounds *rounds; /* borrowed; stopped before the destruction */
};

enum rate_verdict {
    RATE_FREE,    /* it may go on */
    RATE_REFUSED, /* too many */
    RATE_HELD,    /* nobody knows yet: the request is held, and is to be asked for again */
};

/* What the answer tells about the limit that is nearest. */
struct rate_state {
    const struct rate *rate; /* NULL: there is none */
    int64_t left;            /* requests */
    int64_t reset_ms;        /* until it is full again */
    int64_t retry_ms;        /* until the next one, when refused */
};

/* Makes it; costs nothing as long as no limit is set. */
struct rate_limit *rate_limit_new(const struct rate_limit_options *options);

/* Frees it. */
void rate_limit_destroy(struct rate_limit **limit);

/* Takes a token of the address's and (unless `key` is "") the key's bucket, both or none.
 * `on_ready` is for http_hold. */
enum rate_verdict rate_limit_take(struct rate_limit *limit, struct http_request *request,
                                  const char *key, void (*on_ready)(struct http_request *request),
                                  struct rate_state *ret_state);

/* Adds the headers that tell the sender about the limit. */
void rate_limit_write_headers(struct http_request *request, const struct rate_state *state);

#endif
