/* pipeline_rule.c: transformations of a rule as a whole. */
#include "services/detector/pipeline_private.h"

#include "services/detector/sigma_edit.h"

/* What stands for a variable at the start of the text, and its length; 0: there is none. */
static size_t variable_at(const struct pipeline_run *run, struct text text,
                          struct text *ret_value) {
    const struct logsource *own = &run->rule->logsource;
    const struct {
        struct text name;
        struct text value;
    } variables[] = {{TEXT("$category"), own->category},
                     {TEXT("$product"), own->product},
                     {TEXT("$service"), own->service}};
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        struct text name = variables[i].name;
        if (text.length < name.length || memcmp(text.data, name.data, name.length) != 0)
            continue;
        *ret_value = variables[i].value.data != NULL ? variables[i].value : TEXT("None");
        return name.length;
    }
    return 0;
}

/* The text with $category, $product and $service replaced by the rule's. */
static struct text fill_text(const struct pipeline_run *run, struct text text) {
    struct buffer out;
    buffer_init(&out, PIPELINE_FILE_MAX);
    for (size_t at = 0; at < text.length;) {
        struct text value = {text.data + at, 1};
        size_t length = variable_at(run, (struct text){text.data + at, text.length - at}, &value);
        buffer_append_text(&out, value);
        at += length > 0 ? length : 1;
    }
    struct text filled = arena_text(run->reader->arena, buffer_text(&out));
    buffer_fini(&out);
    return filled;
}

/* A copy of a node with all its texts filled. */
static struct sigma_node fill_template(const struct pipeline_run *run,
                                       const struct sigma_node *node) {
    struct sigma_node copy = *node;
    if (node->kind == SIGMA_NODE_SCALAR) {
        copy.text = fill_text(run, node->text);
        return copy;
    }
    copy.items = arena_zalloc(run->reader->arena, node->count + 1, sizeof *copy.items);
    for (size_t i = 0; i < node->count; i++)
        copy.items[i] = fill_template(run, &node->items[i]);
    return copy;
}

static enum status add_condition(struct pipeline_run *run) {
    const struct sigma_node *parameters = run->item->node;
    const struct sigma_node *conditions = sigma_node_member(parameters, "conditions");
    struct sigma_selection selection = {.name = pipeline_text(parameters, "name")};
    struct sigma_node filled = *conditions;
    if (pipeline_switch(parameters, "template"))
        filled = fill_template(run, conditions);
    if (selection.name.data == NULL)
        selection.name = TEXT("_added");
    enum status status = sigma_detection_read_one(run->reader, &filled, &selection.detection);
    if (status != STATUS_OK)
        return status;
    struct arena *arena = run->reader->arena;
    size_t index = sigma_edit_add_selection(run->rule, arena, &selection);
    sigma_edit_require(run->rule, arena,
                       sigma_edit_select(arena, index, pipeline_switch(parameters, "negated")));
    return STATUS_OK;
}

static enum status change_logsource(struct pipeline_run *run) {
    const struct sigma_node *parameters = run->item->node;
    run->rule->logsource = (struct logsource){pipeline_text(parameters, "category"),
                                              pipeline_text(parameters, "product"),
                                              pipeline_text(parameters, "service")};
    return STATUS_OK;
}

/* Puts the item's `value` under its `key` onto a list. */
static enum status set(struct pipeline_run *run, const struct state_entry **list, const char *key,
                       const char *value) {
    struct state_entry *entry = arena_zalloc(run->reader->arena, 1, sizeof *entry);
    *entry = (struct state_entry){pipeline_text(run->item->node, key),
                                  sigma_node_member(run->item->node, value), *list};
    *list = entry;
    return STATUS_OK;
}

static enum status set_state(struct pipeline_run *run) {
    return set(run, &run->state, "key", "val");
}

static enum status set_attribute(struct pipeline_run *run) {
    return set(run, &run->attributes, "attribute", "value");
}

static enum status fail_rule(struct pipeline_run *run) {
    struct text message = pipeline_text(run->item->node, "message");
    return sigma_refuse(run->reader->error, STATUS_UNSUPPORTED, run->rule->line, "%.*s",
                        TEXT_ARG(message));
}

static enum status run_nested(struct pipeline_run *run) {
    const struct pipeline_item *item = run->item;
    enum status status = pipeline_run_items(run, item->items, item->count);
    run->item = item;
    return status;
}

static enum status do_nothing(struct pipeline_run *run) {
    (void)run;
    return STATUS_OK;
}

/* The last ones change the fields a query shows, which is nothing here. */
static const struct transformation_kind kinds[] = {
    {"add_condition", add_condition, NULL, "!conditions* name template? negated?", false, false},
    {"change_logsource", change_logsource, NULL, "category product service", false, false},
    {"nest", run_nested, NULL, "!items*", false, true},
    {"rule_failure", fail_rule, NULL, "!message", false, true},
    {"set_custom_attribute", set_attribute, NULL, "!attribute !value*", false, true},
    {"set_state", set_state, NULL, "!key !val*", false, true},
    {"add_field", do_nothing, NULL, "!field*", false, false},
    {"remove_field", do_nothing, NULL, "!field*", false, false},
    {"set_field", do_nothing, NULL, "!fields[]", false, false},
};

const struct transformation_kind *pipeline_rule_kind(struct text name) {
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (text_is(name, kinds[i].name))
            return &kinds[i];
    return NULL;
}
