/* sigma_modes.h: whether a rule raises incidents, is only counted, or is off.
 *
 *   siem: {mode: shadow}     in the rule
 *   SIEM_RULES_SHADOW, SIEM_RULES_DISABLED     by id or name, commas between; disabled wins
 *
 * A rule in the shadow is judged and counted; it raises nothing, and contributes to no correlation
 * that might. A correlation in the shadow is counted; the rules it speaks for stay as silent as
 * before, also when it is disabled. Owner: the set's. Threads: one while the set is finished.
 * Errors: an id or name that no rule has is put on the list of refusals. Limits: those of the set.
 */
#ifndef SIEM_DETECTOR_SIGMA_MODES_H
#define SIEM_DETECTOR_SIGMA_MODES_H

#include "services/detector/sigma_rule.h"

struct sigma_rules;

/* The lists of an operator; empty: none. */
struct sigma_mode_lists {
    const char *shadow;
    const char *disabled;
};

/* A rule's own `siem.mode`; active when it names none. */
MUST_CHECK enum status sigma_mode_read(const struct sigma_reader *reader,
                                       const struct sigma_node *siem, enum sigma_mode *ret_mode);

/* "active", "shadow", "disabled". */
const char *sigma_mode_text(enum sigma_mode mode);

/* Notes that a set's rules are to be read with these lists: its generation is another one. */
void sigma_rules_use_modes(struct sigma_rules *rules, const struct sigma_mode_lists *lists);

/* Gives the set's rules the modes the lists say; before they are put in order. */
void sigma_modes_apply(struct sigma_rules *rules);

#endif
