/* sigma_steps.h: a rule's condition as steps: each looks at one term and says where to go on, so
 * that a rule is decided with as few terms as its condition allows.
 *
 * Steps of a rule stand together, its first step first; going on is always forward. Terms that take
 * more to find are asked for later. Owner: the list is the caller's, init/fini. Threads: one.
 * Limits: SIGMA_TESTS_MAX steps a rule, which sigma_compile() sees to.
 */
#ifndef SIEM_DETECTOR_SIGMA_STEPS_H
#define SIEM_DETECTOR_SIGMA_STEPS_H

#include "services/detector/sigma_plan.h"

#define SIGMA_STEP_MISS 0xfffeu
#define SIGMA_STEP_MATCH 0xffffu

_Static_assert(SIGMA_TESTS_MAX < SIGMA_STEP_MISS, "the number of a step is below both ends");

/* In a step's ways: some atoms are found by trying. */
#define SIGMA_STEP_TRIES 0x80u
/* Above its ways stands the lane. */
#define SIGMA_STEP_LANE_SHIFT 8

struct sigma_step {
    uint32_t term;
    uint32_t ways; /* of the searches that find the term's atoms; and their lane */
    uint16_t yes;  /* the step after this when the term is true, from the rule's first */
    uint16_t no;
};

struct sigma_steps {
    struct sigma_step *items;
    uint32_t count, capacity;
};

/* Appends the steps of a rule; the number of its first. */
uint32_t sigma_steps_add(struct sigma_steps *steps, const struct plan_node *rule);

#endif
