/* sigma_filter.c: a filter's document, the rules it is about, and what it adds to them. */
#include "services/detector/sigma_filter.h"

#include "services/detector/sigma_edit.h"

#include <strings.h>

static bool is_word(struct text text, const char *word) {
    return text.length == strlen(word) && strncasecmp(text.data, word, text.length) == 0;
}

static enum status refuse(const struct sigma_reader *reader, int line, const char *reason) {
    return sigma_refuse(reader->error, STATUS_BAD_SYNTAX, line, "%s", reason);
}

/* Reads `rules`: any, all, one id or name, or a list of them, of which an empty one means any. */
static enum status read_references(const struct sigma_reader *reader, const struct sigma_node *node,
                                   struct sigma_filter *filter) {
    bool is_list = node->kind == SIGMA_NODE_LIST;
    size_t count = is_list ? node->count : 1;
    if (node->kind == SIGMA_NODE_MAP)
        return refuse(reader, node->line, "'filter.rules' must be any, or ids or names of rules");
    if (!is_list && (is_word(node->text, "any") || is_word(node->text, "all")))
        return STATUS_OK;
    filter->references = arena_zalloc(reader->arena, count + 1, sizeof *filter->references);
    filter->found = arena_zalloc(reader->arena, count + 1, sizeof *filter->found);
    for (size_t i = 0; i < count; i++) {
        const struct sigma_node *item = is_list ? &node->items[i] : node;
        if (item->kind != SIGMA_NODE_SCALAR || item->text.length == 0)
            return refuse(reader, item->line, "'filter.rules' must name rules");
        filter->references[filter->reference_count++] = item->text;
    }
    return STATUS_OK;
}

/* The map without its member `rules`: selections and a condition are what is left. */
static struct sigma_node without_rules(struct arena *arena, const struct sigma_node *map) {
    struct sigma_node left = *map;
    left.names = arena_zalloc(arena, map->count + 1, sizeof *left.names);
    left.items = arena_zalloc(arena, map->count + 1, sizeof *left.items);
    left.count = 0;
    for (size_t i = 0; i < map->count; i++) {
        if (text_is(map->names[i].text, "rules"))
            continue;
        left.names[left.count] = map->names[i];
        left.items[left.count++] = map->items[i];
    }
    return left;
}

static enum status read_body(const struct sigma_reader *reader, const struct sigma_node *root,
                             struct sigma_filter *filter) {
    const struct sigma_node *map = sigma_node_member(root, "filter");
    if (map->kind != SIGMA_NODE_MAP)
        return refuse(reader, map->line, "'filter' must be a map");
    const struct sigma_node *rules = sigma_node_member(map, "rules");
    if (rules == NULL)
        return refuse(reader, map->line,
                      "'filter' has no 'rules': write any, or the ids or names of rules");
    enum status status = read_references(reader, rules, filter);
    struct sigma_node selections = without_rules(reader->arena, map);
    const struct sigma_node *condition = sigma_node_member(&selections, "condition");
    if (status == STATUS_OK && condition != NULL && condition->kind != SIGMA_NODE_SCALAR)
        status = refuse(reader, condition->line, "a filter's 'condition' must be a text");
    else if (condition != NULL)
        filter->condition = condition->text;
    if (status == STATUS_OK)
        status = sigma_rule_read_selections(reader, &selections, &filter->body);
    return status;
}

enum status sigma_filter_read(const struct sigma_reader *reader, const struct sigma_node *root,
                              struct sigma_filter *ret_filter) {
    struct sigma_filter filter = {.file = NULL};
    enum status status = sigma_rule_read_head(reader, root, &filter.body);
    if (status == STATUS_OK)
        status = sigma_rule_read_logsource(reader, root, &filter.body.logsource);
    if (status == STATUS_OK)
        status = read_body(reader, root, &filter);
    if (status == STATUS_OK)
        *ret_filter = filter;
    return status;
}

/* A part that the filter does not set may be anything. */
static bool holds_part(struct text filter, struct text rule) {
    return filter.data == NULL || text_equal(filter, rule);
}

static bool is_called(const struct sigma_rule *rule, struct text reference) {
    return text_equal(rule->id, reference) ||
           (rule->name.data != NULL && text_equal(rule->name, reference));
}

/* Parts of a filter's logsource beside those of a rule's. */
struct part {
    const char *name;
    struct text wanted;
    struct text own;
};

/* The first part of the filter's logsource that the rule has not; NULL: it has them all. */
static const struct part *find_conflict(const struct sigma_filter *filter,
                                        const struct sigma_rule *rule, struct part parts[3]) {
    const struct logsource *wanted = &filter->body.logsource, *own = &rule->logsource;
    parts[0] = (struct part){"category", wanted->category, own->category};
    parts[1] = (struct part){"product", wanted->product, own->product};
    parts[2] = (struct part){"service", wanted->service, own->service};
    for (size_t i = 0; i < 3; i++)
        if (!holds_part(parts[i].wanted, parts[i].own))
            return &parts[i];
    return NULL;
}

enum sigma_filter_relation sigma_filter_relate(struct sigma_filter *filter,
                                               const struct sigma_rule *rule) {
    struct part parts[3];
    bool is_named = false;
    for (size_t i = 0; i < filter->reference_count; i++) {
        bool is_it = is_called(rule, filter->references[i]);
        filter->found[i] |= is_it;
        is_named |= is_it;
    }
    if (find_conflict(filter, rule, parts) != NULL)
        return is_named ? SIGMA_FILTER_CONFLICTS : SIGMA_FILTER_PASSES_BY;
    if (!is_named && filter->reference_count > 0)
        return SIGMA_FILTER_PASSES_BY;
    filter->was_applied = true;
    return SIGMA_FILTER_CONCERNS;
}

enum status sigma_filter_refuse_conflict(const struct sigma_filter *filter,
                                         const struct sigma_rule *rule, struct sigma_error *error) {
    struct part parts[3];
    const struct part *part = find_conflict(filter, rule, parts);
    bool is_set = part->own.data != NULL;
    return sigma_refuse(error, STATUS_REFUSED, filter->body.line,
                        "the filter names rule %.*s, and is not applied to it: it is for %s "
                        "'%.*s', the rule's %s is %s%.*s%s",
                        TEXT_ARG(rule->id), part->name, TEXT_ARG(part->wanted), part->name,
                        is_set ? "'" : "not set", is_set ? (int)part->own.length : 0,
                        is_set ? part->own.data : "", is_set ? "'" : "");
}

void sigma_filter_apply(const struct sigma_filter *filter, struct arena *arena,
                        struct sigma_rule *rule) {
    sigma_edit_append(rule, arena, &filter->body);
    rule->filtered = arena_printf(arena, "%.*s and (%.*s)", TEXT_ARG(rule->filtered),
                                  TEXT_ARG(filter->condition));
}
