/* sigma_doubts.c: a rule as a formula over its items, and whether that can be true, or false. */
#include "services/detector/sigma_doubts.h"

#include <math.h>

/* Bytes compared in the time of one visit of a node. */
#define BYTES_A_WORK 64

enum formula_kind { FORMULA_FACT, FORMULA_AND, FORMULA_OR, FORMULA_NOT };

enum truth { TRUTH_OPEN, TRUTH_FALSE, TRUTH_TRUE };

struct formula {
    enum formula_kind kind;
    size_t fact;
    size_t count;
    struct formula **children;
    uint64_t step; /* what follows is of that one */
    enum truth value;
    size_t next;
};

/* The different items of a rule, and what is assumed of them. */
struct facts {
    struct arena *arena;
    const struct sigma_rule *rule;
    struct formula **selections; /* NULL: not made yet, so no condition uses it */
    size_t count;
    const struct sigma_item *items[DOUBTS_ITEMS_MAX];
    enum truth assumed[DOUBTS_ITEMS_MAX];
    bool is_full;
    uint64_t step;     /* of assuming, from 1 */
    int64_t work_left; /* none: nothing is certain any more */
};

static struct facts *new_facts(struct arena *arena) {
    struct facts *facts = arena_zalloc(arena, 1, sizeof *facts);
    facts->arena = arena;
    facts->work_left = DOUBTS_WORK_MAX;
    return facts;
}

static bool is_spent(const struct facts *facts) {
    return facts->work_left <= 0;
}

static void charge(struct facts *facts, size_t work) {
    facts->work_left -= (int64_t)work;
}

/* ---- the formula ---- */

static bool is_same_value(const struct sigma_value *a, const struct sigma_value *b) {
    if (a->kind != b->kind || a->strings.count != b->strings.count)
        return false;
    for (size_t i = 0; i < a->strings.count; i++) {
        struct sigma_string left = a->strings.items[i], right = b->strings.items[i];
        if (!text_equal(sigma_string_text(left), sigma_string_text(right)) ||
            memcmp(left.marks, right.marks, left.length) != 0)
            return false;
    }
    return a->strings.count > 0 || text_equal(a->source, b->source);
}

/* True when the two match the same events, `neq` apart. */
static bool is_same_item(struct facts *facts, const struct sigma_item *a,
                         const struct sigma_item *b) {
    charge(facts, 1);
    bool is_alike =
        (a->field.data == NULL) == (b->field.data == NULL) && text_equal(a->field, b->field) &&
        a->comparison == b->comparison && a->part == b->part && a->expands == b->expands &&
        a->all == b->all && a->cased == b->cased && a->ignore_case == b->ignore_case &&
        a->multi_line == b->multi_line && a->dot_all == b->dot_all &&
        a->any_before == b->any_before && a->any_after == b->any_after && a->count == b->count;
    for (size_t i = 0; is_alike && i < a->count; i++) {
        charge(facts, 1 + a->values[i].source.length / BYTES_A_WORK);
        is_alike = is_same_value(&a->values[i], &b->values[i]);
    }
    return is_alike;
}

/* Without children when there is no work left: then it says nothing, and is not asked. */
static struct formula *new_formula(struct facts *facts, enum formula_kind kind, size_t count) {
    struct formula *formula = arena_zalloc(facts->arena, 1, sizeof *formula);
    charge(facts, 1 + count);
    formula->kind = kind;
    formula->count = is_spent(facts) ? 0 : count;
    formula->children = arena_zalloc(facts->arena, formula->count + 1, sizeof(struct formula *));
    return formula;
}

/* The place of the item's fact; DOUBTS_ITEMS_MAX when there is no room for it. */
static size_t place_fact(struct facts *facts, const struct sigma_item *item) {
    size_t place = 0;
    while (place < facts->count && !is_spent(facts) &&
           !is_same_item(facts, facts->items[place], item))
        place++;
    if (place == facts->count && place < DOUBTS_ITEMS_MAX)
        facts->items[facts->count++] = item;
    return place;
}

