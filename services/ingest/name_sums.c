/* name_sums.c: sums by name. */
#include "services/ingest/name_sums.h"

#include <assert.h>
#include <stdlib.h>
#include <xxhash.h>

void name_sums_init(struct name_sums *sums, size_t room) {
    size_t slots = 16;
    while (slots < 2 * room)
        slots *= 2;
    *sums = (struct name_sums){.items = calloc(room + 1, sizeof *sums->items),
                               .room = room,
                               .slots = calloc(slots, sizeof *sums->slots),
                               .slot_mask = slots - 1};
    if (sums->items == NULL || sums->slots == NULL)
        abort();
}

void name_sums_fini(struct name_sums *sums) {
    free(sums->items);
    free(sums->slots);
    *sums = (struct name_sums){0};
}

/* The item of a name, new or known. */
static struct name_sum *find(struct name_sums *sums, struct text name) {
    for (uint64_t slot = XXH3_64bits(name.data, name.length);; slot++) {
        uint32_t *place = &sums->slots[slot & sums->slot_mask];
        if (*place == 0) {
            assert(sums->count < sums->room);
            sums->items[sums->count++].name = name;
            *place = (uint32_t)sums->count;
        }
        if (text_equal(sums->items[*place - 1].name, name))
            return &sums->items[*place - 1];
    }
}

void name_sums_add(struct name_sums *sums, struct text name, int64_t number, unsigned list) {
    struct name_sum *item = find(sums, name);
    item->sum += number;
    item->lists |= UINT32_C(1) << list;
}
