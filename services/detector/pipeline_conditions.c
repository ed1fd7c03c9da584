/* pipeline_conditions.c: conditions read from a pipeline, and asked before a rule is changed. */
#include "services/detector/pipeline_private.h"

/* How each scope's members are called, and what they may hold. */
static const struct {
    const char *conditions, *op, *negation, *expression;
    const struct condition_kind *kinds;
} scopes[] = {
    [SCOPE_RULE] = {"rule_conditions", "rule_cond_op", "rule_cond_not", "rule_cond_expr",
                    pipeline_rule_conditions},
    [SCOPE_ITEM] = {"detection_item_conditions", "detection_item_cond_op",
                    "detection_item_cond_not", "detection_item_cond_expr",
                    pipeline_item_conditions},
    [SCOPE_FIELD] = {"field_name_conditions", "field_name_cond_op", "field_name_cond_not",
                     "field_name_cond_expr", pipeline_field_conditions},
};

/* ---- reading ---- */

static enum status read_patterns(struct sigma_pipelines *pipelines,
                                 struct pipeline_condition *condition, struct sigma_error *error) {
    const struct sigma_node *pattern = sigma_node_member(condition->node, "pattern");
    const struct sigma_node *fields = sigma_node_member(condition->node, "fields");
    bool are_patterns = text_is(pipeline_text(condition->node, "mode"), "re");
    if (fields != NULL && fields->kind != SIGMA_NODE_LIST)
        return sigma_refuse(error, STATUS_BAD_SYNTAX, fields->line, "'fields' must be a list");
    size_t count = pattern != NULL ? 1 : fields != NULL && are_patterns ? fields->count : 0;
    condition->regexes = arena_zalloc(&pipelines->arena, count + 1, sizeof(struct sigma_regex *));
    for (size_t i = 0; i < count; i++) {
        enum status status =
            pipeline_regex_new(pipelines, pattern != NULL ? pattern : &fields->items[i], true,
                               &condition->regexes[condition->regex_count++], error);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status read_condition(struct sigma_pipelines *pipelines, const struct sigma_node *node,
                                  enum condition_scope scope, struct pipeline_condition *condition,
                                  struct sigma_error *error) {
    struct text type = pipeline_text(node, "type");
    const struct condition_kind *kind = scopes[scope].kinds;
    while (kind->name != NULL && (type.data == NULL || !text_is(type, kind->name)))
        kind++;
    if (kind->name == NULL)
        return sigma_refuse(error, STATUS_UNSUPPORTED, node->line,
                            "%s: condition '%.*s' is not known here", scopes[scope].conditions,
                            TEXT_ARG(type));
    enum status status = pipeline_parameters_check_condition(node, kind, error);
    if (status != STATUS_OK)
        return status;
    const struct sigma_node *attribute = sigma_node_member(node, "attribute");
    const struct sigma_node *value = sigma_node_member(node, "value");
    if (attribute != NULL && !pipeline_attribute_can_be(attribute->text, value->text))
        return sigma_refuse(error, STATUS_BAD_SYNTAX, value->line, "'%.*s' is no %.*s",
                            TEXT_ARG(value->text), TEXT_ARG(attribute->text));
    *condition = (struct pipeline_condition){.kind = kind, .node = node};
    return read_patterns(pipelines, condition, error);
}

/* Marks the conditions an expression names. */
static void mark_used(const struct sigma_condition *expression, bool *used) {
    if (expression->kind == SIGMA_CONDITION_SELECTION)
        used[expression->selection] = true;
    for (size_t i = 0; i < expression->count; i++)
        mark_used(expression->children[i], used);
}

/* Reads "a and not b" over the conditions' names, by the grammar of rules. */
static enum status read_expression(struct sigma_pipelines *pipelines, const struct sigma_node *map,
                                   const struct sigma_node *text, struct condition_group *group,
                                   struct sigma_error *error) {
    struct sigma_reader reader = {&pipelines->arena, error, NULL};
    struct sigma_rule names = {.selection_count = map->count};
    if (map->kind != SIGMA_NODE_MAP || text->kind != SIGMA_NODE_SCALAR)
        return sigma_refuse(error, STATUS_BAD_SYNTAX, text->line,
                            "an expression needs conditions that are a map of names");
    names.selections = arena_zalloc(&pipelines->arena, map->count + 1, sizeof *names.selections);
    for (size_t i = 0; i < map->count; i++)
        names.selections[i].name = map->names[i].text;
    enum status status =
        sigma_condition_parse(&reader, text->text, text->line, &names, &group->expression);
    if (status != STATUS_OK)
        return status;
    bool *used = arena_zalloc(&pipelines->arena, map->count + 1, sizeof *used);
    mark_used(group->expression, used);
    for (size_t i = 0; i < map->count; i++)
        if (!used[i])
            return sigma_refuse(error, STATUS_BAD_SYNTAX, map->names[i].line,
                                "the expression does not name condition '%.*s'",
                                TEXT_ARG(map->names[i].text));
    return STATUS_OK;
}

enum status pipeline_conditions_read(struct sigma_pipelines *pipelines,
                                     const struct sigma_node *node, enum condition_scope scope,
                                     struct condition_group *ret_group, struct sigma_error *error) {
    const struct sigma_node *list = sigma_node_member(node, scopes[scope].conditions);
    const struct sigma_node *expression = sigma_node_member(node, scopes[scope].expression);
    struct condition_group group = {
        .any = text_is(pipeline_text(node, scopes[scope].op), "or"),
        .negated = pipeline_switch(node, scopes[scope].negation),
    };
    if (expression != NULL && (list == NULL || sigma_node_member(node, scopes[scope].op) != NULL))
        return sigma_refuse(error, STATUS_BAD_SYNTAX, expression->line,
                            "'%s' needs '%s', and no '%s'", scopes[scope].expression,
                            scopes[scope].conditions, scopes[scope].op);
    if (list == NULL || sigma_node_is_null(list)) {
        *ret_group = group;
        return STATUS_OK;
    }
    if (list->kind == SIGMA_NODE_SCALAR)
        return sigma_refuse(error, STATUS_BAD_SYNTAX, list->line, "'%s' must be a list or a map",
                            scopes[scope].conditions);
    group.conditions = arena_zalloc(&pipelines->arena, list->count + 1, sizeof *group.conditions);
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < list->count; i++)
        status = read_condition(pipelines, &list->items[i], scope, &group.conditions[group.count++],
                                error);
    if (status == STATUS_OK && expression != NULL)
        status = read_expression(pipelines, list, expression, &group, error);
    if (status == STATUS_OK)
        *ret_group = group;
    return status;
}

/* ---- asking ---- */

/* True when the condition holds for the subject; one on fields also when it does for a field that a
 * value refers to. */
static bool condition_holds(const struct pipeline_run *run,
                            const struct pipeline_condition *condition,
                            const struct subject *subject, bool with_references) {
    bool holds = condition->kind->holds(run, condition, subject);
    const struct sigma_item *item = subject->item;
    bool refers = with_references && item->comparison == SIGMA_FIELD;
    for (size_t i = 0; refers && !holds && i < item->count; i++) {
        struct subject reference = {item, pipeline_spelling_of(&item->values[i])};
        holds = condition->kind->holds(run, condition, &reference);
    }
    return holds;
}

static bool expression_holds(const struct pipeline_run *run, const struct condition_group *group,
                             const struct sigma_condition *expression,
                             const struct subject *subject, bool with_references) {
    if (expression->kind == SIGMA_CONDITION_SELECTION)
        return condition_holds(run, &group->conditions[expression->selection], subject,
                               with_references);
    if (expression->kind == SIGMA_CONDITION_NOT)
        return !expression_holds(run, group, expression->children[0], subject, with_references);
    bool stops_at = expression->kind == SIGMA_CONDITION_OR;
    for (size_t i = 0; i < expression->count; i++)
        if (expression_holds(run, group, expression->children[i], subject, with_references) ==
            stops_at)
            return stops_at;
    return !stops_at;
}

static bool group_holds(const struct pipeline_run *run, enum condition_scope scope,
                        const struct subject *subject, bool with_references) {
    const struct condition_group *group = &run->item->groups[scope];
    if (group->count == 0)
        return true;
    bool holds = !group->any;
    if (group->expression != NULL)
        holds = expression_holds(run, group, group->expression, subject, with_references);
    for (size_t i = 0; group->expression == NULL && holds != group->any && i < group->count; i++)
        holds = condition_holds(run, &group->conditions[i], subject, with_references);
    return holds != group->negated;
}

bool pipeline_conditions_hold(const struct pipeline_run *run) {
    const struct subject rule = {NULL, {NULL, 0}};
    return group_holds(run, SCOPE_RULE, &rule, false);
}

bool pipeline_conditions_hold_item(const struct pipeline_run *run, const struct sigma_item *item) {
    const struct subject subject = {item, item->field};
    return group_holds(run, SCOPE_ITEM, &subject, false) &&
           group_holds(run, SCOPE_FIELD, &subject, true);
}

bool pipeline_conditions_hold_field(const struct pipeline_run *run, const struct sigma_item *item,
                                    struct text field) {
    const struct subject subject = {item, field};
    return group_holds(run, SCOPE_FIELD, &subject, false);
}
