/* rules_trial.h: an event that was judged by some rules, and how to print why they matched or not.
 *
 * Owner: the caller's struct; borrows everything. Threads: the main thread. Limits: of a long list
 * of values the first are shown (sigma_explain.h).
 */
#ifndef SIEM_SIEMCTL_RULES_TRIAL_H
#define SIEM_SIEMCTL_RULES_TRIAL_H

#include "services/detector/sigma_explain.h"
#include "services/siemctl/rules.h"

struct rules_trial {
    const struct sigma_rules *rules;
    struct sigma_explanations *explanations;
    struct judge *judge;
    struct judgement judgement;
};

/* True when the rule matched. */
bool rules_trial_matched(const struct rules_trial *trial, const struct sigma_loaded_rule *rule);

/* What is known of how the rule is put together. */
const struct sigma_explained_rule *rules_trial_explained(const struct rules_trial *trial,
                                                         const struct sigma_loaded_rule *rule);

/* Prints it for people: rule by rule, selection by selection, item by item. */
void rules_trial_print(const struct rules_trial *trial);

/* Prints it as one JSON object (rules_trial_json.c). */
void rules_trial_print_json(const struct rules_trial *trial);

#endif
