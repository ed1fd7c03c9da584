/* lru_table.h: a table of names with a bound: when it is full, what was longest not used goes.
 *
 * Entries are structs of the caller's that begin with a struct lru_entry; new ones are zeroed.
 * Owner: init/fini; the table owns its entries. Threads: one at a time. Errors: none. Limits: the
 * number given at init; names of LRU_NAME_MAX bytes (longer ones are told apart by their hash).
 * Source: XXH3, with a seed drawn at init, so that nobody can search for names of one slot.
 */
#ifndef SIEM_COMMON_LRU_TABLE_H
#define SIEM_COMMON_LRU_TABLE_H

#include "common/bytes.h"

#define LRU_NAME_MAX 64
/* Entries looked at for one that is not busy. */
#define LRU_TRIES 16

struct lru_entry {
    struct lru_entry *chain; /* of its slot */
    struct lru_entry *older, *newer;
    uint64_t hash;
    uint8_t length;
    char name[LRU_NAME_MAX];
};

struct lru_table {
    struct lru_entry **slots;
    size_t slot_mask;
    size_t count, max;
    size_t entry_size;
    struct lru_entry *oldest, *newest;
    uint64_t seed;
    uint64_t evicted;                               /* entries that went for others */
    bool (*is_busy)(const struct lru_entry *entry); /* must stay; NULL: none */
};

/* Makes it empty. */
void lru_table_init(struct lru_table *table, size_t entry_size, size_t max,
                    bool (*is_busy)(const struct lru_entry *entry));

/* Frees all entries. */
void lru_table_fini(struct lru_table *table);

/* The entry of that name, which is now the newest; NULL when there is none. */
void *lru_table_find(struct lru_table *table, struct text name);

/* The same, or a new entry; NULL when all that could go are busy. */
void *lru_table_take(struct lru_table *table, struct text name);

#endif
