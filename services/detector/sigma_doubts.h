/* sigma_doubts.h: what a rule, filter or correlation says and its author can hardly mean: a
 * condition that no event or window fulfils, whatever is in it, or every event does, and a
 * selection that no condition uses.
 *
 * Such a rule breaks nothing in the specification, so it loads, and is told among the warnings.
 * Items that are the same count as one fact, `neq` as its contrary, all others as independent: so
 * what is told is sure, and not everything is found. Owner: everything is borrowed; memory is of
 * the reader's arena. Threads: one. Errors: none. Limits: DOUBTS_WORK_MAX bounds the time a rule
 * takes, whatever its size, to some milliseconds; what is not certain by then is not told. Nor is
 * the condition of a rule of more than DOUBTS_ITEMS_MAX different items looked into.
 */
#ifndef SIEM_DETECTOR_SIGMA_DOUBTS_H
#define SIEM_DETECTOR_SIGMA_DOUBTS_H

#include "services/detector/sigma_add.h"

#define DOUBTS_ITEMS_MAX 1024

/* Visits of a condition's parts, and comparisons of items, for one rule. */
#define DOUBTS_WORK_MAX 2000000

/* Puts what there is to say of a rule, as it was written, onto the list of warnings. */
void sigma_doubts_tell(struct sigma_adding *adding, const struct sigma_rule *rule);

/* The same for a filter that was not refused. */
void sigma_doubts_tell_filter(struct sigma_adding *adding, const struct sigma_filter *filter);

/* The same for a correlation, with its document: a condition that no window fulfils. */
void sigma_doubts_tell_correlation(struct sigma_adding *adding, const struct sigma_node *root,
                                   const struct correlation *correlation);

#endif
