/* committer.h: runs commits in Redis: packs a group of them into one call (so that they share one
 * round trip and one flush of the append-only file), and takes the answers when they come.
 *
 * Two calls may be under way: while Redis works on one, and syncs, the next already waits at its
 * door, and Redis is never idle for want of a round trip. Owner: new/destroy; who sends a group
 * keeps its commits, in order, until the call is answered. Threads: one at a time. Errors:
 * UNAVAILABLE, TIMEOUT (nothing is known of the commits that are still open: send them again,
 * deduplication makes it safe; no call is under way any more), REFUSED (Redis answered errors: out
 * of memory, loading, an error of the script). What was answered before the error stays answered.
 * Limits: GROUP_MAX commits and CALL_SIZE_MAX bytes a call, CALLS_MAX calls.
 */
#ifndef SIEM_INCIDENT_COMMITTER_H
#define SIEM_INCIDENT_COMMITTER_H

#include "services/incident/commit_pack.h"

#define GROUP_MAX 16
#define CALLS_MAX 2
/* Of commits packed; a larger one goes alone. */
#define CALL_SIZE_MAX ((size_t)1024 * 1024)

struct committer;

/* Makes a committer; connects later. NULL, with a log line, on a malformed URL. */
struct committer *committer_new(const char *redis_url, const struct commit_limits *limits);

/* Closes the connection; commits still open stay so. */
void committer_destroy(struct committer **committer);

/* True when another call can be sent: fewer than CALLS_MAX are under way, and none of them met a
 * Redis without our functions. */
bool committer_can_send(const struct committer *committer);

/* Sends one call with as many of these open commits, from the first on, as it holds; `*ret_sent` is
 * how many. */
MUST_CHECK enum status committer_send(struct committer *committer, struct commit *const *group,
                                      size_t count, size_t *ret_sent);

/* Takes the answer of the oldest call under way; `group` begins with its commits, `*ret_count` of
 * them. Those without an answer stay open. AGAIN, without `wait`: it is not there yet. */
MUST_CHECK enum status committer_receive(struct committer *committer, struct commit *const *group,
                                         bool wait, size_t *ret_count);

/* Commits those of the group that are open, and waits for it; none may be under way. OK when all
 * are answered then. */
MUST_CHECK enum status committer_run(struct committer *committer, struct commit *const *group,
                                     size_t count);

/* Judges correlations that have waited until `now`, those in the range, when no call is under way.
 * `commit` is free, and then holds the threats they raised; `*ret_more` tells whether others wait
 * behind them. POISON: the script fails on one of them; nothing has changed. */
MUST_CHECK enum status committer_settle(struct committer *committer, struct wall_time now,
                                        struct settle_range range, struct commit *commit,
                                        bool *ret_more);

/* Reads the last number this publisher used, which may be ahead of what we were told: an answer can
 * get lost; and keeps it from expiring. No call may be under way. */
MUST_CHECK enum status committer_refresh(struct committer *committer);

/* The connection, to be watched, and for reading while no call is under way; borrows. */
struct redis_client *committer_redis(struct committer *committer);

/* The last number used for a message on THREATS. */
uint64_t committer_last_seq(const struct committer *committer);

/* Why the last call failed, in words; borrows. */
const char *committer_error(const struct committer *committer);

#endif
