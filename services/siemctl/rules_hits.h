/* rules_hits.h: how many events each rule of a set matched, and the tables of it and of what its
 * correlations came to.
 *
 * Owner: new/destroy; borrows the rules. Threads: one at a time each; merging is for sums over
 * threads. Limits: SIGMA_RULES_MAX rules.
 */
#ifndef SIEM_SIEMCTL_RULES_HITS_H
#define SIEM_SIEMCTL_RULES_HITS_H

#include "services/siemctl/rules_correlations.h"

struct rules_hits;

/* What else there is to say of a backtest. */
struct rules_backtest_sums {
    uint64_t judged;
    uint64_t unreadable; /* lines that are no event */
    double seconds;
};

/* No hits. */
struct rules_hits *rules_hits_new(const struct sigma_rules *rules);

/* Frees it and nulls the pointer; NULL is fine. */
void rules_hits_destroy(struct rules_hits **hits);

/* Counts an event that these rules matched; `count` may be 0. */
void rules_hits_add(struct rules_hits *hits, const uint32_t *rules, size_t count);

/* Adds those of another list of the same set. */
void rules_hits_merge(struct rules_hits *hits, const struct rules_hits *other);

/* Prints tables, most hits first, and lines of sums. */
void rules_hits_print(const struct rules_hits *hits, const struct rules_correlations *correlations,
                      const struct rules_backtest_sums *sums);

/* The same as one JSON object. */
void rules_hits_print_json(const struct rules_hits *hits,
                           const struct rules_correlations *correlations,
                           const struct rules_backtest_sums *sums);

#endif
