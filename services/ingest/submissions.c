/* submissions.c: free lists of submissions and parsers. */
#include "services/ingest/submissions.h"

#include <pthread.h>
#include <stdlib.h>

/* What is kept together. */
struct slot {
    struct submission submission; /* first: a submission is its slot */
    struct log_answer answer;
};

struct submissions {
    pthread_mutex_t lock;
    struct submission *free; /* linked by `next` */
    int free_count;
    struct event_json *parsers[PARSERS_KEPT];
    int parser_count;
};

struct submissions *submissions_new(void) {
    struct submissions *submissions = calloc(1, sizeof *submissions);
    if (submissions == NULL)
        abort();
    pthread_mutex_init(&submissions->lock, NULL);
    return submissions;
}

struct log_answer *submissions_answer(struct submission *submission) {
    return &((struct slot *)submission)->answer;
}

static struct submission *submission_new(void) {
    struct slot *slot = calloc(1, sizeof *slot);
    if (slot == NULL)
        abort();
    buffer_init(&slot->submission.events, BATCH_EVENTS_BYTES_MAX);
    log_answer_init(&slot->answer);
    return &slot->submission;
}

static void submission_free(struct submission *submission) {
    buffer_fini(&submission->events);
    log_answer_fini(submissions_answer(submission));
    free(submission);
}

void submissions_destroy(struct submissions **submissions) {
    struct submissions *self = *submissions;
    if (self == NULL)
        return;
    while (self->free != NULL) {
        struct submission *next = self->free->next;
        submission_free(self->free);
        self->free = next;
    }
    while (self->parser_count > 0)
        event_json_destroy(&self->parsers[--self->parser_count]);
    pthread_mutex_destroy(&self->lock);
    free(self);
    *submissions = NULL;
}

struct submission *submissions_take(struct submissions *submissions) {
    pthread_mutex_lock(&submissions->lock);
    struct submission *submission = submissions->free;
    if (submission != NULL) {
        submissions->free = submission->next;
        submissions->free_count--;
    }
    pthread_mutex_unlock(&submissions->lock);
    if (submission == NULL)
        submission = submission_new();
    buffer_reset(&submission->events);
    submission->next = NULL;
    submission->count = 0;
    submission->wants_verdict = false;
    submission->wants_sync = true;
    submission->context = NULL;
    submission->on_done = NULL;
    return submission;
}

void submissions_give(struct submissions *submissions, struct submission **submission) {
    struct submission *given = *submission;
    if (given == NULL)
        return;
    *submission = NULL;
    pthread_mutex_lock(&submissions->lock);
    bool keep = submissions->free_count < SUBMISSIONS_KEPT;
    if (keep) {
        given->next = submissions->free;
        submissions->free = given;
        submissions->free_count++;
    }
    pthread_mutex_unlock(&submissions->lock);
    if (!keep)
        submission_free(given);
}

struct event_json *submissions_take_parser(struct submissions *submissions) {
    pthread_mutex_lock(&submissions->lock);
    struct event_json *parser = NULL;
    if (submissions->parser_count > 0)
        parser = submissions->parsers[--submissions->parser_count];
    pthread_mutex_unlock(&submissions->lock);
    return parser != NULL ? parser : event_json_new();
}

void submissions_give_parser(struct submissions *submissions, struct event_json **parser) {
    if (*parser == NULL)
        return;
    pthread_mutex_lock(&submissions->lock);
    if (submissions->parser_count < PARSERS_KEPT) {
        submissions->parsers[submissions->parser_count++] = *parser;
        *parser = NULL;
    }
    pthread_mutex_unlock(&submissions->lock);
    event_json_destroy(parser);
}
