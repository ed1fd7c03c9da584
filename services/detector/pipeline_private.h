/* pipeline_private.h: inside the pipelines: items, their conditions, and a run over one rule. For
 * sigma_pipeline.c and pipeline_*.c only.
 *
 * Owner: items live in the pipelines' arena, what a run makes in the reader's. Threads: one at a
 * time. Errors: statuses with line and reason in the error at hand. Limits: those of
 * sigma_pipeline.h.
 */
#ifndef SIEM_DETECTOR_PIPELINE_PRIVATE_H
#define SIEM_DETECTOR_PIPELINE_PRIVATE_H

#include "services/detector/sigma_expand.h"
#include "services/detector/sigma_pipeline.h"
#include "services/detector/sigma_regex.h"

/* What a condition is asked about. */
enum condition_scope { SCOPE_RULE, SCOPE_ITEM, SCOPE_FIELD };

struct pipeline_condition {
    const struct condition_kind *kind;
    const struct sigma_node *node; /* its parameters */
    size_t regex_count;            /* of those that have patterns */
    struct sigma_regex **regexes;
};

/* The conditions of one scope: all, any, or an expression over their names. */
struct condition_group {
    size_t count;
    struct pipeline_condition *conditions;
    bool any;
    bool negated;
    const struct sigma_condition *expression; /* NULL: none; selections are the conditions */
};

struct pipeline_item {
    const struct transformation_kind *kind;
    const struct sigma_node *node; /* its parameters */
    struct text id;                /* null: none */
    int64_t priority;              /* of its file */
    size_t order;
    struct condition_group groups[SCOPE_FIELD + 1];
    struct sigma_regex *regex; /* of replace_string */
    size_t count;              /* of nest */
    struct pipeline_item *items;
};

/* What set_state, or set_custom_attribute, has said. */
struct state_entry {
    struct text key;
    const struct sigma_node *value;
    const struct state_entry *next;
};

/* The `vars` of one file. */
struct pipeline_vars {
    int64_t priority;
    size_t order;
    const struct sigma_node *map;
};

struct sigma_pipelines {
    struct arena arena;
    struct sigma_placeholders *vars;
    struct sigma_regex_workspace *workspace;
    size_t regex_count, regex_capacity;
    struct sigma_regex **regexes;
    size_t vars_count, vars_capacity;
    struct pipeline_vars *vars_maps;
    size_t count, capacity;
    struct pipeline_item *items; /* by priority, then order */
    uint64_t hash;
};

/* The change of one rule. */
struct pipeline_run {
    const struct sigma_pipelines *pipelines;
    const struct sigma_reader *reader;
    struct sigma_rule *rule;
    const struct pipeline_item *item;    /* at work */
    const struct sigma_applied *applied; /* ids of items that were applied to the rule */
    const struct state_entry *state;
    const struct state_entry *attributes; /* what set_custom_attribute has set */
    const struct sigma_applied *mapped;   /* names of fields that mappings know: before, after */
    bool is_correlation;                  /* `rule` is only the head of one */
    size_t logsource_count;               /* of the rules it refers to */
    const struct logsource *const *logsources;
    size_t name_count;
    struct sigma_detection *names; /* fields named beside the selections, as items without values */
};

/* A kind of transformation. One of the functions is set (or none: nothing to do): for the whole
 * rule, or for each item that the conditions choose, where `ret_changed` says that something was
 * done to it. */
struct transformation_kind {
    const char *name;
    enum status (*change_rule)(struct pipeline_run *run);
    enum status (*change_item)(struct pipeline_run *run, struct sigma_detection *detection,
                               bool *ret_changed);
    const char *parameters; /* its row, see pipeline_parameters_check_item */
    bool renames;           /* it is about the names of fields, wherever they stand */
    bool of_correlations;   /* its change_rule is for correlations, too */
};

/* What a condition is asked about: the rule; an item; or a field's name, in an item. */
struct subject {
    const struct sigma_item *item;
    struct text field;
};

struct condition_kind {
    const char *name;
    bool (*holds)(const struct pipeline_run *run, const struct pipeline_condition *condition,
                  const struct subject *subject);
    const char *parameters; /* its row, as a transformation has one */
};

