/* shadow_counts.c: a list of hits, and where each rule stands in it. */
#include "services/detector/shadow_counts.h"

#include "common/counters.h"

#include <stdlib.h>

struct shadow_counts {
    const struct sigma_rules *rules;
    uint16_t *places;                 /* by rule: place in the list from 1; 0: none in this batch */
    uint32_t listed[SHADOW_HITS_MAX]; /* by place: the rule */
    struct shadow_hits hits;
};

struct shadow_counts *shadow_counts_new(void) {
    struct shadow_counts *counts = calloc(1, sizeof *counts);
    if (counts == NULL)
        abort();
    return counts;
}

void shadow_counts_destroy(struct shadow_counts **counts) {
    if (*counts == NULL)
        return;
    free((*counts)->places);
    free(*counts);
    *counts = NULL;
}

void shadow_counts_use(struct shadow_counts *counts, const struct sigma_rules *rules) {
    free(counts->places);
    counts->rules = rules;
    counts->hits.count = 0;
    counts->places = calloc(rules->count + 1, sizeof *counts->places);
    if (counts->places == NULL)
        abort();
}

void shadow_counts_begin(struct shadow_counts *counts) {
    for (uint32_t i = 0; i < counts->hits.count; i++)
        counts->places[counts->listed[i]] = 0;
    counts->hits.count = 0;
}

void shadow_counts_add(struct shadow_counts *counts, uint32_t rule) {
    uint16_t *place = &counts->places[rule];
    if (*place == 0 && counts->hits.count == SHADOW_HITS_MAX) {
        count_drop(STATUS_FULL);
        return;
    }
    if (*place == 0) {
        counts->listed[counts->hits.count] = rule;
        counts->hits.items[counts->hits.count] =
            (struct shadow_hit){counts->rules->rules[rule].finding.rule_id, 0};
        *place = (uint16_t)++counts->hits.count;
    }
    counts->hits.items[*place - 1].events++;
}

const struct shadow_hits *shadow_counts_all(const struct shadow_counts *counts) {
    return &counts->hits;
}
