/* rule_counters.h: findings by rule, as siem_findings_total{rule="id",title="...",level="..."}; of
 * rules in the shadow siem_shadow_hits_total, with the same labels.
 *
 * Owner: new/destroy; borrows the rules in use; the counters themselves stay for the process's
 * life. Threads: one. Limits: RULE_COUNTERS_MAX series over all reloads. When a set's rules would
 * not all get one, a rule gets its own with its first finding; what comes after the bound shares
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

/* Counts the rules of this set from now on, by their index there. */
void rule_counters_use(struct rule_counters *counters, const struct sigma_rules *rules);

/* Counts one finding of the rule with this index. */
void rule_counters_add(struct rule_counters *counters, uint32_t rule);

#endif
