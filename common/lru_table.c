/* lru_table.c: chained slots, and a list from the oldest to the newest. */
#include "common/lru_table.h"

#include <stdlib.h>
#include <sys/random.h>
#include <xxhash.h>

void lru_table_init(struct lru_table *table, size_t entry_size, size_t max,
                    bool (*is_busy)(const struct lru_entry *entry)) {
    size_t slots = 64;
    while (slots < max)
        slots *= 2;
    *table = (struct lru_table){
        .slot_mask = slots - 1, .max = max, .entry_size = entry_size, .is_busy = is_busy};
    table->slots = calloc(slots, sizeof(struct lru_entry *));
    if (table->slots == NULL ||
        getrandom(&table->seed, sizeof table->seed, 0) != sizeof table->seed)
        abort();
}

void lru_table_fini(struct lru_table *table) {
    while (table->oldest != NULL) {
        struct lru_entry *next = table->oldest->newer;
        free(table->oldest);
        table->oldest = next;
    }
    free(table->slots);
    *table = (struct lru_table){0};
}

static void list_append(struct lru_table *table, struct lru_entry *entry) {
    entry->older = table->newest;
    entry->newer = NULL;
    *(table->newest != NULL ? &table->newest->newer : &table->oldest) = entry;
    table->newest = entry;
}

static void list_remove(struct lru_table *table, struct lru_entry *entry) {
    *(entry->older != NULL ? &entry->older->newer : &table->oldest) = entry->newer;
    *(entry->newer != NULL ? &entry->newer->older : &table->newest) = entry->older;
}

static struct lru_entry **slot_of(struct lru_table *table, uint64_t hash) {
    return &table->slots[hash & table->slot_mask];
}

static bool is_named(const struct lru_entry *entry, uint64_t hash, struct text name) {
    size_t length = name.length < LRU_NAME_MAX ? name.length : LRU_NAME_MAX;
    return entry->hash == hash && entry->length == length &&
           memcmp(entry->name, name.data, length) == 0;
}

static struct lru_entry *find_hashed(struct lru_table *table, uint64_t hash, struct text name) {
    struct lru_entry *entry = *slot_of(table, hash);
    while (entry != NULL && !is_named(entry, hash, name))
        entry = entry->chain;
    if (entry != NULL && entry != table->newest) {
        list_remove(table, entry);
        list_append(table, entry);
    }
    return entry;
}

static uint64_t hash_of(const struct lru_table *table, struct text name) {
    return XXH3_64bits_withSeed(name.data, name.length, table->seed);
}

void *lru_table_find(struct lru_table *table, struct text name) {
    return find_hashed(table, hash_of(table, name), name);
}

/* Takes the oldest that is not busy out of the table, zeroed; NULL when the oldest all are. */
static struct lru_entry *evict(struct lru_table *table) {
    struct lru_entry *entry = table->oldest;
    for (int tries = 1;
         tries < LRU_TRIES && entry != NULL && table->is_busy != NULL && table->is_busy(entry);
         tries++)
        entry = entry->newer;
    if (entry == NULL || (table->is_busy != NULL && table->is_busy(entry)))
        return NULL;
    struct lru_entry **link = slot_of(table, entry->hash);
    while (*link != entry)
        link = &(*link)->chain;
    *link = entry->chain;
    list_remove(table, entry);
    memset(entry, 0, table->entry_size);
    table->evicted++;
    return entry;
}

void *lru_table_take(struct lru_table *table, struct text name) {
    uint64_t hash = hash_of(table, name);
    struct lru_entry *entry = find_hashed(table, hash, name);
    if (entry != NULL)
        return entry;
    if (table->count < table->max) {
        entry = calloc(1, table->entry_size);
        if (entry == NULL)
            abort();
        table->count++;
    } else if ((entry = evict(table)) == NULL) {
        return NULL;
    }
    entry->hash = hash;
    entry->length = (uint8_t)(name.length < LRU_NAME_MAX ? name.length : LRU_NAME_MAX);
    memcpy(entry->name, name.data, entry->length);
    entry->chain = *slot_of(table, hash);
    *slot_of(table, hash) = entry;
    list_append(table, entry);
    return entry;
}
