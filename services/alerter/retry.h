/* retry.h: what an answer means, and how long to wait before the next attempt.
 *
 * Units: ms. Threads: pure functions. Limits: a wait of our own of at most RETRY_WAIT_MAX_MS, one
 * the receiver asked for of at most RETRY_AFTER_MAX_MS. Errors: BAD_SYNTAX for a Retry-After that
 * is neither seconds nor a date. Source: RFC 9110 (10.2.3 Retry-After, 5.6.7 HTTP-date); Fluent
 * Bit's outputs.
 */
#ifndef SIEM_ALERTER_RETRY_H
#define SIEM_ALERTER_RETRY_H

#include "common/clock.h"

#define RETRY_WAIT_MAX_MS 300000
#define RETRY_AFTER_MAX_MS 3600000

enum delivery { DELIVERY_DONE, DELIVERY_RETRY, DELIVERY_GIVE_UP };

/* What an HTTP status means; 0: no answer came. */
enum delivery retry_classify(long http_status);

/* The wait after `attempts` attempts (at least 1): `first_ms` doubled each time, a quarter of
 * jitter to both sides by `random`. */
int64_t retry_wait_ms(int64_t first_ms, int64_t attempts, uint32_t random);

/* Reads a Retry-After: how long to wait from `now`; a date that has passed is 0. */
MUST_CHECK enum status retry_after_parse(struct text value, struct wall_time now, int64_t *ret_ms);

#endif
