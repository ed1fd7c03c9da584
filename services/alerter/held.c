/* held.c: the alerts this process has taken and not finished. */
#include "services/alerter/held.h"

#include <assert.h>
#include <stdlib.h>

struct held *held_add(struct held_table *table, struct alert *alert, uint32_t channels) {
    assert(table->count < HELD_MAX);
    struct held *held = calloc(1, sizeof(*held));
    if (held == NULL)
        abort();
    held->alert = *alert;
    *alert = (struct alert){.storage = NULL};
    for (int i = 0; i < CHANNEL_COUNT_; i++) {
        held->progress[i].held = held;
        held->progress[i].channel = (enum channel_id)i;
        held->progress[i].due = clock_mono();
        if ((channels & CHANNEL_BIT(i)) != 0)
            held->progress[i].state = PROGRESS_WAITING;
    }
    table->items[table->count++] = held;
    return held;
}

struct held *held_find(const struct held_table *table, const char *id) {
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->items[i]->alert.id, id) == 0)
            return table->items[i];
    }
    return NULL;
}

static void free_held(struct held *held) {
    alert_fini(&held->alert);
    free(held);
}

void held_remove(struct held_table *table, struct held *held) {
    size_t place = 0;
    while (table->items[place] != held)
        place++;
    table->items[place] = table->items[--table->count];
    free_held(held);
}

void held_table_fini(struct held_table *table) {
    for (size_t i = 0; i < table->count; i++)
        free_held(table->items[i]);
    table->count = 0;
}

/* Whether `a` goes before `b`: what is due earlier, then what was queued earlier. */
static bool goes_before(const struct delivery_progress *a, const struct delivery_progress *b) {
    if (a->due.ns != b->due.ns)
        return a->due.ns < b->due.ns;
    return alert_queued_ms(&a->held->alert) < alert_queued_ms(&b->held->alert);
}

struct delivery_progress *held_next(const struct held_table *table, enum channel_id channel) {
    struct delivery_progress *next = NULL;
    for (size_t i = 0; i < table->count; i++) {
        struct delivery_progress *progress = &table->items[i]->progress[channel];
        if (progress->state == PROGRESS_WAITING && (next == NULL || goes_before(progress, next)))
            next = progress;
    }
    return next;
}

size_t held_count_state(const struct held_table *table, enum progress_state state) {
    size_t count = 0;
    for (size_t i = 0; i < table->count; i++) {
        for (int channel = 0; channel < CHANNEL_COUNT_; channel++)
            count += table->items[i]->progress[channel].state == state;
    }
    return count;
}

static bool is_busy(const struct held *held) {
    for (int i = 0; i < CHANNEL_COUNT_; i++) {
        const struct delivery_progress *progress = &held->progress[i];
        if (progress->state == PROGRESS_IN_FLIGHT ||
            (progress->state == PROGRESS_WAITING && !progress->is_retry))
            return true;
    }
    return false;
}

size_t held_count_busy(const struct held_table *table) {
    size_t count = 0;
    for (size_t i = 0; i < table->count; i++)
        count += is_busy(table->items[i]);
    return count;
}

bool held_is_any(const struct held *held, enum progress_state state) {
    for (int i = 0; i < CHANNEL_COUNT_; i++) {
        if (held->progress[i].state == state)
            return true;
    }
    return false;
}

bool held_is_last(const struct held *held, enum channel_id channel) {
    for (int i = 0; i < CHANNEL_COUNT_; i++) {
        if (i != (int)channel && held->progress[i].state != PROGRESS_NONE)
            return false;
    }
    return true;
}
