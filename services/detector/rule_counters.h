/* rule_counters.h: findings by rule, as siem_findings_by_rule_total{rule="id"}.
 *
 * Owner: new/destroy; the counters themselves stay for the process's life. Threads: one. Limits:
 * RULE_COUNTERS_MAX rules over all reloads have a series of their own, the others share
 * rule="other".
 */
#ifndef SIEM_DETECTOR_RULE_COUNTERS_H
#define SIEM_DETECTOR_RULE_COUNTERS_H

#include "services/detector/sigma_rules.h"

#define RULE_COUNTERS_MAX 200

struct rule_counters;

/* No counters yet. */
struct rule_counters *rule_counters_new(void);

/* Frees it and nulls the pointer; NULL is fine. */
void rule_counters_destroy(struct rule_counters **counters);

/* Makes a counter for every rule of a set, by its index there. */
void rule_counters_use(struct rule_counters *counters, const struct sigma_rules *rules);

/* Counts one finding of the rule with this index. */
void rule_counters_add(struct rule_counters *counters, uint32_t rule);

#endif
