/* redis_fixture.h: a real redis-server for one test: own directory, unix socket only, nothing on
 * disk.
 *
 * Owner: start/stop around a test; stop ends exactly the process it started and removes the
 * directory. Errors: a server that does not answer in 10 s fails the test. Threads: the test's.
 */
#ifndef SIEM_TESTS_REDIS_FIXTURE_H
#define SIEM_TESTS_REDIS_FIXTURE_H

#include <sys/types.h>

struct redis_fixture {
    pid_t pid;
    char directory[64];
    char socket[96];
    char url[128]; /* for redis_client_new */
};

/* Starts a server and waits until it answers. `password` NULL: none. */
void redis_fixture_start(struct redis_fixture *redis, const char *password);

/* Ends the process, as kill -9 does, and keeps the directory. */
void redis_fixture_kill(struct redis_fixture *redis);

/* Starts it again on the same socket, empty, and waits until it answers. */
void redis_fixture_restart(struct redis_fixture *redis);

/* Ends it and removes its directory. */
void redis_fixture_stop(struct redis_fixture *redis);

#endif
