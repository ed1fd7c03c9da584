/* pipeline_condition_kinds.c: what can be asked of a rule, an item or a field's name. */
#include "services/detector/pipeline_private.h"

#include "services/detector/sigma_edit.h"

#include <strings.h>

/* ---- of rules ---- */

static bool is_unset_or(struct text wanted, struct text part) {
    return wanted.data == NULL || text_equal(wanted, part);
}

static bool holds_logsource(const struct pipeline_run *run,
                            const struct pipeline_condition *condition,
                            const struct subject *subject) {
    const struct logsource *own = &run->rule->logsource;
    (void)subject;
    return is_unset_or(pipeline_text(condition->node, "category"), own->category) &&
           is_unset_or(pipeline_text(condition->node, "product"), own->product) &&
           is_unset_or(pipeline_text(condition->node, "service"), own->service);
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

static bool holds_always(const struct pipeline_run *run, const struct pipeline_condition *condition,
                         const struct subject *subject) {
    (void)run, (void)condition, (void)subject;
    return true;
}

static bool holds_never(const struct pipeline_run *run, const struct pipeline_condition *condition,
                        const struct subject *subject) {
    (void)run, (void)condition, (void)subject;
    return false;
}

/* True when "eq", "ne", "gt", "gte", "lt" or "lte" (eq when there is none) fits the order. */
static bool order_fits(struct text op, int order) {
    if (op.data == NULL || text_is(op, "eq"))
        return order == 0;
    if (text_is(op, "ne"))
        return order != 0;
    if (text_is(op, "gt") || text_is(op, "gte"))
        return order > 0 || (order == 0 && op.length == 3);
    return order < 0 || (order == 0 && text_is(op, "lte"));
}

/* The place of a word on a list, whatever its case; -1: it is not on it. */
static int place_of(struct text word, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (word.length == strlen(words[i]) && strncasecmp(word.data, words[i], word.length) == 0)
            return (int)i;
    return -1;
}

/* Orders two values of an attribute: levels and statuses by their rank, numbers by their value,
 * dates and others by their text. */
static int compare_attribute(struct text name, struct text own, struct text other) {
    static const char *const levels[] = {"informational", "low", "medium", "high", "critical"};
    static const char *const statuses[] = {"unsupported", "deprecated", "experimental", "test",
                                           "stable"};
    struct sigma_number a, b;
    if (text_is(name, "level"))
        return place_of(own, levels, 5) - place_of(other, levels, 5);
    if (text_is(name, "status"))
        return place_of(own, statuses, 5) - place_of(other, statuses, 5);
    if (sigma_number_parse(own, &a) && sigma_number_parse(other, &b))
        return (a.real > b.real) - (a.real < b.real);
    return text_compare(own, other);
}

static bool is_on_list(const struct sigma_node *list, struct text text) {
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].kind == SIGMA_NODE_SCALAR && text_equal(list->items[i].text, text))
            return true;
    return false;
}

static bool holds_attribute(const struct pipeline_run *run,
                            const struct pipeline_condition *condition,
                            const struct subject *subject) {
    struct text name = pipeline_text(condition->node, "attribute");
    struct text value = pipeline_text(condition->node, "value");
    struct text op = pipeline_text(condition->node, "op");
    (void)subject;
    for (size_t i = 0; i < run->rule->root->count; i++) {
        const struct sigma_node *own = &run->rule->root->items[i];
        if (!text_equal(run->rule->root->names[i].text, name))
            continue;
        if (own->kind == SIGMA_NODE_LIST)
            return text_is(op, "ne") || (text_is(op, "in") && is_on_list(own, value)) ||
                   (text_is(op, "not_in") && !is_on_list(own, value));
        return own->kind == SIGMA_NODE_SCALAR &&
               order_fits(op, compare_attribute(name, own->text, value));
    }
    return false;
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
                              compare_attribute(key, entry->value->text, wanted));
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

const struct condition_kind pipeline_rule_conditions[] = {
    {"contains_detection_item", holds_contains_item, "value"},
    {"contains_field", holds_contains_field, "field"},
    {"is_sigma_correlation_rule", holds_never, NULL},
    {"is_sigma_rule", holds_always, NULL},
    {"logsource", holds_logsource, NULL},
    {"processing_item_applied", holds_applied_to_rule, "processing_item_id"},
    {"processing_state", holds_state, "key"},
    {"rule_attribute", holds_attribute, "attribute"},
    {"tag", holds_tag, "tag"},
    {NULL, NULL, NULL},
};

const struct condition_kind pipeline_item_conditions[] = {
    {"contains_wildcard", holds_contains_wildcard, NULL},
    {"is_null", holds_is_null, NULL},
    {"match_string", holds_match_string, "pattern"},
    {"match_value", holds_match_value, "value"},
    {"processing_item_applied", holds_applied_to_item, "processing_item_id"},
    {"processing_state", holds_state, "key"},
    {NULL, NULL, NULL},
};

const struct condition_kind pipeline_field_conditions[] = {
    {"exclude_fields", holds_exclude, "fields"},
    {"include_fields", holds_include, "fields"},
    {"processing_item_applied", holds_applied_to_item, "processing_item_id"},
    {"processing_state", holds_state, "key"},
    {NULL, NULL, NULL},
};
