/* contribution_list.h: what the events of a batch contribute to correlations, collected as rules
 * match.
 *
 * Owner: new/destroy; borrows the rules for its life; what it gives is good until the next begin.
 * Threads: one. Errors: an event that lacks a field of the group, or the value, contributes
 * nothing; so does one beyond the limits, which is dropped and counted. Limits: those of
 * contribution.h.
 */
#ifndef SIEM_DETECTOR_CONTRIBUTION_LIST_H
#define SIEM_DETECTOR_CONTRIBUTION_LIST_H

#include "services/detector/sigma_rules.h"

struct contribution_list;

/* An empty list for correlations of this set, which is finished. */
struct contribution_list *contribution_list_new(const struct sigma_rules *rules);

/* Frees it and nulls the pointer; NULL is fine. */
void contribution_list_destroy(struct contribution_list **list);

/* Empties it, for the next batch. */
void contribution_list_begin(struct contribution_list *list);

/* Adds what an event contributes that the rule matched. Events come in ascending order. */
void contribution_list_add(struct contribution_list *list, const struct sigma_loaded_rule *rule,
                           const struct fields *fields, uint32_t event);

/* All of it. */
const struct contributions *contribution_list_all(const struct contribution_list *list);

#endif
