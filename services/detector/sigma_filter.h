/* sigma_filter.h: filters: one exclusion for many rules.
 *
 * A rule that a filter names, or every rule of its logsource, matches where (rule) and (filter
 * condition) does, as in pySigma: the condition of an exclusion is a `not`. Tools differ here, and
 * a filter the wrong way round mutes its rules: so one that is not true of an ordinary event is
 * refused, and where it is true of none of a rule's sample hits it is not applied to that rule;
 * both are told as refusals. Owner: filters new/destroy; what they add to a rule borrows from them.
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
    size_t reference_count;  /* 0: every rule of the logsource */
    struct text *references; /* ids or names */
    bool *found;             /* of each reference: some rule is called so */
};

/* Reads a filter's document. */
MUST_CHECK enum status sigma_filter_read(const struct sigma_reader *reader,
                                         const struct sigma_node *root,
                                         struct sigma_filter *ret_filter);

/* True when the filter is about this rule; notes the references it found. */
bool sigma_filter_concerns(struct sigma_filter *filter, const struct sigma_rule *rule);

/* Puts the filter's selections and condition behind the rule's. */
void sigma_filter_apply(const struct sigma_filter *filter, struct arena *arena,
                        struct sigma_rule *rule);

#endif
