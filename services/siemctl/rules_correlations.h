/* rules_correlations.h: what the events of a backtest contribute to correlations, and what that
 * comes to.
 *
 * All contributions are kept, then judged group by group (rules_windows.h), those of a correlation
 * before those of the ones that refer to it. Owner: new/destroy; borrows the rules. Threads: one at
 * a time each; merging is for sums over threads. Errors: none. Limits: so many contributions as it
 * is made with; those beyond are left out and counted. A group's values are kept once, when one of
 * its contributions is or a group that leads to it is: so the contributions bound that memory, too.
 * Whoever merges holds the groups of both until the other one is destroyed.
 */
#ifndef SIEM_SIEMCTL_RULES_CORRELATIONS_H
#define SIEM_SIEMCTL_RULES_CORRELATIONS_H

#include "services/detector/sigma_rules.h"

/* Contributions of a backtest, at 32 bytes, and up to twice that while a list grows or is sorted. A
 * group is some 150 bytes and its values more. */
#define RULES_CONTRIBUTIONS_MAX 16000000

/* When an event was. */
struct rules_event_time {
    int64_t time_ms;
    uint64_t count;
    bool is_dated; /* it says so itself; else it can stand in no window */
};

/* What became of one correlation. */
struct rules_correlation_hits {
    uint64_t moments; /* at which it fired */
    uint64_t groups;  /* of values it groups by, that it fired for */
};

struct rules_correlations_sums {
    size_t tried; /* correlations that were judged */
    size_t fired;
    uint64_t undated;  /* events without a time that matched what some correlation refers to */
    uint64_t left_out; /* contributions there was no room for */
    size_t groups;     /* whose values are kept */
};

struct rules_correlations;

/* No contributions. */
struct rules_correlations *rules_correlations_new(const struct sigma_rules *rules,
                                                  size_t contributions_max);

/* Frees it and nulls the pointer; NULL is fine. */
void rules_correlations_destroy(struct rules_correlations **correlations);

/* Adds what the events of a batch contribute; `times` is by their numbers in it. */
void rules_correlations_add(struct rules_correlations *correlations,
                            const struct contributions *contributions,
                            const struct rules_event_time *times);

/* Takes over those of another one of the same set, which is empty then. */
void rules_correlations_merge(struct rules_correlations *correlations,
                              struct rules_correlations *other);

/* Judges them all; once. */
void rules_correlations_judge(struct rules_correlations *correlations);

/* What came of the set's correlation with that index. */
struct rules_correlation_hits rules_correlations_hits(const struct rules_correlations *correlations,
                                                      size_t index);

/* What came of all. */
struct rules_correlations_sums
rules_correlations_sums(const struct rules_correlations *correlations);

#endif
