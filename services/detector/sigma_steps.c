/* sigma_steps.c: steps are written from the last to the first, so that where each goes on is known
 * when it is written; then they are turned round. */
#include "services/detector/sigma_steps.h"

#include <assert.h>

struct writer {
    struct sigma_steps *steps;
    uint32_t first; /* of the rule's */
};

/* Where to go on: numbers of steps from the end of the rule, or one of the ends. */
struct targets {
    uint32_t yes, no;
};

static uint32_t write_step(struct writer *writer, const struct plan_node *node,
                           struct targets targets) {
    struct sigma_steps *steps = writer->steps;
    uint32_t number = steps->count - writer->first;
    assert(number < SIGMA_TESTS_MAX);
    steps->items = plan_grow(steps->items, steps->count, &steps->capacity, sizeof *steps->items);
    steps->items[steps->count++] =
        (struct sigma_step){node->term, node->lane << SIGMA_STEP_LANE_SHIFT, (uint16_t)targets.yes,
                            (uint16_t)targets.no};
    return number;
}

static uint32_t write_node(struct writer *writer, const struct plan_node *node,
                           struct targets targets);

/* Writes the children that take this effort; `next` is where the chain goes on. */
static uint32_t write_children(struct writer *writer, const struct plan_node *node,
                               struct targets targets, enum plan_effort effort, uint32_t next) {
    for (uint32_t i = node->count; i > 0; i--) {
        const struct plan_node *child = node->children[i - 1];
        if (child->effort != effort)
            continue;
        struct targets onward = targets;
        *(node->kind == PLAN_AND ? &onward.yes : &onward.no) = next;
        next = write_node(writer, child, onward);
    }
    return next;
}

/* Writes a node's steps; the one to enter by. */
static uint32_t write_node(struct writer *writer, const struct plan_node *node,
                           struct targets targets) {
    if (node->kind == PLAN_TERM)
        return write_step(writer, node, targets);
    if (node->kind == PLAN_NOT)
        return write_node(writer, node->children[0], (struct targets){targets.no, targets.yes});
    uint32_t next = node->kind == PLAN_AND ? targets.yes : targets.no;
    for (int effort = EFFORTS - 1; effort >= 0; effort--)
        next = write_children(writer, node, targets, (enum plan_effort)effort, next);
    return next;
}

static uint16_t turn(uint16_t target, uint32_t last) {
    return target >= SIGMA_STEP_MISS ? target : (uint16_t)(last - target);
}

/* Puts the rule's first step first. */
static void turn_round(struct sigma_step *items, uint32_t count) {
    for (uint32_t i = 0; i < count / 2; i++) {
        struct sigma_step step = items[i];
        items[i] = items[count - 1 - i];
        items[count - 1 - i] = step;
    }
    for (uint32_t i = 0; i < count; i++) {
        items[i].yes = turn(items[i].yes, count - 1);
        items[i].no = turn(items[i].no, count - 1);
    }
}

uint32_t sigma_steps_add(struct sigma_steps *steps, const struct plan_node *rule) {
    struct writer writer = {steps, steps->count};
    uint32_t entry = write_node(&writer, rule, (struct targets){SIGMA_STEP_MATCH, SIGMA_STEP_MISS});
    uint32_t count = steps->count - writer.first;
    assert(count > 0 && entry == count - 1);
    turn_round(steps->items + writer.first, count);
    return writer.first;
}
