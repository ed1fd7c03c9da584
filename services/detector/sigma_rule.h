/* sigma_rule.h: a Sigma rule as it was written: its head, its selections and its conditions as
 * trees. Nothing here matches anything; sigma_compile.c makes of it what does.
 *
 * Our own key `siem`: incident (rules with the same name share incidents), group_by (fields that
 * part one incident from another), details (a sentence with %field%), mode (active, shadow,
 * disabled). Owner: everything lives in
 * the arena given. Threads: one arena each. Errors: BAD_SYNTAX for what breaks the specification,
 * UNSUPPORTED for what cannot be done (a placeholder nobody gave a value): a rule is read whole or
 * refused with line and reason. Limits: the constants below. Source:
 * sigma-specification 2.1.0; pySigma where it is silent.
 */
#ifndef SIEM_DETECTOR_SIGMA_RULE_H
#define SIEM_DETECTOR_SIGMA_RULE_H

#include "proto/finding.h"
#include "services/detector/logsource.h"
#include "services/detector/sigma_encode.h"
#include "services/detector/sigma_yaml.h"
#include "services/detector/time_part.h"

#define SIGMA_TITLE_MAX 256 /* characters; bytes of siem.incident */
#define SIGMA_TAG_MAX 64
#define SIGMA_ID_MAX 64
#define SIGMA_GROUP_BY_MAX 8
#define SIGMA_DEPTH_MAX 16 /* selections within lists within lists */
#define SIGMA_CONDITION_DEPTH_MAX 64

enum sigma_comparison {
    SIGMA_EQUALS, /* by strings, numbers and switches, as the values say */
    SIGMA_REGEX,
    SIGMA_NETWORK,
    SIGMA_LESS,
    SIGMA_LESS_OR_EQUAL,
    SIGMA_GREATER,
    SIGMA_GREATER_OR_EQUAL,
    SIGMA_EXISTS,
    SIGMA_FIELD, /* equals another field */
};

enum sigma_value_kind {
    SIGMA_VALUE_TEXT,
    SIGMA_VALUE_NUMBER,
    SIGMA_VALUE_SWITCH,
    SIGMA_VALUE_NULL
};

struct sigma_value {
    enum sigma_value_kind kind;
    int line;
    struct text source;           /* as written, before escapes */
    struct sigma_number number;   /* of a NUMBER */
    bool is_on;                   /* of a SWITCH */
    struct sigma_strings strings; /* of a TEXT: any of them will do */
};

/* A pipeline's item that changed something, by its id. */
struct sigma_applied {
    struct text id;
    const struct sigma_applied *next;
};

/* One line of a selection: field|modifiers: values. */
struct sigma_item {
    int line;
    struct text written; /* the key it stands under, with its modifiers; null: none */
    struct text field;   /* null: keywords, searched in the whole event */
    enum sigma_comparison comparison;
    enum time_part part;                   /* of a date is compared, with EQUALS, LESS.. */
    bool expands;                          /* %name% in it is a placeholder */
    bool all;                              /* every value must match, not any */
    bool cased;                            /* upper and lower case differ */
    bool negated;                          /* neq */
    bool ignore_case, multi_line, dot_all; /* of a REGEX */
    bool any_before, any_after;            /* of a FIELD: endswith, startswith, contains */
    const struct sigma_applied *applied;   /* what has changed it; NULL ends */
    size_t count;
    struct sigma_value *values;
};

/* DROPPED ones are taken out again before a rule is compiled. */
enum sigma_detection_kind {
    SIGMA_DETECTION_ITEM,
    SIGMA_DETECTION_ALL,
    SIGMA_DETECTION_ANY,
    SIGMA_DETECTION_DROPPED,
};

struct sigma_detection {
    enum sigma_detection_kind kind;
    struct sigma_item item;
    size_t count;
    struct sigma_detection *children;
};

struct sigma_selection {
    struct text name;
    struct sigma_detection detection;
};

enum sigma_condition_kind {
    SIGMA_CONDITION_SELECTION,
    SIGMA_CONDITION_AND,
    SIGMA_CONDITION_OR,
    SIGMA_CONDITION_NOT,
};

