/* rule_set.h: the rules this process judges by, loaded at start, on SIGHUP and when their files
 * change, through the pipelines and with the placeholders it was told of.
 *
 * Owner: load/destroy. Threads: any may load; announce is the loop's. Errors: each refused rule is
 * one log line, and so is each warning; a directory that cannot be read, or in which no rule loads,
 * and a pipeline or a file of placeholders with a mistake in it, is an error with its remedy.
 */
#ifndef SIEM_DETECTOR_RULE_SET_H
#define SIEM_DETECTOR_RULE_SET_H

#include "services/detector/sigma_rules.h"

/* Where all of it is. */
struct rule_set_paths {
    const char *rules;        /* a directory */
    const char *pipelines;    /* files or directories, comma-separated; empty: none */
    const char *placeholders; /* the same */
    struct sigma_mode_lists modes;
};

/* Reads rules, whatever is refused; also one file of them. NOT_FOUND when there is nothing to be
 * read. `explanations` may be NULL; else it lives as long as the rules. */
MUST_CHECK enum status rule_set_read(const struct rule_set_paths *paths,
                                     struct sigma_explanations *explanations,
                                     struct sigma_rules **ret_rules);

/* Loads rules to judge by: at least one. */
MUST_CHECK enum status rule_set_load(const struct rule_set_paths *paths,
                                     struct sigma_rules **ret_rules);

/* A refusal that the present set has not: the new one is broken. NULL: there is none. */
const struct sigma_refusal *rule_set_find_new_refusal(const struct sigma_rules *rules,
                                                      const struct sigma_rules *present);

/* Says that these are in use now: a log line, and the gauges siem_rules_loaded and
 * siem_rules_refused. */
void rule_set_announce(const struct sigma_rules *rules);

#endif
