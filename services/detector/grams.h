/* grams.h: the set of byte pairs that occur in an event's folded texts. A literal of which a pair
 * is missing occurs in none of them, which settles most searches with a few loads.
 *
 * Owner: the caller's struct, zeroed once. Threads: one at a time. Errors: none; it can say
 * "perhaps" too often, never too seldom. Source: q-gram filtering (Ukkonen 1992).
 */
#ifndef SIEM_DETECTOR_GRAMS_H
#define SIEM_DETECTOR_GRAMS_H

#include "common/bytes.h"

#define GRAMS_BITS 12
#define GRAMS_CHECKED_MAX 8

/* A pair is in the set when its place holds the present round; a new round empties the set. */
struct grams {
    uint8_t round;
    uint8_t places[1u << GRAMS_BITS];
};

/* The pairs of one literal, those worth checking. */
struct gram_list {
    uint16_t count;
    uint16_t places[GRAMS_CHECKED_MAX];
};

/* Where the pair at `at` belongs. */
static inline uint32_t grams_place(const char *at) {
    uint16_t pair;
    memcpy(&pair, at, sizeof pair);
    return (uint32_t)(pair * 0x9e3779b1u) >> (32 - GRAMS_BITS);
}

/* Empties the set. */
static inline void grams_reset(struct grams *grams) {
    if (++grams->round == 0) {
        memset(grams->places, 0, sizeof grams->places);
        grams->round = 1;
    }
}

/* Adds the pairs of a text. */
static inline void grams_add(struct grams *grams, struct text text) {
    for (size_t i = 0; i + 1 < text.length; i++)
        grams->places[grams_place(text.data + i)] = grams->round;
}

/* Notes the pairs of a literal, spread over its length when there are more than fit. */
static inline void gram_list_make(struct gram_list *list, struct text literal) {
    size_t pairs = literal.length < 2 ? 0 : literal.length - 1;
    list->count = (uint16_t)(pairs < GRAMS_CHECKED_MAX ? pairs : GRAMS_CHECKED_MAX);
    for (size_t i = 0; i < list->count; i++)
        list->places[i] = (uint16_t)grams_place(literal.data + i * pairs / list->count);
}

/* False when the literal surely occurs in none of the texts. */
static inline bool grams_may_hold(const struct grams *grams, const struct gram_list *list) {
    for (uint16_t i = 0; i < list->count; i++)
        if (grams->places[list->places[i]] != grams->round)
            return false;
    return true;
}

#endif
