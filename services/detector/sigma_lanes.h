/* sigma_lanes.h: what finds the atoms of each lane (a field, or all values that keywords search).
 *
 * Owner: init/fini on the caller's struct; texts of patterns are borrowed. Threads: filling starts
 * up to ENGINE_THREADS_MAX threads of its own, because compiling databases is most of what loading
 * rules takes, and ends them; read-only afterwards. Errors: none; out of memory aborts.
 */
#ifndef SIEM_DETECTOR_SIGMA_LANES_H
#define SIEM_DETECTOR_SIGMA_LANES_H

#include "services/detector/affix_tree.h"
#include "services/detector/equal_table.h"
#include "services/detector/pattern_database.h"
#include "services/detector/sigma_plan.h"

/* An atom that is found by trying its pattern. */
struct sigma_try {
    uint32_t atom;
    const struct sigma_pattern *pattern;
};

struct sigma_lane {
    uint32_t present;            /* the atom "has a value", or SIGMA_NONE */
    bool has_texts, has_numbers; /* in the tables */
    struct affix_tree *prefixes; /* this and the next four: NULL when there is none */
    struct affix_tree *suffixes;
    struct pattern_database *literals;
    struct pattern_database *wide_literals; /* for values that are not ASCII */
    struct pattern_database *expressions;
    uint32_t expression_count; /* of atoms in `expressions` */
    struct sigma_try *tries;   /* the same atoms, for values that cannot be reduced */
};

struct sigma_lanes {
    uint32_t count; /* of fields, and one for keywords, the last */
    struct sigma_lane *items;
    struct equal_table texts, numbers;
};

/* Fills the lanes from the plan's atoms. An atom whose expression cannot be compiled is DIRECT
 * afterwards. */
void sigma_lanes_init(struct sigma_lanes *lanes, struct plan *plan);

/* Frees them. */
void sigma_lanes_fini(struct sigma_lanes *lanes);

/* How many databases there are. */
uint32_t sigma_lanes_database_count(const struct sigma_lanes *lanes);

/* Makes a scratch large enough for all databases; NULL when there is none. */
struct pattern_scratch *sigma_lanes_scratch(const struct sigma_lanes *lanes);

/* Adds the atoms that the value has, by all indexes but that of literals (and of expressions). */
void sigma_lanes_look_up(const struct sigma_lanes *lanes, uint32_t lane, const struct value *value,
                         struct text folded, struct hit_set *hits);

#endif
