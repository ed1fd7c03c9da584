/* correlated.h: which correlations the events of a scenario complete, by an oracle that sees them
 * all.
 *
 * Owner: new/destroy. Threads: one. Errors: none.
 */
#ifndef SIEM_TESTS_CORRELATED_H
#define SIEM_TESTS_CORRELATED_H

#include "services/detector/judge.h"

struct correlated;

/* Knows no event yet. */
struct correlated *correlated_new(const struct sigma_rules *rules);
void correlated_destroy(struct correlated **correlated);

/* Takes what one event, of this line, contributes. */
void correlated_add(struct correlated *correlated, size_t line, const struct event *event,
                    const struct contributions *contributions);

/* Judges all of them; to be called once. */
void correlated_judge(struct correlated *correlated);

/* True when the event of this line completes the correlation, which raises incidents. */
bool correlated_fires(const struct correlated *correlated, size_t line, size_t correlation);

/* True when the event of the line contributes to a correlation by a rule. */
bool correlated_uses(const struct correlated *correlated, size_t line,
                     const struct sigma_loaded_rule *rule);

#endif
