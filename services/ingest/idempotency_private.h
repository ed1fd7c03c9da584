/* idempotency_private.h: what idempotency.c (looking, reserving, ending), idempotency_jobs.c (what
 * is said to Redis, until it is said) and idempotency_recover.c (after a crash) share.
 *
 * Owner: an idempotent is freed when Redis has heard its end. Threads: as idempotency.h says; the
 * lock is for the list of what is to be said again, and for the recovery. Limits: of idempotency.h.
 */
#ifndef SIEM_INGEST_IDEMPOTENCY_PRIVATE_H
#define SIEM_INGEST_IDEMPOTENCY_PRIVATE_H

#include "common/counters.h"
#include "services/ingest/idempotency.h"
#include "services/ingest/out_events.h"
#include "services/ingest/shared_script.h"

#include <pthread.h>
#include <stdatomic.h>

#define IDEMPOTENCY_NUMBER_SIZE 24
#define IDEMPOTENCY_OWNER_SIZE 52

struct idempotent {
    struct round_job job;
    struct idempotent *next; /* to be said again */
    struct idempotency *idempotency;
    struct http_request *request; /* NULL: it was answered, or died with a process */
    struct idempotent_route route;
    struct digest_stream stream;
    char tag[IDEMPOTENCY_TAG_SIZE];
    char print[DIGEST_HEX_SIZE];
    char owner[IDEMPOTENCY_OWNER_SIZE]; /* producer-epoch-number: this reservation and no other */
    char number[IDEMPOTENCY_NUMBER_SIZE];
    int code;
    struct buffer body;       /* the answer to give */
    struct buffer short_body; /* to keep instead, when it is too large */
    struct idempotent_earlier earlier;
};

enum recovery {
    RECOVERY_UNKNOWN, /* Redis was not asked yet */
    RECOVERY_FOUND,   /* there are reservations of a process that died: the loop searches */
    RECOVERY_DONE,
};

struct idempotency {
    struct idempotency_options options;
    struct shared_script script;
    uint64_t producer;
    uint32_t epoch;
    char producer_text[IDEMPOTENCY_NUMBER_SIZE];
    char keep[IDEMPOTENCY_NUMBER_SIZE];
    char answers_max[IDEMPOTENCY_NUMBER_SIZE];
    char bytes_max[IDEMPOTENCY_NUMBER_SIZE];
    atomic_int open;
    atomic_uint_fast64_t next_number;
    unsigned ticks;
    pthread_mutex_t lock;
    struct idempotent *again; /* what Redis has not heard */
    enum recovery recovery;
    struct spool_search search;
    struct counter *fresh, *replayed, *busy, *other, *refused, *evicted;
};

/* A new one; the counts of those open is one higher. */
struct idempotent *idempotent_new(struct idempotency *idempotency);

/* Frees it. */
void idempotent_free(struct idempotent *idempotent);

/* Asks Redis for the reservation; `on_reply` gets the answer. */
void idempotent_say_reserve(struct idempotent *idempotent,
                            void (*on_reply)(struct round_job *job, enum status status,
                                             const struct redis_reply *reply));

/* Tells Redis the answer; when it has heard, or cannot hear now, `on_told` runs once. */
void idempotent_say_finish(struct idempotent *idempotent);

/* Tells Redis that it ended without an answer, until it has heard. */
void idempotent_say_release(struct idempotent *idempotent);

/* The answer is kept, or will be: gives it. */
void idempotent_answer(struct idempotent *idempotent, bool keep_body);

/* The idempotent of a job. */
static inline struct idempotent *idempotent_of(struct round_job *job) {
    return (struct idempotent *)((char *)job - offsetof(struct idempotent, job));
}

/* A tick: says again what was not heard. */
void idempotency_say_again(struct idempotency *idempotency);

/* A tick: reads what a process that died left open. */
void idempotency_find_orphans(struct idempotency *idempotency, struct redis_client *redis);

#endif
