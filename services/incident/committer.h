/* committer.h: runs commits in Redis: packs them, sends a group of them in one go (so that they
 * share one flush of the append-only file), reads the answers.
 *
 * Owner: new/destroy. Threads: one at a time. Errors: UNAVAILABLE, TIMEOUT (nothing is known of the
 * commits that are still open: run them again, deduplication makes it safe), REFUSED (Redis
 * answered errors: out of memory, loading, an error of the script), TOO_LARGE. What was answered
 * before the error stays answered. Limits: GROUP_MAX commits in one go.
 */
#ifndef SIEM_INCIDENT_COMMITTER_H
#define SIEM_INCIDENT_COMMITTER_H

#include "services/incident/commit_pack.h"

#define GROUP_MAX 32

struct committer;

/* Makes a committer; connects later. NULL, with a log line, on a malformed URL. */
struct committer *committer_new(const char *redis_url, const struct commit_limits *limits);

/* Closes the connection; commits still open stay so. */
void committer_destroy(struct committer **committer);

/* Commits those of the group that are COMMIT_OPEN. OK when all are answered then. */
MUST_CHECK enum status committer_run(struct committer *committer, struct commit *const *group,
                                     size_t count);

/* Judges the correlations that have waited until `now`, some at a time. `commit` is free, and then
 * holds the threats they raised; `*ret_more` tells whether others wait. */
MUST_CHECK enum status committer_settle(struct committer *committer, struct wall_time now,
                                        struct commit *commit, bool *ret_more);

/* Reads the last number this publisher used, which may be ahead of what we were told: an answer can
 * get lost; and keeps it from expiring. */
MUST_CHECK enum status committer_refresh(struct committer *committer);

/* The connection, for reading when no commit runs; borrows. */
struct redis_client *committer_redis(struct committer *committer);

/* The last number used for a message on THREATS. */
uint64_t committer_last_seq(const struct committer *committer);

/* Why the last call failed, in words; borrows. */
const char *committer_error(const struct committer *committer);

#endif
