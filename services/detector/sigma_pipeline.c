/* sigma_pipeline.c: files of pipelines read and put in order, and run over a rule. */
#include "services/detector/pipeline_private.h"

#include "services/detector/directory.h"
#include "services/detector/file_text.h"
#include "services/detector/sigma_edit.h"

#include <errno.h>
#include <stdlib.h>
#include <xxhash.h>

struct sigma_pipelines *sigma_pipelines_new(void) {
    struct sigma_pipelines *pipelines = calloc(1, sizeof *pipelines);
    if (pipelines == NULL)
        abort();
    arena_init(&pipelines->arena);
    pipelines->vars = sigma_placeholders_new();
    pipelines->workspace = sigma_regex_workspace_new();
    return pipelines;
}

void sigma_pipelines_destroy(struct sigma_pipelines **pipelines) {
    struct sigma_pipelines *all = *pipelines;
    if (all == NULL)
        return;
    for (size_t i = 0; i < all->regex_count; i++)
        sigma_regex_destroy(&all->regexes[i]);
    free(all->regexes);
    free(all->vars_maps);
    free(all->items);
    sigma_placeholders_destroy(&all->vars);
    sigma_regex_workspace_destroy(&all->workspace);
    arena_fini(&all->arena);
    free(all);
    *pipelines = NULL;
}

/* Room for one more; doubles the list when it is full. */
static void *grow(void *items, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity)
        return items;
    *capacity = *capacity == 0 ? 16 : *capacity * 2;
    items = reallocarray(items, *capacity, size);
    if (items == NULL)
        abort();
    return items;
}

enum status pipeline_regex_new(struct sigma_pipelines *pipelines, const struct sigma_node *pattern,
                               bool anchored, struct sigma_regex **ret_regex,
                               struct sigma_error *error) {
    struct sigma_regex *regex = NULL;
    if (pattern->kind != SIGMA_NODE_SCALAR)
        return sigma_refuse(error, STATUS_BAD_SYNTAX, pattern->line,
                            "a regular expression must be a text");
    struct text text = anchored
                           ? arena_printf(&pipelines->arena, "\\A(?:%.*s)", TEXT_ARG(pattern->text))
                           : pattern->text;
    enum status status =
        sigma_regex_new(text, (struct sigma_regex_flags){0}, pattern->line, &regex, error);
    if (status != STATUS_OK)
        return status;
    pipelines->regexes = grow(pipelines->regexes, pipelines->regex_count,
                              &pipelines->regex_capacity, sizeof(struct sigma_regex *));
    pipelines->regexes[pipelines->regex_count++] = regex;
    *ret_regex = regex;
    return STATUS_OK;
}

struct text pipeline_text(const struct sigma_node *map, const char *name) {
    const struct sigma_node *node = sigma_node_member(map, name);
    bool is_text = node != NULL && node->kind == SIGMA_NODE_SCALAR && !sigma_node_is_null(node);
    return is_text ? node->text : (struct text){NULL, 0};
}

bool pipeline_switch(const struct sigma_node *map, const char *name) {
    const struct sigma_node *node = sigma_node_member(map, name);
    bool is_on = false;
    return node != NULL && sigma_node_switch(node, &is_on) && is_on;
}

void pipeline_note(const struct pipeline_run *run, const struct sigma_applied **list,
                   struct text id) {
    struct sigma_applied *applied = arena_zalloc(run->reader->arena, 1, sizeof *applied);
    *applied = (struct sigma_applied){id, *list};
    *list = applied;
}

bool pipeline_was_applied(const struct sigma_applied *applied, struct text id) {
    for (; applied != NULL; applied = applied->next)
        if (text_equal(applied->id, id))
            return true;
    return false;
}

bool pipeline_value_is(const struct sigma_reader *reader, const struct sigma_value *value,
                       const struct sigma_node *node) {
    struct sigma_value other = {.kind = SIGMA_VALUE_NULL};
    if (sigma_detection_read_value(reader, node, false, &other) != STATUS_OK)
        return false;
    if (value->kind != SIGMA_VALUE_TEXT || other.kind != SIGMA_VALUE_TEXT)
        return value->kind == SIGMA_VALUE_NULL || other.kind == SIGMA_VALUE_NULL
                   ? value->kind == other.kind
                   : text_equal(value->source, other.source);
    if (value->strings.count != 1)
        return false;
    struct sigma_string a = value->strings.items[0], b = other.strings.items[0];
    return a.length == b.length && memcmp(a.data, b.data, a.length) == 0 &&
           memcmp(a.marks, b.marks, a.length) == 0;
}

