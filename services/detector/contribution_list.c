/* contribution_list.c: groups found by hash, contributions in the order of events. */
#include "services/detector/contribution_list.h"

#include "common/counters.h"
#include "common/utf8.h"
#include "services/detector/group_key.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <xxhash.h>

#define SLOTS (2 * CORRELATION_GROUPS_MAX) /* a power of two */
#define KEY_SIZE ((SIGMA_GROUP_BY_MAX + 1) * GROUP_PART_MAX)
#define NONE UINT32_MAX

/* A value_count's values, hashed to what a double holds exactly. */
#define HASH_MASK ((UINT64_C(1) << 53) - 1)

_Static_assert((SLOTS & (SLOTS - 1)) == 0, "slots are found by a mask");
_Static_assert(KEY_SIZE <= FINDING_LIMIT_group_key, "a group's key is never cut");

struct contribution_list {
    const struct sigma_rules *rules;
    struct arena arena; /* keys and sentences of groups */
    uint32_t *places;   /* by correlation of the set: its place in `all` plus 1 */
    uint32_t of_event, event;
    struct contributions all;
    struct correlation correlations[CORRELATIONS_MAX];
    struct correlation_group groups[CORRELATION_GROUPS_MAX];
    struct contribution items[CONTRIBUTIONS_MAX];
    uint16_t slots[SLOTS]; /* by hash: place of a group plus 1 */
};

struct contribution_list *contribution_list_new(const struct sigma_rules *rules) {
    struct contribution_list *list = calloc(1, sizeof *list);
    if (list == NULL)
        abort();
    list->rules = rules;
    list->places = calloc(rules->correlation_count + 1, sizeof *list->places);
    if (list->places == NULL)
        abort();
    arena_init(&list->arena);
    list->all = (struct contributions){
        .correlations = list->correlations, .groups = list->groups, .items = list->items};
    return list;
}

void contribution_list_destroy(struct contribution_list **list) {
    if (*list == NULL)
        return;
    arena_fini(&(*list)->arena);
    free((*list)->places);
    free(*list);
    *list = NULL;
}

void contribution_list_begin(struct contribution_list *list) {
    if (list->all.count == 0 && list->all.group_count == 0)
        return;
    arena_reset(&list->arena);
    memset(list->places, 0, list->rules->correlation_count * sizeof *list->places);
    memset(list->slots, 0, sizeof list->slots);
    list->all.count = list->all.group_count = list->all.correlation_count = 0;
    list->of_event = 0;
}

/* The first value of a field as text; null when there is none, or an empty one. */
static struct text text_of_field(const struct fields *fields, uint32_t number) {
    const struct value *value = fields_first(fields, number);
    bool has_text = value != NULL && value->kind != VALUE_NULL && value->kind != VALUE_OTHER &&
                    value->text.length > 0;
    return has_text ? value->text : (struct text){NULL, 0};
}

/* The values the group is found by; false when one is missing. */
static bool make_key(const struct contribution_list *list, const struct sigma_link *link,
                     const struct fields *fields, char out[KEY_SIZE], size_t *ret_length) {
    const struct correlation *correlation =
        &list->rules->correlations[link->correlation].correlation;
    size_t length = group_key_append(out, 0, text_of(event_type_text(correlation->event_type)));
    for (uint32_t i = 0; i < link->group_by_count; i++) {
        struct text value = text_of_field(fields, link->group_by[i]);
        if (value.data == NULL)
            return false;
        length = group_key_append(out, length, value);
    }
    *ret_length = length;
    return true;
}

static bool make_hash(const struct sigma_link *link, const struct fields *fields,
                      double *ret_value) {
    uint64_t hash = 0;
    for (uint32_t i = 0; i < link->value_count; i++) {
        struct text value = text_of_field(fields, link->values[i]);
        if (value.data == NULL)
            return false;
        hash = XXH3_64bits_withSeed(value.data, value.length, hash + value.length);
    }
    *ret_value = (double)(hash & HASH_MASK);
    return true;
}

static bool make_number(const struct sigma_link *link, const struct fields *fields,
                        double *ret_value) {
    const struct value *value = fields_first(fields, link->values[0]);
    struct sigma_number number = {.real = 0};
    if (value == NULL)
        return false;
    if (value->kind == VALUE_INTEGER || value->kind == VALUE_REAL)
        number.real = value->real;
    else if (value->kind != VALUE_TEXT || !sigma_number_parse(value->text, &number))
        return false;
    *ret_value = number.real;
    return isfinite(number.real);
}

