/* tree_match.h: for tests: what a rule says of an event, found the plain way: its tree walked from
 * the top, each pattern compared with each value. What the engine must agree with.
 *
 * Owner: borrows everything. Threads: one.
 */
#ifndef SIEM_TESTS_TREE_MATCH_H
#define SIEM_TESTS_TREE_MATCH_H

#include "services/detector/sigma_program.h"

/* True when the program matches the event. */
bool tree_match(const struct sigma_expression *program, struct fields *fields,
                struct sigma_workspace *workspace);

#endif
