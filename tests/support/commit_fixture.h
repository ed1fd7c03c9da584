/* commit_fixture.h: a committer over a real Redis of its own, and short ways to look into it.
 *
 * Owner: start/stop around a test. Errors: fail the test. Threads: the test's.
 */
#ifndef SIEM_TESTS_COMMIT_FIXTURE_H
#define SIEM_TESTS_COMMIT_FIXTURE_H

#include "services/incident/committer.h"
#include "tests/support/batch_maker.h"
#include "tests/support/redis_fixture.h"

struct commit_fixture {
    struct redis_fixture redis;
    struct redis_client *client; /* to look with */
    struct committer *committer;
    struct commit_limits limits;
};

/* Limits as an operator gets them. */
struct commit_limits commit_fixture_limits(void);

/* Starts Redis and a committer with these limits. */
void commit_fixture_start(struct commit_fixture *fixture, struct commit_limits limits);
void commit_fixture_stop(struct commit_fixture *fixture);

/* A new committer in place of the old one: the process was restarted, or told other limits. */
void commit_fixture_restart(struct commit_fixture *fixture, struct commit_limits limits);

/* Empties Redis. */
void commit_fixture_flush(struct commit_fixture *fixture);

/* Commits a batch that must be answered; the commit is the caller's, initialised. */
void commit_fixture_run(struct commit_fixture *fixture, const struct made_batch *batch,
                        struct commit *commit);

/* Commits it and tells only the state. */
enum commit_state commit_fixture_state(struct commit_fixture *fixture,
                                       const struct made_batch *batch);

/* Runs a command written with spaces between its words; the reply is given. */
struct redis_reply *commit_fixture_ask(struct commit_fixture *fixture, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same for a number; 0 when there is none. */
int64_t commit_fixture_number(struct commit_fixture *fixture, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* True when the command answers exactly this text. */
bool commit_fixture_says(struct commit_fixture *fixture, const char *expected, const char *format,
                         ...) __attribute__((format(printf, 3, 4)));

#endif
