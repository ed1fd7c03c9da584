/* idempotency_jobs.c: what Redis is told of a request with an Idempotency-Key. An end that it did
 * not hear is said again with every tick, until it does. */
#include "services/ingest/idempotency_private.h"

#include <stdio.h>

static struct round_job job_of(struct idempotent *idempotent, const char *operation) {
    const struct idempotency *idempotency = idempotent->idempotency;
    return (struct round_job){
        .script = idempotency->script.script,
        .count = 6,
        .arguments = {text_of(operation), text_of(idempotent->tag), text_of(idempotent->print),
                      text_of(idempotent->owner), text_of(idempotency->keep),
                      text_of(idempotency->producer_text)},
    };
}

static void submit(struct idempotent *idempotent, struct round_job job) {
    idempotent->job = job;
    rounds_submit(idempotent->idempotency->options.rounds, &idempotent->job);
}

void idempotent_say_reserve(struct idempotent *idempotent,
                            void (*on_reply)(struct round_job *job, enum status status,
                                             const struct redis_reply *reply)) {
    struct round_job job = job_of(idempotent, "reserve");
    struct ledger_books books;
    out_events_books(idempotent->idempotency->options.writer, &books);
    snprintf(idempotent->number, sizeof idempotent->number, "%llu",
             (unsigned long long)books.next_seq);
    job.arguments[job.count++] = text_of(idempotent->number);
    job.on_reply = on_reply;
    submit(idempotent, job);
}

/* Redis has heard the end, or it is to be said again. */
static void on_ended(struct round_job *job, enum status status, const struct redis_reply *reply) {
    struct idempotent *idempotent = idempotent_of(job);
    struct idempotency *idempotency = idempotent->idempotency;
    bool heard = status == STATUS_OK && redis_reply_count(reply) == 2;
    if (idempotent->request != NULL)
        idempotent_answer(idempotent, !heard);
    if (heard) {
        counter_add(idempotency->evicted, (uint64_t)redis_reply_integer(redis_reply_at(reply, 1)));
        idempotent_free(idempotent);
        return;
    }
    pthread_mutex_lock(&idempotency->lock);
    idempotent->next = idempotency->again;
    idempotency->again = idempotent;
    pthread_mutex_unlock(&idempotency->lock);
}

void idempotent_say_finish(struct idempotent *idempotent) {
    const struct idempotency *idempotency = idempotent->idempotency;
    struct round_job job = job_of(idempotent, "finish");
    bool is_short = idempotent->body.length > IDEMPOTENCY_ANSWER_MAX;
    snprintf(idempotent->number, sizeof idempotent->number, "%d",
             is_short ? 202 : idempotent->code);
    job.arguments[job.count++] = text_of(idempotent->number);
    job.arguments[job.count++] =
        buffer_text(is_short ? &idempotent->short_body : &idempotent->body);
    job.arguments[job.count++] = text_of(idempotency->answers_max);
    job.arguments[job.count++] = text_of(idempotency->bytes_max);
    job.on_reply = on_ended;
    submit(idempotent, job);
}

void idempotent_say_release(struct idempotent *idempotent) {
    struct round_job job = job_of(idempotent, "release");
    idempotent->code = 0;
    snprintf(idempotent->number, sizeof idempotent->number, "%llu",
             (unsigned long long)idempotent->earlier.stored);
    job.arguments[job.count++] = text_of(idempotent->number);
    job.arguments[job.count++] = text_of(idempotent->earlier.first_id);
    job.arguments[job.count++] = text_of(idempotent->earlier.last_id);
    job.on_reply = on_ended;
    submit(idempotent, job);
}

void idempotency_say_again(struct idempotency *idempotency) {
    pthread_mutex_lock(&idempotency->lock);
    struct idempotent *list = idempotency->again;
    idempotency->again = NULL;
    pthread_mutex_unlock(&idempotency->lock);
    while (list != NULL) {
        struct idempotent *next = list->next;
        if (list->code != 0)
            idempotent_say_finish(list);
        else
            idempotent_say_release(list);
        list = next;
    }
}
