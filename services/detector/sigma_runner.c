/* sigma_runner.c: an event's values to atoms, atoms to terms and candidates, candidates' steps. */
#include "services/detector/sigma_engine_parts.h"

#include "services/detector/reduced_text.h"

#include <stdlib.h>

/* Between values that are searched together: no text holds it. */
#define BETWEEN_VALUES "\xff"

struct sigma_runner {
    const struct sigma_engine *engine;
    struct sigma_routes *routes;
    struct pattern_scratch *scratch; /* NULL: the engine has no database */
    struct sigma_workspace workspace;
    struct hit_set atoms;
    struct hit_set terms;    /* that are known to be true */
    struct hit_set asked;    /* terms that were looked at late */
    struct hit_set searched; /* lanes whose expressions were searched */
    uint64_t *candidates;    /* rules a witness of which was found */
    uint32_t *matched;
    uint32_t tried;
    uint32_t spread; /* of the atoms found, those that have set their terms */
    struct buffer joined;
    struct buffer reduced;
    struct fields *fields; /* the event's */
};

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
    runner->scratch = sigma_lanes_scratch(&engine->lanes);
    runner->workspace.regex = sigma_regex_workspace_new();
    hit_set_init(&runner->atoms, engine->atom_count);
    hit_set_init(&runner->terms, engine->term_count);
    hit_set_init(&runner->asked, engine->term_count);
    hit_set_init(&runner->searched, engine->lanes.count);
    runner->candidates = new_array(engine->rule_words, sizeof *runner->candidates);
    runner->matched = new_array(engine->rule_count, sizeof *runner->matched);
    buffer_init(&runner->joined, SIZE_MAX);
    buffer_init(&runner->reduced, SIZE_MAX);
    return runner;
}

void sigma_runner_destroy(struct sigma_runner **pointer) {
    struct sigma_runner *runner = *pointer;
    if (runner == NULL)
        return;
    sigma_routes_destroy(&runner->routes);
    pattern_scratch_destroy(&runner->scratch);
    sigma_regex_workspace_destroy(&runner->workspace.regex);
    hit_set_fini(&runner->atoms);
    hit_set_fini(&runner->terms);
    hit_set_fini(&runner->asked);
    hit_set_fini(&runner->searched);
    free(runner->candidates);
    free(runner->matched);
    buffer_fini(&runner->joined);
    buffer_fini(&runner->reduced);
    free(runner);
    *pointer = NULL;
}

static void begin(struct sigma_runner *runner, struct fields *fields) {
    runner->fields = fields;
    runner->spread = 0;
    runner->tried = 0;
    hit_set_clear(&runner->atoms);
    hit_set_clear(&runner->terms);
    hit_set_clear(&runner->asked);
    hit_set_clear(&runner->searched);
    memset(runner->candidates, 0, runner->engine->rule_words * sizeof(uint64_t));
    sigma_workspace_reset(&runner->workspace);
}

/* Sets the terms of the atoms found since the last call, and makes candidates. */
static void spread_atoms(struct sigma_runner *runner) {
    const struct sigma_lists *terms = &runner->engine->terms_of_atom;
    const struct sigma_lists *rules = &runner->engine->rules_of_atom;
    for (; runner->spread < runner->atoms.count; runner->spread++) {
        uint32_t atom = runner->atoms.numbers[runner->spread];
        for (uint32_t i = terms->starts[atom]; i < terms->starts[atom + 1]; i++)
            (void)hit_set_add(&runner->terms, terms->items[i]);
        for (uint32_t i = rules->starts[atom]; i < rules->starts[atom + 1]; i++)
            sigma_bit_set(runner->candidates, rules->items[i]);
    }
}

/* Searches a folded text for a lane's literals. */
static void scan(struct sigma_runner *runner, const struct sigma_lane *lane, struct text text,
                 bool is_ascii) {
    if (lane->literals != NULL)
        pattern_database_scan(lane->literals, runner->scratch, text, &runner->atoms);
    if (lane->wide_literals != NULL && !is_ascii)
        pattern_database_scan(lane->wide_literals, runner->scratch, text, &runner->atoms);
}

static void find_in_value(struct sigma_runner *runner, const struct sigma_route_bits *route,
                          const struct value *value) {
    uint32_t number = (uint32_t)value->field;
    const struct sigma_lanes *lanes = &runner->engine->lanes;
    const struct sigma_lane *lane = &lanes->items[number];
    if (lane->present != SIGMA_NONE)
        (void)hit_set_add(&runner->atoms, lane->present);
    if (!value_is_comparable(value))
        return;
    struct text folded = fields_folded(runner->fields, value);
    sigma_lanes_look_up(lanes, number, value, folded, &runner->atoms);
    if (sigma_bit(route->scanned, number))
        scan(runner, lane, folded, lane->wide_literals == NULL || text_is_ascii(folded));
}

/* Searches all values for keywords, in one pass. */
static void find_keywords(struct sigma_runner *runner) {
    struct fields *fields = runner->fields;
    const struct sigma_lanes *lanes = &runner->engine->lanes;
    bool is_ascii = true;
    buffer_reset(&runner->joined);
    for (uint32_t i = 0; i < fields->searched; i++) {
        if (!value_is_comparable(&fields->values[i]))
            continue;
        struct text folded = fields_folded(fields, &fields->values[i]);
        is_ascii = is_ascii && text_is_ascii(folded);
        buffer_append_text(&runner->joined, folded);
        buffer_append(&runner->joined, BETWEEN_VALUES, 1);
    }
    struct text joined = {(const char *)runner->joined.data, runner->joined.length};
    if (joined.length > 0)
        scan(runner, &lanes->items[lanes->count - 1], joined, is_ascii);
}