static struct formula *of_item(struct facts *facts, const struct sigma_item *item) {
    struct formula *formula = new_formula(facts, FORMULA_FACT, 0);
    if (!facts->is_full)
        formula->fact = place_fact(facts, item);
    facts->is_full |= formula->fact == DOUBTS_ITEMS_MAX;
    if (!item->negated)
        return formula;
    struct formula *contrary = new_formula(facts, FORMULA_NOT, 1);
    if (contrary->count > 0)
        contrary->children[0] = formula;
    return contrary;
}

static struct formula *of_detection(struct facts *facts, const struct sigma_detection *detection) {
    if (detection->kind == SIGMA_DETECTION_ITEM)
        return of_item(facts, &detection->item);
    bool is_all = detection->kind == SIGMA_DETECTION_ALL;
    struct formula *formula =
        new_formula(facts, is_all ? FORMULA_AND : FORMULA_OR, detection->count);
    for (size_t i = 0; i < formula->count; i++)
        formula->children[i] = of_detection(facts, &detection->children[i]);
    return formula;
}

static struct formula *of_condition(struct facts *facts, const struct sigma_condition *condition) {
    static const enum formula_kind kinds[] = {[SIGMA_CONDITION_AND] = FORMULA_AND,
                                              [SIGMA_CONDITION_OR] = FORMULA_OR,
                                              [SIGMA_CONDITION_NOT] = FORMULA_NOT};
    if (condition->kind == SIGMA_CONDITION_SELECTION) {
        struct formula **selection = &facts->selections[condition->selection];
        if (*selection == NULL)
            *selection =
                of_detection(facts, &facts->rule->selections[condition->selection].detection);
        return *selection;
    }
    struct formula *formula = new_formula(facts, kinds[condition->kind], condition->count);
    for (size_t i = 0; i < formula->count; i++)
        formula->children[i] = of_condition(facts, condition->children[i]);
    return formula;
}

/* The postfix expression of a correlation over the rules it refers to, which are the facts. */
static struct formula *of_expression(struct facts *facts, const struct correlation *correlation) {
    struct formula *stack[CORRELATION_EXPRESSION_MAX + 1];
    size_t top = 0;
    for (uint32_t i = 0; i < correlation->expression.count; i++) {
        uint8_t item = correlation->expression.items[i];
        size_t count = item == EXPRESSION_NOT                            ? 1
                       : item == EXPRESSION_AND || item == EXPRESSION_OR ? 2
                                                                         : 0;
        struct formula *formula = new_formula(facts,
                                              item == EXPRESSION_NOT   ? FORMULA_NOT
                                              : item == EXPRESSION_AND ? FORMULA_AND
                                              : item == EXPRESSION_OR  ? FORMULA_OR
                                                                       : FORMULA_FACT,
                                              count);
        formula->fact = count == 0 ? item - 1u : 0;
        top -= count;
        for (size_t k = 0; k < formula->count; k++)
            formula->children[k] = stack[top + k];
        stack[top++] = formula;
    }
    facts->count = correlation->rule_count;
    return stack[0];
}

/* ---- whether it can be so ---- */

static enum truth value_of(struct facts *facts, struct formula *formula);

/* The value of the children; while that is open, the fact of the last open one is next. */
static enum truth value_of_children(struct facts *facts, struct formula *formula) {
    enum truth decides = formula->kind == FORMULA_OR ? TRUTH_TRUE : TRUTH_FALSE;
    bool is_open = false;
    for (size_t i = 0; i < formula->count; i++) {
        enum truth value = value_of(facts, formula->children[i]);
        if (value == decides)
            return decides;
        if (value == TRUTH_OPEN)
            formula->next = formula->children[i]->next;
        is_open |= value == TRUTH_OPEN;
    }
    return is_open ? TRUTH_OPEN : decides == TRUTH_TRUE ? TRUTH_FALSE : TRUTH_TRUE;
}

/* What it comes to in this step; while that is open, its `next` is the fact to look at. A selection
 * that a condition names often is looked at once a step. */
static enum truth value_of(struct facts *facts, struct formula *formula) {
    charge(facts, 1);
    if (formula->step == facts->step || is_spent(facts))
        return formula->value;
    formula->step = facts->step;
    formula->next = formula->fact;
    if (formula->kind == FORMULA_FACT) {
        formula->value = facts->assumed[formula->fact];
    } else if (formula->kind == FORMULA_NOT) {
        enum truth value = value_of(facts, formula->children[0]);
        formula->next = formula->children[0]->next;
        formula->value = value == TRUTH_OPEN   ? TRUTH_OPEN
                         : value == TRUTH_TRUE ? TRUTH_FALSE
                                               : TRUTH_TRUE;
    } else {
        formula->value = value_of_children(facts, formula);
    }
    return formula->value;
}

