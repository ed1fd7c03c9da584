/* name_sums.h: sums by name, over several lists of names and numbers.
 *
 * Owner: init/fini; names are borrowed. Threads: one at a time. Limits: the room given at init;
 * more names are our bug (assert). Source: XXH3, open addressing.
 */
#ifndef SIEM_INGEST_NAME_SUMS_H
#define SIEM_INGEST_NAME_SUMS_H

#include "common/bytes.h"

struct name_sum {
    struct text name;
    int64_t sum;
    uint32_t lists; /* bits of the lists it stands in */
};

struct name_sums {
    struct name_sum *items;
    size_t count, room;
    uint32_t *slots; /* place in `items` + 1, by hash; 0: free */
    size_t slot_mask;
};

/* Makes room for so many names. */
void name_sums_init(struct name_sums *sums, size_t room);

/* Frees it. */
void name_sums_fini(struct name_sums *sums);

/* Adds a number to a name's sum, as of this list. */
void name_sums_add(struct name_sums *sums, struct text name, int64_t number, unsigned list);

#endif
