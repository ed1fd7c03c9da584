/* sigma_edit.h: changes to a rule that was read and is not yet compiled: what filters and pipelines
 * are made of.
 *
 * Owner: what is made lives in the arena given. Threads: one arena each. Errors: none. Limits: a
 * rule's.
 */
#ifndef SIEM_DETECTOR_SIGMA_EDIT_H
#define SIEM_DETECTOR_SIGMA_EDIT_H

#include "services/detector/sigma_rule.h"

/* Appends a selection; its index. */
size_t sigma_edit_add_selection(struct sigma_rule *rule, struct arena *arena,
                                const struct sigma_selection *selection);

/* The condition "this selection", or "not this selection". */
const struct sigma_condition *sigma_edit_select(struct arena *arena, size_t selection,
                                                bool negated);

/* Makes the rule's condition (what it was) and (this one). */
void sigma_edit_require(struct sigma_rule *rule, struct arena *arena,
                        const struct sigma_condition *condition);

/* Copies the selections of `other` behind the rule's, and requires its condition. */
void sigma_edit_append(struct sigma_rule *rule, struct arena *arena,
                       const struct sigma_rule *other);

/* Copies an item, down to its values. */
struct sigma_item sigma_edit_copy_item(struct arena *arena, const struct sigma_item *item);

/* Takes out what was dropped; a selection, or a part of the condition, of which nothing is left
 * goes, too. False when nothing is left of the rule. */
bool sigma_edit_prune(struct sigma_rule *rule, struct arena *arena);

/* Turns a detection into "any of" (or "all of") these. */
void sigma_edit_replace(struct sigma_detection *detection, enum sigma_detection_kind kind,
                        struct sigma_detection *children, size_t count);

/* Shows every item of the rule, in its order; stops at the first status that is not OK. The visitor
 * may make something else of the detection it is shown; what it makes is not visited. */
MUST_CHECK enum status sigma_edit_visit(struct sigma_rule *rule,
                                        enum status (*visitor)(void *context,
                                                               struct sigma_detection *detection),
                                        void *context);

#endif
