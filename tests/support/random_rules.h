/* random_rules.h: for tests: rules and events at random, from few fields and few characters, so
 * that patterns often match, and often nearly.
 *
 * The same seed gives the same. Owner: texts go into the buffer given. Threads: one.
 */
#ifndef SIEM_TESTS_RANDOM_RULES_H
#define SIEM_TESTS_RANDOM_RULES_H

#include "common/buffer.h"

struct random_source {
    uint64_t state;
};

/* A number below `limit`. */
uint32_t random_below(struct random_source *source, uint32_t limit);

/* Appends a rule as YAML; its id is made of `number`. Not every one is legal. */
void random_rule(struct random_source *source, uint32_t number, struct buffer *out);

/* Appends an event as JSON. */
void random_event(struct random_source *source, struct buffer *out);

#endif
