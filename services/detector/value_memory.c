/* value_memory.c: a table in which each value has one place. */
#include "services/detector/value_memory.h"

#include <stdlib.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

/* A line of the processor's cache. */
#define LINE_SIZE 64

/* A value and its atoms, which stand behind its text, so that most are in one line of the cache;
 * and halves of hashes: of this value, and of the one that came last and is not remembered. */
struct place {
    uint64_t route;
    uint32_t lane;
    uint32_t kept, seen;
    uint8_t kind;
    uint8_t ways; /* 0: free */
    uint8_t length;
    uint8_t count;
    char room[REMEMBERED_SIZE_MAX];
};

/* An odd number of lines, so that the first lines of places do not all compete for the same few
 * sets of the cache. */
_Static_assert(sizeof(struct place) == 3 * LINE_SIZE, "each place begins a line of the cache");

struct value_memory {
    struct place places[VALUES_MAX];
};

struct value_memory *value_memory_new(void) {
    struct value_memory *memory = aligned_alloc(LINE_SIZE, sizeof *memory);
    if (memory == NULL)
        abort();
    memset(memory, 0, sizeof *memory);
    return memory;
}

void value_memory_destroy(struct value_memory **memory) {
    free(*memory);
    *memory = NULL;
}

static bool can_be_remembered(const struct value *value) {
    return value_is_comparable(value) && value->text.length <= REMEMBERED_SIZE_MAX &&
           value->kind != VALUE_REAL;
}

static uint32_t half_of(uint64_t hash) {
    return (uint32_t)(hash >> 32);
}

void value_memory_prepare(const struct value_memory *memory, struct value_question *question) {
    const struct value *value = question->value;
    question->is_askable = can_be_remembered(value);
    if (!question->is_askable)
        return;
    uint64_t seed = (uint64_t)question->lane << 16 | (uint64_t)question->ways << 8 | value->kind;
    seed ^= question->route << 40;
    question->hash = XXH3_64bits_withSeed(value->text.data, value->text.length, seed);
    __builtin_prefetch(&memory->places[question->hash % VALUES_MAX], 1);
}

static bool is_same(const struct place *place, const struct value_question *question) {
    struct text text = question->value->text;
    return place->lane == question->lane && place->route == question->route &&
           place->ways == question->ways && place->kind == question->value->kind &&
           place->length == text.length && memcmp(place->room, text.data, text.length) == 0;
}

enum value_answer value_memory_ask(struct value_memory *memory,
                                   const struct value_question *question, struct hit_set *atoms) {
    if (!question->is_askable)
        return VALUE_UNKNOWN;
    struct place *place = &memory->places[question->hash % VALUES_MAX];
    uint32_t half = half_of(question->hash);
    if (place->kept == half && is_same(place, question)) {
        const char *at = place->room + place->length;
        for (uint32_t i = 0; i < place->count; i++, at += sizeof(uint32_t)) {
            uint32_t atom;
            memcpy(&atom, at, sizeof atom);
            (void)hit_set_add(atoms, atom);
        }
        return VALUE_KNOWN;
    }
    if (place->seen == half)
        return VALUE_AGAIN;
    place->seen = half;
    return VALUE_UNKNOWN;
}

void value_memory_keep(struct value_memory *memory, const struct value_question *question,
                       const struct hit_set *atoms) {
    struct place *place = &memory->places[question->hash % VALUES_MAX];
    struct text text = question->value->text;
    if (text.length + atoms->count * sizeof *atoms->numbers > REMEMBERED_SIZE_MAX)
        return;
    place->kept = half_of(question->hash);
    place->route = question->route;
    place->lane = question->lane;
    place->kind = (uint8_t)question->value->kind;
    place->ways = question->ways;
    place->length = (uint8_t)text.length;
    place->count = (uint8_t)atoms->count;
    memcpy(place->room, text.data, text.length);
    memcpy(place->room + text.length, atoms->numbers, atoms->count * sizeof *atoms->numbers);
}
