/* rounds.h: scripts that HTTP workers and the loop have run in Redis, without waiting for them: a
 * thread of its own takes whatever waits, sends it as one pipeline and hands each its reply.
 *
 * So many requests share a round trip, and a sync of Redis. Four times a second the thread also
 * runs its ticks (what is polled or retried), even when Redis is away: they notice that it is back.
 * Owner: new/destroy; a job is its submitter's, and in use until its on_reply. Threads:
 * rounds_submit and rounds_is_away from any; on_reply and ticks run on the thread (on the caller's
 * when the rounds are stopped), and may submit. Errors: on_reply gets those of redis_client.h;
 * UNAVAILABLE and TIMEOUT leave open whether the script ran. Limits: jobs are bounded by whoever
 * submits them; ROUND_JOBS_MAX of them in one round.
 */
#ifndef SIEM_INGEST_ROUNDS_H
#define SIEM_INGEST_ROUNDS_H

#include "common/redis_client.h"

#define ROUND_ARGUMENTS_MAX 12
#define ROUND_JOBS_MAX 256
#define ROUND_TICKS_MAX 4
#define ROUND_TICK_MS 250
#define ROUND_TIMEOUT_MS 1000

struct rounds;

struct round_job {
    struct round_job *next;
    struct redis_script *script;
    size_t count;
    struct text arguments[ROUND_ARGUMENTS_MAX]; /* borrowed until on_reply */
    void (*on_reply)(struct round_job *job, enum status status, const struct redis_reply *reply);
};

/* Makes it, without its thread. NULL, with a log line, on a malformed URL. */
struct rounds *rounds_new(const char *redis_url);

/* Adds a tick; before rounds_start. */
void rounds_add_tick(struct rounds *rounds, void (*tick)(void *context, struct redis_client *redis),
                     void *context);

/* Starts the thread, which runs the ticks at once. */
MUST_CHECK enum status rounds_start(struct rounds *rounds);

/* Ends the thread; jobs that wait, and those submitted from now on, get UNAVAILABLE. */
void rounds_stop(struct rounds *rounds);

/* Stops and frees it. */
void rounds_destroy(struct rounds **rounds);

/* Has the job's script run. */
void rounds_submit(struct rounds *rounds, struct round_job *job);

/* True while Redis does not answer, as the last round or tick saw it. */
bool rounds_is_away(struct rounds *rounds);

#endif