/* pipeline_condition_kinds.c: the kinds of each scope; one without a name ends the list. */
extern const struct condition_kind pipeline_rule_conditions[];
extern const struct condition_kind pipeline_item_conditions[];
extern const struct condition_kind pipeline_field_conditions[];

/* A value's string as it is written, wildcards and all. */
struct text pipeline_spelling_of(const struct sigma_value *value);

/* pipeline_parameters.c: refuses a member that the kind's row has not, or of another form, and one
 * missing. A row has words: a name, behind "!" when it is needed; a scalar, or behind the name "?":
 * a switch, "[]": a list of scalars, "{}": a map of scalars and lists, "*": anything,
 * "=a|b": one of these. */
MUST_CHECK enum status pipeline_parameters_check_item(const struct sigma_node *map,
                                                      const struct transformation_kind *kind,
                                                      struct sigma_error *error);

/* The same for a condition. */
MUST_CHECK enum status pipeline_parameters_check_condition(const struct sigma_node *map,
                                                           const struct condition_kind *kind,
                                                           struct sigma_error *error);

/* The same for the members of a file. */
MUST_CHECK enum status pipeline_parameters_check_file(const struct sigma_node *root,
                                                      struct sigma_error *error);

/* True when an attribute of rules can have the value: a level's and a status' are words. */
bool pipeline_attribute_can_be(struct text name, struct text value);

/* pipeline_conditions.c: reads the conditions of a scope; `node` is the item's. */
MUST_CHECK enum status pipeline_conditions_read(struct sigma_pipelines *pipelines,
                                                const struct sigma_node *node,
                                                enum condition_scope scope,
                                                struct condition_group *ret_group,
                                                struct sigma_error *error);

/* True when the rule conditions of the item at work hold. */
bool pipeline_conditions_hold(const struct pipeline_run *run);

/* True when its conditions on items, and on their fields, hold for this one. */
bool pipeline_conditions_hold_item(const struct pipeline_run *run, const struct sigma_item *item);

/* True when its conditions on field names hold for this one, of that item. */
bool pipeline_conditions_hold_field(const struct pipeline_run *run, const struct sigma_item *item,
                                    struct text field);

/* pipeline_text_values.c: regex and case. */
MUST_CHECK enum status pipeline_match_as_regex(struct pipeline_run *run,
                                               struct sigma_detection *detection,
                                               bool *ret_changed);
MUST_CHECK enum status pipeline_change_case(struct pipeline_run *run,
                                            struct sigma_detection *detection, bool *ret_changed);

/* pipeline_rule.c, pipeline_fields.c, pipeline_values.c: the kind of that name, or NULL. */
const struct transformation_kind *pipeline_rule_kind(struct text name);
const struct transformation_kind *pipeline_fields_kind(struct text name);
const struct transformation_kind *pipeline_values_kind(struct text name);

/* pipeline_hashes.c: hashes_fields. */
MUST_CHECK enum status pipeline_split_hashes(struct pipeline_run *run,
                                             struct sigma_detection *detection, bool *ret_changed);

/* Runs items one after the other over the run's rule. */
MUST_CHECK enum status pipeline_run_items(struct pipeline_run *run,
                                          const struct pipeline_item *items, size_t count);

/* Compiles a regular expression that lives as long as the pipelines; an anchored one matches from a
 * text's start. */
MUST_CHECK enum status pipeline_regex_new(struct sigma_pipelines *pipelines,
                                          const struct sigma_node *pattern, bool anchored,
                                          struct sigma_regex **ret_regex,
                                          struct sigma_error *error);

/* A member that is a text; null when it is none. */
struct text pipeline_text(const struct sigma_node *map, const char *name);

/* A member that is a switch; false when it is none. */
bool pipeline_switch(const struct sigma_node *map, const char *name);

/* Puts an id, or a name, onto a list. */
void pipeline_note(const struct pipeline_run *run, const struct sigma_applied **list,
                   struct text id);

/* True when the id is on the list. */
bool pipeline_was_applied(const struct sigma_applied *applied, struct text id);

/* True when a value of a rule is the one that stands in a pipeline. */
bool pipeline_value_is(const struct sigma_reader *reader, const struct sigma_value *value,
                       const struct sigma_node *node);

#endif
