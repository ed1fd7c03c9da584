/* key_set.c: an open-addressing set of hashed names. */
#include "services/ingest/key_set.h"

#include <stdlib.h>
#include <sys/random.h>
#include <xxhash.h>

#define CAPACITY_FIRST 64

static struct key_set_slot *slots_new(uint32_t capacity) {
    struct key_set_slot *slots = calloc(capacity, sizeof *slots);
    if (slots == NULL)
        abort();
    return slots;
}

void key_set_init(struct key_set *set) {
    *set = (struct key_set){.capacity = CAPACITY_FIRST, .generation = 1};
    set->slots = slots_new(set->capacity);
    if (getrandom(&set->seed, sizeof set->seed, 0) != sizeof set->seed)
        abort();
}

void key_set_fini(struct key_set *set) {
    free(set->slots);
    set->slots = NULL;
}

void key_set_reset(struct key_set *set) {
    set->count = 0;
    if (++set->generation == 0) {
        memset(set->slots, 0, set->capacity * sizeof *set->slots);
        set->generation = 1;
    }
}

/* The slot of a hash: where it is, or where it would go. */
static struct key_set_slot *find_slot(const struct key_set *set, uint64_t hash) {
    uint32_t mask = set->capacity - 1;
    for (uint32_t at = (uint32_t)hash & mask;; at = (at + 1) & mask) {
        struct key_set_slot *slot = &set->slots[at];
        if (slot->generation != set->generation || slot->hash == hash)
            return slot;
    }
}

static void set_grow(struct key_set *set) {
    struct key_set_slot *old = set->slots;
    uint32_t old_capacity = set->capacity;
    set->capacity *= 2;
    set->slots = slots_new(set->capacity);
    for (uint32_t i = 0; i < old_capacity; i++) {
        if (old[i].generation == set->generation)
            *find_slot(set, old[i].hash) = old[i];
    }
    free(old);
}

bool key_set_add(struct key_set *set, uint32_t object, struct text name) {
    if (set->count >= KEY_SET_MAX)
        return false;
    if (set->count * 2 >= set->capacity)
        set_grow(set);
    uint64_t hash = XXH3_64bits_withSeed(name.data, name.length, set->seed + object);
    struct key_set_slot *slot = find_slot(set, hash);
    if (slot->generation == set->generation)
        return false;
    *slot = (struct key_set_slot){hash, set->generation};
    set->count++;
    return true;
}
