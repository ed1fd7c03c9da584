/* shadow_counts.h: how many events of a batch each rule in the shadow matched.
 *
 * Owner: new/destroy; borrows the rules in use. Threads: one. Limits: SHADOW_HITS_MAX rules a batch;
 * what comes beyond is dropped and counted.
 */
#ifndef SIEM_DETECTOR_SHADOW_COUNTS_H
#define SIEM_DETECTOR_SHADOW_COUNTS_H

#include "services/detector/sigma_rules.h"

struct shadow_counts;

/* No counts. */
struct shadow_counts *shadow_counts_new(void);

/* Frees it and nulls the pointer; NULL is fine. */
void shadow_counts_destroy(struct shadow_counts **counts);

/* Counts the rules of this set from now on, by their index there. */
void shadow_counts_use(struct shadow_counts *counts, const struct sigma_rules *rules);

/* Begins a batch. */
void shadow_counts_begin(struct shadow_counts *counts);

/* Counts an event that the rule matched. */
void shadow_counts_add(struct shadow_counts *counts, uint32_t rule);

/* Those of the batch; borrowed until the next. */
const struct shadow_hits *shadow_counts_all(const struct shadow_counts *counts);

#endif
