/* value_memory.c: a table in which each value has one place. */
#include "services/detector/value_memory.h"

#include <stdlib.h>
#include <xxhash.h>

struct place {
    uint64_t hash;
    uint64_t route;
    uint32_t lane;
    uint8_t kind;
    uint8_t ways; /* 0: free */
    uint8_t length;
    uint8_t count;
    char text[REMEMBERED_SIZE_MAX];
    uint32_t atoms[REMEMBERED_ATOMS_MAX];
};

/* Halves of hashes: of what is remembered, and of what came last and is not. */
struct hint {
    uint32_t kept;
    uint32_t seen;
};

struct value_memory {
    struct hint hints[VALUES_MAX]; /* of the places, small enough to stay near the processor */
    struct place places[VALUES_MAX];
};

struct value_memory *value_memory_new(void) {
    struct value_memory *memory = calloc(1, sizeof *memory);
    if (memory == NULL)
        abort();
    return memory;
}

void value_memory_destroy(struct value_memory **memory) {
    free(*memory);
    *memory = NULL;
}

static bool is_same(const struct place *place, const struct value_question *question) {
    struct text text = question->value->text;
    return place->hash == question->hash && place->lane == question->lane &&
           place->route == question->route && place->ways == question->ways &&
           place->kind == question->value->kind && place->length == text.length &&
           memcmp(place->text, text.data, text.length) == 0;
}

enum value_answer value_memory_ask(struct value_memory *memory, struct value_question *question,
                                   struct hit_set *atoms) {
    const struct value *value = question->value;
    if (value->text.length > REMEMBERED_SIZE_MAX || value->kind == VALUE_REAL)
        return VALUE_UNKNOWN;
    uint64_t seed = (uint64_t)question->lane << 16 | (uint64_t)question->ways << 8 | value->kind;
    seed ^= question->route << 40;
    question->hash = XXH3_64bits_withSeed(value->text.data, value->text.length, seed);
    const struct place *place = &memory->places[question->hash % VALUES_MAX];
    struct hint *hint = &memory->hints[question->hash % VALUES_MAX];
    uint32_t half = (uint32_t)(question->hash >> 32);
    if (hint->kept == half && is_same(place, question)) {
        for (uint32_t i = 0; i < place->count; i++)
            (void)hit_set_add(atoms, place->atoms[i]);
        return VALUE_KNOWN;
    }
    if (hint->seen == half)
        return VALUE_AGAIN;
    hint->seen = half;
    return VALUE_UNKNOWN;
}

void value_memory_keep(struct value_memory *memory, const struct value_question *question,
                       const struct hit_set *atoms) {
    struct place *place = &memory->places[question->hash % VALUES_MAX];
    struct text text = question->value->text;
    if (atoms->count > REMEMBERED_ATOMS_MAX)
        return;
    memory->hints[question->hash % VALUES_MAX].kept = (uint32_t)(question->hash >> 32);
    place->hash = question->hash;
    place->route = question->route;
    place->lane = question->lane;
    place->kind = (uint8_t)question->value->kind;
    place->ways = question->ways;
    place->length = (uint8_t)text.length;
    place->count = (uint8_t)atoms->count;
    memcpy(place->text, text.data, text.length);
    memcpy(place->atoms, atoms->numbers, atoms->count * sizeof *place->atoms);
}
