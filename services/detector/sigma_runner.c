/* sigma_runner.c: a rule is tried when a witness of it was found, or when it has none; its steps
 * ask for terms, and what was not looked for yet is looked for then. */
#include "services/detector/sigma_runner_parts.h"

#include <stdlib.h>

static void *new_array(size_t count, size_t size) {
    void *items = calloc(count + 1, size);
    if (items == NULL)
        abort();
    return items;
}

struct sigma_runner *sigma_runner_new(const struct sigma_engine *engine) {
    struct sigma_runner *runner = new_array(1, sizeof *runner);
    runner->engine = engine;
    runner->routes = sigma_routes_new(engine);
    runner->scratch = sigma_databases_scratch(&engine->databases);
    runner->workspace.regex = sigma_regex_workspace_new();
    runner->memory = value_memory_new();
    literal_searches_init(&runner->searches);
    hit_set_init(&runner->atoms, engine->atom_count);
    hit_set_init(&runner->found, engine->atom_count);
    runner->terms = new_array(engine->term_count / 64 + 1, sizeof *runner->terms);
    hit_set_init(&runner->asked, engine->term_count);
    hit_set_init(&runner->attempted, engine->atom_count);
    hit_set_init(&runner->searched, engine->lanes.count * SEARCHES);
    runner->candidates = new_array(engine->rule_words, sizeof *runner->candidates);
    runner->rules = new_array((size_t)engine->rule_count + 1, sizeof *runner->rules);
    buffer_init(&runner->room, SIZE_MAX);
    return runner;
}

void sigma_runner_destroy(struct sigma_runner **pointer) {
    struct sigma_runner *runner = *pointer;
    if (runner == NULL)
        return;
    sigma_routes_destroy(&runner->routes);
    pattern_scratch_destroy(&runner->scratch);
    sigma_regex_workspace_destroy(&runner->workspace.regex);
    value_memory_destroy(&runner->memory);
    hit_set_fini(&runner->atoms);
    hit_set_fini(&runner->found);
    free(runner->terms);
    hit_set_fini(&runner->asked);
    hit_set_fini(&runner->attempted);
    hit_set_fini(&runner->searched);
    free(runner->candidates);
    free(runner->rules);
    buffer_fini(&runner->room);
    free(runner);
    *pointer = NULL;
}

static void begin(struct sigma_runner *runner, struct fields *fields) {
    runner->fields = fields;
    runner->spread = 0;
    runner->tried_size = 0;
    runner->measured_lane = SIGMA_NONE;
    runner->reduced_value = NULL;
    runner->tried = 0;
    hit_set_clear(&runner->atoms);
    memset(runner->candidates, 0, runner->engine->rule_words * sizeof *runner->candidates);
    memset(runner->terms, 0, (runner->engine->term_count / 64 + 1) * sizeof *runner->terms);
    hit_set_clear(&runner->asked);
    hit_set_clear(&runner->attempted);
    hit_set_clear(&runner->searched);
    sigma_workspace_reset(&runner->workspace);
}

/* Looks for what may make a term true; the answer holds for the event. */
static bool ask(struct sigma_runner *runner, uint32_t term) {
    const struct sigma_engine *engine = runner->engine;
    if (!hit_set_add(&runner->asked, term))
        return false;
    for (uint32_t i = engine->first_checks[term]; i < engine->first_checks[term + 1]; i++) {
        const struct sigma_check *check = &engine->checks[i];
        if (check->atom == SIGMA_NONE)
            sigma_search_lane(runner, check->lane, check->search);
        else
            sigma_try_atom(runner, check);
        if (sigma_bit(runner->terms, term))
            return true;
    }
    return false;
}

/* True when all that finds the step's term was done before any rule was tried. */
static inline bool is_settled(const struct sigma_runner *runner, const struct sigma_step *step) {
    return (step->ways & (uint8_t)~runner->route->bits.ways[step->ways >> SIGMA_STEP_LANE_SHIFT]) ==
           0;
}

static inline bool is_true(struct sigma_runner *runner, const struct sigma_step *step) {
    return sigma_bit(runner->terms, step->term) ||
           (!is_settled(runner, step) && ask(runner, step->term));
}

static bool rule_matches(struct sigma_runner *runner, uint32_t rule) {
    const struct sigma_engine *engine = runner->engine;
    const struct sigma_step *steps = engine->steps.items + engine->first_steps[rule];
    uint32_t at = 0;
    do {
        const struct sigma_step *step = &steps[at];
        at = is_true(runner, step) ? step->yes : step->no;
    } while (at < SIGMA_STEP_MISS);
    return at == SIGMA_STEP_MATCH;
}

/* Lists the rules to try, the gravest first: searches that give up are rationed (sigma_match.c),
 * and a mild rule shall not use up what a grave one needs. */
static void list_tried(struct sigma_runner *runner) {
    const struct sigma_route_bits *bits = &runner->route->bits;
    uint32_t *rules = runner->rules;
    for (uint32_t word = 0; word < runner->engine->rule_words; word++) {
        uint64_t left = (runner->candidates[word] & bits->rules[word]) | bits->always[word];
        for (; left != 0; left &= left - 1)
            *rules++ = word * 64 + (uint32_t)__builtin_ctzll(left);
    }
    runner->tried = (uint32_t)(rules - runner->rules);
}

/* Has fetched what trying the rules begins with: each loop asks for what the one before got. */
static void fetch_tried(const struct sigma_runner *runner) {
    const struct sigma_engine *engine = runner->engine;
    const struct sigma_step *steps = engine->steps.items;
    for (uint32_t i = 0; i < runner->tried; i++)
        __builtin_prefetch(&engine->first_steps[runner->rules[i]]);
    for (uint32_t i = 0; i < runner->tried; i++)
        __builtin_prefetch(&steps[engine->first_steps[runner->rules[i]]]);
}

size_t sigma_runner_run(struct sigma_runner *runner, struct fields *fields,
                        const struct logsource *logsource, const uint32_t **ret_rules) {
    size_t count = 0;
    begin(runner, fields);
    runner->route = sigma_routes_find(runner->routes, logsource);
    sigma_search_witnesses(runner);
    list_tried(runner);
    fetch_tried(runner);
    for (uint32_t i = 0; i < runner->tried; i++)
        if (rule_matches(runner, runner->rules[i]))
            runner->rules[count++] = runner->rules[i];
    *ret_rules = runner->rules;
    return count;
}

uint64_t sigma_runner_given_up(const struct sigma_runner *runner) {
    return runner->workspace.gave_up;
}
