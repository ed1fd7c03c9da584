/* rules_windows.h: which contributions of a correlation's group fire, worked out in memory from all
 * of them at once.
 *
 * A window is what a contribution's last timespan holds, both ends included; its contributions of
 * that moment fire when the condition holds for it. That is what the commit comes to in Redis as
 * long as nothing is too late or evicted there; here nothing is. Owner: init/fini on the caller's
 * struct, which is memory for one group at a time; contributions are the caller's. Threads: one at
 * a time. Errors: none. Limits: none; time is n log n, but for sums of fractions, which are added
 * up anew for each window. Source: sigma-specification (correlation rules).
 */
#ifndef SIEM_SIEMCTL_RULES_WINDOWS_H
#define SIEM_SIEMCTL_RULES_WINDOWS_H

#include "proto/contribution.h"

/* What one event adds to a group. */
struct rules_contribution {
    int64_t time_ms; /* rounded up to the correlation's quantum */
    uint64_t weight; /* events it stands for */
    double value;
    uint32_t group; /* the caller's number */
    uint16_t rule;  /* from 1; 0 where the kind is not about rules */
    bool fires;     /* filled in */
};

struct rules_windows {
    size_t capacity;
    double *values;   /* the different ones, ascending */
    uint32_t *ranks;  /* by contribution: the place of its value among them, from 1 */
    uint32_t *counts; /* by rank: how many of it the window holds */
    uint32_t *tree;   /* the same as a Fenwick tree */
};

/* No memory yet. */
void rules_windows_init(struct rules_windows *windows);

/* Frees it. */
void rules_windows_fini(struct rules_windows *windows);

/* The contribution as the correlation wants it: its time rounded, its rule where it matters. */
struct rules_contribution rules_windows_prepare(const struct correlation *correlation,
                                                struct rules_contribution contribution);

/* Orders by group, time, rule, value: a comparison for qsort. */
int rules_windows_compare(const void *left, const void *right);

/* Marks those of one group, in that order, that fire; at how many moments some did. */
size_t rules_windows_judge(struct rules_windows *windows, const struct correlation *correlation,
                           struct rules_contribution *items, size_t count);

#endif
