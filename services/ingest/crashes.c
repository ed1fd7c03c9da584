/* crashes.c: counts the deaths of detectors by event, and says which events to skip. */
#include "services/ingest/crashes.h"

/* True when the crash is of that batch. */
static bool is_of(const struct crash *crash, const struct epoch *epoch, uint64_t seq) {
    return crash->seq == seq && crash->epoch == epoch->epoch && crash->producer == epoch->producer;
}

static struct crash *find(struct crashes *crashes, const struct flight *flight, uint32_t index) {
    for (size_t i = 0; i < crashes->count; i++) {
        struct crash *crash = &crashes->items[i];
        if (is_of(crash, flight->epoch, flight->seq) && crash->index == index)
            return crash;
    }
    return NULL;
}

/* A new entry, in the place of the one longest without news when there is none free. */
static struct crash *add(struct crashes *crashes) {
    if (crashes->count < CRASHES_MAX)
        return &crashes->items[crashes->count++];
    struct crash *stalest = &crashes->items[0];
    for (size_t i = 1; i < CRASHES_MAX; i++) {
        if (crashes->items[i].order < stalest->order)
            stalest = &crashes->items[i];
    }
    return stalest;
}

uint32_t crashes_note(struct crashes *crashes, const struct flight *flight, uint32_t index) {
    struct crash *crash = find(crashes, flight, index);
    if (crash == NULL) {
        crash = add(crashes);
        *crash = (struct crash){.producer = flight->epoch->producer,
                                .epoch = flight->epoch->epoch,
                                .seq = flight->seq,
                                .index = index};
    }
    crash->order = ++crashes->order;
    if (crash->attempt == flight->attempt)
        return 0;
    crash->attempt = flight->attempt;
    return ++crash->count;
}

void crashes_skip(const struct crashes *crashes, const struct epoch *epoch, uint64_t seq,
                  struct delivery *delivery) {
    delivery->skip_count = 0;
    for (size_t i = 0; i < crashes->count; i++) {
        const struct crash *crash = &crashes->items[i];
        if (!is_of(crash, epoch, seq) || crash->count < CRASHES_TO_SKIP)
            continue;
        uint32_t place = delivery->skip_count++;
        for (; place > 0 && delivery->skip[place - 1] > crash->index; place--)
            delivery->skip[place] = delivery->skip[place - 1];
        delivery->skip[place] = (uint16_t)crash->index;
    }
}

void crashes_forget(struct crashes *crashes, const struct epoch *epoch, uint64_t seq) {
    for (size_t i = crashes->count; i > 0; i--) {
        if (is_of(&crashes->items[i - 1], epoch, seq))
            crashes->items[i - 1] = crashes->items[--crashes->count];
    }
}