/* What the event brings to the correlation beside being there; false when it lacks that. */
static bool make_value(const struct contribution_list *list, const struct sigma_link *link,
                       const struct fields *fields, double *ret_value) {
    const struct correlation *correlation =
        &list->rules->correlations[link->correlation].correlation;
    *ret_value = 0;
    switch (correlation_type_values(correlation->kind)) {
    case CORRELATION_VALUES_HASH:
        return make_hash(link, fields, ret_value);
    case CORRELATION_VALUES_NUMBER:
        return make_number(link, fields, ret_value);
    case CORRELATION_VALUES_NONE:
        break;
    }
    return true;
}

/* The place of a correlation in this batch. */
static uint32_t place_correlation(struct contribution_list *list, uint32_t index) {
    if (list->places[index] == 0) {
        list->correlations[list->all.correlation_count] =
            list->rules->correlations[index].correlation;
        list->places[index] = ++list->all.correlation_count;
    }
    return list->places[index] - 1;
}

static bool is_group(const struct contribution_list *list, uint32_t place, uint32_t correlation,
                     struct text key) {
    const struct correlation_group *group = &list->groups[place];
    return group->correlation == correlation && text_equal(group->key, key);
}

static uint32_t find_group(struct contribution_list *list, const struct sigma_link *link,
                           const struct fields *fields);

/* Groups behind it, as far as the event has their fields. */
static void add_parents(struct contribution_list *list, const struct sigma_link *link,
                        const struct fields *fields, struct correlation_group *group) {
    for (uint32_t i = 0; i < link->parent_count; i++) {
        const struct sigma_link *parent = &link->parents[i];
        double value = 0;
        if (!make_value(list, parent, fields, &value))
            continue;
        uint32_t place = find_group(list, parent, fields);
        if (place != NONE)
            group->parents[group->parent_count++] =
                (struct correlation_parent){place, parent->rule, value};
    }
}

static struct text value_at(const struct sigma_link *link, int at, const struct fields *fields,
                            struct arena *arena) {
    if (at < 0)
        return (struct text){NULL, 0};
    return arena_text(arena, utf8_cut(text_of_field(fields, link->group_by[at]), KEY_SIZE));
}

static void fill_group(struct contribution_list *list, uint32_t place,
                       const struct sigma_link *link, const struct fields *fields,
                       struct text key) {
    list->groups[place] = (struct correlation_group){
        .correlation = place_correlation(list, link->correlation),
        .key = arena_text(&list->arena, key),
        .details = sentence_fill(&link->details, fields, &list->arena),
        .address = value_at(link, link->address_at, fields, &list->arena),
        .user = value_at(link, link->user_at, fields, &list->arena),
    };
    add_parents(list, link, fields, &list->groups[place]);
}

/* The place of the group the event falls into; NONE when it lacks a value, or there is no room. */
static uint32_t find_group(struct contribution_list *list, const struct sigma_link *link,
                           const struct fields *fields) {
    char memory[KEY_SIZE];
    size_t length = 0;
    if (!make_key(list, link, fields, memory, &length))
        return NONE;
    struct text key = {memory, length};
    uint32_t correlation = place_correlation(list, link->correlation);
    uint64_t slot = XXH3_64bits_withSeed(key.data, key.length, correlation);
    while (list->slots[slot & (SLOTS - 1)] != 0) {
        uint32_t place = list->slots[slot & (SLOTS - 1)] - 1u;
        if (is_group(list, place, correlation, key))
            return place;
        slot++;
    }
    if (list->all.group_count == CORRELATION_GROUPS_MAX) {
        count_drop(STATUS_FULL);
        return NONE;
    }
    uint32_t place = list->all.group_count++;
    list->slots[slot & (SLOTS - 1)] = (uint16_t)(place + 1);
    fill_group(list, place, link, fields, key);
    return place;
}

static void add_one(struct contribution_list *list, const struct sigma_link *link,
                    const struct fields *fields) {
    double value = 0;
    if (!make_value(list, link, fields, &value))
        return;
    if (list->of_event == CONTRIBUTIONS_PER_EVENT_MAX) {
        count_drop(STATUS_FULL);
        return;
    }
    uint32_t place = find_group(list, link, fields);
    if (place == NONE)
        return;
    assert(list->all.count < CONTRIBUTIONS_MAX); /* of at most BATCH_EVENTS_MAX events */
    list->of_event++;
    list->items[list->all.count++] = (struct contribution){list->event, place, link->rule, value};
}

void contribution_list_add(struct contribution_list *list, const struct sigma_loaded_rule *rule,
                           const struct fields *fields, uint32_t event) {
    if (event != list->event || list->all.count == 0)
        list->of_event = 0;
    list->event = event;
    for (uint32_t i = 0; i < rule->link_count; i++)
        add_one(list, &rule->links[i], fields);
}

const struct contributions *contribution_list_all(const struct contribution_list *list) {
    return &list->all;
}
