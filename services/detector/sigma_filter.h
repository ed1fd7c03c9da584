/* sigma_filter.h: filters: one exclusion for many rules.
 *
 * A rule that a filter names, or every rule of its logsource, matches where (rule) and (filter
 * condition) does, as in pySigma: the condition of an exclusion is a `not`. Tools differ here, and
 * a filter the wrong way round mutes its rules: so one that is not true of an ordinary event is
 * refused, and where it is true of none of a rule's sample hits it is not applied to that rule. Nor
 * is it to a rule it names that has not its logsource. All of it is told as refusals. Owner:
 * filters new/destroy; what they add to a rule borrows from them.
 * Threads: one. Errors: BAD_SYNTAX with line and reason. Limits: SIGMA_FILTERS_MAX filters, and the
 * limits of rules. Source: sigma-specification (filters), pySigma's SigmaFilter.
 */
#ifndef SIEM_DETECTOR_SIGMA_FILTER_H
#define SIEM_DETECTOR_SIGMA_FILTER_H

#include "services/detector/sigma_rule.h"

#define SIGMA_FILTERS_MAX 1000

struct sigma_filter {
    const char *file;
    struct sigma_rule body;  /* its head, logsource, selections and condition */
    struct text condition;   /* as it is written */
    size_t reference_count;  /* 0: every rule of the logsource */
    struct text *references; /* ids or names */
    bool *found;             /* of each reference: some rule is called so */
    bool was_applied;        /* it concerned some rule */
};

/* What a filter has to do with a rule. */
enum sigma_filter_relation {
    SIGMA_FILTER_PASSES_BY,
    SIGMA_FILTER_CONCERNS,
    SIGMA_FILTER_CONFLICTS, /* it names the rule, which has not its logsource */
};

/* Reads a filter's document. */
MUST_CHECK enum status sigma_filter_read(const struct sigma_reader *reader,
                                         const struct sigma_node *root,
                                         struct sigma_filter *ret_filter);

/* Whether the filter is about this rule; notes the references it found. */
enum sigma_filter_relation sigma_filter_relate(struct sigma_filter *filter,
                                               const struct sigma_rule *rule);

/* Says which part of the logsource of a rule is not that of the filter, which names it. */
MUST_CHECK enum status sigma_filter_refuse_conflict(const struct sigma_filter *filter,
                                                    const struct sigma_rule *rule,
                                                    struct sigma_error *error);

/* Puts the filter's selections and condition behind the rule's. */
void sigma_filter_apply(const struct sigma_filter *filter, struct arena *arena,
                        struct sigma_rule *rule);

#endif
