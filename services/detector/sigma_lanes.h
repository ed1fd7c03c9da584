/* sigma_lanes.h: what finds the atoms of each lane (a field, or all values that keywords search).
 *
 * Owner: init/fini on the caller's struct; texts of patterns are borrowed. Threads: read-only once
 * filled. Errors: none; out of memory aborts.
 */
#ifndef SIEM_DETECTOR_SIGMA_LANES_H
#define SIEM_DETECTOR_SIGMA_LANES_H

#include "services/detector/affix_tree.h"
#include "services/detector/equal_table.h"
#include "services/detector/literal_machine.h"
#include "services/detector/sigma_plan.h"

struct sigma_lane {
    uint32_t present;            /* the atom "has a value", or SIGMA_NONE */
    bool has_texts, has_numbers; /* in the tables */
    struct affix_tree *prefixes; /* this and the next: NULL when there is none */
    struct affix_tree *suffixes;
    /* Literals are searched for by filters, NULL for none, and in texts that one of these leaves,
     * by a machine that knows those of all three, so that a long text is passed through once. */
    struct literal_filter *filter;      /* of those that are ASCII and bear witness */
    struct literal_filter *late_filter; /* of the others that are ASCII */
    struct literal_filter *wide_filter; /* of those beyond ASCII, for values that are too */
    struct literal_machine *machine;
};

struct sigma_lanes {
    uint32_t count; /* of fields, and one for keywords, the last */
    struct sigma_lane *items;
    struct equal_table texts, numbers;
};

/* Fills the lanes from the plan's atoms. */
void sigma_lanes_init(struct sigma_lanes *lanes, const struct plan *plan);

/* Frees them. */
void sigma_lanes_fini(struct sigma_lanes *lanes);

/* Adds the atoms that the value has, by all indexes but that of literals. */
void sigma_lanes_look_up(const struct sigma_lanes *lanes, uint32_t lane, const struct value *value,
                         struct text folded, struct hit_set *hits);

#endif
