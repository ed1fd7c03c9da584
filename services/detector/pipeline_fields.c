/* pipeline_fields.c: transformations of field names, of items and of the fields values refer to. */
#include "services/detector/pipeline_private.h"

#include "services/detector/sigma_edit.h"

/* The names a name becomes. */
struct names {
    bool found;
    size_t count;
    struct text *items;
};

/* Puts `behind` behind each text of a scalar or a list. */
static struct names names_of(struct arena *arena, const struct sigma_node *node,
                             struct text behind) {
    bool is_list = node->kind == SIGMA_NODE_LIST;
    size_t count = is_list ? node->count : 1;
    struct names names = {true, count, arena_zalloc(arena, count + 1, sizeof *names.items)};
    for (size_t i = 0; i < count; i++) {
        const struct sigma_node *name = is_list ? &node->items[i] : node;
        names.items[i] = arena_printf(arena, "%.*s%.*s", TEXT_ARG(name->text), TEXT_ARG(behind));
    }
    return names;
}

/* Looks the name up in `mapping`; keywords stand there under null. */
static struct names map_name(const struct pipeline_run *run, struct text field) {
    const struct sigma_node *mapping = sigma_node_member(run->item->node, "mapping");
    for (size_t i = 0; mapping->kind == SIGMA_NODE_MAP && i < mapping->count; i++) {
        const struct sigma_node *name = &mapping->names[i];
        bool is_it = field.data == NULL ? sigma_node_is_null(name) : text_equal(name->text, field);
        if (is_it && !sigma_node_is_null(&mapping->items[i]))
            return names_of(run->reader->arena, &mapping->items[i], (struct text){"", 0});
    }
    return (struct names){false, 0, NULL};
}

static struct names map_prefix(const struct pipeline_run *run, struct text field) {
    const struct sigma_node *mapping = sigma_node_member(run->item->node, "mapping");
    for (size_t i = 0; field.data != NULL && mapping->kind == SIGMA_NODE_MAP && i < mapping->count;
         i++) {
        struct text prefix = mapping->names[i].text;
        if (field.length >= prefix.length && !sigma_node_is_null(&mapping->items[i]) &&
            memcmp(field.data, prefix.data, prefix.length) == 0)
            return names_of(
                run->reader->arena, &mapping->items[i],
                (struct text){field.data + prefix.length, field.length - prefix.length});
    }
    return (struct names){false, 0, NULL};
}

static struct names one_name(const struct pipeline_run *run, struct text before,
                             struct text behind) {
    struct names names = {true, 1, arena_zalloc(run->reader->arena, 1, sizeof *names.items)};
    names.items[0] =
        arena_printf(run->reader->arena, "%.*s%.*s", TEXT_ARG(before), TEXT_ARG(behind));
    return names;
}

static struct names add_prefix(const struct pipeline_run *run, struct text field) {
    if (field.data == NULL)
        return (struct names){false, 0, NULL};
    return one_name(run, pipeline_text(run->item->node, "prefix"), field);
}

static struct names add_suffix(const struct pipeline_run *run, struct text field) {
    if (field.data == NULL)
        return (struct names){false, 0, NULL};
    return one_name(run, field, pipeline_text(run->item->node, "suffix"));
}

/* A copy of a value that refers to another field. */
static struct sigma_value refer_to(struct arena *arena, const struct sigma_value *value,
                                   struct text field) {
    struct sigma_value copy = *value;
    copy.source = field;
    copy.strings.items = arena_zalloc(arena, 1, sizeof(struct sigma_string));
    copy.strings.items[0] = sigma_string_literal(arena, field);
    return copy;
}

/* Notes what a mapping knows: the name it had, and those it has. */
static void note_mapped(struct pipeline_run *run, struct text field, const struct names *names) {
    pipeline_note(run, &run->mapped, field);
    for (size_t i = 0; i < names->count; i++)
        pipeline_note(run, &run->mapped, names->items[i]);
}

/* The names a field becomes that a value of the item refers to; its own when it is left alone. */
static struct names
names_of_reference(const struct pipeline_run *run, const struct sigma_item *item, struct text field,
                   struct names (*name)(const struct pipeline_run *, struct text)) {
    struct names names = name(run, field);
    if (names.found && pipeline_conditions_hold_field(run, item, field))
        return names;
    names = one_name(run, field, (struct text){"", 0});
    names.found = false;
    return names;
}

/* Renames the fields that values refer to. */
static bool rename_references(const struct pipeline_run *run, struct sigma_item *item,
                              struct names (*name)(const struct pipeline_run *, struct text)) {
    struct arena *arena = run->reader->arena;
    struct names *names = arena_zalloc(arena, item->count + 1, sizeof *names);
    size_t count = 0, at = 0;
    bool changed = false;
    for (size_t i = 0; item->comparison == SIGMA_FIELD && i < item->count; i++) {
        struct text field = sigma_string_text(item->values[i].strings.items[0]);
        names[i] = names_of_reference(run, item, field, name);
        count += names[i].count;
        changed |= names[i].found;
    }
    if (!changed)
        return false;
    struct sigma_value *values = arena_zalloc(arena, count + 1, sizeof *values);
    for (size_t i = 0; i < item->count; i++)
        for (size_t k = 0; k < names[i].count; k++)
            values[at++] = refer_to(arena, &item->values[i], names[i].items[k]);
    item->values = values;
    item->count = count;
    return true;
}

