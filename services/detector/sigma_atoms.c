/* sigma_atoms.c: each pattern on a field once, who finds it, and what else is there when it is. */
#include "services/detector/sigma_plan.h"

#include "services/detector/casefold.h"
#include "services/detector/reduced_text.h"
#include "services/detector/regex_literal.h"

/* A literal shorter than this is no hint: of keywords, which are looked for in all values. In a
 * field one character says more than that the field is there. */
#define KEYWORD_HINT_MIN 3

static void add_to_key(struct plan *plan, const void *data, size_t length) {
    buffer_append(&plan->key, data, length);
}

static void add_glob_to_key(struct plan *plan, const struct sigma_glob *glob) {
    add_to_key(plan, &glob->any_first, sizeof glob->any_first);
    add_to_key(plan, &glob->any_last, sizeof glob->any_last);
    for (size_t i = 0; i < glob->count; i++) {
        struct text text = glob->pieces[i].text;
        add_to_key(plan, &text.length, sizeof text.length);
        add_to_key(plan, text.data, text.length);
        add_to_key(plan, glob->pieces[i].marks, glob->pieces[i].plain ? 0 : text.length);
    }
}

static void add_number_to_key(struct plan *plan, const struct sigma_pattern *pattern) {
    const struct sigma_number *number = &pattern->number;
    add_to_key(plan, &pattern->comparison, sizeof pattern->comparison);
    add_to_key(plan, &pattern->part, sizeof pattern->part);
    add_to_key(plan, &pattern->part, sizeof pattern->part);
    add_to_key(plan, &number->real, sizeof number->real);
    add_to_key(plan, &number->integer, sizeof number->integer);
    add_to_key(plan, &number->is_integer, sizeof number->is_integer);
}

/* Two regular expressions are the same when their texts and flags are. */
static void add_regex_to_key(struct plan *plan, const struct sigma_pattern *pattern) {
    add_to_key(plan, &pattern->flags.ignore_case, sizeof pattern->flags.ignore_case);
    add_to_key(plan, &pattern->flags.multi_line, sizeof pattern->flags.multi_line);
    add_to_key(plan, &pattern->flags.dot_all, sizeof pattern->flags.dot_all);
    add_to_key(plan, pattern->expression.data, pattern->expression.length);
}

/* Describes what belongs to the pattern's kind. */
static void add_kind_to_key(struct plan *plan, const struct sigma_pattern *pattern) {
    switch (pattern->kind) {
    case SIGMA_PATTERN_EXACT:
    case SIGMA_PATTERN_PREFIX:
    case SIGMA_PATTERN_SUFFIX:
    case SIGMA_PATTERN_CONTAINS:
        add_to_key(plan, pattern->literal.data, pattern->literal.length);
        break;
    case SIGMA_PATTERN_GLOB:
        add_glob_to_key(plan, &pattern->glob);
        break;
    case SIGMA_PATTERN_REGEX:
        add_regex_to_key(plan, pattern);
        break;
    case SIGMA_PATTERN_NETWORK:
        add_to_key(plan, pattern->network.first.bytes, sizeof pattern->network.first.bytes);
        add_to_key(plan, pattern->network.last.bytes, sizeof pattern->network.last.bytes);
        break;
    case SIGMA_PATTERN_NUMBER:
        add_number_to_key(plan, pattern);
        break;
    case SIGMA_PATTERN_FIELD:
        add_to_key(plan, &pattern->field, sizeof pattern->field);
        add_to_key(plan, &pattern->any_before, sizeof pattern->any_before);
        add_to_key(plan, &pattern->any_after, sizeof pattern->any_after);
        break;
    case SIGMA_PATTERN_EXISTS:
        add_to_key(plan, &pattern->is_on, sizeof pattern->is_on);
        break;
    case SIGMA_PATTERN_NULL:
        break;
    }
}

/* Number of an atom; a new one gets the finder and no hint yet. NULL is PRESENT. */
static uint32_t intern(struct plan *plan, uint32_t lane, const struct sigma_pattern *pattern,
                       enum atom_finder finder, bool *ret_is_new) {
    uint32_t number;
    buffer_reset(&plan->key);
    add_to_key(plan, &lane, sizeof lane);
    if (pattern != NULL) {
        add_to_key(plan, &pattern->kind, sizeof pattern->kind);
        add_to_key(plan, &pattern->cased, sizeof pattern->cased);
        add_kind_to_key(plan, pattern);
    }
    *ret_is_new = digest_index_number(&plan->atom_index, plan->key.data, plan->key.length, &number);
    if (*ret_is_new) {
        plan->atoms =
            plan_grow(plan->atoms, plan->atom_count, &plan->atom_capacity, sizeof *plan->atoms);
        plan->atoms[plan->atom_count++] = (struct plan_atom){
            .lane = lane, .finder = finder, .pattern = pattern, .hint = SIGMA_NONE};
    }
    return number;
}

/* Which machine searches for a literal. */
static enum atom_finder finder_of_part(struct text literal) {
    return text_is_ascii(literal) ? FINDER_CONTAINS : FINDER_CONTAINS_WIDE;
}

