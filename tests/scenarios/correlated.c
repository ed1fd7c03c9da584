/* correlated.c: contributions of a scenario's events, put together for the oracle. */
#include "tests/scenarios/correlated.h"

#include "tests/support/correlation_oracle.h"

#include <assert.h>
#include <stdlib.h>

#define GROUPS_MAX 4096

struct correlated {
    const struct sigma_rules *rules;
    struct correlation_oracle oracle;
    struct arena arena;
    size_t group_count;
    struct oracle_group groups[GROUPS_MAX];
};

struct correlated *correlated_new(const struct sigma_rules *rules) {
    struct correlated *correlated = calloc(1, sizeof *correlated);
    if (correlated == NULL)
        abort();
    correlated->rules = rules;
    arena_init(&correlated->arena);
    correlation_oracle_init(&correlated->oracle);
    return correlated;
}

void correlated_destroy(struct correlated **correlated) {
    if (*correlated == NULL)
        return;
    correlation_oracle_fini(&(*correlated)->oracle);
    arena_fini(&(*correlated)->arena);
    free(*correlated);
    *correlated = NULL;
}

/* The set's own object of a correlation. */
static const struct correlation *find_correlation(const struct correlated *correlated,
                                                  struct text id) {
    for (size_t i = 0; i < correlated->rules->correlation_count; i++) {
        const struct correlation *found = &correlated->rules->correlations[i].correlation;
        if (text_equal(found->rule_id, id))
            return found;
    }
    abort();
}

/* One object for each group, and for those behind it. */
static const struct oracle_group *keep_group(struct correlated *correlated,
                                             const struct contributions *all, uint32_t place) {
    const struct correlation_group *given = &all->groups[place];
    const struct correlation *correlation =
        find_correlation(correlated, all->correlations[given->correlation].rule_id);
    for (size_t i = 0; i < correlated->group_count; i++) {
        const struct oracle_group *group = &correlated->groups[i];
        if (group->correlation == correlation && text_equal(group->key, given->key))
            return group;
    }
    assert(correlated->group_count < GROUPS_MAX);
    struct oracle_group *group = &correlated->groups[correlated->group_count++];
    *group = (struct oracle_group){.correlation = correlation,
                                   .key = arena_text(&correlated->arena, given->key),
                                   .parent_count = given->parent_count};
    for (uint32_t i = 0; i < given->parent_count; i++) {
        group->parents[i].group = keep_group(correlated, all, given->parents[i].group);
        group->parents[i].rule = given->parents[i].rule;
        group->parents[i].value = given->parents[i].value;
    }
    return group;
}

void correlated_add(struct correlated *correlated, size_t line, const struct event *event,
                    const struct contributions *contributions) {
    for (uint32_t i = 0; i < contributions->count; i++) {
        const struct contribution *item = &contributions->items[i];
        correlation_oracle_add(&correlated->oracle,
                               (struct oracle_entry){
                                   .group = keep_group(correlated, contributions, item->group),
                                   .time_ms = event->time_ms,
                                   .weight = event->count,
                                   .rule = item->rule,
                                   .value = item->value,
                                   .event = line,
                               });
    }
}

void correlated_judge(struct correlated *correlated) {
    correlation_oracle_judge(&correlated->oracle);
}

bool correlated_fires(const struct correlated *correlated, size_t line, size_t correlation) {
    const struct correlation *wanted = &correlated->rules->correlations[correlation].correlation;
    for (size_t i = 0; wanted->raises && i < correlated->oracle.count; i++) {
        const struct oracle_entry *entry = &correlated->oracle.entries[i];
        if (entry->event == line && entry->fires && entry->group->correlation == wanted)
            return true;
    }
    return false;
}

bool correlated_uses(const struct correlated *correlated, size_t line,
                     const struct sigma_loaded_rule *rule) {
    for (size_t i = 0; i < correlated->oracle.count; i++) {
        const struct oracle_entry *entry = &correlated->oracle.entries[i];
        for (uint32_t j = 0; entry->event == line && j < rule->link_count; j++) {
            const struct sigma_link *link = &rule->links[j];
            if (entry->rule == link->rule &&
                entry->group->correlation ==
                    &correlated->rules->correlations[link->correlation].correlation)
                return true;
        }
    }
    return false;
}
