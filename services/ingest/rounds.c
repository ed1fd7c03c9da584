/* rounds.c: the thread that runs other threads' scripts, many in one round trip. */
#include "services/ingest/rounds.h"

#include "common/clock.h"
#include "proto/keys.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct tick {
    void (*run)(void *context, struct redis_client *redis);
    void *context;
};

struct rounds {
    struct redis_client *redis;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct round_job *first; /* waiting */
    struct round_job **last;
    bool stopping;
    atomic_bool away;
    struct tick ticks[ROUND_TICKS_MAX];
    size_t tick_count;
};

struct rounds *rounds_new(const char *redis_url) {
    struct rounds *rounds = calloc(1, sizeof *rounds);
    if (rounds == NULL)
        abort();
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&rounds->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&rounds->lock, NULL);
    rounds->last = &rounds->first;
    rounds->redis = redis_client_new(redis_url, ROUND_TIMEOUT_MS, ROUND_TIMEOUT_MS);
    if (rounds->redis == NULL)
        rounds_destroy(&rounds);
    return rounds;
}

void rounds_add_tick(struct rounds *rounds, void (*tick)(void *context, struct redis_client *redis),
                     void *context) {
    assert(!rounds->started && rounds->tick_count < ROUND_TICKS_MAX);
    rounds->ticks[rounds->tick_count++] = (struct tick){tick, context};
}

/* What waits, or NULL when nothing has come by then. */
static struct round_job *take_jobs(struct rounds *rounds, struct timespec until) {
    pthread_mutex_lock(&rounds->lock);
    int error = 0;
    while (rounds->first == NULL && !rounds->stopping && error == 0)
        error = pthread_cond_timedwait(&rounds->wake, &rounds->lock, &until);
    struct round_job *list = rounds->first;
    rounds->first = NULL;
    rounds->last = &rounds->first;
    pthread_mutex_unlock(&rounds->lock);
    return list;
}

/* Appends up to ROUND_JOBS_MAX jobs of the list to the pipeline; how many. */
static size_t append_jobs(struct rounds *rounds, struct round_job *job, enum status *ret_status) {
    struct key_name slot = key_name(KEY_RATES); /* all keys are in one slot */
    size_t count = 0;
    *ret_status = STATUS_OK;
    for (; job != NULL && count < ROUND_JOBS_MAX && *ret_status == STATUS_OK; job = job->next) {
        *ret_status = redis_script_append(rounds->redis, job->script, key_text(&slot), job->count,
                                          job->arguments);
        count += *ret_status == STATUS_OK;
    }
    return count;
}

/* Gives a job its reply; one that met an unknown script is run again, which loads it. */
static void settle(struct rounds *rounds, struct round_job *job, enum status status,
                   struct redis_reply *reply) {
    if (status == STATUS_OK && redis_reply_type(reply) == REDIS_ERROR)
        status = STATUS_REFUSED;
    job->on_reply(job, status, reply);
    redis_reply_destroy(&reply);
    if (status != STATUS_REFUSED)
        atomic_store(&rounds->away, status != STATUS_OK);
}

/* Runs the jobs that met an unknown script, one by one. */
static void run_again(struct rounds *rounds, struct round_job *list) {
    struct key_name slot = key_name(KEY_RATES);
    while (list != NULL) {
        struct round_job *next = list->next;
        struct redis_reply *reply = NULL;
        enum status status = redis_script_run(rounds->redis, list->script, key_text(&slot),
                                              list->count, list->arguments, &reply);
        settle(rounds, list, status, reply);
        list = next;
    }
}

/* Reads the replies of the first `count` jobs; gives the rest of the list. */
static struct round_job *read_replies(struct rounds *rounds, struct round_job *list, size_t count) {
    struct round_job *again = NULL;
    for (; count > 0; count--) {
        struct round_job *next = list->next;
        struct redis_reply *reply = NULL;
        enum status status = redis_client_read(rounds->redis, &reply);
        if (status == STATUS_OK && redis_reply_is_noscript(reply)) {
            redis_reply_destroy(&reply);
            list->next = again;
            again = list;
        } else {
            settle(rounds, list, status, reply);
        }
        list = next;
    }
    run_again(rounds, again);
    return list;
}

