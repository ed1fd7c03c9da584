/* epochs.c: the list of epochs on the disk, their cursors, and when a floor that went back is
 * believed. */
#include "services/ingest/epochs.h"

#include <assert.h>
#include <stdlib.h>

void epochs_init(struct epochs *epochs) {
    *epochs = (struct epochs){0};
}

static void epoch_destroy(struct epoch **epoch) {
    free((*epoch)->committed);
    free(*epoch);
    *epoch = NULL;
}

void epochs_fini(struct epochs *epochs) {
    for (size_t i = 0; i < epochs->count; i++)
        epoch_destroy(&epochs->items[i]);
    free(epochs->items);
    epochs_init(epochs);
}

struct epoch *epochs_add(struct epochs *epochs, const struct batch_head *head, uint64_t number) {
    if (epochs->count == epochs->capacity) {
        epochs->capacity = epochs->capacity == 0 ? 8 : epochs->capacity * 2;
        epochs->items = realloc(epochs->items, epochs->capacity * sizeof(struct epoch *));
        if (epochs->items == NULL)
            abort();
    }
    struct epoch *epoch = calloc(1, sizeof *epoch);
    if (epoch == NULL)
        abort();
    epoch->producer = head->producer;
    epoch->epoch = head->epoch;
    epoch->first_seq = epoch->end_seq = epoch->cursor = epoch->sent_end = epoch->floor = head->seq;
    epoch->first_number = number;
    epoch->events_begin = epoch->events_cursor = epoch->events_end = head->accepted_before;
    epochs->items[epochs->count++] = epoch;
    return epoch;
}

struct epoch *epochs_find(const struct epochs *epochs, uint64_t producer, uint32_t epoch) {
    for (size_t i = epochs->count; i > 0; i--) {
        struct epoch *item = epochs->items[i - 1];
        if (item->producer == producer && item->epoch == epoch)
            return item;
    }
    return NULL;
}

struct epoch *epochs_newest(const struct epochs *epochs) {
    assert(epochs->count > 0);
    return epochs->items[epochs->count - 1];
}

struct epoch *epochs_unsent(const struct epochs *epochs) {
    for (size_t i = 0; i < epochs->count; i++) {
        if (epochs->items[i]->cursor < epochs->items[i]->end_seq)
            return epochs->items[i];
    }
    return NULL;
}

uint64_t epochs_unsent_events(const struct epochs *epochs) {
    uint64_t events = 0;
    for (size_t i = 0; i < epochs->count; i++)
        events += epochs->items[i]->events_end - epochs->items[i]->events_cursor;
    return events;
}

void epochs_forget_below(struct epochs *epochs, uint64_t number,
                         bool (*is_busy)(const void *context, const struct epoch *epoch),
                         const void *context) {
    size_t kept = 0;
    for (size_t i = 0; i < epochs->count; i++) {
        struct epoch *epoch = epochs->items[i];
        bool stays = i + 1 == epochs->count || epoch_number(epoch, epoch->end_seq) > number ||
                     epoch->cursor < epoch->end_seq || is_busy(context, epoch);
        if (stays)
            epochs->items[kept++] = epoch;
        else
            epoch_destroy(&epoch);
    }
    epochs->count = kept;
}

uint64_t epoch_number(const struct epoch *epoch, uint64_t seq) {
    assert(seq >= epoch->first_seq);
    return epoch->first_number + (seq - epoch->first_seq);
}

uint64_t epoch_seq_from(const struct epoch *epoch, uint64_t number) {
    if (number <= epoch->first_number)
        return epoch->first_seq;
    uint64_t seq = epoch->first_seq + (number - epoch->first_number);
    return seq < epoch->end_seq ? seq : epoch->end_seq;
}

bool receipt_covers(const struct receipt *receipt, uint64_t seq) {
    if (seq < receipt->floor)
        return true;
    for (uint32_t i = 0; i < receipt->range_count; i++) {
        if (seq >= receipt->ranges[i].from && seq <= receipt->ranges[i].to)
            return true;
    }
    return false;
}

void epoch_remember(struct epoch *epoch, const struct receipt *receipt) {
    if (epoch->committed == NULL && receipt->range_count > 0)
        epoch->committed = calloc(RECEIPT_RANGES_MAX, sizeof *epoch->committed);
    if (epoch->committed == NULL && receipt->range_count > 0)
        abort();
    epoch->committed_count = receipt->range_count;
    if (receipt->range_count > 0)
        memcpy(epoch->committed, receipt->ranges, receipt->range_count * sizeof *epoch->committed);
}

uint64_t epoch_pass_over(struct epoch *epoch) {
    uint64_t seq = epoch->cursor;
    for (uint32_t i = 0; i < epoch->committed_count; i++) {
        if (seq >= epoch->committed[i].from && seq <= epoch->committed[i].to)
            seq = epoch->committed[i].to < epoch->end_seq ? epoch->committed[i].to + 1
                                                          : epoch->end_seq;
    }
    return seq;
}

enum epoch_news epoch_judge(struct epoch *epoch, const struct receipt *receipt, bool held,
                            struct mono_time now) {
    epoch->floor = receipt->floor < epoch->end_seq ? receipt->floor : epoch->end_seq;
    if (!held) {
        epoch->doubted = false;
        return EPOCH_AGREES;
    }
    if (!epoch->doubted) {
        epoch->doubted = true;
        epoch->doubted_since = now;
        return EPOCH_DOUBTED;
    }
    bool paused =
        epoch->rewound && now.ns - epoch->rewound_at.ns < EPOCH_REWIND_PAUSE_MS * INT64_C(1000000);
    if (paused || now.ns - epoch->doubted_since.ns < EPOCH_DOUBT_MS * INT64_C(1000000))
        return EPOCH_DOUBTED;
    return EPOCH_WENT_BACK;
}

void epoch_probe(struct epoch *epoch, uint64_t events) {
    assert(epoch->cursor == epoch->end_seq && epoch->end_seq > epoch->first_seq);
    epoch->cursor--;
    epoch->events_cursor = events;
}

void epoch_rewind(struct epoch *epoch, uint64_t seq, uint64_t events, struct mono_time now) {
    assert(seq >= epoch->first_seq && seq <= epoch->cursor);
    epoch->cursor = seq;
    epoch->events_cursor = events;
    epoch->doubted = false;
    epoch->rewound = true;
    epoch->rewound_at = now;
}
