/* sigma_expand.h: placeholders in a rule's values become what they stand for.
 *
 * `%name%` is a placeholder where the item has `expand`; `\%` is a percent sign there. Values of
 * files are put in when `expand` is applied, so that modifiers behind it see them; what is left
 * then waits for a pipeline, and a rule with one left at the end is refused. A value with several
 * placeholders becomes every combination. Owner: the reader's arena. Threads: one arena each.
 * Errors: UNSUPPORTED for a placeholder without a value, TOO_LARGE beyond SIGMA_EXPANSION_MAX
 * values of one item. Source: sigma-specification (expand), pySigma's placeholders.
 */
#ifndef SIEM_DETECTOR_SIGMA_EXPAND_H
#define SIEM_DETECTOR_SIGMA_EXPAND_H

#include "services/detector/sigma_placeholders.h"
#include "services/detector/sigma_rule.h"

#define SIGMA_EXPANSION_MAX 100000
#define SIGMA_PLACEHOLDERS_MAX 16 /* in one value */

/* Which placeholders are replaced, and by what. */
struct sigma_expansion {
    const struct sigma_placeholders *values;
    bool to_wildcard;                 /* by `*` instead of values */
    bool must_know;                   /* one without values is refused; else it stays */
    const struct sigma_node *include; /* lists of names; NULL: all, none */
    const struct sigma_node *exclude;
};

/* Marks the placeholders of all values, and puts in those that the reader knows: the modifier. */
MUST_CHECK enum status sigma_expand_begin(const struct sigma_reader *reader,
                                          struct sigma_item *item);

/* Replaces what is marked. */
MUST_CHECK enum status sigma_expand_item(const struct sigma_reader *reader,
                                         const struct sigma_expansion *expansion,
                                         struct sigma_item *item);

/* True when a string has a placeholder left. */
bool sigma_expand_is_open(struct sigma_string string);

/* Refuses a rule that has a placeholder left. */
MUST_CHECK enum status sigma_expand_check(const struct sigma_reader *reader,
                                          struct sigma_rule *rule);

#endif