static void find_atoms(struct sigma_runner *runner, const struct sigma_route_bits *route) {
    const struct fields *fields = runner->fields;
    uint32_t keywords = runner->engine->lanes.count - 1;
    for (uint32_t i = 0; i < fields->count; i++) {
        const struct value *value = &fields->values[i];
        if (value->field >= 0 && sigma_bit(route->lanes, (uint32_t)value->field))
            find_in_value(runner, route, value);
    }
    if (sigma_bit(route->scanned, keywords))
        find_keywords(runner);
    spread_atoms(runner);
}

static uint32_t field_of(const struct sigma_runner *runner, uint32_t lane) {
    return lane == runner->engine->lanes.count - 1 ? SIGMA_KEYWORDS : lane;
}

/* Searches one value for a lane's expressions; one that cannot be reduced by trying each. */
static void search_value(struct sigma_runner *runner, uint32_t number, const struct value *value) {
    const struct sigma_lane *lane = &runner->engine->lanes.items[number];
    struct text reduced;
    if (!value_is_comparable(value))
        return;
    if (reduced_text_make(value->text, &runner->reduced, &reduced)) {
        pattern_database_scan(lane->expressions, runner->scratch, reduced, &runner->atoms);
        return;
    }
    for (uint32_t i = 0; i < lane->expression_count; i++)
        if (!hit_set_has(&runner->atoms, lane->tries[i].atom) &&
            sigma_pattern_matches(lane->tries[i].pattern, field_of(runner, number), runner->fields,
                                  &runner->workspace))
            (void)hit_set_add(&runner->atoms, lane->tries[i].atom);
}

/* Finds the atoms of a lane's expressions, once an event. */
static void search_expressions(struct sigma_runner *runner, uint32_t lane) {
    struct fields *fields = runner->fields;
    if (!hit_set_add(&runner->searched, lane))
        return;
    if (field_of(runner, lane) == SIGMA_KEYWORDS) {
        for (uint32_t i = 0; i < fields->searched; i++)
            search_value(runner, lane, &fields->values[i]);
    } else {
        for (const struct value *value = fields_first(fields, lane); value != NULL;
             value = fields_next(fields, value))
            search_value(runner, lane, value);
    }
    spread_atoms(runner);
}

/* Looks at what was not looked for early; the answer holds for the event. */
static bool ask(struct sigma_runner *runner, uint32_t term) {
    const struct sigma_engine *engine = runner->engine;
    if (!hit_set_add(&runner->asked, term))
        return false;
    for (uint32_t i = engine->first_checks[term]; i < engine->first_checks[term + 1]; i++) {
        const struct sigma_check *check = &engine->checks[i];
        if (check->pattern == NULL)
            search_expressions(runner, check->lane);
        else if (sigma_pattern_matches(check->pattern, field_of(runner, check->lane),
                                       runner->fields, &runner->workspace))
            (void)hit_set_add(&runner->terms, term);
        if (hit_set_has(&runner->terms, term))
            return true;
    }
    return false;
}

static inline bool is_true(struct sigma_runner *runner, uint32_t term) {
    if (hit_set_has(&runner->terms, term))
        return true;
    const uint32_t *checks = &runner->engine->first_checks[term];
    return checks[0] != checks[1] && ask(runner, term);
}

static bool rule_matches(struct sigma_runner *runner, uint32_t rule) {
    const struct sigma_engine *engine = runner->engine;
    const struct sigma_step *steps = engine->steps.items + engine->first_steps[rule];
    uint32_t at = 0;
    do {
        const struct sigma_step *step = &steps[at];
        at = is_true(runner, step->term) ? step->yes : step->no;
    } while (at < SIGMA_STEP_MISS);
    return at == SIGMA_STEP_MATCH;
}

size_t sigma_runner_run(struct sigma_runner *runner, struct fields *fields,
                        const struct logsource *logsource, const uint32_t **ret_rules) {
    const struct sigma_route_bits *route = sigma_routes_find(runner->routes, logsource);
    size_t count = 0;
    begin(runner, fields);
    find_atoms(runner, route);
    for (uint32_t word = 0; word < runner->engine->rule_words; word++) {
        uint64_t left = (runner->candidates[word] & route->rules[word]) | route->always[word];
        for (; left != 0; left &= left - 1) {
            uint32_t rule = word * 64 + (uint32_t)__builtin_ctzll(left);
            runner->tried++;
            if (rule_matches(runner, rule))
                runner->matched[count++] = rule;
        }
    }
    *ret_rules = runner->matched;
    return count;
}

uint32_t sigma_runner_tried(const struct sigma_runner *runner) {
    return runner->tried;
}

uint64_t sigma_runner_given_up(const struct sigma_runner *runner) {
    return runner->workspace.gave_up;
}

void sigma_runner_scan(struct sigma_runner *runner, struct fields *fields) {
    const struct sigma_lanes *lanes = &runner->engine->lanes;
    hit_set_clear(&runner->atoms);
    for (uint32_t i = 0; i < fields->count; i++) {
        const struct value *value = &fields->values[i];
        const struct sigma_lane *lane = value->field >= 0 ? &lanes->items[value->field] : NULL;
        if (lane != NULL && lane->literals != NULL && value_is_comparable(value))
            scan(runner, lane, fields_folded(fields, value), true);
    }
}
