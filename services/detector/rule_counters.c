/* rule_counters.c: one series a rule, up to a bound. */
#include "services/detector/rule_counters.h"

#include "common/counters.h"

#include <stdio.h>
#include <stdlib.h>

#define NAME "siem_findings_by_rule_total"
#define HELP "Events a rule matched."
#define ID_SIZE 40

struct known_rule {
    char id[ID_SIZE];
    struct counter *counter;
};

struct rule_counters {
    struct counter **by_index;
    struct counter *other;
    size_t known_count;
    struct known_rule known[RULE_COUNTERS_MAX];
};

struct rule_counters *rule_counters_new(void) {
    struct rule_counters *counters = calloc(1, sizeof *counters);
    if (counters == NULL)
        abort();
    return counters;
}

void rule_counters_destroy(struct rule_counters **counters) {
    if (*counters == NULL)
        return;
    free((*counters)->by_index);
    free(*counters);
    *counters = NULL;
}

static struct counter *counter_of(struct rule_counters *counters, struct text id) {
    for (size_t i = 0; i < counters->known_count; i++)
        if (text_is(id, counters->known[i].id))
            return counters->known[i].counter;
    if (counters->known_count == RULE_COUNTERS_MAX || id.length >= ID_SIZE) {
        if (counters->other == NULL)
            counters->other = counter_new(NAME, "rule=\"other\"", HELP);
        return counters->other;
    }
    char labels[ID_SIZE + 16];
    struct known_rule *known = &counters->known[counters->known_count++];
    memcpy(known->id, id.data, id.length);
    snprintf(labels, sizeof labels, "rule=\"%s\"", known->id);
    known->counter = counter_new(NAME, labels, HELP);
    return known->counter;
}

void rule_counters_use(struct rule_counters *counters, const struct sigma_rules *rules) {
    free(counters->by_index);
    counters->by_index = calloc(rules->count + 1, sizeof(struct counter *));
    if (counters->by_index == NULL)
        abort();
    for (size_t i = 0; i < rules->count; i++)
        counters->by_index[i] = counter_of(counters, rules->rules[i].finding.rule_id);
}

void rule_counters_add(struct rule_counters *counters, uint32_t rule) {
    counter_add(counters->by_index[rule], 1);
}
