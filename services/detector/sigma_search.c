/* sigma_search.c: values to atoms, atoms to terms and candidates. */
#include "services/detector/sigma_runner_parts.h"

#include "services/detector/reduced_text.h"

/* Between values that are searched together: no text holds it. */
#define BETWEEN_VALUES "\xff"

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

static void look_up(struct sigma_runner *runner, uint32_t number, const struct value *value) {
    const struct sigma_lane *lane = &runner->engine->lanes.items[number];
    if (lane->present != SIGMA_NONE)
        (void)hit_set_add(&runner->atoms, lane->present);
    if (value_is_comparable(value))
        sigma_lanes_look_up(&runner->engine->lanes, number, value,
                            fields_folded(runner->fields, value), &runner->atoms);
}

/* Searches a folded text for a lane's literals. */
static void search_text(struct sigma_runner *runner, const struct sigma_lane *lane,
                        struct text text, bool is_ascii) {
    if (lane->literals != NULL)
        pattern_database_scan(lane->literals, runner->scratch, text, &runner->atoms);
    if (lane->wide_literals != NULL && !is_ascii)
        pattern_database_scan(lane->wide_literals, runner->scratch, text, &runner->atoms);
}

static void search_literals(struct sigma_runner *runner, uint32_t number,
                            const struct value *value) {
    const struct sigma_lane *lane = &runner->engine->lanes.items[number];
    if (!value_is_comparable(value))
        return;
    struct text folded = fields_folded(runner->fields, value);
    search_text(runner, lane, folded, lane->wide_literals == NULL || text_is_ascii(folded));
}

/* Searches all values for keywords, in one pass. */
static void search_joined(struct sigma_runner *runner) {
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
        search_text(runner, &lanes->items[lanes->count - 1], joined, is_ascii);
}

/* Searches a value for a lane's expressions; one that cannot be reduced by trying each. */
static void search_expressions(struct sigma_runner *runner, uint32_t number,
                               const struct value *value) {
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
            sigma_pattern_matches(lane->tries[i].pattern, sigma_lane_field(runner, number),
                                  runner->fields, &runner->workspace))
            (void)hit_set_add(&runner->atoms, lane->tries[i].atom);
}

static void search_value(struct sigma_runner *runner, uint32_t lane, enum sigma_search search,
                         const struct value *value) {
    if (search == SEARCH_LOOK_UP)
        look_up(runner, lane, value);
    else if (search == SEARCH_LITERALS)
        search_literals(runner, lane, value);
    else
        search_expressions(runner, lane, value);
}

static void search_keywords(struct sigma_runner *runner, uint32_t lane, enum sigma_search search) {
    if (search == SEARCH_LITERALS)
        search_joined(runner);
    for (uint32_t i = 0; search == SEARCH_EXPRESSIONS && i < runner->fields->searched; i++)
        search_expressions(runner, lane, &runner->fields->values[i]);
}

void sigma_search_lane(struct sigma_runner *runner, uint32_t lane, enum sigma_search search) {
    if (search != SEARCH_EXPRESSIONS && sigma_bit(runner->route->searched[search], lane))
        return;
    if (!hit_set_add(&runner->searched, lane * SEARCHES + search))
        return;
    if (sigma_lane_field(runner, lane) == SIGMA_KEYWORDS) {
        search_keywords(runner, lane, search);
    } else {
        for (const struct value *value = fields_first(runner->fields, lane); value != NULL;
             value = fields_next(runner->fields, value))
            search_value(runner, lane, search, value);
    }
    spread_atoms(runner);
}

void sigma_search_witnesses(struct sigma_runner *runner) {
    const struct fields *fields = runner->fields;
    uint64_t *const *searched = runner->route->searched;
    for (uint32_t i = 0; i < fields->count; i++) {
        const struct value *value = &fields->values[i];
        if (value->field < 0)
            continue;
        uint32_t lane = (uint32_t)value->field;
        if (sigma_bit(searched[SEARCH_LOOK_UP], lane))
            look_up(runner, lane, value);
        if (sigma_bit(searched[SEARCH_LITERALS], lane))
            search_literals(runner, lane, value);
    }
    if (sigma_bit(searched[SEARCH_LITERALS], runner->engine->lanes.count - 1))
        search_joined(runner);
    spread_atoms(runner);
}

void sigma_runner_scan(struct sigma_runner *runner, struct fields *fields) {
    runner->fields = fields;
    hit_set_clear(&runner->atoms);
    for (uint32_t i = 0; i < fields->count; i++)
        if (fields->values[i].field >= 0)
            search_literals(runner, (uint32_t)fields->values[i].field, &fields->values[i]);
}