static enum truth assume(struct facts *facts, struct formula *formula) {
    facts->step++;
    return value_of(facts, formula);
}

/* True when facts can be such that it comes to `wanted`, also when that takes too long to find. */
static bool can_be(struct facts *facts, struct formula *formula, enum truth wanted) {
    enum truth value = assume(facts, formula);
    if (is_spent(facts))
        return true;
    if (value != TRUTH_OPEN)
        return value == wanted;
    bool found = false;
    size_t next = formula->next;
    for (enum truth assumed = TRUTH_TRUE; !found && assumed != TRUTH_OPEN; assumed--) {
        facts->assumed[next] = assumed;
        found = can_be(facts, formula, wanted);
    }
    facts->assumed[next] = TRUTH_OPEN;
    return found;
}

/* True when one fact alone decides against it, whether it holds or not. */
static bool is_blocked(struct facts *facts, struct formula *formula, enum truth wanted) {
    enum truth contrary = wanted == TRUTH_TRUE ? TRUTH_FALSE : TRUTH_TRUE;
    size_t ways = 0;
    for (size_t i = 0; ways < 2 && i < facts->count && !is_spent(facts); i++) {
        ways = 0;
        for (enum truth assumed = TRUTH_TRUE; assumed != TRUTH_OPEN; assumed--) {
            facts->assumed[i] = assumed;
            ways += assume(facts, formula) == contrary;
        }
        facts->assumed[i] = TRUTH_OPEN;
    }
    return ways == 2 && !is_spent(facts);
}

static bool is_possible(struct facts *facts, struct formula *formula, enum truth wanted) {
    return !is_blocked(facts, formula, wanted) && can_be(facts, formula, wanted);
}

/* ---- what a window can measure ---- */

/* The least and the most that satisfies all comparisons, with or without these two. */
struct range {
    double low, high;
    bool low_is_out, high_is_out;
};

static void raise_low(struct range *range, double low, bool is_out) {
    if (low > range->low || (low == range->low && is_out)) {
        range->low = low;
        range->low_is_out = is_out;
    }
}

static void lower_high(struct range *range, double high, bool is_out) {
    if (high < range->high || (high == range->high && is_out)) {
        range->high = high;
        range->high_is_out = is_out;
    }
}

/* Counts are whole numbers: what lies between two is no value of theirs. */
static void apply_comparison(struct range *range, const struct correlation_comparison *comparison,
                             bool is_count) {
    double number = comparison->number;
    bool is_out =
        comparison->operator_ == CORRELATION_GT || comparison->operator_ == CORRELATION_LT;
    bool is_eq = comparison->operator_ == CORRELATION_EQ;
    if (is_eq || comparison->operator_ == CORRELATION_GT ||
        comparison->operator_ == CORRELATION_GTE)
        raise_low(range, is_count ? is_out ? floor(number) + 1 : ceil(number) : number,
                  is_out && !is_count);
    if (is_eq || comparison->operator_ == CORRELATION_LT ||
        comparison->operator_ == CORRELATION_LTE)
        lower_high(range, is_count ? is_out ? ceil(number) - 1 : floor(number) : number,
                   is_out && !is_count);
}

/* True when no window can satisfy the comparisons. A window holds at least what it ends with. */
static bool is_out_of_range(const struct correlation *correlation) {
    bool is_temporal = correlation->kind == CORRELATION_TEMPORAL ||
                       correlation->kind == CORRELATION_TEMPORAL_ORDERED;
    bool is_count = is_temporal || correlation->kind == CORRELATION_EVENT_COUNT ||
                    correlation->kind == CORRELATION_VALUE_COUNT;
    bool may_be_none = correlation->kind == CORRELATION_TEMPORAL_ORDERED;
    struct range range = {.low = may_be_none ? 0
                                 : is_count  ? 1
                                             : -HUGE_VAL,
                          .high = is_temporal ? (double)correlation->rule_count : HUGE_VAL};
    for (uint32_t i = 0; i < correlation->comparisons.count; i++)
        apply_comparison(&range, &correlation->comparisons.items[i], is_count);
    bool is_empty = range.low > range.high ||
                    (range.low == range.high && (range.low_is_out || range.high_is_out));
    for (uint32_t i = 0; range.low == range.high && i < correlation->comparisons.count; i++)
        is_empty |= correlation->comparisons.items[i].operator_ == CORRELATION_NEQ &&
                    correlation->comparisons.items[i].number == range.low;
    return is_empty;
}

