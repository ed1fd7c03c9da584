/* hit_set.c: the memory of a set. */
#include "services/detector/hit_set.h"

#include <stdlib.h>

void hit_set_init(struct hit_set *set, uint32_t limit) {
    *set = (struct hit_set){
        .bits = calloc(limit / 64 + 1, sizeof *set->bits),
        .numbers = calloc((size_t)limit + 1, sizeof *set->numbers),
    };
    if (set->bits == NULL || set->numbers == NULL)
        abort();
}

void hit_set_fini(struct hit_set *set) {
    free(set->bits);
    free(set->numbers);
    *set = (struct hit_set){0};
}

void hit_set_clear(struct hit_set *set) {
    for (uint32_t i = 0; i < set->count; i++)
        set->bits[set->numbers[i] / 64] = 0;
    set->count = 0;
}
