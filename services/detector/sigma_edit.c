/* sigma_edit.c: selections and conditions put into a rule's trees. */
#include "services/detector/sigma_edit.h"

static struct sigma_condition *new_condition(struct arena *arena, enum sigma_condition_kind kind,
                                             size_t capacity) {
    struct sigma_condition *condition = arena_zalloc(arena, 1, sizeof *condition);
    condition->kind = kind;
    condition->children = arena_zalloc(arena, capacity + 1, sizeof(const struct sigma_condition *));
    return condition;
}

size_t sigma_edit_add_selection(struct sigma_rule *rule, struct arena *arena,
                                const struct sigma_selection *selection) {
    size_t count = rule->selection_count;
    struct sigma_selection *all = arena_zalloc(arena, count + 1, sizeof *all);
    if (count > 0)
        memcpy(all, rule->selections, count * sizeof *all);
    all[count] = *selection;
    rule->selections = all;
    rule->selection_count = count + 1;
    return count;
}

const struct sigma_condition *sigma_edit_select(struct arena *arena, size_t selection,
                                                bool negated) {
    struct sigma_condition *condition = new_condition(arena, SIGMA_CONDITION_SELECTION, 0);
    condition->selection = selection;
    if (!negated)
        return condition;
    struct sigma_condition *negation = new_condition(arena, SIGMA_CONDITION_NOT, 1);
    negation->children[negation->count++] = condition;
    return negation;
}

void sigma_edit_require(struct sigma_rule *rule, struct arena *arena,
                        const struct sigma_condition *condition) {
    struct sigma_condition *both = new_condition(arena, SIGMA_CONDITION_AND, 2);
    both->children[both->count++] = rule->condition;
    both->children[both->count++] = condition;
    rule->condition = both;
}

struct sigma_item sigma_edit_copy_item(struct arena *arena, const struct sigma_item *item) {
    struct sigma_item copy = *item;
    copy.values = arena_zalloc(arena, item->count + 1, sizeof *copy.values);
    if (item->count > 0)
        memcpy(copy.values, item->values, item->count * sizeof *copy.values);
    for (size_t i = 0; i < copy.count; i++) {
        struct sigma_strings *strings = &copy.values[i].strings;
        struct sigma_string *items = arena_zalloc(arena, strings->count + 1, sizeof *items);
        if (strings->count > 0)
            memcpy(items, strings->items, strings->count * sizeof *items);
        strings->items = items;
    }
    return copy;
}

static struct sigma_detection copy_detection(struct arena *arena,
                                             const struct sigma_detection *detection) {
    struct sigma_detection copy = *detection;
    if (detection->kind == SIGMA_DETECTION_ITEM)
        copy.item = sigma_edit_copy_item(arena, &detection->item);
    copy.children = arena_zalloc(arena, detection->count + 1, sizeof *copy.children);
    for (size_t i = 0; i < detection->count; i++)
        copy.children[i] = copy_detection(arena, &detection->children[i]);
    return copy;
}

/* A copy of the condition whose selections stand `offset` further on. */
static const struct sigma_condition *shift(struct arena *arena,
                                           const struct sigma_condition *condition, size_t offset) {
    struct sigma_condition *copy = new_condition(arena, condition->kind, condition->count);
    copy->selection = condition->selection + offset;
    copy->count = condition->count;
    for (size_t i = 0; i < condition->count; i++)
        copy->children[i] = shift(arena, condition->children[i], offset);
    return copy;
}

void sigma_edit_append(struct sigma_rule *rule, struct arena *arena,
                       const struct sigma_rule *other) {
    size_t offset = rule->selection_count;
    for (size_t i = 0; i < other->selection_count; i++) {
        struct sigma_selection copy = {other->selections[i].name,
                                       copy_detection(arena, &other->selections[i].detection)};
        (void)sigma_edit_add_selection(rule, arena, &copy);
    }
    sigma_edit_require(rule, arena, shift(arena, other->condition, offset));
}

void sigma_edit_replace(struct sigma_detection *detection, enum sigma_detection_kind kind,
                        struct sigma_detection *children, size_t count) {
    *detection = (struct sigma_detection){.kind = kind, .count = count, .children = children};
}

static enum status visit(struct sigma_detection *detection,
                         enum status (*visitor)(void *, struct sigma_detection *), void *context) {
    if (detection->kind == SIGMA_DETECTION_ITEM)
        return visitor(context, detection);
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < detection->count; i++)
        status = visit(&detection->children[i], visitor, context);
    return status;
}

enum status sigma_edit_visit(struct sigma_rule *rule,
                             enum status (*visitor)(void *, struct sigma_detection *),
                             void *context) {
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < rule->selection_count; i++)
        status = visit(&rule->selections[i].detection, visitor, context);
    return status;
}

/* True when nothing is left of it. */
static bool prune_detection(struct sigma_detection *detection) {
    size_t left = 0;
    if (detection->kind == SIGMA_DETECTION_ITEM)
        return false;
    for (size_t i = 0; i < detection->count; i++)
        if (!prune_detection(&detection->children[i]))
            detection->children[left++] = detection->children[i];
    detection->count = left;
    if (left == 0)
        detection->kind = SIGMA_DETECTION_DROPPED;
    return left == 0;
}

/* What is left of a condition; NULL: nothing. */
static const struct sigma_condition *prune_condition(const struct sigma_rule *rule,
                                                     struct arena *arena,
                                                     const struct sigma_condition *condition) {
    if (condition->kind == SIGMA_CONDITION_SELECTION) {
        const struct sigma_detection *detection = &rule->selections[condition->selection].detection;
        return detection->kind == SIGMA_DETECTION_DROPPED ? NULL : condition;
    }
    struct sigma_condition *pruned = new_condition(arena, condition->kind, condition->count);
    for (size_t i = 0; i < condition->count; i++) {
        const struct sigma_condition *child = prune_condition(rule, arena, condition->children[i]);
        if (child != NULL)
            pruned->children[pruned->count++] = child;
    }
    return pruned->count > 0 ? pruned : NULL;
}

bool sigma_edit_prune(struct sigma_rule *rule, struct arena *arena) {
    bool dropped = false;
    for (size_t i = 0; i < rule->selection_count; i++)
        dropped |= prune_detection(&rule->selections[i].detection);
    if (dropped)
        rule->condition = prune_condition(rule, arena, rule->condition);
    return rule->condition != NULL;
}
