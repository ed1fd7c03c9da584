/* sigma_engine.c: rules to atoms, terms, steps, witnesses and lanes. */
#include "services/detector/sigma_engine_parts.h"

#include "services/detector/casefold.h"
#include "services/detector/regex_literal.h"

#include <stdlib.h>

static void *new_array(size_t count, size_t size) {
    void *items = calloc(count + 1, size);
    if (items == NULL)
        abort();
    return items;
}

void sigma_pairs_add(struct sigma_pairs *pairs, uint32_t from, uint32_t to) {
    pairs->items = plan_grow(pairs->items, pairs->count, &pairs->capacity, sizeof *pairs->items);
    pairs->items[pairs->count++] = (struct sigma_pair){from, to};
}

struct sigma_lists sigma_lists_make(struct sigma_pairs *pairs, uint32_t limit) {
    struct sigma_lists lists = {new_array((size_t)limit + 1, sizeof *lists.starts),
                                new_array(pairs->count, sizeof *lists.items)};
    for (uint32_t i = 0; i < pairs->count; i++)
        lists.starts[pairs->items[i].from + 1]++;
    for (uint32_t i = 0; i < limit; i++)
        lists.starts[i + 1] += lists.starts[i];
    /* Each start moves up to its end, which is the next one's start. */
    for (uint32_t i = 0; i < pairs->count; i++)
        lists.items[lists.starts[pairs->items[i].from]++] = pairs->items[i].to;
    for (uint32_t i = limit; i > 0; i--)
        lists.starts[i] = lists.starts[i - 1];
    lists.starts[0] = 0;
    free(pairs->items);
    *pairs = (struct sigma_pairs){0};
    return lists;
}

/* Steps of all rules; the trees they were made of. */
static const struct plan_node **write_steps(struct sigma_engine *engine, struct plan *plan,
                                            const struct sigma_engine_rule *rules) {
    const struct plan_node **nodes =
        arena_zalloc(&plan->passing, engine->rule_count, sizeof(const struct plan_node *));
    engine->first_steps = new_array(engine->rule_count, sizeof *engine->first_steps);
    for (uint32_t i = 0; i < engine->rule_count; i++) {
        nodes[i] = plan_rule(plan, rules[i].program);
        engine->first_steps[i] = sigma_steps_add(&engine->steps, nodes[i]);
    }
    return nodes;
}

/* Which terms each atom makes true. */
static void list_terms(const struct plan *plan, struct sigma_pairs *pairs) {
    for (uint32_t i = 0; i < plan->term_count; i++)
        for (uint32_t k = 0; k < plan->terms[i].count; k++)
            sigma_pairs_add(pairs, 2 * plan->term_atoms[plan->terms[i].first + k], i);
}

/* Which terms each atom makes true, and which rules it is a witness of; and their routes. */
static void list_rules(struct sigma_engine *engine, struct plan *plan,
                       const struct sigma_engine_rule *rules, const struct plan_node **nodes) {
    struct sigma_pairs pairs = {0};
    list_terms(plan, &pairs);
    engine->groups = new_array(engine->rule_count, sizeof *engine->groups);
    for (uint32_t i = 0; i < engine->rule_count; i++) {
        struct plan_witnesses witnesses = plan_witnesses(plan, nodes[i]);
        for (uint32_t k = 0; k < witnesses.count; k++) {
            sigma_pairs_add(&pairs, 2 * witnesses.atoms[k] + 1, i);
            plan->atoms[witnesses.atoms[k]].bears_witness = true;
        }
        engine->without_witness += !witnesses.has_some;
        sigma_routes_add(engine, plan, i, rules[i].logsource, &witnesses);
        free(witnesses.atoms);
    }
    engine->of_atoms = sigma_lists_make(&pairs, 2 * plan->atom_count);
}

/* Literals that bear no witness are searched for when a rule asks. */
static void put_off_literals(struct plan *plan) {
    for (uint32_t i = 0; i < plan->atom_count; i++)
        if (plan->atoms[i].finder == FINDER_CONTAINS && !plan->atoms[i].bears_witness)
            plan->atoms[i].finder = FINDER_CONTAINS_LATE;
}

/* Which literals of keywords the rules of each logsource ask for. */
static void list_keywords(struct sigma_engine *engine, struct plan *plan,
                          const struct sigma_engine_rule *rules, const struct plan_node **nodes) {
    sigma_keywords_init(engine, plan);
    for (uint32_t i = 0; i < engine->rule_count; i++)
        sigma_routes_add_keywords(engine, plan, nodes[i], rules[i].logsource);
}

/* Lists the texts in all that an expression matches. One that is the hint tells nothing more. */
static void list_runs(struct plan *plan, struct text expression, struct sigma_check *check) {
    struct text runs[CHECK_RUNS_MAX], *folded;
    char *room = arena_alloc(&plan->passing, expression.length + 1);
    size_t count = regex_literal_runs(expression, room, runs, CHECK_RUNS_MAX);
    if (count == 0 || (count == 1 && check->hint != SIGMA_NONE))
        return;
    folded = arena_alloc(plan->lasting, count * sizeof *folded);
    for (size_t i = 0; i < count; i++) {
        char *text = arena_alloc(plan->lasting, CASEFOLD_SIZE(runs[i].length));
        folded[i] = (struct text){text, casefold_text(runs[i], text)};
        arena_trim(plan->lasting, text, folded[i].length);
    }
    check->runs = folded;
    check->run_count = (uint32_t)count;
}

