/* pipeline_condition_kinds.c: what can be asked of a rule, an item or a field's name. */
#include "services/detector/pipeline_private.h"

#include "services/detector/sigma_edit.h"

#include <strings.h>

/* ---- of rules ---- */

static bool is_unset_or(struct text wanted, struct text part) {
    return wanted.data == NULL || text_equal(wanted, part);
}

static bool is_logsource(const struct logsource *own, const struct sigma_node *wanted) {
    return is_unset_or(pipeline_text(wanted, "category"), own->category) &&
           is_unset_or(pipeline_text(wanted, "product"), own->product) &&
           is_unset_or(pipeline_text(wanted, "service"), own->service);
}

/* A correlation is of every logsource that one of its rules is of. */
static bool holds_logsource(const struct pipeline_run *run,
                            const struct pipeline_condition *condition,
                            const struct subject *subject) {
    (void)subject;
    for (size_t i = 0; i < run->logsource_count; i++)
        if (is_logsource(run->logsources[i], condition->node))
            return true;
    return !run->is_correlation && is_logsource(&run->rule->logsource, condition->node);
}

struct search {
    const struct sigma_reader *reader;
    struct text field;
    const struct sigma_node *value; /* NULL: any */
    bool found;
};

static enum status search_item(void *context, struct sigma_detection *detection) {
    struct search *search = context;
    const struct sigma_item *item = &detection->item;
    if (item->field.data == NULL || !text_equal(item->field, search->field))
        return STATUS_OK;
    search->found |= search->value == NULL;
    for (size_t i = 0; !search->found && i < item->count; i++)
        search->found = pipeline_value_is(search->reader, &item->values[i], search->value);
    return STATUS_OK;
}

static bool rule_contains(const struct pipeline_run *run, struct text field,
                          const struct sigma_node *value) {
    struct search search = {run->reader, field, value, false};
    return sigma_edit_visit(run->rule, search_item, &search) == STATUS_OK && search.found;
}

static bool holds_contains_field(const struct pipeline_run *run,
                                 const struct pipeline_condition *condition,
                                 const struct subject *subject) {
    (void)subject;
    return rule_contains(run, pipeline_text(condition->node, "field"), NULL);
}

static bool holds_contains_item(const struct pipeline_run *run,
                                const struct pipeline_condition *condition,
                                const struct subject *subject) {
    (void)subject;
    return rule_contains(run, pipeline_text(condition->node, "field"),
                         sigma_node_member(condition->node, "value"));
}

static bool holds_for_rule(const struct pipeline_run *run,
                           const struct pipeline_condition *condition,
                           const struct subject *subject) {
    (void)condition, (void)subject;
    return !run->is_correlation;
}

static bool holds_for_correlation(const struct pipeline_run *run,
                                  const struct pipeline_condition *condition,
                                  const struct subject *subject) {
    (void)condition, (void)subject;
    return run->is_correlation;
}

/* True when "eq", "ne", "gt", "gte", "lt" or "lte" (eq when there is none) fits the order. */
static bool order_fits(struct text op, int order) {
    if (op.data == NULL || text_is(op, "eq"))
        return order == 0;
    if (text_is(op, "ne"))
        return order != 0;
    if (text_is(op, "gt") || text_is(op, "gte"))
        return order > 0 || (order == 0 && op.length == 3);
    return (text_is(op, "lt") && order < 0) || (text_is(op, "lte") && order <= 0);
}

/* Attributes whose values are words in an order. */
static const struct ranked {
    const char *name;
    size_t count;
    const char *words[5];
} rankings[] = {
    {"level", 5, {"informational", "low", "medium", "high", "critical"}},
    {"status", 5, {"unsupported", "deprecated", "experimental", "test", "stable"}},
};

static const struct ranked *ranking_of(struct text name) {
    for (size_t i = 0; i < sizeof rankings / sizeof rankings[0]; i++)
        if (text_is(name, rankings[i].name))
            return &rankings[i];
    return NULL;
}

/* The place of a word, whatever its case; -1: it is none of them. */
static int place_of(const struct ranked *ranking, struct text word) {
    for (size_t i = 0; i < ranking->count; i++)
        if (word.length == strlen(ranking->words[i]) &&
            strncasecmp(word.data, ranking->words[i], word.length) == 0)
            return (int)i;
    return -1;
}

bool pipeline_attribute_can_be(struct text name, struct text value) {
    const struct ranked *ranking = ranking_of(name);
    return ranking == NULL || place_of(ranking, value) >= 0;
}

/* Orders two values: numbers by their value, dates and others by their text. */
static int compare_values(struct text own, struct text other) {
    struct sigma_number a, b;
    if (sigma_number_parse(own, &a) && sigma_number_parse(other, &b))
        return (a.real > b.real) - (a.real < b.real);
    return text_compare(own, other);
}

