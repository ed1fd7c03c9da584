/* equal_table.c: open addressing, at most half full. */
#include "services/detector/equal_table.h"

#include <stdlib.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#define FREE 0
#define CAPACITY_FIRST 16u

static void *new_array(size_t count, size_t size) {
    void *items = calloc(count, size);
    if (items == NULL)
        abort();
    return items;
}

static struct equal_table new_table(uint32_t capacity) {
    return (struct equal_table){new_array(capacity, sizeof(uint32_t)),
                                new_array(capacity, sizeof(struct equal_entry)), capacity - 1, 0};
}

void equal_table_init(struct equal_table *table) {
    *table = new_table(CAPACITY_FIRST);
}

void equal_table_fini(struct equal_table *table) {
    free(table->tags);
    free(table->entries);
    *table = (struct equal_table){0};
}

/* What is compared first: bits of the hash that do not say where it stands; never FREE. */
static inline uint32_t tag_of(uint64_t hash) {
    return (uint32_t)(hash >> 32) | 1;
}

static void put(struct equal_table *table, const struct equal_entry *entry) {
    uint32_t at = (uint32_t)entry->hash & table->mask;
    while (table->tags[at] != FREE)
        at = (at + 1) & table->mask;
    table->tags[at] = tag_of(entry->hash);
    table->entries[at] = *entry;
    table->count++;
}

static void add(struct equal_table *table, const struct equal_entry *entry) {
    if (2 * (table->count + 1) > table->mask) {
        struct equal_table larger = new_table(2 * (table->mask + 1));
        for (uint32_t i = 0; i <= table->mask; i++)
            if (table->tags[i] != FREE)
                put(&larger, &table->entries[i]);
        equal_table_fini(table);
        *table = larger;
    }
    put(table, entry);
}

static uint64_t hash_text(uint32_t field, struct text text) {
    return XXH3_64bits_withSeed(text.data, text.length, field);
}

/* Numbers that are equal have the same hash, integers and others alike. */
static uint64_t hash_number(uint32_t field, const struct sigma_number *number) {
    double real = number->real + 0.0; /* -0 and 0 are equal */
    return XXH3_64bits_withSeed(&real, sizeof real, ~(uint64_t)field);
}

void equal_table_add_text(struct equal_table *table, uint32_t field, struct text text,
                          uint32_t pattern) {
    add(table,
        &(struct equal_entry){
            .hash = hash_text(field, text), .pattern = pattern, .field = field, .text = text});
}

void equal_table_add_number(struct equal_table *table, uint32_t field,
                            const struct sigma_number *number, uint32_t pattern) {
    add(table, &(struct equal_entry){.hash = hash_number(field, number),
                                     .pattern = pattern,
                                     .field = field,
                                     .number = *number});
}

void equal_table_find_text(const struct equal_table *table, uint32_t field, struct text text,
                           struct hit_set *hits) {
    uint64_t hash = hash_text(field, text);
    for (uint32_t at = (uint32_t)hash & table->mask; table->tags[at] != FREE;
         at = (at + 1) & table->mask) {
        const struct equal_entry *entry = &table->entries[at];
        if (table->tags[at] == tag_of(hash) && entry->hash == hash && entry->field == field &&
            text_equal(entry->text, text)) {
            (void)hit_set_add(hits, entry->pattern);
            return; /* no other pattern is the same */
        }
    }
}

/* Exactly when both are integers. */
static bool is_same_number(const struct sigma_number *a, const struct sigma_number *b) {
    return a->is_integer && b->is_integer ? a->integer == b->integer
                                          : !(a->real < b->real || a->real > b->real);
}

void equal_table_find_number(const struct equal_table *table, uint32_t field,
                             const struct sigma_number *number, struct hit_set *hits) {
    uint64_t hash = hash_number(field, number);
    for (uint32_t at = (uint32_t)hash & table->mask; table->tags[at] != FREE;
         at = (at + 1) & table->mask) {
        const struct equal_entry *entry = &table->entries[at];
        if (table->tags[at] == tag_of(hash) && entry->hash == hash && entry->field == field &&
            entry->text.data == NULL && is_same_number(&entry->number, number))
            (void)hit_set_add(hits, entry->pattern);
    }
}
