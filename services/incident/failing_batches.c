/* failing_batches.c: counts the failures of the commit script by batch. */
#include "services/incident/failing_batches.h"

static size_t place_of(const struct failing_batches *list, const struct batch_head *head) {
    size_t place = 0;
    while (place < list->count &&
           (list->items[place].seq != head->seq || list->items[place].epoch != head->epoch ||
            list->items[place].producer != head->producer))
        place++;
    return place;
}

/* The place of a new entry: that of the one longest without news when there is none free. */
static size_t make_room(struct failing_batches *list) {
    if (list->count < FAILING_MAX)
        return list->count++;
    size_t stalest = 0;
    for (size_t i = 1; i < FAILING_MAX; i++) {
        if (list->items[i].order < list->items[stalest].order)
            stalest = i;
    }
    return stalest;
}

/* Its entry, made when there is none. */
static struct failing_batch *know(struct failing_batches *list, const struct batch_head *head) {
    size_t place = place_of(list, head);
    if (place == list->count) {
        place = make_room(list);
        list->items[place] = (struct failing_batch){
            .producer = head->producer, .epoch = head->epoch, .seq = head->seq};
    }
    list->items[place].order = ++list->order;
    return &list->items[place];
}

void failing_batches_suspect(struct failing_batches *list, const struct batch_head *head) {
    (void)know(list, head);
}

uint32_t failing_batches_note(struct failing_batches *list, const struct batch_head *head,
                              uint64_t committed) {
    struct failing_batch *batch = know(list, head);
    if (batch->failures == 0 || committed > batch->committed) {
        batch->failures++;
        batch->committed = committed;
    }
    return batch->failures;
}

const struct failing_batch *failing_batches_find(const struct failing_batches *list,
                                                 const struct batch_head *head) {
    size_t place = place_of(list, head);
    return place < list->count ? &list->items[place] : NULL;
}

void failing_batches_forget(struct failing_batches *list, const struct batch_head *head) {
    size_t place = place_of(list, head);
    if (place < list->count)
        list->items[place] = list->items[--list->count];
}