static const struct transformation_kind *find_kind(struct text name) {
    const struct transformation_kind *kind = pipeline_rule_kind(name);
    if (kind == NULL)
        kind = pipeline_fields_kind(name);
    return kind != NULL ? kind : pipeline_values_kind(name);
}

static enum status read_items(struct sigma_pipelines *pipelines, const struct sigma_node *list,
                              int depth, struct pipeline_item *items, struct sigma_error *error);

/* Transformations of pySigma that mean nothing to an engine that matches events itself, and what to
 * do instead. */
static const struct {
    const char *name, *why;
} refused_kinds[] = {
    {"command_placeholders", "it runs a command: name a file of values in SIEM_PLACEHOLDERS"},
    {"extract_fields", "it is not described: write the fields with add_condition"},
    {"field_name_transform", "its function is Python's: write the names in field_name_mapping"},
    {"file_placeholders", "files of values are named in SIEM_PLACEHOLDERS"},
    {"http_placeholders", "it asks a server: name a file of values in SIEM_PLACEHOLDERS"},
    {"query_expression_placeholders",
     "it writes a query, and there is none: use value_placeholders"},
};

static enum status refuse_kind(const struct sigma_node *node, struct text type,
                               struct sigma_error *error) {
    for (size_t i = 0; i < sizeof refused_kinds / sizeof refused_kinds[0]; i++)
        if (text_is(type, refused_kinds[i].name))
            return sigma_refuse(error, STATUS_UNSUPPORTED, node->line,
                                "transformation '%.*s' is not done here: %s", TEXT_ARG(type),
                                refused_kinds[i].why);
    return sigma_refuse(error, STATUS_UNSUPPORTED, node->line,
                        "transformation '%.*s' is not known here", TEXT_ARG(type));
}

/* What a row cannot say of the parameters of some kinds. */
static enum status check_kind(const struct sigma_node *node, struct sigma_error *error) {
    const struct sigma_node *include = sigma_node_member(node, "include");
    const struct sigma_node *value = sigma_node_member(node, "value");
    struct sigma_number number;
    if (include != NULL && sigma_node_member(node, "exclude") != NULL)
        return sigma_refuse(error, STATUS_BAD_SYNTAX, include->line,
                            "'include' and 'exclude' exclude each other");
    if (text_is(pipeline_text(node, "force_type"), "num") &&
        !sigma_number_parse(value->text, &number))
        return sigma_refuse(error, STATUS_BAD_SYNTAX, value->line, "'%.*s' is no number",
                            TEXT_ARG(value->text));
    return STATUS_OK;
}

/* The parts of an item that only some kinds have. */
static enum status read_details(struct sigma_pipelines *pipelines, int depth,
                                struct pipeline_item *item, struct sigma_error *error) {
    const struct sigma_node *regex = sigma_node_member(item->node, "regex");
    const struct sigma_node *nested = sigma_node_member(item->node, "items");
    if (regex != NULL && text_is(pipeline_text(item->node, "type"), "replace_string"))
        return pipeline_regex_new(pipelines, regex, false, &item->regex, error);
    if (nested == NULL || !text_is(pipeline_text(item->node, "type"), "nest"))
        return STATUS_OK;
    if (nested->kind != SIGMA_NODE_LIST || depth == 0)
        return sigma_refuse(error, STATUS_BAD_SYNTAX, nested->line,
                            "'items' must be a list, nested at most %d deep", PIPELINE_DEPTH_MAX);
    item->items = arena_zalloc(&pipelines->arena, nested->count + 1, sizeof *item->items);
    item->count = nested->count;
    return read_items(pipelines, nested, depth - 1, item->items, error);
}

