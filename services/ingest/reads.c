/* reads.c: a small pool of threads, each with its own connection to Redis, and a bounded queue. */
#include "services/ingest/reads.h"

#include "common/counters.h"
#include "common/log.h"
#include "services/ingest/answer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define READERS 2
#define CONNECT_TIMEOUT_MS 500
#define COMMAND_TIMEOUT_MS 3000
#define PING_INTERVAL_MS 1000

struct read_job {
    struct http_request *request;
    reads_function *function;
    struct mono_time queued_at;
};

struct reader {
    struct reads *reads;
    struct redis_client *redis;
    pthread_t thread;
    bool started;
};

struct reads {
    struct reader readers[READERS];
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct read_job jobs[READS_QUEUE_MAX]; /* a ring */
    size_t first, count;
    bool stopping;
    atomic_bool connected;
    struct gauge *waiting;
};

void reads_answer_failure(struct http_request *request, const struct redis_client *redis,
                          enum status status) {
    reads_answer_error(request, text_of(redis != NULL ? redis_client_error(redis) : ""), status);
}

void reads_answer_error(struct http_request *request, struct text error, enum status status) {
    count_drop(status);
    if (status == STATUS_REFUSED && redis_error_is_lasting(error)) {
        char reason[256];
        snprintf(reason, sizeof reason, "%.*s", TEXT_ARG(error));
        log_error("Redis refuses what a request needs", LOG_TEXT("error", error));
        answer_error(request, 500, reason);
        return;
    }
    answer_detail(request, 503, "The store cannot be reached. Try again later.");
}

/* Worker's thread: Redis took too long. */
static void on_deadline(struct http_request *request) {
    reads_answer_failure(request, NULL, STATUS_TIMEOUT);
}

/* The next job; false when there is none for a second, or the pool stops. */
static bool take_job(struct reads *reads, struct read_job *ret_job) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += PING_INTERVAL_MS / 1000;
    pthread_mutex_lock(&reads->lock);
    int error = 0;
    while (reads->count == 0 && !reads->stopping && error == 0)
        error = pthread_cond_timedwait(&reads->wake, &reads->lock, &until);
    bool any = reads->count > 0 && !reads->stopping;
    if (any) {
        *ret_job = reads->jobs[reads->first];
        reads->first = (reads->first + 1) % READS_QUEUE_MAX;
        reads->count--;
        gauge_set(reads->waiting, (int64_t)reads->count);
    }
    pthread_mutex_unlock(&reads->lock);
    return any;
}

static bool is_stopping(struct reads *reads) {
    pthread_mutex_lock(&reads->lock);
    bool stopping = reads->stopping;
    pthread_mutex_unlock(&reads->lock);
    return stopping;
}

/* Keeps knowing whether Redis is there. */
static void ping(struct reader *reader) {
    struct redis_reply *reply = NULL;
    enum status status = redis_command(reader->redis, &reply, TEXT("PING"));
    redis_reply_destroy(&reply);
    bool connected = status == STATUS_OK;
    if (atomic_exchange(&reader->reads->connected, connected) != connected) {
        if (connected)
            log_info("Redis answers");
        else
            log_warning("Redis does not answer",
                        LOG_STRING("reason", redis_client_error(reader->redis)));
    }
}

static void *reader_main(void *context) {
    struct reader *reader = context;
    struct mono_time pinged_at = {0};
    struct read_job job;
    while (!is_stopping(reader->reads)) {
        if (pinged_at.ns == 0 || clock_elapsed_ms(pinged_at) >= PING_INTERVAL_MS) {
            ping(reader);
            pinged_at = clock_mono();
        }
        if (!take_job(reader->reads, &job))
            continue;
        /* One that waited too long is answered already. */
        if (clock_elapsed_ms(job.queued_at) < READS_DEADLINE_MS)
            job.function(reader->redis, job.request);
        http_release(job.request);
    }
    return NULL;
}

static enum status reader_start(struct reads *reads, struct reader *reader, const char *redis_url) {
    reader->reads = reads;
    reader->redis = redis_client_new(redis_url, CONNECT_TIMEOUT_MS, COMMAND_TIMEOUT_MS);
    if (reader->redis == NULL || pthread_create(&reader->thread, NULL, reader_main, reader) != 0)
        return STATUS_UNAVAILABLE;
    reader->started = true;
    return STATUS_OK;
}

struct reads *reads_new(const char *redis_url) {
    struct reads *reads = calloc(1, sizeof *reads);
    if (reads == NULL)
        abort();
    reads->waiting =
        gauge_new("siem_reads_waiting", NULL, "Requests waiting for a reader of Redis");
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&reads->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&reads->lock, NULL);
    for (int i = 0; i < READERS; i++) {
        if (reader_start(reads, &reads->readers[i], redis_url) != STATUS_OK)
            reads_destroy(&reads);
        if (reads == NULL)
            return NULL;
    }
    return reads;
}

void reads_stop(struct reads *reads) {
    pthread_mutex_lock(&reads->lock);
    reads->stopping = true;
    pthread_cond_broadcast(&reads->wake);
    pthread_mutex_unlock(&reads->lock);
    for (int i = 0; i < READERS; i++) {
        if (reads->readers[i].started)
            pthread_join(reads->readers[i].thread, NULL);
        reads->readers[i].started = false;
    }
    for (; reads->count > 0; reads->count--) {
        struct http_request *request = reads->jobs[reads->first].request;
        reads->first = (reads->first + 1) % READS_QUEUE_MAX;
        reads_answer_failure(request, NULL, STATUS_UNAVAILABLE);
        http_release(request);
    }
}

void reads_destroy(struct reads **reads) {
    struct reads *self = *reads;
    if (self == NULL)
        return;
    reads_stop(self);
    for (int i = 0; i < READERS; i++)
        redis_client_destroy(&self->readers[i].redis);
    pthread_cond_destroy(&self->wake);
    pthread_mutex_destroy(&self->lock);
    free(self);
    *reads = NULL;
}

void reads_submit(struct reads *reads, struct http_request *request, reads_function *function) {
    http_defer(request, READS_DEADLINE_MS, on_deadline);
    pthread_mutex_lock(&reads->lock);
    enum status status = reads->stopping ? STATUS_UNAVAILABLE : STATUS_OK;
    if (status == STATUS_OK && reads->count == READS_QUEUE_MAX)
        status = STATUS_FULL;
    if (status == STATUS_OK) {
        size_t last = (reads->first + reads->count) % READS_QUEUE_MAX;
        reads->jobs[last] = (struct read_job){request, function, clock_mono()};
        reads->count++;
        gauge_set(reads->waiting, (int64_t)reads->count);
        pthread_cond_signal(&reads->wake);
    }
    pthread_mutex_unlock(&reads->lock);
    if (status == STATUS_OK)
        return;
    reads_answer_failure(request, NULL, status);
    http_release(request);
}

bool reads_is_connected(struct reads *reads) {
    return atomic_load(&reads->connected);
}
