/* rules_correlations.c: contributions by depth of their correlation, groups found by hash. */
#include "services/siemctl/rules_correlations.h"

#include "services/siemctl/rules_windows.h"

#include <stdlib.h>
#include <xxhash.h>

struct parent {
    uint32_t group, rule;
    double value;
};

/* Events of one correlation with the same values. */
struct group {
    uint32_t correlation; /* in the set */
    struct text key;
    uint32_t parent_count;
    struct parent *parents;
};

struct list {
    size_t count, capacity;
    struct rules_contribution *items;
};

struct rules_correlations {
    const struct sigma_rules *rules;
    size_t room; /* for contributions */
    struct arena arena;
    size_t group_count, group_capacity;
    struct group *groups;
    size_t slot_count; /* a power of two */
    uint32_t *slots;   /* by hash: place of a group plus 1 */
    struct list lists[CORRELATION_DEPTH_MAX + 1];
    struct rules_correlation_hits *hits; /* by correlation */
    uint64_t undated, left_out;
};

static void *resize(void *memory, size_t count, size_t size) {
    memory = reallocarray(memory, count, size);
    if (memory == NULL)
        abort();
    return memory;
}

static void *allocate(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (memory == NULL)
        abort();
    return memory;
}

struct rules_correlations *rules_correlations_new(const struct sigma_rules *rules,
                                                  size_t contributions_max) {
    struct rules_correlations *made = allocate(1, sizeof *made);
    made->rules = rules;
    made->room = contributions_max;
    made->slot_count = 64;
    made->slots = allocate(made->slot_count, sizeof *made->slots);
    made->hits = allocate(rules->correlation_count + 1, sizeof *made->hits);
    arena_init(&made->arena);
    return made;
}

void rules_correlations_destroy(struct rules_correlations **correlations) {
    struct rules_correlations *all = *correlations;
    if (all == NULL)
        return;
    for (size_t i = 0; i <= CORRELATION_DEPTH_MAX; i++)
        free(all->lists[i].items);
    free(all->groups);
    free(all->slots);
    free(all->hits);
    arena_fini(&all->arena);
    free(all);
    *correlations = NULL;
}

/* ---- groups ---- */

static uint64_t hash_of(uint32_t correlation, struct text key) {
    return XXH3_64bits_withSeed(key.data, key.length, correlation);
}

static uint32_t *find_slot(const struct rules_correlations *all, uint32_t correlation,
                           struct text key) {
    uint64_t at = hash_of(correlation, key);
    for (;; at++) {
        uint32_t *slot = &all->slots[at & (all->slot_count - 1)];
        if (*slot == 0)
            return slot;
        const struct group *group = &all->groups[*slot - 1];
        if (group->correlation == correlation && text_equal(group->key, key))
            return slot;
    }
}

static void grow_slots(struct rules_correlations *all) {
    free(all->slots);
    all->slot_count *= 2;
    all->slots = allocate(all->slot_count, sizeof *all->slots);
    for (size_t i = 0; i < all->group_count; i++)
        *find_slot(all, all->groups[i].correlation, all->groups[i].key) = (uint32_t)i + 1;
}

/* The place of a group; `*ret_is_new` when it was not there, and has no parents yet. */
static uint32_t place_group(struct rules_correlations *all, uint32_t correlation, struct text key,
                            bool *ret_is_new) {
    if (2 * all->group_count >= all->slot_count)
        grow_slots(all);
    uint32_t *slot = find_slot(all, correlation, key);
    *ret_is_new = *slot == 0;
    if (!*ret_is_new)
        return *slot - 1;
    if (all->group_count == all->group_capacity) {
        all->group_capacity = 2 * all->group_capacity + 64;
        all->groups = resize(all->groups, all->group_capacity, sizeof *all->groups);
    }
    all->groups[all->group_count++] =
        (struct group){.correlation = correlation, .key = arena_text(&all->arena, key)};
    *slot = (uint32_t)all->group_count;
    return *slot - 1;
}

static void set_parents(struct rules_correlations *all, uint32_t place,
                        const struct parent *parents, uint32_t count) {
    struct group *group = &all->groups[place];
    group->parent_count = count;
    group->parents = arena_zalloc(&all->arena, count + 1, sizeof *parents);
    if (count > 0)
        memcpy(group->parents, parents, count * sizeof *parents);
}

/* The index in the set of a correlation as a batch has it. */
static uint32_t index_of(const struct sigma_rules *rules, const struct correlation *correlation) {
    for (uint32_t i = 0; i < rules->correlation_count; i++)
        if (text_equal(rules->correlations[i].correlation.rule_id, correlation->rule_id))
            return i;
    abort();
}

/* The place of a batch's group, and of those behind it. */
static uint32_t keep_group(struct rules_correlations *all, const struct contributions *batch,
                           uint32_t number) {
    const struct correlation_group *given = &batch->groups[number];
    struct parent parents[CORRELATION_PARENTS_MAX];
    bool is_new;
    uint32_t correlation = index_of(all->rules, &batch->correlations[given->correlation]);
    uint32_t place = place_group(all, correlation, given->key, &is_new);
    if (!is_new)
        return place;
    for (uint32_t i = 0; i < given->parent_count; i++)
        parents[i] = (struct parent){keep_group(all, batch, given->parents[i].group),
                                     given->parents[i].rule, given->parents[i].value};
    set_parents(all, place, parents, given->parent_count);
    return place;
}

/* ---- contributions ---- */

/* Room for one more; without any it is left out, and its group is not kept for it. */
static bool take_room(struct rules_correlations *all) {
    if (all->room == 0) {
        all->left_out++;
        return false;
    }
    all->room--;
    return true;
}