/* How an atom is tried. */
static struct sigma_check check_atom(struct plan *plan, uint32_t number) {
    const struct plan_atom *atom = &plan->atoms[number];
    bool is_late = atom->finder == FINDER_CONTAINS_LATE;
    struct sigma_check check = {
        .search = is_late ? SEARCH_LATE_LITERALS : SEARCHES,
        .lane = atom->lane,
        .atom = number,
        .hint = SIGMA_NONE,
        .pattern = atom->pattern,
        .database = atom->database,
    };
    if (is_late)
        check.late = atom->pattern->literal;
    if (is_late || atom->hint == SIGMA_NONE)
        return check;
    const struct plan_atom *hint = &plan->atoms[atom->hint];
    if (hint->finder != FINDER_PRESENT)
        check.hint = atom->hint;
    if (hint->finder == FINDER_CONTAINS_LATE)
        check.late = hint->pattern->literal;
    if (check.database != NULL)
        list_runs(plan, atom->pattern->expression, &check);
    return check;
}

static bool is_tried(enum atom_finder finder) {
    return finder == FINDER_DIRECT || finder == FINDER_CONTAINS_LATE;
}

/* Notes how an atom, or the hint of one that is tried, is searched for. */
static void need_search(const struct plan *plan, uint32_t number, bool needed[SEARCHES]) {
    const struct plan_atom *atom = &plan->atoms[number];
    if (atom->finder == FINDER_DIRECT && atom->hint != SIGMA_NONE)
        atom = &plan->atoms[atom->hint];
    if (!is_tried(atom->finder) && atom->finder != FINDER_PRESENT)
        needed[sigma_search_for(atom->finder)] = true;
}

/* Adds how a term's atoms are found: each way of searching once, then each atom to try. */
static uint32_t add_checks(struct sigma_engine *engine, struct plan *plan,
                           const struct plan_term *term, uint32_t count) {
    const uint32_t *atoms = plan->term_atoms + term->first;
    bool needed[SEARCHES] = {false};
    for (uint32_t i = 0; i < term->count; i++)
        need_search(plan, atoms[i], needed);
    for (int search = 0; search < SEARCHES; search++)
        if (needed[search])
            engine->checks[count++] = (struct sigma_check){
                .search = (enum sigma_search)search, .lane = term->lane, .atom = SIGMA_NONE};
    for (uint32_t i = 0; i < term->count; i++)
        if (is_tried(plan->atoms[atoms[i]].finder))
            engine->checks[count++] = check_atom(plan, atoms[i]);
    return count;
}

static void list_checks(struct sigma_engine *engine, struct plan *plan) {
    uint32_t count = 0;
    engine->first_checks = new_array((size_t)plan->term_count + 1, sizeof *engine->first_checks);
    engine->checks = new_array(plan->term_atom_count + SEARCHES * (size_t)plan->term_count,
                               sizeof *engine->checks);
    for (uint32_t i = 0; i < plan->term_count; i++) {
        engine->first_checks[i] = count;
        count = add_checks(engine, plan, &plan->terms[i], count);
    }
    engine->first_checks[plan->term_count] = count;
}

/* The searches that find a term's atoms; SIGMA_STEP_TRIES when some are tried, too. */
static uint32_t ways_of(const struct sigma_engine *engine, uint32_t term) {
    uint32_t ways = 0;
    for (uint32_t i = engine->first_checks[term]; i < engine->first_checks[term + 1]; i++)
        ways |= engine->checks[i].atom != SIGMA_NONE ? SIGMA_STEP_TRIES
                                                     : sigma_way(engine->checks[i].search);
    return ways;
}

/* Notes at each step what must have been done before its term is known to be false. */
static void hasten_steps(struct sigma_engine *engine) {
    for (uint32_t i = 0; i < engine->steps.count; i++) {
        struct sigma_step *step = &engine->steps.items[i];
        step->ways |= ways_of(engine, step->term);
    }
}

struct sigma_engine *sigma_engine_new(const struct sigma_engine_rule *rules, uint32_t count,
                                      uint32_t field_count) {
    struct plan plan;
    struct sigma_engine *engine = new_array(1, sizeof *engine);
    arena_init(&engine->arena);
    engine->rule_count = count;
    engine->rule_words = count / 64 + 1;
    engine->lane_count = field_count + 1;
    plan_init(&plan, &engine->arena, field_count);
    const struct plan_node **nodes = write_steps(engine, &plan, rules);
    engine->atom_count = plan.atom_count;
    engine->term_count = plan.term_count;
    list_rules(engine, &plan, rules, nodes);
    put_off_literals(&plan);
    list_keywords(engine, &plan, rules, nodes);
    sigma_lanes_init(&engine->lanes, &plan);
    sigma_databases_init(&engine->databases, &plan);
    list_checks(engine, &plan);
    hasten_steps(engine);
    plan_fini(&plan);
    return engine;
}

void sigma_engine_destroy(struct sigma_engine **pointer) {
    struct sigma_engine *engine = *pointer;
    if (engine == NULL)
        return;
    sigma_lanes_fini(&engine->lanes);
    sigma_databases_fini(&engine->databases);
    sigma_keywords_fini(&engine->keywords);
    free(engine->first_steps);
    free(engine->steps.items);
    free(engine->of_atoms.starts);
    free(engine->of_atoms.items);
    free(engine->first_checks);
    free(engine->checks);
    free(engine->groups);
    arena_fini(&engine->arena);
    free(engine);
    *pointer = NULL;
}

struct sigma_engine_size sigma_engine_measure(const struct sigma_engine *engine) {
    return (struct sigma_engine_size){engine->rule_count, engine->atom_count, engine->term_count,
                                      engine->without_witness, engine->databases.count};
}
