/* sigma_explain.h: why a rule matches an event or does not, selection by selection and item by
 * item, for the person who writes rules; never on the way of events.
 *
 *   explanations on a set's settings ▶ sigma_rules_finish ▶ one explanation a rule ▶ explain an
 * event
 *
 * What is looked at is the rule as it runs: with its filters and behind its pipelines. Owner:
 * new/destroy; explanations borrow from the set they were made with, which must live as long.
 * Threads: one at a time. Errors: none. Limits: those of the rules.
 */
#ifndef SIEM_DETECTOR_SIGMA_EXPLAIN_H
#define SIEM_DETECTOR_SIGMA_EXPLAIN_H

#include "services/detector/sigma_rules.h"

/* Values of an item, or of an event's field, that are kept to be shown. */
#define SIGMA_VALUES_SHOWN 8

enum sigma_explained_kind { SIGMA_EXPLAINED_ITEM, SIGMA_EXPLAINED_ALL, SIGMA_EXPLAINED_ANY };

/* A line of a selection, or lines of which all or any must hold. */
struct sigma_explained {
    enum sigma_explained_kind kind;
    bool holds; /* for the event explained last */
    int line;
    struct text written; /* field and modifiers, as they stand in the rule; null: keywords */
    struct text field;   /* as it is looked for, behind pipelines; null: keywords */
    struct text values;  /* as they stand in the rule, with commas between */
    struct text found;   /* the field's values in that event, with commas; null: it has none */
    size_t value_count;  /* of the rule */
    bool is_negated;     /* neq */
    struct sigma_matcher matcher;
    size_t count;
    struct sigma_explained *children;
};

struct sigma_explained_selection {
    struct text name;
    struct sigma_explained detection;
};

struct sigma_explained_rule {
    struct text id;
    struct text
        condition; /* as it is written; several with " or " between, filters' with " and " */
    bool holds;    /* for the event explained last */
    size_t selection_count;
    struct sigma_explained_selection *selections;
    const struct sigma_condition *tree;
};

struct sigma_explanations {
    size_t count;
    size_t capacity;
    struct sigma_explained_rule *rules; /* in the order of the files */
    struct sigma_workspace workspace;
    struct arena arena; /* of `found`, until the next event */
};

/* None yet; to be named in the settings of a set that is read. */
struct sigma_explanations *sigma_explanations_new(void);

/* Frees it and nulls the pointer; NULL is fine. */
void sigma_explanations_destroy(struct sigma_explanations **explanations);

/* Notes how a rule that was taken is put together; for sigma_add.c. */
MUST_CHECK enum status sigma_explanations_add(struct sigma_explanations *explanations,
                                              const struct sigma_rule *rule,
                                              const struct sigma_target *target,
                                              struct sigma_error *error);

/* Looks at every item of every rule; `fields` were loaded with the set's names. */
void sigma_explanations_explain(struct sigma_explanations *explanations, struct fields *fields);

#endif