/* Adds what there is room for. */
static void contribute(struct rules_correlations *all, struct rules_contribution item) {
    uint32_t index = all->groups[item.group].correlation;
    const struct correlation *correlation = &all->rules->correlations[index].correlation;
    struct list *list = &all->lists[correlation->depth];
    if (list->count == list->capacity) {
        list->capacity = list->capacity + list->capacity / 2 + 64;
        list->items = resize(list->items, list->capacity, sizeof *list->items);
    }
    list->items[list->count++] = rules_windows_prepare(correlation, item);
}

void rules_correlations_add(struct rules_correlations *correlations,
                            const struct contributions *contributions,
                            const struct rules_event_time *times) {
    uint32_t undated = UINT32_MAX; /* the last such event */
    for (uint32_t i = 0; i < contributions->count; i++) {
        const struct contribution *given = &contributions->items[i];
        const struct rules_event_time *time = &times[given->event];
        if (!time->is_dated) {
            correlations->undated += undated != given->event;
            undated = given->event;
            continue;
        }
        if (!take_room(correlations))
            continue;
        contribute(correlations, (struct rules_contribution){
                                     .time_ms = time->time_ms,
                                     .weight = time->count,
                                     .value = given->value,
                                     .group = keep_group(correlations, contributions, given->group),
                                     .rule = (uint16_t)given->rule,
                                 });
    }
}

/* The place here of a group there, and of those behind it. */
static uint32_t take_group(struct rules_correlations *all, const struct rules_correlations *other,
                           uint32_t number) {
    const struct group *given = &other->groups[number];
    struct parent parents[CORRELATION_PARENTS_MAX];
    bool is_new;
    uint32_t place = place_group(all, given->correlation, given->key, &is_new);
    if (!is_new)
        return place;
    for (uint32_t i = 0; i < given->parent_count; i++)
        parents[i] = (struct parent){take_group(all, other, given->parents[i].group),
                                     given->parents[i].rule, given->parents[i].value};
    set_parents(all, place, parents, given->parent_count);
    return place;
}

void rules_correlations_merge(struct rules_correlations *correlations,
                              struct rules_correlations *other) {
    uint32_t *places = allocate(other->group_count + 1, sizeof *places); /* plus 1; 0: not yet */
    for (size_t depth = 0; depth <= CORRELATION_DEPTH_MAX; depth++) {
        struct list *list = &other->lists[depth];
        for (size_t i = 0; i < list->count; i++) {
            uint32_t *place = &places[list->items[i].group];
            if (!take_room(correlations))
                continue;
            if (*place == 0)
                *place = take_group(correlations, other, list->items[i].group) + 1;
            list->items[i].group = *place - 1;
            contribute(correlations, list->items[i]);
        }
        free(list->items);
        *list = (struct list){.count = 0};
    }
    free(places);
    correlations->undated += other->undated;
    correlations->left_out += other->left_out;
    other->undated = other->left_out = 0;
}

/* ---- judging ---- */

/* What fires contributes in turn to what refers to it, which is deeper. */
static void pass_on(struct rules_correlations *all, const struct rules_contribution *item) {
    const struct group *group = &all->groups[item->group];
    for (uint32_t i = 0; item->fires && i < group->parent_count; i++)
        if (take_room(all))
            contribute(all, (struct rules_contribution){
                                .time_ms = item->time_ms,
                                .weight = 1,
                                .value = group->parents[i].value,
                                .group = group->parents[i].group,
                                .rule = (uint16_t)group->parents[i].rule,
                            });
}

static void judge_group(struct rules_correlations *all, struct rules_windows *windows,
                        struct rules_contribution *items, size_t count) {
    uint32_t index = all->groups[items[0].group].correlation;
    size_t moments =
        rules_windows_judge(windows, &all->rules->correlations[index].correlation, items, count);
    all->hits[index].moments += moments;
    all->hits[index].groups += moments > 0;
    for (size_t i = 0; moments > 0 && i < count; i++)
        pass_on(all, &items[i]);
}

void rules_correlations_judge(struct rules_correlations *correlations) {
    struct rules_windows windows;
    rules_windows_init(&windows);
    for (size_t depth = 0; depth <= CORRELATION_DEPTH_MAX; depth++) {
        struct list *list = &correlations->lists[depth];
        if (list->count > 1)
            qsort(list->items, list->count, sizeof *list->items, rules_windows_compare);
        for (size_t from = 0, to; from < list->count; from = to) {
            to = from + 1;
            while (to < list->count && list->items[to].group == list->items[from].group)
                to++;
            judge_group(correlations, &windows, &list->items[from], to - from);
        }
        correlations->room += list->count;
        free(list->items);
        *list = (struct list){.count = 0};
    }
    rules_windows_fini(&windows);
}

struct rules_correlation_hits rules_correlations_hits(const struct rules_correlations *correlations,
                                                      size_t index) {
    return correlations->hits[index];
}

struct rules_correlations_sums
rules_correlations_sums(const struct rules_correlations *correlations) {
    const struct sigma_rules *rules = correlations->rules;
    struct rules_correlations_sums sums = {.undated = correlations->undated,
                                           .left_out = correlations->left_out,
                                           .groups = correlations->group_count};
    for (size_t i = 0; i < rules->correlation_count; i++) {
        const struct sigma_correlation *correlation = &rules->correlations[i];
        sums.tried += correlation->is_linked && correlation->mode != SIGMA_MODE_DISABLED;
        sums.fired += correlations->hits[i].moments > 0;
    }
    return sums;
}
