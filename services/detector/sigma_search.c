/* sigma_search.c: values to atoms, atoms to terms and candidates. */
#include "services/detector/sigma_runner_parts.h"

#include "services/detector/reduced_text.h"
#include "services/detector/text_contains.h"

/* Bytes of an event in which late literals are looked for one by one, in all; and as how many a
 * value counts beside its own. */
#define TRIED_SIZE_MAX (16 * 1024)
#define TRIED_SIZE_MIN 16

/* Values whose places in memory are on their way to the processor. */
#define QUESTIONS_AT_ONCE 32

/* Ways of searching a value. */
#define BY_LOOK_UP (1 << SEARCH_LOOK_UP)
#define BY_LITERALS (1 << SEARCH_LITERALS)
#define BY_LATE_LITERALS (1 << SEARCH_LATE_LITERALS)
#define BY_KEYWORDS (1 << SEARCHES)

/* Sets the terms of the atoms found since the last call, and makes candidates. */
static void spread_atoms(struct sigma_runner *runner) {
    const struct sigma_lists *lists = &runner->engine->of_atoms;
    for (uint32_t i = runner->spread; i < runner->atoms.count; i++)
        __builtin_prefetch(lists->starts + 2 * runner->atoms.numbers[i]);
    for (uint32_t i = runner->spread; i < runner->atoms.count; i++)
        __builtin_prefetch(lists->items + lists->starts[2 * runner->atoms.numbers[i]]);
    for (; runner->spread < runner->atoms.count; runner->spread++) {
        const uint32_t *starts = lists->starts + 2 * runner->atoms.numbers[runner->spread];
        for (uint32_t i = starts[0]; i < starts[1]; i++)
            sigma_bit_set(runner->terms, lists->items[i]);
        for (uint32_t i = starts[1]; i < starts[2]; i++)
            sigma_bit_set(runner->candidates, lists->items[i]);
    }
}

/* Adds the atoms that a value has by tables and trees. */
static void look_up(struct sigma_runner *runner, uint32_t number, const struct value *value,
                    struct hit_set *atoms) {
    const struct sigma_lane *lane = &runner->engine->lanes.items[number];
    if (lane->present != SIGMA_NONE)
        (void)hit_set_add(atoms, lane->present);
    if (value_is_comparable(value))
        sigma_lanes_look_up(&runner->engine->lanes, number, value,
                            fields_folded(runner->fields, value), atoms);
}

/* True when the value is one of the texts in the metadata. */
static bool is_in_metadata(const struct fields *fields, uint32_t index) {
    return index >= fields->members && index < fields->searched &&
           fields->values[index].kind == VALUE_TEXT;
}

/* How the route wants a value to be searched for witnesses. */
static uint8_t ways_for(const struct sigma_runner *runner, uint32_t index) {
    const struct sigma_route *route = runner->route;
    const uint8_t *ways = route->bits.ways;
    const struct value *value = &runner->fields->values[index];
    uint32_t keywords = runner->engine->lane_count - 1;
    bool by_keywords = index < runner->fields->searched && (ways[keywords] & BY_LITERALS) != 0 &&
                       value->text.length >= route->keyword_shortest &&
                       !(runner->is_free_of_keywords && is_in_metadata(runner->fields, index));
    return (uint8_t)((value->field >= 0 ? ways[value->field] : 0) |
                     (by_keywords ? BY_KEYWORDS : 0));
}

/* The filter of the lane's literals that bear witness: for keywords, once the event's route has its
 * own, to the route's rules; NULL: none. */
static const struct literal_filter *filter_of(const struct sigma_runner *runner, uint32_t lane) {
    const struct sigma_route *route = runner->route;
    bool is_own = lane == runner->engine->lanes.count - 1 && route->uses == KEYWORDS_OWN_FROM;
    return is_own ? route->keywords : runner->engine->lanes.items[lane].filter;
}

/* Adds the literals of a filter that the text has; false when it leaves the text to a machine. */
static bool search_filter(const struct literal_filter *filter, struct text text,
                          struct hit_set *atoms) {
    return filter == NULL || literal_filter_search(filter, text, atoms);
}

/* Adds the literals that bear witness and that a value has: at once or, in a text that is left to
 * the lane's machine, by the next run of the searches. */
static void search_literals(struct sigma_runner *runner, uint32_t number, const struct value *value,
                            struct hit_set *atoms) {
    const struct sigma_lane *lane = &runner->engine->lanes.items[number];
    if (!value_is_comparable(value))
        return;
    struct text folded = fields_folded(runner->fields, value);
    bool is_whole = search_filter(filter_of(runner, number), folded, atoms);
    if (lane->wide_filter != NULL && !text_is_ascii(value->text))
        is_whole &= search_filter(lane->wide_filter, folded, atoms);
    if (!is_whole)
        literal_searches_add(&runner->searches, lane->machine, folded, atoms);
}