struct sigma_condition {
    enum sigma_condition_kind kind;
    size_t selection; /* index in the rule's selections */
    size_t count;
    const struct sigma_condition **children;
};

/* What a rule's hits come to (sigma_modes.h). */
enum sigma_mode { SIGMA_MODE_ACTIVE, SIGMA_MODE_SHADOW, SIGMA_MODE_DISABLED };

struct sigma_rule {
    const struct sigma_node *root; /* all of it, as YAML */
    int line;
    struct text id; /* its own, or one made of its title */
    bool has_own_id;
    struct text name; /* null: it has none */
    struct text title;
    struct text status; /* null: it names none */
    enum sigma_mode mode;
    enum severity level; /* medium when it names none */
    struct text_list tags;
    struct logsource logsource;
    size_t selection_count;
    struct sigma_selection *selections;
    const struct sigma_condition *condition; /* a list of conditions is joined by "or" */
    struct text filtered; /* conditions of the filters that were applied, as they are written, each
                             behind " and " */
    struct text incident; /* the id unless siem.incident names another */
    bool names_incident;
    struct text details; /* siem.details; null: the title will do */
    size_t group_by_count;
    struct text group_by[SIGMA_GROUP_BY_MAX];
};

struct sigma_placeholders;

/* What a rule is read with. */
struct sigma_reader {
    struct arena *arena;
    struct sigma_error *error;
    const struct sigma_placeholders *placeholders; /* NULL: none are known */
};

/* Reads a detection rule's document. */
MUST_CHECK enum status sigma_rule_read(const struct sigma_reader *reader,
                                       const struct sigma_node *root, struct sigma_rule *ret_rule);

/* The members every kind of document has: title, id, name, status, level, tags. */
MUST_CHECK enum status sigma_rule_read_head(const struct sigma_reader *reader,
                                            const struct sigma_node *root, struct sigma_rule *rule);

/* A member that is a scalar; left as it is when there is none. */
MUST_CHECK enum status sigma_rule_read_text(const struct sigma_reader *reader,
                                            const struct sigma_node *map, const char *name,
                                            struct text *ret_text);

/* sigma_rule_siem.c: our own member `siem`; the head was read. */
MUST_CHECK enum status sigma_rule_read_siem(const struct sigma_reader *reader,
                                            const struct sigma_node *root, struct sigma_rule *rule);

/* The member `logsource`. */
MUST_CHECK enum status sigma_rule_read_logsource(const struct sigma_reader *reader,
                                                 const struct sigma_node *root,
                                                 struct logsource *ret_logsource);

/* The selections of a map, and its member `condition`: of `detection`, or of `filter`. */
MUST_CHECK enum status sigma_rule_read_selections(const struct sigma_reader *reader,
                                                  const struct sigma_node *map,
                                                  struct sigma_rule *rule);

/* Gives a rule without an id another one than its title makes. */
void sigma_rule_make_other_id(struct sigma_rule *rule, struct arena *arena);

/* The parts of it, each in a file of its own. */
/* sigma_detection.c: the selections of a map, in which `condition` is none. */
MUST_CHECK enum status sigma_detection_read(const struct sigma_reader *reader,
                                            const struct sigma_node *map, struct sigma_rule *rule);

/* sigma_detection.c: one selection, whatever its form: for what is added to rules. */
MUST_CHECK enum status sigma_detection_read_one(const struct sigma_reader *reader,
                                                const struct sigma_node *node,
                                                struct sigma_detection *ret_detection);

/* sigma_detection.c: one value, that may stand in a list. */
MUST_CHECK enum status sigma_detection_read_value(const struct sigma_reader *reader,
                                                  const struct sigma_node *node, bool in_list,
                                                  struct sigma_value *ret_value);

/* sigma_modifiers.c: applies "a|b|c" to an item whose values were read. */
MUST_CHECK enum status sigma_modifiers_apply(const struct sigma_reader *reader,
                                             struct text modifiers, struct sigma_item *item);

/* sigma_condition.c: a condition, in the line given, over the rule's selections. */
MUST_CHECK enum status sigma_condition_parse(const struct sigma_reader *reader, struct text text,
                                             int line, const struct sigma_rule *rule,
                                             const struct sigma_condition **ret_condition);

#endif
