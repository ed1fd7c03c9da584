/* digest_index.c: open addressing by digest, at most half full. */
#include "services/detector/digest_index.h"

#include <stdlib.h>
#include <xxhash.h>

#define CAPACITY_FIRST 64u

struct digest_entry {
    XXH128_hash_t digest;
    bool is_used;
    uint32_t number;
};

void digest_index_init(struct digest_index *index) {
    *index = (struct digest_index){calloc(CAPACITY_FIRST, sizeof *index->entries),
                                   CAPACITY_FIRST - 1, 0};
    if (index->entries == NULL)
        abort();
}

void digest_index_fini(struct digest_index *index) {
    free(index->entries);
    *index = (struct digest_index){0};
}

/* The entry of the digest, or the free one where it belongs. */
static struct digest_entry *find(const struct digest_index *index, XXH128_hash_t digest) {
    uint32_t at = (uint32_t)digest.low64 & index->mask;
    while (index->entries[at].is_used && !XXH128_isEqual(index->entries[at].digest, digest))
        at = (at + 1) & index->mask;
    return &index->entries[at];
}

static void grow(struct digest_index *index) {
    struct digest_index larger = {
        .entries = calloc(2 * ((size_t)index->mask + 1), sizeof *larger.entries),
        .mask = 2 * index->mask + 1,
        .count = index->count,
    };
    if (larger.entries == NULL)
        abort();
    for (uint32_t i = 0; i <= index->mask; i++)
        if (index->entries[i].is_used)
            *find(&larger, index->entries[i].digest) = index->entries[i];
    free(index->entries);
    *index = larger;
}

bool digest_index_number(struct digest_index *index, const void *data, size_t length,
                         uint32_t *ret_number) {
    if (2 * (index->count + 1) > index->mask)
        grow(index);
    struct digest_entry *entry = find(index, XXH3_128bits(data, length));
    bool is_new = !entry->is_used;
    if (is_new)
        *entry = (struct digest_entry){XXH3_128bits(data, length), true, index->count++};
    *ret_number = entry->number;
    return is_new;
}
