/* rule_set.h: the rules this process judges by, loaded at start and again on SIGHUP.
 *
 * Owner: load/destroy. Threads: the loop's. Errors: each refused rule is one log line; a directory
 * that cannot be read, or in which no rule loads, is an error with its remedy.
 */
#ifndef SIEM_DETECTOR_RULE_SET_H
#define SIEM_DETECTOR_RULE_SET_H

#include "services/detector/sigma_rules.h"

/* Loads a directory and sets the gauges siem_rules_loaded and siem_rules_refused. */
MUST_CHECK enum status rule_set_load(const char *directory, struct sigma_rules **ret_rules);

#endif
