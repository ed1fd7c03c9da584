/* waiters.c: who waits for a verdict: answered by batch number, or when the time is over. */
#include "services/ingest/waiters.h"

#include <assert.h>
#include <stdlib.h>

void waiters_init(struct waiters *waiters) {
    *waiters = (struct waiters){0};
}

void waiters_fini(struct waiters *waiters) {
    assert(waiters->count == 0);
    free(waiters->items);
    waiters_init(waiters);
}

/* Room for one more: answered ones at the front go first. */
static void make_room(struct waiters *waiters) {
    if (waiters->end < waiters->capacity)
        return;
    if (waiters->start > waiters->capacity / 2) {
        memmove(waiters->items, waiters->items + waiters->start,
                (waiters->end - waiters->start) * sizeof *waiters->items);
        waiters->end -= waiters->start;
        waiters->start = 0;
        return;
    }
    waiters->capacity = waiters->capacity == 0 ? 64 : waiters->capacity * 2;
    waiters->items = realloc(waiters->items, waiters->capacity * sizeof *waiters->items);
    if (waiters->items == NULL)
        abort();
}

void waiters_add(struct waiters *waiters, struct submission *submission,
                 const struct batch_head *head, uint32_t first_index, int64_t timeout_ms) {
    make_room(waiters);
    waiters->items[waiters->end++] =
        (struct waiter){.submission = submission,
                        .head = *head,
                        .first_index = first_index,
                        .deadline = clock_mono_add_ms(submission->submitted_at, timeout_ms)};
    waiters->count++;
}

static void answer(struct waiters *waiters, struct waiter *waiter, enum status status,
                   const struct batch_verdicts *verdicts) {
    struct submission *submission = waiter->submission;
    const struct outcome outcome = {status, waiter->head, waiter->first_index, verdicts};
    waiter->submission = NULL;
    waiters->count--;
    submission->on_done(submission, &outcome);
}

/* Passes over what is answered at the front. */
static void trim(struct waiters *waiters) {
    while (waiters->start < waiters->end && waiters->items[waiters->start].submission == NULL)
        waiters->start++;
    if (waiters->start == waiters->end)
        waiters->start = waiters->end = 0;
}

void waiters_complete(struct waiters *waiters, const struct batch_verdicts *verdicts) {
    size_t low = waiters->start;
    size_t high = waiters->end;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (waiters->items[middle].head.seq < verdicts->seq)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < waiters->end && waiters->items[low].head.seq == verdicts->seq; low++) {
        if (waiters->items[low].submission != NULL)
            answer(waiters, &waiters->items[low], STATUS_OK, verdicts);
    }
    trim(waiters);
}

bool waiters_are_due(const struct waiters *waiters, struct mono_time now) {
    for (size_t i = waiters->start; i < waiters->end; i++) {
        if (waiters->items[i].submission != NULL && waiters->items[i].deadline.ns <= now.ns)
            return true;
    }
    return false;
}

void waiters_expire(struct waiters *waiters, struct mono_time now) {
    for (size_t i = waiters->start; i < waiters->end; i++) {
        if (waiters->items[i].submission != NULL && waiters->items[i].deadline.ns <= now.ns)
            answer(waiters, &waiters->items[i], STATUS_TIMEOUT, NULL);
    }
    trim(waiters);
}
