/* sigma_explain.c: copies of a rule's selections, with a matcher for every item. */
#include "services/detector/sigma_explain.h"

#include "services/detector/sigma_add.h"

#include <stdlib.h>

struct sigma_explanations *sigma_explanations_new(void) {
    struct sigma_explanations *explanations = calloc(1, sizeof *explanations);
    if (explanations == NULL)
        abort();
    arena_init(&explanations->arena);
    explanations->workspace.regex = sigma_regex_workspace_new();
    return explanations;
}

void sigma_explanations_destroy(struct sigma_explanations **explanations) {
    if (*explanations == NULL)
        return;
    sigma_regex_workspace_destroy(&(*explanations)->workspace.regex);
    arena_fini(&(*explanations)->arena);
    free((*explanations)->rules);
    free(*explanations);
    *explanations = NULL;
}

static struct text join(struct arena *arena, struct text list, struct text next) {
    return list.data == NULL ? arena_text(arena, next)
                             : arena_printf(arena, "%.*s, %.*s", TEXT_ARG(list), TEXT_ARG(next));
}

static struct text list_values(struct arena *arena, const struct sigma_item *item) {
    struct text list = {NULL, 0};
    for (size_t i = 0; i < item->count && i < SIGMA_VALUES_SHOWN; i++) {
        const struct sigma_value *value = &item->values[i];
        bool is_null = value->kind == SIGMA_VALUE_NULL || value->source.data == NULL;
        list = join(arena, list, is_null ? TEXT("null") : value->source);
    }
    return list;
}

/* A copy, in which what is not set stays null. */
static struct text copy_text(struct arena *arena, struct text text) {
    return text.data != NULL ? arena_text(arena, text) : text;
}

static enum status explain_item(const struct sigma_item *item, const struct sigma_target *target,
                                struct sigma_explained *out, struct sigma_error *error) {
    struct arena *arena = target->arena;
    out->kind = SIGMA_EXPLAINED_ITEM;
    out->line = item->line;
    out->is_negated = item->negated;
    out->value_count = item->count;
    out->values = list_values(arena, item);
    out->written = copy_text(arena, item->written);
    out->field = copy_text(arena, item->field);
    return sigma_matcher_compile(item, target, &out->matcher, error);
}

static enum status explain_detection(const struct sigma_detection *detection,
                                     const struct sigma_target *target, struct sigma_explained *out,
                                     struct sigma_error *error) {
    if (detection->kind == SIGMA_DETECTION_ITEM)
        return explain_item(&detection->item, target, out, error);
    bool is_all = detection->kind == SIGMA_DETECTION_ALL;
    enum status status = STATUS_OK;
    out->kind = is_all ? SIGMA_EXPLAINED_ALL : SIGMA_EXPLAINED_ANY;
    out->count = detection->count;
    out->children = arena_zalloc(target->arena, detection->count + 1, sizeof *out->children);
    for (size_t i = 0; status == STATUS_OK && i < detection->count; i++)
        status = explain_detection(&detection->children[i], target, &out->children[i], error);
    return status;
}

/* A copy of the tree, whose own memory is the file's. */
static struct sigma_condition *copy_condition(const struct sigma_condition *condition,
                                              struct arena *arena) {
    struct sigma_condition *copy = arena_zalloc(arena, 1, sizeof *copy);
    *copy = *condition;
    copy->children =
        arena_zalloc(arena, condition->count + 1, sizeof(const struct sigma_condition *));
    for (size_t i = 0; i < condition->count; i++)
        copy->children[i] = copy_condition(condition->children[i], arena);
    return copy;
}

static struct text own_condition(const struct sigma_rule *rule, struct arena *arena) {
    const struct sigma_node *detection = sigma_node_member(rule->root, "detection");
    const struct sigma_node *condition = sigma_node_member(detection, "condition");
    struct text text = {NULL, 0};
    if (condition->kind == SIGMA_NODE_SCALAR)
        return arena_text(arena, condition->text);
    for (size_t i = 0; i < condition->count; i++)
        text = i == 0 ? arena_printf(arena, "(%.*s)", TEXT_ARG(condition->items[i].text))
                      : arena_printf(arena, "%.*s or (%.*s)", TEXT_ARG(text),
                                     TEXT_ARG(condition->items[i].text));
    return text;
}

