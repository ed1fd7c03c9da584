/* replay.h: a replay in progress, shared by its workers (replay_worker.c) and its display.
 *
 * Owner: cmd_replay.c. Threads: numbers are atomic; the errors and the pace have a lock.
 * Limits: REPLAY_ERRORS_MAX errors are kept in words, the rest is only counted.
 */
#ifndef SIEM_SIEMCTL_REPLAY_H
#define SIEM_SIEMCTL_REPLAY_H

#include "common/clock.h"
#include "services/siemctl/replay_source.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#define REPLAY_ERRORS_MAX 1000
#define REPLAY_ERROR_SIZE 200

struct replay {
    const char *url, *api_key, *ca_file;
    struct replay_source *source;
    int lines_per_bulk;
    int64_t rate; /* events a second; 0: as fast as they are taken */
    struct mono_time started;
    atomic_int running; /* workers */
    atomic_bool stop;   /* an answer that no later line would change, or the user */
    atomic_uint_fast64_t accepted, rejected;
    atomic_uint_fast64_t unknown; /* no answer came: stored or not */
    atomic_uint_fast64_t unsent;  /* given up without having been sent */
    atomic_uint_fast64_t delayed; /* answers 429 and 503 */
    pthread_mutex_t lock;
    struct mono_time next_slot;
    size_t error_count;
    struct replay_error {
        uint64_t line;
        char words[REPLAY_ERROR_SIZE];
    } errors[REPLAY_ERRORS_MAX];
};

/* A worker's thread: sends bulks over one connection until the source ends; `replay` is a struct
 * replay. */
void *replay_worker_run(void *replay);

/* Shows how far it is on stderr until the workers are done: a bar on a terminal, else a line every
 * few seconds. `size` is that of the file, 0 when unknown. `interrupted` stops it. */
void replay_progress_show(struct replay *replay, uint64_t size,
                          const volatile sig_atomic_t *interrupted);

#endif
