/* digest_index.h: numbers for things by their digest: equal things get the same number.
 *
 * The digest is 128 bits of XXH3, which nobody who writes rules makes collide by chance. Owner:
 * init/fini on the caller's struct. Threads: one at a time. Errors: out of memory aborts. Limits:
 * numbers below 2^31.
 */
#ifndef SIEM_DETECTOR_DIGEST_INDEX_H
#define SIEM_DETECTOR_DIGEST_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct digest_entry;

struct digest_index {
    struct digest_entry *entries;
    uint32_t mask;
    uint32_t count;
};

/* An empty index. */
void digest_index_init(struct digest_index *index);

/* Frees its memory. */
void digest_index_fini(struct digest_index *index);

/* The number of the thing these bytes describe: the next one, from 0, when it is new. True when it
 * is new. */
bool digest_index_number(struct digest_index *index, const void *data, size_t length,
                         uint32_t *ret_number);

#endif
