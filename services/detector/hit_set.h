/* hit_set.h: a set of small numbers that is filled and emptied for every event, at a cost that
 * follows what is in it: a bit for each number that may occur, and a list of those that did.
 *
 * Owner: init/fini on the caller's struct. Threads: one at a time. Errors: out of memory aborts.
 * Limits: numbers below the count it was made for.
 */
#ifndef SIEM_DETECTOR_HIT_SET_H
#define SIEM_DETECTOR_HIT_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hit_set {
    uint64_t *bits;
    uint32_t *numbers; /* those in the set, in the order they came */
    uint32_t count;
};

/* An empty set for the numbers below `limit`. */
void hit_set_init(struct hit_set *set, uint32_t limit);

/* Frees its memory. */
void hit_set_fini(struct hit_set *set);

/* Empties it. */
void hit_set_clear(struct hit_set *set);

/* True when the number is in the set. */
static inline bool hit_set_has(const struct hit_set *set, uint32_t number) {
    return set->bits[number / 64] >> (number % 64) & 1;
}

/* Adds a number; false when it was there. */
static inline bool hit_set_add(struct hit_set *set, uint32_t number) {
    uint64_t *word = &set->bits[number / 64], bit = 1ull << (number % 64);
    if (*word & bit)
        return false;
    *word |= bit;
    set->numbers[set->count++] = number;
    return true;
}

#endif
