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
        literal_machine_scan(lane->literals, text, &runner->atoms);
    if (lane->wide_literals != NULL && !is_ascii)
        literal_machine_scan(lane->wide_literals, text, &runner->atoms);
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

void sigma_search_lane(struct sigma_runner *runner, uint32_t lane, enum sigma_search search) {
    if (sigma_bit(runner->route->searched[search], lane) ||
        !hit_set_add(&runner->searched, lane * SEARCHES + search))
        return;
    if (sigma_lane_field(runner, lane) == SIGMA_KEYWORDS) {
        search_joined(runner);
    } else {
        for (const struct value *value = fields_first(runner->fields, lane); value != NULL;
             value = fields_next(runner->fields, value))
            if (search == SEARCH_LOOK_UP)
                look_up(runner, lane, value);
            else
                search_literals(runner, lane, value);
    }
    spread_atoms(runner);
}

/* True when a value has what the database searches for; one that cannot be reduced is matched with
 * the pattern. */
static bool value_has(struct sigma_runner *runner, const struct sigma_check *check,
                      const struct value *value) {
    struct text reduced;
    if (!value_is_comparable(value))
        return false;
    if (reduced_text_make(value->text, &runner->reduced, &reduced))
        return pattern_database_finds(check->database, runner->scratch, reduced);
    return sigma_pattern_matches_value(check->pattern, value, runner->fields, &runner->workspace);
}

/* True when some value of the lane has what the database searches for. */
static bool lane_has(struct sigma_runner *runner, const struct sigma_check *check) {
    const struct fields *fields = runner->fields;
    if (sigma_lane_field(runner, check->lane) == SIGMA_KEYWORDS) {
        for (uint32_t i = 0; i < fields->searched; i++)
            if (value_has(runner, check, &fields->values[i]))
                return true;
        return false;
    }
    for (const struct value *value = fields_first(fields, check->lane); value != NULL;
         value = fields_next(fields, value))
        if (value_has(runner, check, value))
            return true;
    return false;
}

void sigma_try_atom(struct sigma_runner *runner, const struct sigma_check *check) {
    if ((check->hint != SIGMA_NONE && !hit_set_has(&runner->atoms, check->hint)) ||
        !hit_set_add(&runner->attempted, check->atom))
        return;
    uint32_t field = sigma_lane_field(runner, check->lane);
    bool has = check->database != NULL ? lane_has(runner, check)
                                       : sigma_pattern_matches(check->pattern, field,
                                                               runner->fields, &runner->workspace);
    if (has)
        (void)hit_set_add(&runner->atoms, check->atom);
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
