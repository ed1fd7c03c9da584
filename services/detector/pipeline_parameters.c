/* pipeline_parameters.c: whether a transformation or condition has the parameters it can have, as
 * its row describes them. */
#include "services/detector/pipeline_private.h"

/* What every transformation may have. Those of the last line are pySigma's own policy, which a
 * pipeline cannot set. */
static const char common[] =
    "type id rule_conditions* rule_cond_op=and|or rule_cond_not? rule_cond_expr "
    "detection_item_conditions* detection_item_cond_op=and|or detection_item_cond_not? "
    "detection_item_cond_expr field_name_conditions* field_name_cond_op=and|or "
    "field_name_cond_not? field_name_cond_expr "
    "policy* allow_template_vars* vars_allowed_paths* allow_external_sources* "
    "restrict_template_path*";

/* One word of a row. */
struct parameter {
    struct text name;
    bool is_required;
    char form;          /* '?', '[', '{', '*', '=', or 0: a scalar */
    struct text choice; /* behind '=' */
};

/* Takes the next word off a row; false at its end. */
static bool next_parameter(const char **row, struct parameter *ret_parameter) {
    *row += strspn(*row, " ");
    struct text word = {*row, strcspn(*row, " ")};
    *row += word.length;
    if (word.length == 0)
        return false;
    struct parameter parameter = {.is_required = word.data[0] == '!'};
    word.data += parameter.is_required;
    word.length -= parameter.is_required;
    parameter.name = (struct text){word.data, 0};
    while (parameter.name.length < word.length &&
           strchr("?[{*=", word.data[parameter.name.length]) == NULL)
        parameter.name.length++;
    size_t rest = word.length - parameter.name.length;
    if (rest > 0) {
        parameter.form = word.data[parameter.name.length];
        parameter.choice = (struct text){word.data + parameter.name.length + 1, rest - 1};
    }
    *ret_parameter = parameter;
    return true;
}

static bool find_parameter(const char *row, struct text name, struct parameter *ret_parameter) {
    while (next_parameter(&row, ret_parameter))
        if (text_equal(ret_parameter->name, name))
            return true;
    return false;
}

/* True when the text is one of "a|b|c". */
static bool is_choice(struct text choices, struct text text) {
    while (choices.length > 0) {
        const char *bar = memchr(choices.data, '|', choices.length);
        size_t length = bar != NULL ? (size_t)(bar - choices.data) : choices.length;
        if (text_equal((struct text){choices.data, length}, text))
            return true;
        length += bar != NULL;
        choices = (struct text){choices.data + length, choices.length - length};
    }
    return false;
}

static bool are_scalars(const struct sigma_node *node) {
    bool are = node->kind != SIGMA_NODE_MAP;
    for (size_t i = 0; are && node->kind == SIGMA_NODE_LIST && i < node->count; i++)
        are = node->items[i].kind == SIGMA_NODE_SCALAR;
    return are;
}

static bool is_map_of_scalars(const struct sigma_node *node) {
    for (size_t i = 0; node->kind == SIGMA_NODE_MAP && i < node->count; i++)
        if (!are_scalars(&node->items[i]))
            return false;
    return node->kind == SIGMA_NODE_MAP;
}

/* What a value should be and is not; NULL: all is well. */
static const char *mistake_of(const struct parameter *parameter, const struct sigma_node *value) {
    bool is_on;
    switch (parameter->form) {
    case '*':
        return NULL;
    case '?':
        return sigma_node_switch(value, &is_on) ? NULL : "true or false";
    case '[':
        return value->kind == SIGMA_NODE_LIST && are_scalars(value) ? NULL : "a list of texts";
    case '{':
        return is_map_of_scalars(value) ? NULL : "a map of names to a text or a list of them";
    default:
        return value->kind == SIGMA_NODE_SCALAR ? NULL : "a text or a number";
    }
}

static enum status check_value(const char *kind, const struct parameter *parameter,
                               const struct sigma_node *value, struct sigma_error *error) {
    const char *mistake = mistake_of(parameter, value);
    if (mistake != NULL)
        return sigma_refuse(error, STATUS_BAD_SYNTAX, value->line, "'%s': '%.*s' must be %s", kind,
                            TEXT_ARG(parameter->name), mistake);
    if (parameter->form == '=' && !is_choice(parameter->choice, value->text))
        return sigma_refuse(error, STATUS_BAD_SYNTAX, value->line,
                            "'%s': '%.*s' must be one of %.*s", kind, TEXT_ARG(parameter->name),
                            TEXT_ARG(parameter->choice));
    return STATUS_OK;
}

static enum status check_required(const struct sigma_node *map, const char *kind, const char *row,
                                  struct sigma_error *error) {
    struct parameter parameter;
    while (next_parameter(&row, &parameter)) {
        bool found = !parameter.is_required;
        for (size_t i = 0; !found && i < map->count; i++)
            found = text_equal(map->names[i].text, parameter.name);
        if (!found)
            return sigma_refuse(error, STATUS_BAD_SYNTAX, map->line, "'%s' needs '%.*s'", kind,
                                TEXT_ARG(parameter.name));
    }
    return STATUS_OK;
}

/* Checks every member against a row, or another one. */
static enum status check_members(const struct sigma_node *map, const char *kind, const char *row,
                                 const char *other, struct sigma_error *error) {
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < map->count; i++) {
        struct parameter parameter;
        struct text name = map->names[i].text;
        if (!find_parameter(row, name, &parameter) && !find_parameter(other, name, &parameter))
            return sigma_refuse(error, STATUS_BAD_SYNTAX, map->names[i].line,
                                "'%s' has no parameter '%.*s'", kind, TEXT_ARG(name));
        status = check_value(kind, &parameter, &map->items[i], error);
    }
    return status != STATUS_OK ? status : check_required(map, kind, row, error);
}

enum status pipeline_parameters_check_item(const struct sigma_node *map,
                                           const struct transformation_kind *kind,
                                           struct sigma_error *error) {
    return check_members(map, kind->name, kind->parameters, common, error);
}

enum status pipeline_parameters_check_condition(const struct sigma_node *map,
                                                const struct condition_kind *kind,
                                                struct sigma_error *error) {
    return check_members(map, kind->name, kind->parameters, "type", error);
}

enum status pipeline_parameters_check_file(const struct sigma_node *root,
                                           struct sigma_error *error) {
    static const char row[] = "name priority vars* transformations* postprocessing* finalizers* "
                              "allowed_backends*";
    return check_members(root, "pipeline", row, "", error);
}
