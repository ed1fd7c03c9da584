/* failing_batches.c: counts the failures of the commit script by batch, and tells a bad batch from
 * a bad store. */
#include "services/incident/failing_batches.h"

static int64_t ms_between(struct mono_time from, struct mono_time to) {
    return (to.ns - from.ns) / 1000000;
}

static size_t place_of(const struct failing_batches *list, const struct batch_head *head) {
    size_t place = 0;
    while (place < list->count &&
           (list->items[place].seq != head->seq || list->items[place].epoch != head->epoch ||
            list->items[place].producer != head->producer))
        place++;
    return place;
}

/* What did not fail for long was committed by another process, or its producer is gone. */
static void forget_old(struct failing_batches *list, struct mono_time now) {
    for (size_t i = list->count; i > 0; i--) {
        if (ms_between(list->items[i - 1].last_at, now) >= FAILING_FORGOTTEN_MS)
            list->items[i - 1] = list->items[--list->count];
    }
}

/* Its entry, made when there is none; NULL when there is no room. */
static struct failing_batch *know(struct failing_batches *list, const struct batch_head *head,
                                  struct mono_time now) {
    forget_old(list, now);
    size_t place = place_of(list, head);
    if (place == FAILING_MAX)
        return NULL;
    struct failing_batch *batch = &list->items[place];
    if (place == list->count) {
        list->count++;
        *batch = (struct failing_batch){
            .producer = head->producer, .epoch = head->epoch, .seq = head->seq};
    }
    batch->last_at = now;
    return batch;
}

void failing_batches_suspect(struct failing_batches *list, const struct batch_head *head,
                             struct mono_time now) {
    (void)know(list, head, now);
}

/* Batches on which the script failed. */
static size_t count_failing(const struct failing_batches *list) {
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++)
        count += list->items[i].failures > 0;
    return count;
}

/* True when it is the batch that is at fault, as far as can be told. */
static bool is_culprit(const struct failing_batches *list, const struct failing_batch *batch,
                       uint64_t committed) {
    return batch->failures >= FAILURES_TO_SET_ASIDE && committed > batch->committed &&
           ms_between(batch->first_at, batch->last_at) >= list->after_ms &&
           count_failing(list) <= FAILING_FEW;
}

/* Counts one more that is set aside; false when there were too many. */
static bool may_set_aside(struct failing_batches *list, struct mono_time now) {
    struct mono_time *oldest = &list->set_aside_at[list->set_aside % SET_ASIDE_MAX];
    if (list->set_aside >= SET_ASIDE_MAX && ms_between(*oldest, now) < SET_ASIDE_PERIOD_MS)
        return false;
    *oldest = now;
    list->set_aside++;
    return true;
}

void failing_batches_note(struct failing_batches *list, const struct batch_head *head,
                          uint64_t committed, struct mono_time now) {
    struct failing_batch *batch = know(list, head, now);
    if (batch == NULL)
        return;
    if (batch->failures == 0) {
        batch->committed = committed;
        batch->first_at = now;
    }
    batch->failures++;
    if (!is_culprit(list, batch, committed))
        return;
    if (batch->level == SET_ASIDE_FINDINGS)
        batch->level = SET_ASIDE_ALL;
    else if (batch->level == SET_ASIDE_NOTHING && may_set_aside(list, now))
        batch->level = SET_ASIDE_FINDINGS;
}

const struct failing_batch *failing_batches_find(struct failing_batches *list,
                                                 const struct batch_head *head,
                                                 struct mono_time now) {
    forget_old(list, now);
    size_t place = place_of(list, head);
    return place < list->count ? &list->items[place] : NULL;
}

void failing_batches_forget(struct failing_batches *list, const struct batch_head *head) {
    size_t place = place_of(list, head);
    if (place < list->count)
        list->items[place] = list->items[--list->count];
}
