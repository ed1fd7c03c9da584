/* sigma_plan.c: rules' programs as trees of terms, each term once. */
#include "services/detector/sigma_plan.h"

#include <stdlib.h>

void plan_init(struct plan *plan, struct arena *lasting, uint32_t field_count) {
    *plan = (struct plan){.lasting = lasting, .field_count = field_count};
    arena_init(&plan->passing);
    digest_index_init(&plan->atom_index);
    digest_index_init(&plan->term_index);
    buffer_init(&plan->key, SIZE_MAX);
}

void plan_fini(struct plan *plan) {
    arena_fini(&plan->passing);
    digest_index_fini(&plan->atom_index);
    digest_index_fini(&plan->term_index);
    buffer_fini(&plan->key);
    free(plan->atoms);
    free(plan->terms);
    free(plan->term_atoms);
}

void *plan_grow(void *items, uint32_t count, uint32_t *capacity, size_t size) {
    if (count < *capacity)
        return items;
    *capacity = *capacity == 0 ? 64 : *capacity * 2;
    void *larger = reallocarray(items, *capacity, size);
    if (larger == NULL)
        abort();
    return larger;
}

static int compare_numbers(const void *a, const void *b) {
    uint32_t first = *(const uint32_t *)a, second = *(const uint32_t *)b;
    return (first > second) - (first < second);
}

/* Appends the group's atoms to the list, each once, in the order of their numbers; how many. */
static uint32_t append_atoms(struct plan *plan, uint32_t lane, const struct sigma_patterns *group) {
    uint32_t first = plan->term_atom_count, count = 0;
    for (size_t i = 0; i < group->count; i++) {
        uint32_t at = first + (uint32_t)i;
        plan->term_atoms =
            plan_grow(plan->term_atoms, at, &plan->term_atom_capacity, sizeof *plan->term_atoms);
        plan->term_atoms[at] = plan_atom(plan, lane, &group->items[i]);
    }
    uint32_t *atoms = plan->term_atoms + first;
    if (group->count > 1)
        qsort(atoms, group->count, sizeof *atoms, compare_numbers);
    for (size_t i = 0; i < group->count; i++)
        if (i == 0 || atoms[i] != atoms[i - 1])
            atoms[count++] = atoms[i];
    return count;
}

static enum plan_effort effort_of(const struct plan_atom *atom) {
    switch (atom->finder) {
    case FINDER_TEXT_EQUAL:
    case FINDER_NUMBER_EQUAL:
    case FINDER_PREFIX:
    case FINDER_SUFFIX:
    case FINDER_PRESENT:
        return EFFORT_LOOK_UP;
    case FINDER_CONTAINS:
    case FINDER_CONTAINS_LATE:
    case FINDER_CONTAINS_WIDE:
        return EFFORT_LITERALS;
    case FINDER_DIRECT:
        break;
    }
    return EFFORT_LATE;
}

static void raise(enum plan_effort *effort, enum plan_effort to) {
    if (to > *effort)
        *effort = to;
}

/* Counts one more rule that asks for the term. */
static void count_use(struct plan *plan, const struct plan_term *term) {
    for (uint32_t i = 0; i < term->count; i++)
        plan->atoms[plan->term_atoms[term->first + i]].uses++;
}

uint32_t plan_term(struct plan *plan, uint32_t field, const struct sigma_patterns *group) {
    uint32_t lane = field == SIGMA_KEYWORDS ? plan_keywords_lane(plan) : field, number;
    struct plan_term term = {.lane = lane, .first = plan->term_atom_count};
    term.count = append_atoms(plan, lane, group);
    const uint32_t *atoms = plan->term_atoms + term.first;
    buffer_reset(&plan->key);
    buffer_append(&plan->key, &lane, sizeof lane);
    buffer_append(&plan->key, atoms, term.count * sizeof *atoms);
    if (digest_index_number(&plan->term_index, plan->key.data, plan->key.length, &number)) {
        for (uint32_t i = 0; i < term.count; i++)
            raise(&term.effort, effort_of(&plan->atoms[atoms[i]]));
        plan->terms =
            plan_grow(plan->terms, plan->term_count, &plan->term_capacity, sizeof *plan->terms);
        plan->terms[plan->term_count++] = term;
        plan->term_atom_count += term.count;
    }
    count_use(plan, &plan->terms[number]);
    return number;
}

static struct plan_node *new_node(struct plan *plan, enum plan_kind kind, size_t count) {
    struct plan_node *node = arena_zalloc(&plan->passing, 1, sizeof *node);
    node->kind = kind;
    node->count = (uint32_t)count;
    node->children = arena_zalloc(&plan->passing, count, sizeof(const struct plan_node *));
    return node;
}

static struct plan_node *new_term(struct plan *plan, uint32_t field,
                                  const struct sigma_patterns *group) {
    struct plan_node *node = new_node(plan, PLAN_TERM, 0);
    node->term = plan_term(plan, field, group);
    node->lane = plan->terms[node->term].lane;
    node->effort = plan->terms[node->term].effort;
    return node;
}

static const struct plan_node *plan_matcher(struct plan *plan,
                                            const struct sigma_matcher *matcher) {
    if (matcher->group_count == 1)
        return new_term(plan, matcher->field, &matcher->groups[0]);
    struct plan_node *node = new_node(plan, PLAN_AND, matcher->group_count);
    for (uint32_t i = 0; i < node->count; i++) {
        node->children[i] = new_term(plan, matcher->field, &matcher->groups[i]);
        raise(&node->effort, node->children[i]->effort);
    }
    return node;
}

const struct plan_node *plan_rule(struct plan *plan, const struct sigma_expression *program) {
    static const enum plan_kind kinds[] = {
        [SIGMA_EXPRESSION_AND] = PLAN_AND,
        [SIGMA_EXPRESSION_OR] = PLAN_OR,
        [SIGMA_EXPRESSION_NOT] = PLAN_NOT,
    };
    if (program->kind == SIGMA_EXPRESSION_MATCHER)
        return plan_matcher(plan, &program->matcher);
    struct plan_node *node = new_node(plan, kinds[program->kind], program->count);
    for (uint32_t i = 0; i < node->count; i++) {
        node->children[i] = plan_rule(plan, program->children[i]);
        raise(&node->effort, node->children[i]->effort);
    }
    return node;
}