/* A script Redis has not seen from us yet is loaded before its first round. */
static enum status load_scripts(struct rounds *rounds, const struct round_job *list) {
    enum status status = STATUS_OK;
    for (size_t i = 0; list != NULL && i < ROUND_JOBS_MAX && status == STATUS_OK; i++) {
        if (!redis_script_is_loaded(list->script))
            status = redis_script_load(rounds->redis, list->script);
        list = list->next;
    }
    return status;
}

static void run_jobs(struct rounds *rounds, struct round_job *list) {
    while (list != NULL) {
        enum status status = load_scripts(rounds, list);
        size_t count = status == STATUS_OK ? append_jobs(rounds, list, &status) : 0;
        list = read_replies(rounds, list, count);
        if (status != STATUS_OK && list != NULL) {
            struct round_job *next = list->next;
            settle(rounds, list, status, NULL);
            list = next;
        }
    }
}

static void run_ticks(struct rounds *rounds) {
    for (size_t i = 0; i < rounds->tick_count; i++)
        rounds->ticks[i].run(rounds->ticks[i].context, rounds->redis);
    struct redis_reply *reply = NULL;
    enum status status = redis_command(rounds->redis, &reply, TEXT("PING"));
    redis_reply_destroy(&reply);
    atomic_store(&rounds->away, status != STATUS_OK);
}

static bool is_stopping(struct rounds *rounds) {
    pthread_mutex_lock(&rounds->lock);
    bool stopping = rounds->stopping;
    pthread_mutex_unlock(&rounds->lock);
    return stopping;
}

static void *rounds_main(void *context) {
    struct rounds *rounds = context;
    struct mono_time ticked_at = {INT64_MIN / 2};
    while (!is_stopping(rounds)) {
        struct mono_time now = clock_mono();
        if (now.ns - ticked_at.ns >= (int64_t)ROUND_TICK_MS * 1000000) {
            run_ticks(rounds);
            ticked_at = clock_mono();
        }
        int64_t due_ns = ticked_at.ns + (int64_t)ROUND_TICK_MS * 1000000;
        run_jobs(rounds, take_jobs(rounds, (struct timespec){.tv_sec = due_ns / 1000000000,
                                                             .tv_nsec = due_ns % 1000000000}));
    }
    return NULL;
}

enum status rounds_start(struct rounds *rounds) {
    rounds->started = pthread_create(&rounds->thread, NULL, rounds_main, rounds) == 0;
    return rounds->started ? STATUS_OK : STATUS_UNAVAILABLE;
}

/* Nobody runs these any more. */
static void refuse(struct round_job *list) {
    while (list != NULL) {
        struct round_job *next = list->next;
        list->on_reply(list, STATUS_UNAVAILABLE, NULL);
        list = next;
    }
}

void rounds_stop(struct rounds *rounds) {
    pthread_mutex_lock(&rounds->lock);
    rounds->stopping = true;
    pthread_cond_broadcast(&rounds->wake);
    pthread_mutex_unlock(&rounds->lock);
    if (rounds->started)
        pthread_join(rounds->thread, NULL);
    rounds->started = false;
    atomic_store(&rounds->away, true);
    struct round_job *list = rounds->first;
    rounds->first = NULL;
    rounds->last = &rounds->first;
    refuse(list);
}

void rounds_destroy(struct rounds **rounds) {
    struct rounds *self = *rounds;
    if (self == NULL)
        return;
    rounds_stop(self);
    redis_client_destroy(&self->redis);
    pthread_cond_destroy(&self->wake);
    pthread_mutex_destroy(&self->lock);
    free(self);
    *rounds = NULL;
}

void rounds_submit(struct rounds *rounds, struct round_job *job) {
    assert(job->count <= ROUND_ARGUMENTS_MAX);
    job->next = NULL;
    pthread_mutex_lock(&rounds->lock);
    bool stopping = rounds->stopping;
    bool was_empty = rounds->first == NULL;
    if (!stopping) {
        *rounds->last = job;
        rounds->last = &job->next;
        if (was_empty)
            pthread_cond_signal(&rounds->wake);
    }
    pthread_mutex_unlock(&rounds->lock);
    if (stopping)
        job->on_reply(job, STATUS_UNAVAILABLE, NULL);
}

bool rounds_is_away(struct rounds *rounds) {
    return atomic_load(&rounds->away);
}