/* Keywords are searched for anywhere; in a field they still are. */
static void search_anywhere(const struct pipeline_run *run, struct sigma_item *item) {
    for (size_t i = 0; item->comparison == SIGMA_EQUALS && i < item->count; i++) {
        struct sigma_strings *strings = &item->values[i].strings;
        for (size_t k = 0; k < strings->count; k++)
            strings->items[k] =
                sigma_string_wrap(run->reader->arena, strings->items[k], true, true);
    }
}

/* Renames the item's field; several names make "any of". */
static bool rename_field(struct pipeline_run *run, struct sigma_detection *detection,
                         struct names (*name)(const struct pipeline_run *, struct text)) {
    struct sigma_item *item = &detection->item;
    struct arena *arena = run->reader->arena;
    struct names names = name(run, item->field);
    if (!names.found || !pipeline_conditions_hold_field(run, item, item->field))
        return false;
    if (item->field.data == NULL)
        search_anywhere(run, item);
    else
        note_mapped(run, item->field, &names);
    if (names.count == 1) {
        item->field = names.items[0];
        return true;
    }
    struct sigma_detection *children = arena_zalloc(arena, names.count + 1, sizeof *children);
    for (size_t i = 0; i < names.count; i++) {
        children[i].kind = SIGMA_DETECTION_ITEM;
        children[i].item = sigma_edit_copy_item(arena, item);
        children[i].item.field = names.items[i];
    }
    sigma_edit_replace(detection, names.count > 0 ? SIGMA_DETECTION_ANY : SIGMA_DETECTION_DROPPED,
                       children, names.count);
    return true;
}

static enum status rename_item(struct pipeline_run *run, struct sigma_detection *detection,
                               bool *ret_changed,
                               struct names (*name)(const struct pipeline_run *, struct text)) {
    bool references = rename_references(run, &detection->item, name);
    *ret_changed = rename_field(run, detection, name) || references;
    return STATUS_OK;
}

static enum status change_by_mapping(struct pipeline_run *run, struct sigma_detection *detection,
                                     bool *ret_changed) {
    return rename_item(run, detection, ret_changed, map_name);
}

static enum status change_by_prefixes(struct pipeline_run *run, struct sigma_detection *detection,
                                      bool *ret_changed) {
    return rename_item(run, detection, ret_changed, map_prefix);
}

static enum status change_prefix(struct pipeline_run *run, struct sigma_detection *detection,
                                 bool *ret_changed) {
    return rename_item(run, detection, ret_changed, add_prefix);
}

static enum status change_suffix(struct pipeline_run *run, struct sigma_detection *detection,
                                 bool *ret_changed) {
    return rename_item(run, detection, ret_changed, add_suffix);
}

static enum status drop(struct pipeline_run *run, struct sigma_detection *detection,
                        bool *ret_changed) {
    (void)run;
    *detection = (struct sigma_detection){.kind = SIGMA_DETECTION_DROPPED};
    *ret_changed = true;
    return STATUS_OK;
}

static enum status fail_item(struct pipeline_run *run, struct sigma_detection *detection,
                             bool *ret_changed) {
    struct text message = pipeline_text(run->item->node, "message");
    (void)ret_changed;
    return sigma_refuse(run->reader->error, STATUS_UNSUPPORTED, detection->item.line, "%.*s",
                        TEXT_ARG(message));
}

/* Fields of a rule that no mapping knows. */
struct unmapped {
    const struct pipeline_run *run;
    struct text names;
};

static enum status note_unmapped(void *context, struct sigma_detection *detection) {
    struct unmapped *unmapped = context;
    struct text field = detection->item.field;
    if (field.data != NULL && !pipeline_was_applied(unmapped->run->mapped, field))
        unmapped->names =
            arena_printf(unmapped->run->reader->arena, "%.*s%s%.*s", TEXT_ARG(unmapped->names),
                         unmapped->names.length > 0 ? ", " : "", TEXT_ARG(field));
    return STATUS_OK;
}

static enum status fail_unmapped(struct pipeline_run *run) {
    struct unmapped unmapped = {run, {"", 0}};
    enum status status = sigma_edit_visit(run->rule, note_unmapped, &unmapped);
    if (status != STATUS_OK || unmapped.names.length == 0)
        return status;
    return sigma_refuse(run->reader->error, STATUS_UNSUPPORTED, run->rule->line,
                        "no pipeline maps the fields: %.*s", TEXT_ARG(unmapped.names));
}

static const struct transformation_kind kinds[] = {
    {"detection_item_failure", NULL, fail_item, "!message", false, false},
    {"drop_detection_item", NULL, drop, "", false, false},
    {"field_name_mapping", NULL, change_by_mapping, "!mapping{}", true, false},
    {"field_name_prefix", NULL, change_prefix, "!prefix", true, false},
    {"field_name_prefix_mapping", NULL, change_by_prefixes, "!mapping{}", true, false},
    {"field_name_suffix", NULL, change_suffix, "!suffix", true, false},
    {"strict_field_mapping_failure", fail_unmapped, NULL, "", false, false},
};

const struct transformation_kind *pipeline_fields_kind(struct text name) {
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (text_is(name, kinds[i].name))
            return &kinds[i];
    return NULL;
}
