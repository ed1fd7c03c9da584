/* sigma_lanes.c: atoms, by lane and finder, into tables, trees and machines. */
#include "services/detector/sigma_lanes.h"

#include <math.h>
#include <stdlib.h>

/* Numbers of a lane's atoms. */
struct lane_atoms {
    uint32_t *numbers;
    uint32_t count;
};

static bool needs_tree(const struct plan_atom *atom, enum affix_end end) {
    return atom->finder == (end == AFFIX_PREFIX ? FINDER_PREFIX : FINDER_SUFFIX);
}

/* A tree of the beginnings (or ends) among these atoms of a lane; NULL when there are none. */
static struct affix_tree *make_tree(const struct plan *plan, const struct lane_atoms *atoms,
                                    enum affix_end end) {
    struct affix_tree *tree = NULL;
    size_t count = 0;
    struct affix *affixes = calloc(atoms->count + 1, sizeof *affixes);
    if (affixes == NULL)
        abort();
    for (uint32_t i = 0; i < atoms->count; i++) {
        const struct plan_atom *atom = &plan->atoms[atoms->numbers[i]];
        if (needs_tree(atom, end))
            affixes[count++] = (struct affix){atom->pattern->literal, atoms->numbers[i]};
    }
    if (count > 0)
        tree = affix_tree_new(affixes, count, end);
    free(affixes);
    return tree;
}

/* Literals of a lane; how many. */
static size_t list_literals(const struct plan *plan, const struct lane_atoms *atoms,
                            enum atom_finder finder, struct literal *ret_literals) {
    size_t count = 0;
    for (uint32_t i = 0; i < atoms->count; i++) {
        const struct plan_atom *atom = &plan->atoms[atoms->numbers[i]];
        if (atom->finder == finder)
            ret_literals[count++] = (struct literal){atom->pattern->literal, atoms->numbers[i]};
    }
    return count;
}

static struct literal_filter *make_filter(const struct literal *literals, size_t count) {
    return count > 0 ? literal_filter_new(literals, count) : NULL;
}

/* Makes what searches a lane for literals. */
static void make_literals(const struct plan *plan, const struct lane_atoms *atoms,
                          struct sigma_lane *lane) {
    struct literal *literals = calloc((size_t)atoms->count + 1, sizeof *literals);
    if (literals == NULL)
        abort();
    size_t early = list_literals(plan, atoms, FINDER_CONTAINS, literals);
    lane->filter = make_filter(literals, early);
    size_t wide = list_literals(plan, atoms, FINDER_CONTAINS_WIDE, literals + early);
    lane->wide_filter = make_filter(literals + early, wide);
    size_t late = list_literals(plan, atoms, FINDER_CONTAINS_LATE, literals + early + wide);
    lane->late_filter = make_filter(literals + early + wide, late);
    if (early + wide + late > 0)
        lane->machine = literal_machine_new(literals, early + wide + late);
    free(literals);
}

/* Puts what is found by equality into the tables. */
static void fill_tables(struct sigma_lanes *lanes, const struct plan *plan, uint32_t number) {
    const struct plan_atom *atom = &plan->atoms[number];
    struct sigma_lane *lane = &lanes->items[atom->lane];
    if (atom->finder == FINDER_TEXT_EQUAL) {
        lane->has_texts = true;
        equal_table_add_text(&lanes->texts, atom->lane, atom->pattern->literal, number);
    } else if (atom->finder == FINDER_NUMBER_EQUAL) {
        lane->has_numbers = true;
        equal_table_add_number(&lanes->numbers, atom->lane, &atom->pattern->number, number);
    } else if (atom->finder == FINDER_PRESENT) {
        lane->present = number;
    }
}

/* The atoms of each lane, beside each other. */
static uint32_t *sort_by_lane(const struct plan *plan, uint32_t lane_count,
                              struct lane_atoms *ret_lanes) {
    uint32_t *numbers = calloc((size_t)plan->atom_count + 1, sizeof *numbers);
    if (numbers == NULL)
        abort();
    for (uint32_t i = 0; i < plan->atom_count; i++)
        ret_lanes[plan->atoms[i].lane].count++;
    uint32_t *next = numbers;
    for (uint32_t i = 0; i < lane_count; i++) {
        ret_lanes[i].numbers = next;
        next += ret_lanes[i].count;
        ret_lanes[i].count = 0;
    }
    for (uint32_t i = 0; i < plan->atom_count; i++) {
        struct lane_atoms *atoms = &ret_lanes[plan->atoms[i].lane];
        atoms->numbers[atoms->count++] = i;
    }
    return numbers;
}

void sigma_lanes_init(struct sigma_lanes *lanes, const struct plan *plan) {
    *lanes = (struct sigma_lanes){.count = plan->field_count + 1};
    lanes->items = calloc(lanes->count, sizeof *lanes->items);
    struct lane_atoms *atoms = calloc(lanes->count, sizeof *atoms);
    if (lanes->items == NULL || atoms == NULL)
        abort();
    uint32_t *numbers = sort_by_lane(plan, lanes->count, atoms);
    equal_table_init(&lanes->texts);
    equal_table_init(&lanes->numbers);
    for (uint32_t i = 0; i < lanes->count; i++) {
        lanes->items[i].present = SIGMA_NONE;
        lanes->items[i].prefixes = make_tree(plan, &atoms[i], AFFIX_PREFIX);
        lanes->items[i].suffixes = make_tree(plan, &atoms[i], AFFIX_SUFFIX);
        make_literals(plan, &atoms[i], &lanes->items[i]);
    }
    for (uint32_t i = 0; i < plan->atom_count; i++)
        fill_tables(lanes, plan, i);
    free(numbers);
    free(atoms);
}

void sigma_lanes_fini(struct sigma_lanes *lanes) {
    for (uint32_t i = 0; i < lanes->count; i++) {
        struct sigma_lane *lane = &lanes->items[i];
        affix_tree_destroy(&lane->prefixes);
        affix_tree_destroy(&lane->suffixes);
        literal_filter_destroy(&lane->filter);
        literal_filter_destroy(&lane->wide_filter);
        literal_filter_destroy(&lane->late_filter);
        literal_machine_destroy(&lane->machine);
    }
    free(lanes->items);
    equal_table_fini(&lanes->texts);
    equal_table_fini(&lanes->numbers);
}

static bool is_number(const struct value *value) {
    return (value->kind == VALUE_INTEGER || value->kind == VALUE_REAL) && !isnan(value->real);
}

void sigma_lanes_look_up(const struct sigma_lanes *lanes, uint32_t number,
                         const struct value *value, struct text folded, struct hit_set *hits) {
    const struct sigma_lane *lane = &lanes->items[number];
    if (lane->has_texts)
        equal_table_find_text(&lanes->texts, number, folded, hits);
    if (lane->has_numbers && is_number(value)) {
        struct sigma_number as_number = {value->real, value->integer, value->kind == VALUE_INTEGER};
        equal_table_find_number(&lanes->numbers, number, &as_number, hits);
    }
    if (lane->prefixes != NULL)
        affix_tree_walk(lane->prefixes, folded, hits);
    if (lane->suffixes != NULL)
        affix_tree_walk(lane->suffixes, folded, hits);
}
