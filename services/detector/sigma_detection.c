/* sigma_detection.c: selections: maps of items, lists of maps, lists of keywords. */
#include "services/detector/sigma_rule.h"

#include "services/detector/field_names.h"

/* Its spelling makes a scalar what it is. */
enum status sigma_detection_read_value(const struct sigma_reader *reader,
                                       const struct sigma_node *node, bool in_list,
                                       struct sigma_value *value) {
    if (node->kind != SIGMA_NODE_SCALAR)
        return sigma_refuse(reader->error, STATUS_BAD_SYNTAX, node->line,
                            "a value must be a text, a number, true, false or null");
    value->line = node->line;
    value->source = node->text;
    if (sigma_node_is_null(node)) {
        value->kind = SIGMA_VALUE_NULL;
        if (in_list)
            return sigma_refuse(reader->error, STATUS_BAD_SYNTAX, node->line,
                                "null cannot stand in a list: give it a selection of its own");
    } else if (sigma_node_switch(node, &value->is_on)) {
        value->kind = SIGMA_VALUE_SWITCH;
    } else if (sigma_node_number(node, &value->number)) {
        value->kind = SIGMA_VALUE_NUMBER;
    } else {
        value->kind = SIGMA_VALUE_TEXT;
        value->strings.count = 1;
        value->strings.items = arena_zalloc(reader->arena, 1, sizeof *value->strings.items);
        value->strings.items[0] = sigma_string_parse(reader->arena, node->text);
    }
    return STATUS_OK;
}

/* Reads one value or a list of them. */
static enum status read_values(const struct sigma_reader *reader, const struct sigma_node *node,
                               struct sigma_item *item) {
    bool is_list = node->kind == SIGMA_NODE_LIST;
    item->count = is_list ? node->count : 1;
    if (item->count == 0)
        return sigma_refuse(reader->error, STATUS_BAD_SYNTAX, node->line, "a list without values");
    item->values = arena_zalloc(reader->arena, item->count, sizeof *item->values);
    for (size_t i = 0; i < item->count; i++) {
        const struct sigma_node *value = is_list ? &node->items[i] : node;
        enum status status = sigma_detection_read_value(reader, value, is_list, &item->values[i]);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* Keywords are searched for, so wildcards stand at both their ends; null cannot be one. */
static enum status check_keywords(const struct sigma_reader *reader, struct sigma_item *item) {
    for (size_t i = 0; i < item->count; i++) {
        struct sigma_value *value = &item->values[i];
        if (value->kind == SIGMA_VALUE_NULL || value->source.length == 0)
            return sigma_refuse(reader->error, STATUS_BAD_SYNTAX, value->line, "an empty keyword");
    }
    return STATUS_OK;
}

/* Reads `field|modifiers: values`; without a field the values are keywords. */
static enum status read_item(const struct sigma_reader *reader, struct text name, int line,
                             const struct sigma_node *values, struct sigma_item *item) {
    const char *bar = name.length > 0 ? memchr(name.data, '|', name.length) : NULL;
    size_t length = bar != NULL ? (size_t)(bar - name.data) : name.length;
    if (length > FIELD_NAME_SIZE_MAX)
        return sigma_refuse(reader->error, STATUS_TOO_LARGE, line, "the field's name is too long");
    item->line = line;
    item->written = name;
    item->field = length > 0 ? (struct text){name.data, length} : (struct text){NULL, 0};
    enum status status = read_values(reader, values, item);
    if (status == STATUS_OK && item->field.data == NULL)
        status = check_keywords(reader, item);
    if (status == STATUS_OK && bar != NULL) {
        struct text modifiers = {bar + 1, name.length - length - 1};
        status = sigma_modifiers_apply(reader, modifiers, item);
    }
    return status;
}

static enum status read_map(const struct sigma_reader *reader, const struct sigma_node *node,
                            struct sigma_detection *detection) {
    detection->kind = SIGMA_DETECTION_ALL;
    detection->count = node->count;
    detection->children = arena_zalloc(reader->arena, node->count, sizeof *detection->children);
    if (node->count == 0)
        return sigma_refuse(reader->error, STATUS_BAD_SYNTAX, node->line, "an empty selection");
    for (size_t i = 0; i < node->count; i++) {
        struct sigma_detection *child = &detection->children[i];
        child->kind = SIGMA_DETECTION_ITEM;
        enum status status = read_item(reader, node->names[i].text, node->names[i].line,
                                       &node->items[i], &child->item);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static bool holds_only_scalars(const struct sigma_node *list) {
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].kind != SIGMA_NODE_SCALAR)
            return false;
    return true;
}

static enum status read_detection(const struct sigma_reader *reader, const struct sigma_node *node,
                                  int depth, struct sigma_detection *detection);

/* A list of which any element will do. */
static enum status read_list(const struct sigma_reader *reader, const struct sigma_node *node,
                             int depth, struct sigma_detection *detection) {
    detection->kind = SIGMA_DETECTION_ANY;
    detection->count = node->count;
    detection->children = arena_zalloc(reader->arena, node->count, sizeof *detection->children);
    for (size_t i = 0; i < node->count; i++) {
        enum status status =
            read_detection(reader, &node->items[i], depth - 1, &detection->children[i]);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status read_detection(const struct sigma_reader *reader, const struct sigma_node *node,
                                  int depth, struct sigma_detection *detection) {
    if (depth == 0)
        return sigma_refuse(reader->error, STATUS_TOO_LARGE, node->line,
                            "selection is nested too deep");
    if (node->kind == SIGMA_NODE_MAP)
        return read_map(reader, node, detection);
    if (node->kind == SIGMA_NODE_LIST && !holds_only_scalars(node))
        return read_list(reader, node, depth, detection);
    detection->kind = SIGMA_DETECTION_ITEM;
    return read_item(reader, (struct text){"", 0}, node->line, node, &detection->item);
}

enum status sigma_detection_read_one(const struct sigma_reader *reader,
                                     const struct sigma_node *node,
                                     struct sigma_detection *ret_detection) {
    return read_detection(reader, node, SIGMA_DEPTH_MAX, ret_detection);
}

enum status sigma_detection_read(const struct sigma_reader *reader, const struct sigma_node *map,
                                 struct sigma_rule *rule) {
    rule->selections = arena_zalloc(reader->arena, map->count, sizeof *rule->selections);
    for (size_t i = 0; i < map->count; i++) {
        struct text name = map->names[i].text;
        if (text_is(name, "condition"))
            continue;
        if (text_is(name, "timeframe"))
            return sigma_refuse(reader->error, STATUS_UNSUPPORTED, map->names[i].line,
                                "'timeframe' is not supported: write a correlation rule");
        struct sigma_selection *selection = &rule->selections[rule->selection_count++];
        selection->name = name;
        enum status status =
            sigma_detection_read_one(reader, &map->items[i], &selection->detection);
        if (status != STATUS_OK)
            return status;
    }
    if (rule->selection_count == 0)
        return sigma_refuse(reader->error, STATUS_BAD_SYNTAX, map->line, "there is no selection");
    return STATUS_OK;
}
