/* sigma_add.h: inside a set of rules: documents that were read become part of it. For
 * sigma_rules.c.
 *
 * Owner: the set's. Threads: the one that finishes the set. Errors: a status whose reason is in the
 * reader's error; the set is as it was then. Limits: SIGMA_RULES_MAX, SIGMA_FILTERS_MAX.
 */
#ifndef SIEM_DETECTOR_SIGMA_ADD_H
#define SIEM_DETECTOR_SIGMA_ADD_H

#include "services/detector/sigma_filter.h"
#include "services/detector/sigma_rules.h"

struct sigma_filters {
    size_t count;
    size_t capacity;
    struct sigma_filter *items;
};

/* A file being read into a set. */
struct sigma_adding {
    struct sigma_rules *rules;
    struct sigma_filters *filters;
    bool takes_filters; /* only filters are taken; else all but filters */
    const char *file;
    struct sigma_reader reader; /* its arena is the file's, or, for filters, the set's of them */
};

/* Reads, filters, maps and compiles a detection rule. */
MUST_CHECK enum status sigma_add_rule(struct sigma_adding *adding, const struct sigma_node *root);

/* Reads a filter. */
MUST_CHECK enum status sigma_add_filter(struct sigma_adding *adding, const struct sigma_node *root);

/* Reads a correlation rule; what it refers to is found when the set is finished.
 * (sigma_correlation_add.c) */
MUST_CHECK enum status sigma_add_correlation(struct sigma_adding *adding,
                                             const struct sigma_node *root);

/* Puts onto the list of refusals which filters name rules that are not there, and onto that of
 * warnings which concern none. */
void sigma_add_unused_filters(struct sigma_rules *rules, const struct sigma_filters *filters);

/* Room for the next rule; it is part of the set once `count` says so. */
struct sigma_loaded_rule *sigma_rules_next(struct sigma_rules *rules);

/* Room for one more item of a list, which may move. */
void *sigma_rules_grow(void *items, size_t count, size_t *capacity, size_t size);

#endif