/* True when the lane's machine passed through the value when it was searched for witnesses. */
static bool was_passed(const struct sigma_runner *runner, uint32_t lane, const struct value *value,
                       struct text folded) {
    uint8_t ways = ways_for(runner, (uint32_t)(value - runner->fields->values));
    bool was_searched = lane == runner->engine->lanes.count - 1 ? (ways & BY_KEYWORDS) != 0
                                                                : (ways & BY_LITERALS) != 0;
    return was_searched && folded.length > FILTER_TEXT_MAX && filter_of(runner, lane) != NULL;
}

/* The same for those that are late, unless the machine found them before. */
static void search_late(struct sigma_runner *runner, uint32_t lane, const struct value *value,
                        struct hit_set *atoms) {
    if (!value_is_comparable(value))
        return;
    const struct sigma_lane *of = &runner->engine->lanes.items[lane];
    struct text folded = fields_folded(runner->fields, value);
    if (!was_passed(runner, lane, value, folded) && !search_filter(of->late_filter, folded, atoms))
        literal_searches_add(&runner->searches, of->machine, folded, atoms);
}

static void search_ways(struct sigma_runner *runner, const struct value_question *question,
                        struct hit_set *atoms) {
    const struct value *value = question->value;
    if (question->ways & BY_LOOK_UP)
        look_up(runner, question->lane, value, atoms);
    if (question->ways & BY_LITERALS)
        search_literals(runner, question->lane, value, atoms);
    if (question->ways & BY_LATE_LITERALS)
        search_late(runner, question->lane, value, atoms);
    if (question->ways & BY_KEYWORDS)
        search_literals(runner, runner->engine->lanes.count - 1, value, atoms);
}

/* Makes the question for a value's atoms, to be asked soon. */
static struct value_question make_question(const struct sigma_runner *runner, uint32_t lane,
                                           const struct value *value, uint8_t ways) {
    struct value_question question = {.value = value, .lane = lane, .ways = ways};
    if (ways & BY_KEYWORDS)
        question.route = runner->route->number;
    value_memory_prepare(runner->memory, &question);
    return question;
}

/* Finds the atoms of a value, or remembers them. */
static void search_value(struct sigma_runner *runner, const struct value_question *question) {
    enum value_answer answer = value_memory_ask(runner->memory, question, &runner->atoms);
    if (answer == VALUE_UNKNOWN)
        search_ways(runner, question, &runner->atoms);
    if (answer != VALUE_AGAIN)
        return;
    hit_set_clear(&runner->found);
    literal_searches_run(&runner->searches);
    search_ways(runner, question, &runner->found);
    literal_searches_run(&runner->searches);
    value_memory_keep(runner->memory, question, &runner->found);
    for (uint32_t i = 0; i < runner->found.count; i++)
        (void)hit_set_add(&runner->atoms, runner->found.numbers[i]);
}

static void search_value_now(struct sigma_runner *runner, uint32_t lane, const struct value *value,
                             enum sigma_search search) {
    struct value_question question = make_question(runner, lane, value, sigma_way(search));
    search_value(runner, &question);
}

void sigma_search_lane(struct sigma_runner *runner, uint32_t lane, enum sigma_search search) {
    if ((runner->route->bits.ways[lane] & sigma_way(search)) != 0 ||
        !hit_set_add(&runner->searched, lane * SEARCHES + search))
        return;
    const struct fields *fields = runner->fields;
    if (sigma_lane_field(runner, lane) == SIGMA_KEYWORDS) {
        for (uint32_t i = 0; i < fields->searched; i++)
            search_value_now(runner, lane, &fields->values[i], search);
    } else {
        for (const struct value *value = fields_first(fields, lane); value != NULL;
             value = fields_next(fields, value))
            search_value_now(runner, lane, value, search);
    }
    literal_searches_run(&runner->searches);
    spread_atoms(runner);
}

/* True when the check's runs stand in the text, each behind the one before. */
static bool has_runs(const struct sigma_check *check, struct text text) {
    const char *end = text.data + text.length;
    for (uint32_t i = 0; i < check->run_count; i++) {
        const char *at = text_find(text, check->runs[i]);
        if (at == NULL)
            return false;
        text.data = at + check->runs[i].length;
        text.length = (size_t)(end - text.data);
    }
    return true;
}

/* True when a value has what the database searches for; one that cannot be reduced is matched with
 * the pattern. */