/* The same for an attribute: levels and statuses by their rank. */
static int compare_attribute(struct text name, struct text own, struct text other) {
    const struct ranked *ranking = ranking_of(name);
    return ranking != NULL ? place_of(ranking, own) - place_of(ranking, other)
                           : compare_values(own, other);
}

static bool is_on_list(const struct sigma_node *list, struct text text) {
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].kind == SIGMA_NODE_SCALAR && text_equal(list->items[i].text, text))
            return true;
    return false;
}

/* True for what the specification says of rules: such an attribute cannot be set. */
static bool is_of_rules(struct text name) {
    static const char *const names[] = {
        "title",   "id",       "name",     "status",   "description", "author", "references",
        "date",    "modified", "tags",     "level",    "fields",      "scope",  "falsepositives",
        "related", "license",  "taxonomy", "logsource"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (text_is(name, names[i]))
            return true;
    return false;
}

/* What the rule has under that name, or a pipeline has set; NULL: nothing. */
static const struct sigma_node *attribute_of(const struct pipeline_run *run, struct text name) {
    const struct sigma_node *root = run->rule->root;
    for (const struct state_entry *entry = run->attributes; entry != NULL; entry = entry->next)
        if (text_equal(entry->key, name) && !is_of_rules(name))
            return entry->value;
    for (size_t i = 0; i < root->count; i++)
        if (text_equal(root->names[i].text, name))
            return &root->items[i];
    return NULL;
}

static bool holds_attribute(const struct pipeline_run *run,
                            const struct pipeline_condition *condition,
                            const struct subject *subject) {
    struct text name = pipeline_text(condition->node, "attribute");
    struct text value = pipeline_text(condition->node, "value");
    struct text op = pipeline_text(condition->node, "op");
    const struct sigma_node *own = attribute_of(run, name);
    (void)subject;
    if (own != NULL && own->kind == SIGMA_NODE_LIST)
        return text_is(op, "ne") || (text_is(op, "in") && is_on_list(own, value)) ||
               (text_is(op, "not_in") && !is_on_list(own, value));
    return own != NULL && own->kind == SIGMA_NODE_SCALAR &&
           order_fits(op, compare_attribute(name, own->text, value));
}

static bool holds_tag(const struct pipeline_run *run, const struct pipeline_condition *condition,
                      const struct subject *subject) {
    const struct sigma_node *tags = sigma_node_member(run->rule->root, "tags");
    (void)subject;
    return tags != NULL && tags->kind == SIGMA_NODE_LIST &&
           is_on_list(tags, pipeline_text(condition->node, "tag"));
}

static bool holds_applied_to_rule(const struct pipeline_run *run,
                                  const struct pipeline_condition *condition,
                                  const struct subject *subject) {
    (void)subject;
    return pipeline_was_applied(run->applied, pipeline_text(condition->node, "processing_item_id"));
}

/* ---- of all ---- */

static bool holds_state(const struct pipeline_run *run, const struct pipeline_condition *condition,
                        const struct subject *subject) {
    struct text key = pipeline_text(condition->node, "key");
    struct text wanted = pipeline_text(condition->node, "val");
    (void)subject;
    for (const struct state_entry *entry = run->state; entry != NULL; entry = entry->next)
        if (text_equal(entry->key, key))
            return entry->value->kind == SIGMA_NODE_SCALAR &&
                   order_fits(pipeline_text(condition->node, "op"),
                              compare_values(entry->value->text, wanted));
    return false;
}

/* ---- of items ---- */

/* True when any value is so, or, with `cond: all`, every one. */
static bool values_hold(const struct pipeline_run *run, const struct pipeline_condition *condition,
                        const struct sigma_item *item,
                        bool (*holds)(const struct pipeline_run *,
                                      const struct pipeline_condition *,
                                      const struct sigma_value *)) {
    bool all = text_is(pipeline_text(condition->node, "cond"), "all");
    for (size_t i = 0; i < item->count; i++)
        if (holds(run, condition, &item->values[i]) != all)
            return !all;
    return all;
}

/* The string as it is written, wildcards and all. */
struct text pipeline_spelling_of(const struct sigma_value *value) {
    return value->strings.count > 0 ? sigma_string_text(value->strings.items[0]) : value->source;
}

static bool value_matches_regex(const struct pipeline_run *run,
                                const struct pipeline_condition *condition,
                                const struct sigma_value *value) {
    bool matches = value->kind == SIGMA_VALUE_TEXT &&
                   sigma_regex_search(condition->regexes[0], run->pipelines->workspace,
                                      pipeline_spelling_of(value)) == SIGMA_REGEX_MATCHES;
    return matches != pipeline_switch(condition->node, "negate");
}

static bool holds_match_string(const struct pipeline_run *run,
                               const struct pipeline_condition *condition,
                               const struct subject *subject) {
    return values_hold(run, condition, subject->item, value_matches_regex);
}

static bool value_is_same(const struct pipeline_run *run,
                          const struct pipeline_condition *condition,
                          const struct sigma_value *value) {
    return pipeline_value_is(run->reader, value, sigma_node_member(condition->node, "value"));
}

static bool holds_match_value(const struct pipeline_run *run,
                              const struct pipeline_condition *condition,
                              const struct subject *subject) {
    return values_hold(run, condition, subject->item, value_is_same);
}

static bool value_has_wildcard(const struct pipeline_run *run,
                               const struct pipeline_condition *condition,
                               const struct sigma_value *value) {
    (void)run, (void)condition;
    for (size_t i = 0; value->kind == SIGMA_VALUE_TEXT && i < value->strings.count; i++)
        if (sigma_string_has_wildcards(value->strings.items[i]))
            return true;
    return false;
}

static bool holds_contains_wildcard(const struct pipeline_run *run,
                                    const struct pipeline_condition *condition,
                                    const struct subject *subject) {
    return values_hold(run, condition, subject->item, value_has_wildcard);
}

static bool value_is_null(const struct pipeline_run *run,
                          const struct pipeline_condition *condition,
                          const struct sigma_value *value) {
    (void)run, (void)condition;
    return value->kind == SIGMA_VALUE_NULL;
}

static bool holds_is_null(const struct pipeline_run *run,
                          const struct pipeline_condition *condition,
                          const struct subject *subject) {
    return values_hold(run, condition, subject->item, value_is_null);
}

static bool holds_applied_to_item(const struct pipeline_run *run,
                                  const struct pipeline_condition *condition,
                                  const struct subject *subject) {
    (void)run;
    return pipeline_was_applied(subject->item->applied,
                                pipeline_text(condition->node, "processing_item_id"));
}

/* ---- of field names ---- */

static bool is_included(const struct pipeline_run *run, const struct pipeline_condition *condition,
                        struct text field) {
    if (field.data == NULL)
        return false;
    for (size_t i = 0; i < condition->regex_count; i++)
        if (sigma_regex_search(condition->regexes[i], run->pipelines->workspace, field) ==
            SIGMA_REGEX_MATCHES)
            return true;
    return condition->regex_count == 0 &&
           is_on_list(sigma_node_member(condition->node, "fields"), field);
}

static bool holds_include(const struct pipeline_run *run,
                          const struct pipeline_condition *condition,
                          const struct subject *subject) {
    return is_included(run, condition, subject->field);
}

static bool holds_exclude(const struct pipeline_run *run,
                          const struct pipeline_condition *condition,
                          const struct subject *subject) {
    return !is_included(run, condition, subject->field);
}

#define STATE "!key !val op=eq|ne|gte|gt|lte|lt"

const struct condition_kind pipeline_rule_conditions[] = {
    {"contains_detection_item", holds_contains_item, "!field !value"},
    {"contains_field", holds_contains_field, "!field"},
    {"is_sigma_correlation_rule", holds_for_correlation, ""},
    {"is_sigma_rule", holds_for_rule, ""},
    {"logsource", holds_logsource, "category product service"},
    {"processing_item_applied", holds_applied_to_rule, "!processing_item_id"},
    {"processing_state", holds_state, STATE},
    {"rule_attribute", holds_attribute, "!attribute !value op=eq|ne|gte|gt|lte|lt|in|not_in"},
    {"tag", holds_tag, "!tag"},
    {NULL, NULL, NULL},
};

const struct condition_kind pipeline_item_conditions[] = {
    {"contains_wildcard", holds_contains_wildcard, "cond=any|all"},
    {"is_null", holds_is_null, "cond=any|all"},
    {"match_string", holds_match_string, "!pattern negate? cond=any|all"},
    {"match_value", holds_match_value, "!value cond=any|all"},
    {"processing_item_applied", holds_applied_to_item, "!processing_item_id"},
    {"processing_state", holds_state, STATE},
    {NULL, NULL, NULL},
};

const struct condition_kind pipeline_field_conditions[] = {
    {"exclude_fields", holds_exclude, "!fields[] mode=plain|re"},
    {"include_fields", holds_include, "!fields[] mode=plain|re"},
    {"processing_item_applied", holds_applied_to_item, "!processing_item_id"},
    {"processing_state", holds_state, STATE},
    {NULL, NULL, NULL},
};