static enum status read_item(struct sigma_pipelines *pipelines, const struct sigma_node *node,
                             int depth, struct pipeline_item *item, struct sigma_error *error) {
    struct text type = pipeline_text(node, "type");
    item->node = node;
    item->id = pipeline_text(node, "id");
    item->kind = type.data != NULL ? find_kind(type) : NULL;
    if (type.data == NULL)
        return sigma_refuse(error, STATUS_BAD_SYNTAX, node->line,
                            "a transformation must be a map with a 'type'");
    if (item->kind == NULL)
        return refuse_kind(node, type, error);
    enum status status = pipeline_parameters_check_item(node, item->kind, error);
    if (status == STATUS_OK)
        status = check_kind(node, error);
    for (int scope = SCOPE_RULE; status == STATUS_OK && scope <= SCOPE_FIELD; scope++)
        status = pipeline_conditions_read(pipelines, node, (enum condition_scope)scope,
                                          &item->groups[scope], error);
    return status != STATUS_OK ? status : read_details(pipelines, depth, item, error);
}

static enum status read_items(struct sigma_pipelines *pipelines, const struct sigma_node *list,
                              int depth, struct pipeline_item *items, struct sigma_error *error) {
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < list->count; i++)
        status = read_item(pipelines, &list->items[i], depth, &items[i], error);
    return status;
}

static int compare_items(const void *a, const void *b) {
    const struct pipeline_item *first = a, *second = b;
    if (first->priority != second->priority)
        return first->priority < second->priority ? -1 : 1;
    return (first->order > second->order) - (first->order < second->order);
}

static int compare_vars(const void *a, const void *b) {
    const struct pipeline_vars *first = a, *second = b;
    if (first->priority != second->priority)
        return first->priority < second->priority ? -1 : 1;
    return (first->order > second->order) - (first->order < second->order);
}

/* Notes the `vars` of a file and makes the table of all anew: those of a later file replace. */
static enum status add_vars(struct sigma_pipelines *pipelines, const struct sigma_node *map,
                            int64_t priority, struct sigma_error *error) {
    pipelines->vars_maps = grow(pipelines->vars_maps, pipelines->vars_count,
                                &pipelines->vars_capacity, sizeof *pipelines->vars_maps);
    pipelines->vars_maps[pipelines->vars_count] =
        (struct pipeline_vars){priority, pipelines->vars_count, map};
    pipelines->vars_count++;
    qsort(pipelines->vars_maps, pipelines->vars_count, sizeof *pipelines->vars_maps, compare_vars);
    sigma_placeholders_destroy(&pipelines->vars);
    pipelines->vars = sigma_placeholders_new();
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < pipelines->vars_count; i++) {
        sigma_placeholders_forget(pipelines->vars, pipelines->vars_maps[i].map);
        status = sigma_placeholders_add_map(pipelines->vars, pipelines->vars_maps[i].map, error);
    }
    return status;
}

static enum status add_transformations(struct sigma_pipelines *pipelines,
                                       const struct sigma_node *list, int64_t priority,
                                       struct sigma_error *error) {
    if (list->kind != SIGMA_NODE_LIST)
        return sigma_refuse(error, STATUS_BAD_SYNTAX, list->line,
                            "'transformations' must be a list");
    if (pipelines->count + list->count > PIPELINE_ITEMS_MAX)
        return sigma_refuse(error, STATUS_TOO_LARGE, list->line, "more than %d transformations",
                            PIPELINE_ITEMS_MAX);
    for (size_t i = 0; i < list->count; i++) {
        struct pipeline_item item = {.priority = priority, .order = pipelines->count};
        enum status status =
            read_item(pipelines, &list->items[i], PIPELINE_DEPTH_MAX, &item, error);
        if (status != STATUS_OK)
            return status;
        pipelines->items =
            grow(pipelines->items, pipelines->count, &pipelines->capacity, sizeof item);
        pipelines->items[pipelines->count++] = item;
    }
    return STATUS_OK;
}

