/* sigma_correlation.h: correlation rules: as they were written, and as the rules they refer to use
 * them.
 *
 * Our own key `siem` has incident, details (a sentence with %field%, of the group-by fields only,
 * for it is said of the group), event_type (what its incidents are counted as) and mode
 * (sigma_modes.h). Owner: the set's
 * arena. Threads: one while the set is finished, any afterwards. Errors: BAD_SYNTAX for what breaks
 * the specification, NOT_FOUND for a rule that is not there, TOO_LARGE for a limit; the rest of the
 * set loads. Limits: those of contribution.h; CORRELATION_VALUES_MAX distinct values, timespans of
 * 31 days. Source: sigma-specification 2.1.0 (correlation rules), its extension 198, pySigma where
 * they are silent.
 */
#ifndef SIEM_DETECTOR_SIGMA_CORRELATION_H
#define SIEM_DETECTOR_SIGMA_CORRELATION_H

#include "proto/contribution.h"
#include "services/detector/sentence.h"
#include "services/detector/sigma_rule.h"

/* The most that value_count can be compared with: the windows hold no more. */
#define CORRELATION_VALUES_MAX 1000

/* Beyond so many occurrences event_count's times are rounded to parts of the timespan. */
#define CORRELATION_EXACT_MAX 500

/* Field names of a condition. */
#define CORRELATION_FIELDS_MAX 8

#define CORRELATION_ALIASES_MAX 16

/* Ways from a rule up through correlations, in a set. */
#define CORRELATION_LINKS_MAX 20000

/* In a rule that is called so, the field `alias` is called `field`. */
struct sigma_alias {
    struct text alias;
    struct text rule;
    struct text field;
};

struct text_names {
    uint32_t count;
    struct text items[SIGMA_GROUP_BY_MAX];
};

/* What a reference leads to. */
struct sigma_referent {
    bool is_correlation;
    uint32_t index; /* among the set's rules, or correlations */
};

/* A correlation as it was written; `correlation` is what goes over the wire. */
struct sigma_correlation {
    struct correlation correlation;
    struct text name;
    struct text status; /* as its author calls its maturity; null: none */
    enum sigma_mode mode;
    struct text details; /* null: the title will do */
    struct text rules[CORRELATION_RULES_MAX];
    struct sigma_referent referents[CORRELATION_RULES_MAX];
    struct text_names group_by;
    struct text_names fields; /* of the condition */
    uint32_t alias_count;
    struct sigma_alias aliases[CORRELATION_ALIASES_MAX];
    bool generates;                /* the rules it refers to raise incidents all the same */
    bool is_linked;                /* all it refers to is there */
    const struct sigma_node *root; /* all of it, as YAML, while pipelines may still ask for it; NULL
                                      when there are none, or they have passed it */
    const char *file;
    int line;
};

/* What a matched rule contributes to a correlation, as which of its rules; and to the correlations
 * behind it, when that one fires. Fields are the event's. */
struct sigma_link {
    uint32_t correlation; /* among the set's */
    uint32_t rule;        /* from 1 */
    uint32_t group_by_count;
    uint32_t group_by[SIGMA_GROUP_BY_MAX];
    int address_at; /* which of them is the source address, the user; -1: none */
    int user_at;
    uint32_t value_count;
    uint32_t values[CORRELATION_FIELDS_MAX];
    struct sentence details;
    uint32_t parent_count;
    const struct sigma_link *parents;
};

/* Reads a correlation's document. */
MUST_CHECK enum status sigma_correlation_read(const struct sigma_reader *reader,
                                              const struct sigma_node *root,
                                              struct sigma_correlation *ret_correlation);

/* sigma_correlation_condition.c: its condition, a map or a text; NULL: none. The rules were read,
 * unless the text is to name them. */
MUST_CHECK enum status sigma_correlation_read_condition(const struct sigma_reader *reader,
                                                        const struct sigma_node *node,
                                                        struct sigma_correlation *correlation);

/* sigma_correlation_expression.c: a condition that is a text. */
MUST_CHECK enum status sigma_correlation_read_expression(const struct sigma_reader *reader,
                                                         const struct sigma_node *node,
                                                         struct sigma_correlation *correlation);

struct sigma_rules;

/* Resolves the references of all correlations of a set whose rules have their places; refuses those
 * that lead nowhere or in a circle; tells the rules what they contribute.
 * (sigma_correlation_resolve.c) */
void sigma_correlations_link(struct sigma_rules *rules);

/* sigma_correlation_link.c: gives the rules a correlation refers to their links to it and to what
 * is above; all are resolved. Counts the links up. */
MUST_CHECK enum status sigma_correlation_make_links(struct sigma_rules *rules,
                                                    const struct sigma_correlation *correlation,
                                                    uint32_t *link_count,
                                                    struct sigma_error *error);

/* True when the field is one of its group-by. */
bool sigma_correlation_groups_by(const struct sigma_correlation *correlation, struct text field);

/* The name a field of a correlation has in the rule it refers to with that name. */
struct text sigma_correlation_field(const struct sigma_correlation *correlation, struct text rule,
                                    struct text field);

#endif