/* ---- what there is to say ---- */

/* What there is to say of the whole; NULL: nothing. */
static const char *doubt_of(struct facts *facts, struct formula *formula, const char *always) {
    if (!is_possible(facts, formula, TRUTH_TRUE))
        return "the condition can never be true: no event matches";
    if (!is_possible(facts, formula, TRUTH_FALSE))
        return always;
    for (size_t i = 0; formula->kind == FORMULA_OR && i < formula->count; i++)
        if (!is_possible(facts, formula->children[i], TRUTH_TRUE))
            return "a part of the condition can never be true";
    return NULL;
}

static void tell(struct sigma_adding *adding, int line, const char *words) {
    struct sigma_error warning;
    if (sigma_refuse(&warning, STATUS_BAD_VALUE, line, "%s", words) != STATUS_OK)
        sigma_rules_warn(adding->rules, adding->file, &warning);
}

/* The line of a map's condition. */
static int condition_line(const struct sigma_node *map) {
    const struct sigma_node *condition = sigma_node_member(map, "condition");
    return condition != NULL ? condition->line : map->line;
}

/* The line of a selection in its map. */
static int selection_line(const struct sigma_node *map, struct text name) {
    for (size_t i = 0; i < map->count; i++)
        if (text_equal(map->names[i].text, name))
            return map->names[i].line;
    return map->line;
}

static void tell_unused(struct sigma_adding *adding, const struct sigma_node *map,
                        struct facts *facts) {
    facts->work_left = DOUBTS_WORK_MAX;
    for (size_t i = 0; i < facts->rule->selection_count && !is_spent(facts); i++) {
        struct text name = facts->rule->selections[i].name;
        if (facts->selections[i] != NULL)
            continue;
        charge(facts, map->count);
        tell(adding, selection_line(map, name),
             arena_printf(facts->arena, "no condition uses selection '%.*s'", TEXT_ARG(name)).data);
    }
}

/* Tells of the selections and the condition of a map: of `detection`, or of `filter`. */
static void tell_map(struct sigma_adding *adding, const struct sigma_rule *rule,
                     const struct sigma_node *map, const char *always) {
    struct facts *facts = new_facts(adding->reader.arena);
    facts->rule = rule;
    facts->selections =
        arena_zalloc(facts->arena, rule->selection_count + 1, sizeof(struct formula *));
    struct formula *formula = of_condition(facts, rule->condition);
    if (is_spent(facts))
        return;
    const char *doubt = facts->is_full ? NULL : doubt_of(facts, formula, always);
    if (doubt != NULL)
        tell(adding, condition_line(map), doubt);
    tell_unused(adding, map, facts);
}

void sigma_doubts_tell(struct sigma_adding *adding, const struct sigma_rule *rule) {
    tell_map(adding, rule, sigma_node_member(rule->root, "detection"),
             "the condition is always true: every event of the logsource matches");
}

void sigma_doubts_tell_filter(struct sigma_adding *adding, const struct sigma_filter *filter) {
    tell_map(adding, &filter->body, sigma_node_member(filter->body.root, "filter"),
             "the condition is always true: the filter excludes nothing");
}

void sigma_doubts_tell_correlation(struct sigma_adding *adding, const struct sigma_node *root,
                                   const struct correlation *correlation) {
    struct facts *facts = new_facts(adding->reader.arena);
    bool is_never = is_out_of_range(correlation);
    if (correlation->expression.count > 0)
        is_never |= !is_possible(facts, of_expression(facts, correlation), TRUTH_TRUE);
    if (is_never)
        tell(adding, condition_line(sigma_node_member(root, "correlation")),
             "the condition can never hold: the correlation never fires");
}