static enum status add_document(struct sigma_pipelines *pipelines, const struct sigma_node *root,
                                struct sigma_error *error) {
    const struct sigma_node *list = sigma_node_member(root, "transformations");
    const struct sigma_node *vars = sigma_node_member(root, "vars");
    const struct sigma_node *priority = sigma_node_member(root, "priority");
    struct sigma_number number = {.is_integer = true};
    if (root->kind != SIGMA_NODE_MAP)
        return sigma_refuse(error, STATUS_BAD_SYNTAX, root->line, "a pipeline must be a map");
    if (priority != NULL && (!sigma_node_number(priority, &number) || !number.is_integer))
        return sigma_refuse(error, STATUS_BAD_SYNTAX, priority->line,
                            "'priority' must be a whole number");
    enum status status = pipeline_parameters_check_file(root, error);
    if (status == STATUS_OK && vars != NULL && !sigma_node_is_null(vars))
        status = add_vars(pipelines, vars, number.integer, error);
    if (status == STATUS_OK && list != NULL && !sigma_node_is_null(list))
        status = add_transformations(pipelines, list, number.integer, error);
    if (pipelines->count > 1)
        qsort(pipelines->items, pipelines->count, sizeof *pipelines->items, compare_items);
    return status;
}

enum status sigma_pipelines_add_text(struct sigma_pipelines *pipelines, struct text source,
                                     struct sigma_error *error) {
    struct sigma_documents documents = {0, NULL};
    pipelines->hash = XXH3_64bits_withSeed(source.data, source.length, pipelines->hash);
    enum status status = sigma_yaml_parse(source, &pipelines->arena, &documents, error);
    for (size_t i = 0; status == STATUS_OK && i < documents.count; i++)
        status = add_document(pipelines, documents.items[i], error);
    return status;
}

struct loading {
    struct sigma_pipelines *pipelines;
    struct sigma_error *error;
    enum status status; /* of the first file that failed */
};

static void load_file(void *context, const char *path) {
    struct loading *loading = context;
    struct sigma_error error;
    struct buffer source;
    if (loading->status != STATUS_OK)
        return;
    buffer_init(&source, PIPELINE_FILE_MAX);
    enum status status = file_text_read(path, &source);
    if (status != STATUS_OK)
        status = sigma_refuse(&error, status, 0, "cannot be read: %s",
                              status == STATUS_TOO_LARGE ? "too large" : strerror(errno));
    else
        status = sigma_pipelines_add_text(loading->pipelines, buffer_text(&source), &error);
    buffer_fini(&source);
    if (status != STATUS_OK)
        loading->status = sigma_refuse(loading->error, status, error.line, "%s, line %d: %.150s",
                                       path, error.line, error.reason);
}

enum status sigma_pipelines_load(struct sigma_pipelines *pipelines, const char *path,
                                 struct sigma_error *error) {
    static const char *const endings[] = {".yml", ".yaml", NULL};
    struct loading loading = {pipelines, error, STATUS_OK};
    const struct directory_visitor visitor = {endings, load_file, load_file, &loading};
    if (directory_walk(path, &visitor) != STATUS_OK)
        load_file(&loading, path);
    return loading.status;
}

uint64_t sigma_pipelines_hash(const struct sigma_pipelines *pipelines) {
    return pipelines != NULL ? pipelines->hash : 0;
}

/* Notes below a detection that the item at work has changed it. */
static void note_applied(const struct pipeline_run *run, struct sigma_detection *detection) {
    for (size_t i = 0; i < detection->count; i++)
        note_applied(run, &detection->children[i]);
    if (detection->kind != SIGMA_DETECTION_ITEM)
        return;
    pipeline_note(run, &detection->item.applied, run->item->id);
}

static enum status change_item(void *context, struct sigma_detection *detection) {
    struct pipeline_run *run = context;
    bool changed = false;
    if (!pipeline_conditions_hold_item(run, &detection->item))
        return STATUS_OK;
    enum status status = run->item->kind->change_item(run, detection, &changed);
    if (status == STATUS_OK && changed && run->item->id.data != NULL)
        note_applied(run, detection);
    return status;
}

/* A name that becomes several is the first of them: it is one value's. */
static enum status change_name(struct pipeline_run *run, struct sigma_detection *name) {
    enum status status = change_item(run, name);
    if (name->kind == SIGMA_DETECTION_ANY)
        *name = name->children[0];
    return status;
}