/* The rule's condition, and those of the filters that were applied to it. */
static struct text condition_text(const struct sigma_rule *rule, struct arena *arena) {
    struct text own = own_condition(rule, arena);
    if (rule->filtered.length == 0)
        return own;
    return arena_printf(arena, "(%.*s)%.*s", TEXT_ARG(own), TEXT_ARG(rule->filtered));
}

enum status sigma_explanations_add(struct sigma_explanations *explanations,
                                   const struct sigma_rule *rule, const struct sigma_target *target,
                                   struct sigma_error *error) {
    struct arena *arena = target->arena;
    struct sigma_explained_rule explained = {
        .id = arena_text(arena, rule->id),
        .condition = condition_text(rule, arena),
        .selection_count = rule->selection_count,
        .selections = arena_zalloc(arena, rule->selection_count + 1, sizeof *explained.selections),
        .tree = copy_condition(rule->condition, arena),
    };
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < rule->selection_count; i++) {
        struct sigma_explained_selection *selection = &explained.selections[i];
        selection->name = arena_text(arena, rule->selections[i].name);
        status =
            explain_detection(&rule->selections[i].detection, target, &selection->detection, error);
    }
    if (status != STATUS_OK)
        return status;
    explanations->rules = sigma_rules_grow(explanations->rules, explanations->count,
                                           &explanations->capacity, sizeof *explanations->rules);
    explanations->rules[explanations->count++] = explained;
    return STATUS_OK;
}

/* What the event has of a field. */
static struct text list_found(struct arena *arena, const struct fields *fields, uint32_t field) {
    struct text list = {NULL, 0};
    size_t count = 0;
    for (const struct value *value = fields_first(fields, field);
         value != NULL && count < SIGMA_VALUES_SHOWN; value = fields_next(fields, value), count++)
        list = join(arena, list, value->text.data != NULL ? value->text : TEXT("null"));
    return list;
}

static bool group_holds(struct sigma_explanations *explanations, const struct sigma_patterns *group,
                        uint32_t field, struct fields *fields) {
    for (size_t i = 0; i < group->count; i++)
        if (sigma_pattern_matches(&group->items[i], field, fields, &explanations->workspace))
            return true;
    return false;
}

static bool look_at_item(struct sigma_explanations *explanations, struct sigma_explained *item,
                         struct fields *fields) {
    const struct sigma_matcher *matcher = &item->matcher;
    item->holds = true;
    for (size_t i = 0; item->holds && i < matcher->group_count; i++)
        item->holds = group_holds(explanations, &matcher->groups[i], matcher->field, fields);
    item->holds = item->holds != item->is_negated;
    item->found = matcher->field == SIGMA_KEYWORDS
                      ? (struct text){NULL, 0}
                      : list_found(&explanations->arena, fields, matcher->field);
    return item->holds;
}

static bool look_at(struct sigma_explanations *explanations, struct sigma_explained *explained,
                    struct fields *fields) {
    if (explained->kind == SIGMA_EXPLAINED_ITEM)
        return look_at_item(explanations, explained, fields);
    bool is_all = explained->kind == SIGMA_EXPLAINED_ALL;
    explained->holds = is_all;
    for (size_t i = 0; i < explained->count; i++) {
        bool holds = look_at(explanations, &explained->children[i], fields);
        explained->holds = is_all ? explained->holds && holds : explained->holds || holds;
    }
    return explained->holds;
}

static bool condition_holds(const struct sigma_explained_rule *rule,
                            const struct sigma_condition *condition) {
    if (condition->kind == SIGMA_CONDITION_SELECTION)
        return rule->selections[condition->selection].detection.holds;
    if (condition->kind == SIGMA_CONDITION_NOT)
        return !condition_holds(rule, condition->children[0]);
    bool stops_at = condition->kind == SIGMA_CONDITION_OR;
    for (size_t i = 0; i < condition->count; i++)
        if (condition_holds(rule, condition->children[i]) == stops_at)
            return stops_at;
    return !stops_at;
}

void sigma_explanations_explain(struct sigma_explanations *explanations, struct fields *fields) {
    arena_reset(&explanations->arena);
    for (size_t i = 0; i < explanations->count; i++) {
        struct sigma_explained_rule *rule = &explanations->rules[i];
        for (size_t k = 0; k < rule->selection_count; k++) {
            sigma_workspace_reset(&explanations->workspace);
            (void)look_at(explanations, &rule->selections[k].detection, fields);
        }
        rule->holds = condition_holds(rule, rule->tree);
    }
}