static enum atom_finder finder_of_literal(const struct plan *plan, uint32_t lane,
                                          const struct sigma_pattern *pattern) {
    bool is_keyword = lane == plan_keywords_lane(plan);
    bool is_empty = pattern->literal.length == 0;
    if (pattern->cased)
        return FINDER_DIRECT;
    if (pattern->kind == SIGMA_PATTERN_CONTAINS)
        return is_empty ? FINDER_DIRECT : finder_of_part(pattern->literal);
    if (is_keyword)
        return FINDER_DIRECT;
    if (pattern->kind == SIGMA_PATTERN_EXACT)
        return FINDER_TEXT_EQUAL;
    if (is_empty)
        return FINDER_DIRECT;
    return pattern->kind == SIGMA_PATTERN_PREFIX ? FINDER_PREFIX : FINDER_SUFFIX;
}

static enum atom_finder finder_of(const struct plan *plan, uint32_t lane,
                                  const struct sigma_pattern *pattern) {
    switch (pattern->kind) {
    case SIGMA_PATTERN_EXACT:
    case SIGMA_PATTERN_PREFIX:
    case SIGMA_PATTERN_SUFFIX:
    case SIGMA_PATTERN_CONTAINS:
        return finder_of_literal(plan, lane, pattern);
    case SIGMA_PATTERN_NUMBER:
        return pattern->comparison == SIGMA_EQUALS && pattern->part == TIME_PART_NONE &&
                       lane != plan_keywords_lane(plan)
                   ? FINDER_NUMBER_EQUAL
                   : FINDER_DIRECT;
    case SIGMA_PATTERN_GLOB:
    case SIGMA_PATTERN_REGEX:
    case SIGMA_PATTERN_NETWORK:
    case SIGMA_PATTERN_FIELD:
    case SIGMA_PATTERN_NULL:
    case SIGMA_PATTERN_EXISTS:
        break;
    }
    return FINDER_DIRECT;
}

/* The longest literal run of a glob's pieces. */
static struct text longest_run(const struct sigma_glob *glob) {
    struct text longest = {"", 0};
    for (size_t i = 0; i < glob->count; i++) {
        const struct sigma_glob_piece *piece = &glob->pieces[i];
        for (size_t at = 0; at < piece->text.length;) {
            size_t end = at;
            while (end < piece->text.length && piece->marks[end] == SIGMA_MARK_LITERAL)
                end++;
            if (end - at > longest.length)
                longest = (struct text){piece->text.data + at, end - at};
            at = end + 1;
        }
    }
    return longest;
}

/* A literal that is in every value the pattern matches; empty: none is known. */
static struct text needed_literal(struct plan *plan, const struct sigma_pattern *pattern) {
    switch (pattern->kind) {
    case SIGMA_PATTERN_EXACT:
    case SIGMA_PATTERN_PREFIX:
    case SIGMA_PATTERN_SUFFIX:
    case SIGMA_PATTERN_CONTAINS:
        return pattern->literal;
    case SIGMA_PATTERN_GLOB:
        return longest_run(&pattern->glob);
    case SIGMA_PATTERN_REGEX:
        return regex_literal_find(pattern->expression,
                                  arena_alloc(&plan->passing, pattern->expression.length + 1));
    default:
        return (struct text){NULL, 0};
    }
}

/* The atom "contains this literal", folded. */
static uint32_t contains_atom(struct plan *plan, uint32_t lane, struct text literal) {
    bool is_new;
    char *folded = arena_alloc(plan->lasting, CASEFOLD_SIZE(literal.length));
    size_t length = casefold_text(literal, folded);
    arena_trim(plan->lasting, folded, length);
    struct sigma_pattern *pattern = arena_zalloc(plan->lasting, 1, sizeof *pattern);
    *pattern = (struct sigma_pattern){.kind = SIGMA_PATTERN_CONTAINS, .literal = {folded, length}};
    uint32_t number = intern(plan, lane, pattern, finder_of_part(pattern->literal), &is_new);
    plan->atoms[number].hint = number;
    return number;
}

static uint32_t present_atom(struct plan *plan, uint32_t lane) {
    bool is_new;
    uint32_t number = intern(plan, lane, NULL, FINDER_PRESENT, &is_new);
    plan->atoms[number].hint = number;
    return number;
}

/* What is found early whenever a pattern that is found late is there. */
static uint32_t hint_of(struct plan *plan, uint32_t lane, const struct sigma_pattern *pattern) {
    struct text literal = needed_literal(plan, pattern);
    bool needs_no_value = pattern->kind == SIGMA_PATTERN_NULL ||
                          (pattern->kind == SIGMA_PATTERN_EXISTS && !pattern->is_on);
    bool is_keyword = lane == plan_keywords_lane(plan);
    if (literal.length >= (is_keyword ? KEYWORD_HINT_MIN : 1))
        return contains_atom(plan, lane, literal);
    if (needs_no_value || is_keyword)
        return SIGMA_NONE;
    return present_atom(plan, lane);
}

uint32_t plan_atom(struct plan *plan, uint32_t lane, const struct sigma_pattern *pattern) {
    bool is_new;
    enum atom_finder finder = finder_of(plan, lane, pattern);
    uint32_t number = intern(plan, lane, pattern, finder, &is_new);
    if (is_new) {
        uint32_t hint = finder == FINDER_DIRECT ? hint_of(plan, lane, pattern) : number;
        plan->atoms[number].hint = hint;
    }
    return number;
}