static enum status run_item(struct pipeline_run *run) {
    const struct transformation_kind *kind = run->item->kind;
    enum status status = STATUS_OK;
    if (run->is_correlation)
        return kind->of_correlations ? kind->change_rule(run) : STATUS_OK;
    if (kind->change_rule != NULL)
        status = kind->change_rule(run);
    else if (kind->change_item != NULL)
        status = sigma_edit_visit(run->rule, change_item, run);
    for (size_t i = 0; status == STATUS_OK && kind->renames && i < run->name_count; i++)
        status = change_name(run, &run->names[i]);
    return status;
}

enum status pipeline_run_items(struct pipeline_run *run, const struct pipeline_item *items,
                               size_t count) {
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        run->item = &items[i];
        if (!pipeline_conditions_hold(run))
            continue;
        status = run_item(run);
        pipeline_note(run, &run->applied, items[i].id);
    }
    return status;
}

/* True for the fields every event of ours has: no shipper calls them otherwise. */
static bool is_own_field(struct text name) {
    static const char *const own[] = {
#define FIELD(name, type, need, unit, meaning) #name,
#include "proto/event.def"
#undef FIELD
    };
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (text_is(name, own[i]))
            return true;
    return false;
}

static struct sigma_detection name_item(struct text name) {
    return (struct sigma_detection){.kind = SIGMA_DETECTION_ITEM,
                                    .item = {.field = name, .comparison = SIGMA_EXISTS}};
}

static struct text name_of(const struct sigma_detection *item, struct text before) {
    bool is_named = item->kind == SIGMA_DETECTION_ITEM && !is_own_field(before);
    return is_named ? item->item.field : before;
}

struct text sigma_pipelines_map_field(const struct sigma_pipelines *pipelines, struct arena *arena,
                                      const struct logsource *logsource, struct text field) {
    static const struct sigma_node nothing = {.kind = SIGMA_NODE_MAP};
    static const struct sigma_condition any = {.kind = SIGMA_CONDITION_OR};
    struct sigma_error error;
    struct sigma_reader reader = {arena, &error, NULL};
    struct sigma_rule rule = {
        .root = &nothing, .logsource = *logsource, .condition = &any, .group_by_count = 1};
    struct sigma_detection name = name_item(field);
    struct pipeline_run run = {
        .pipelines = pipelines, .reader = &reader, .rule = &rule, .name_count = 1, .names = &name};
    if (pipelines == NULL ||
        pipeline_run_items(&run, pipelines->items, pipelines->count) != STATUS_OK)
        return field;
    return name_of(&name, field);
}

enum status sigma_pipelines_apply_to_correlation(const struct sigma_pipelines *pipelines,
                                                 const struct sigma_reader *reader,
                                                 const struct sigma_node *root,
                                                 const struct logsource *const *logsources,
                                                 size_t count) {
    struct sigma_rule head = {.root = root, .line = root->line};
    struct pipeline_run run = {.pipelines = pipelines,
                               .reader = reader,
                               .rule = &head,
                               .is_correlation = true,
                               .logsource_count = count,
                               .logsources = logsources};
    return pipeline_run_items(&run, pipelines->items, pipelines->count);
}

enum status sigma_pipelines_apply(const struct sigma_pipelines *pipelines,
                                  const struct sigma_reader *reader, struct sigma_rule *rule) {
    if (pipelines == NULL)
        return STATUS_OK;
    struct sigma_detection names[SIGMA_GROUP_BY_MAX];
    struct pipeline_run run = {.pipelines = pipelines,
                               .reader = reader,
                               .rule = rule,
                               .name_count = rule->group_by_count,
                               .names = names};
    for (size_t i = 0; i < rule->group_by_count; i++)
        names[i] = name_item(rule->group_by[i]);
    enum status status = pipeline_run_items(&run, pipelines->items, pipelines->count);
    for (size_t i = 0; i < rule->group_by_count; i++)
        rule->group_by[i] = name_of(&names[i], rule->group_by[i]);
    if (status == STATUS_OK && !sigma_edit_prune(rule, reader->arena))
        status = sigma_refuse(reader->error, STATUS_UNSUPPORTED, rule->line,
                              "pipelines leave nothing of the rule");
    return status;
}
