/* sigma_witness.c: which atoms bear witness for a rule: of all the sets of which one member is
 * there whenever the rule is true, the one that events are least likely to have. */
#include "services/detector/sigma_plan.h"

#include <math.h>
#include <stdlib.h>

struct witnesses {
    const struct plan *plan;
    uint32_t *atoms;
    uint32_t count, capacity;
};

/* How likely a literal of this length is in a value, where it may stand anywhere. */
static double contains_chance(size_t length) {
    static const double chances[] = {0.9, 0.5, 0.3, 0.1, 0.05, 0.02, 0.01};
    size_t last = sizeof chances / sizeof chances[0] - 1;
    return length < last ? chances[length] : length < 10 ? chances[last] : 0.003;
}

/* How likely an event has what the atom asks for: a guess from its length, and from how many rules
 * ask for it, since they ask for what is common (cmd.exe) more often than for what is rare. */
static double chance_of(const struct plan_atom *atom) {
    double popular = fmin(0.3, 0.001 * (double)atom->uses);
    size_t length = atom->pattern != NULL ? atom->pattern->literal.length : 0;
    switch (atom->finder) {
    case FINDER_TEXT_EQUAL:
        return popular + (length <= 4 ? 0.03 : 0.004);
    case FINDER_NUMBER_EQUAL:
        return popular + 0.03;
    case FINDER_PREFIX:
        return popular + (length < 8 ? 0.05 : 0.02);
    case FINDER_SUFFIX:
        return popular + (length < 4 ? 0.1 : 0.004);
    case FINDER_CONTAINS:
    case FINDER_CONTAINS_LATE:
    case FINDER_CONTAINS_WIDE:
        return popular + contains_chance(length);
    case FINDER_PRESENT:
    case FINDER_DIRECT:
        break;
    }
    return 1;
}

/* What the witnesses of a term cost: infinite when some atom of it has no hint. */
static double term_cost(const struct plan *plan, const struct plan_term *term) {
    double cost = 0;
    for (uint32_t i = 0; i < term->count; i++) {
        uint32_t hint = plan->atoms[plan->term_atoms[term->first + i]].hint;
        if (hint == SIGMA_NONE)
            return HUGE_VAL;
        cost += chance_of(&plan->atoms[hint]);
    }
    return cost;
}

/* True when all children must be true for the node to be what it is asked to be. */
static bool needs_all(const struct plan_node *node, bool negated) {
    return (node->kind == PLAN_AND) != negated;
}

/* What the witnesses of a node, or of its contrary, cost. */
static double node_cost(const struct plan *plan, const struct plan_node *node, bool negated) {
    if (node->kind == PLAN_TERM)
        return negated ? HUGE_VAL : term_cost(plan, &plan->terms[node->term]);
    if (node->kind == PLAN_NOT)
        return node_cost(plan, node->children[0], !negated);
    bool all = needs_all(node, negated);
    double cost = all ? HUGE_VAL : 0;
    for (uint32_t i = 0; i < node->count; i++) {
        double child = node_cost(plan, node->children[i], negated);
        cost = all ? fmin(cost, child) : cost + child;
    }
    return cost;
}

static void take_term(struct witnesses *witnesses, const struct plan_term *term) {
    const struct plan *plan = witnesses->plan;
    for (uint32_t i = 0; i < term->count; i++) {
        witnesses->atoms = plan_grow(witnesses->atoms, witnesses->count, &witnesses->capacity,
                                     sizeof *witnesses->atoms);
        witnesses->atoms[witnesses->count++] = plan->atoms[plan->term_atoms[term->first + i]].hint;
    }
}

/* Takes the witnesses of a node of which node_cost() is finite. */
static void take(struct witnesses *witnesses, const struct plan_node *node, bool negated) {
    const struct plan *plan = witnesses->plan;
    if (node->kind == PLAN_TERM) {
        take_term(witnesses, &plan->terms[node->term]);
        return;
    }
    bool flip = node->kind == PLAN_NOT, all = !flip && needs_all(node, negated);
    uint32_t best = 0;
    for (uint32_t i = 1; all && i < node->count; i++)
        if (node_cost(plan, node->children[i], negated) <
            node_cost(plan, node->children[best], negated))
            best = i;
    for (uint32_t i = 0; i < node->count; i++)
        if (!all || i == best)
            take(witnesses, node->children[i], negated != flip);
}

struct plan_witnesses plan_witnesses(const struct plan *plan, const struct plan_node *rule) {
    struct witnesses witnesses = {.plan = plan};
    bool has_some = isfinite(node_cost(plan, rule, false));
    if (has_some)
        take(&witnesses, rule, false);
    return (struct plan_witnesses){has_some, witnesses.count, witnesses.atoms};
}