static bool value_has(struct sigma_runner *runner, const struct sigma_check *check,
                      const struct value *value) {
    if (!value_is_comparable(value) || !has_runs(check, fields_folded(runner->fields, value)))
        return false;
    if (runner->reduced_value != value) {
        runner->reduced_value = value;
        runner->is_reduced = reduced_text_make(value->text, &runner->room, &runner->reduced);
    }
    if (runner->is_reduced)
        return pattern_database_finds(check->database, runner->scratch, runner->reduced);
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

/* What a literal is looked for in, in a lane; SIZE_MAX for keywords, which look at all values. */
static size_t lane_size(struct sigma_runner *runner, uint32_t lane) {
    size_t size = 0;
    if (sigma_lane_field(runner, lane) == SIGMA_KEYWORDS)
        return SIZE_MAX;
    for (const struct value *value = fields_first(runner->fields, lane); value != NULL;
         value = fields_next(runner->fields, value))
        size += value->text.length + TRIED_SIZE_MIN;
    return size;
}

/* True when one by one is how a late literal of the lane is looked for: while that takes less than
 * to look for all. */
static bool is_tried_alone(struct sigma_runner *runner, uint32_t lane) {
    if (runner->measured_lane != lane) {
        runner->measured_lane = lane;
        runner->measured_size = lane_size(runner, lane);
    }
    if (runner->measured_size > TRIED_SIZE_MAX - runner->tried_size)
        return false;
    runner->tried_size += runner->measured_size;
    return true;
}

/* True when some value of the lane has the literal. */
static bool lane_contains(struct sigma_runner *runner, uint32_t lane, struct text literal) {
    for (const struct value *value = fields_first(runner->fields, lane); value != NULL;
         value = fields_next(runner->fields, value))
        if (value_is_comparable(value) &&
            text_contains(fields_folded(runner->fields, value), literal))
            return true;
    return false;
}

/* True when the lane has a late literal: one is looked for by itself, or all are. */
static bool has_literal(struct sigma_runner *runner, uint32_t lane, uint32_t atom,
                        struct text literal) {
    uint32_t search = lane * SEARCHES + SEARCH_LATE_LITERALS;
    if (hit_set_has(&runner->atoms, atom))
        return true;
    if (hit_set_has(&runner->searched, search))
        return false;
    if (!is_tried_alone(runner, lane)) {
        sigma_search_lane(runner, lane, SEARCH_LATE_LITERALS);
        return hit_set_has(&runner->atoms, atom);
    }
    if (!lane_contains(runner, lane, literal))
        return false;
    (void)hit_set_add(&runner->atoms, atom);
    spread_atoms(runner);
    return true;
}

/* True when an atom's hint is there, or it has none. */
static bool has_hint(struct sigma_runner *runner, const struct sigma_check *check) {
    if (check->late.data != NULL)
        return has_literal(runner, check->lane, check->hint, check->late);
    return check->hint == SIGMA_NONE || hit_set_has(&runner->atoms, check->hint);
}

void sigma_try_atom(struct sigma_runner *runner, const struct sigma_check *check) {
    if (check->search == SEARCH_LATE_LITERALS) {
        (void)has_literal(runner, check->lane, check->atom, check->late);
        return;
    }
    if (!has_hint(runner, check) || !hit_set_add(&runner->attempted, check->atom))
        return;
    uint32_t field = sigma_lane_field(runner, check->lane);
    bool has = check->database != NULL ? lane_has(runner, check)
                                       : sigma_pattern_matches(check->pattern, field,
                                                               runner->fields, &runner->workspace);
    if (has)
        (void)hit_set_add(&runner->atoms, check->atom);
    spread_atoms(runner);
}

/* True when no text in the metadata has a literal of keywords that bears witness: all are searched
 * at once, as they came, in the bytes they stand in. */
static bool is_free_of_keywords(struct sigma_runner *runner) {
    const struct sigma_route *route = runner->route;
    struct bytes metadata = runner->fields->metadata;
    struct text text = {(const char *)metadata.data, metadata.length};
    bool is_searched = (route->bits.ways[runner->engine->lane_count - 1] & BY_LITERALS) != 0;
    if (!is_searched || route->loose == NULL || text.length == 0 || text.length > FILTER_TEXT_MAX ||
        text_folds_into_ascii(text))
        return false;
    hit_set_clear(&runner->found);
    return literal_filter_search(route->loose, text, &runner->found) && runner->found.count == 0;
}

void sigma_search_witnesses(struct sigma_runner *runner) {
    const struct fields *fields = runner->fields;
    struct value_question questions[QUESTIONS_AT_ONCE];
    runner->is_free_of_keywords = is_free_of_keywords(runner);
    for (uint32_t i = 0; i < fields->count;) {
        uint32_t count = 0;
        for (; i < fields->count && count < QUESTIONS_AT_ONCE; i++) {
            const struct value *value = &fields->values[i];
            uint32_t lane = value->field < 0 ? 0 : (uint32_t)value->field;
            uint8_t ways = ways_for(runner, i);
            if (ways != 0)
                questions[count++] = make_question(runner, lane, value, ways);
        }
        for (uint32_t k = 0; k < count; k++)
            search_value(runner, &questions[k]);
    }
    literal_searches_run(&runner->searches);
    spread_atoms(runner);
}

void sigma_runner_scan(struct sigma_runner *runner, struct fields *fields) {
    runner->fields = fields;
    hit_set_clear(&runner->atoms);
    for (uint32_t i = 0; i < fields->count; i++) {
        const struct value *value = &fields->values[i];
        if (value->field >= 0)
            search_literals(runner, (uint32_t)value->field, value, &runner->atoms);
    }
    literal_searches_run(&runner->searches);
}
