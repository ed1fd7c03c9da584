/* reads.h: answers requests from Redis, on a few threads of their own, so that an HTTP worker never
 * waits for Redis.
 *
 * A route hands its request over with a function that reads and answers; the request is deferred. A
 * Redis that hangs holds up a reader until its command's time-out; the request itself is answered
 * 503 at its deadline, by its worker. Owner: new/destroy. Threads: reads_submit from any; the
 * function runs on a reader. Errors: those of the client are answered by reads_answer_failure.
 * Limits: READS_QUEUE_MAX requests wait; more are answered 503 with Retry-After at once.
 */
#ifndef SIEM_INGEST_READS_H
#define SIEM_INGEST_READS_H

#include "common/http_server.h"
#include "common/redis_client.h"

#define READS_QUEUE_MAX 256
#define READS_DEADLINE_MS 5000

struct reads;

/* Reads from Redis and answers the request. */
typedef void reads_function(struct redis_client *redis, struct http_request *request);

/* Starts the readers. NULL, with a log line, on a malformed URL. */
struct reads *reads_new(const char *redis_url);

/* Ends the readers; what still waits, and what is submitted from now on, is answered 503. */
void reads_stop(struct reads *reads);

/* Stops and frees it; nobody may submit any more. */
void reads_destroy(struct reads **reads);

/* Defers the request and has the function answer it, or answers 503. */
void reads_submit(struct reads *reads, struct http_request *request, reads_function *function);

/* True when Redis answered the last command of any reader. A reader asks every second when nobody
 * else does. */
bool reads_is_connected(struct reads *reads);

/* Answers 503 for a Redis that could not be asked, 500 for one that cannot answer (a key of another
 * type, a fault of ours), with its words. `redis` NULL: it was not asked. */
void reads_answer_failure(struct http_request *request, const struct redis_client *redis,
                          enum status status);

/* The same, with the words of Redis; null when there are none. */
void reads_answer_error(struct http_request *request, struct text error, enum status status);

#endif
