/* sigma_expressions.h: patterns as regular expressions over reduced texts, for the database of
 * expressions of their field.
 *
 * Owner: texts live in the arena given. Threads: pure. Errors: none.
 */
#ifndef SIEM_DETECTOR_SIGMA_EXPRESSIONS_H
#define SIEM_DETECTOR_SIGMA_EXPRESSIONS_H

#include "services/detector/pattern_database.h"
#include "services/detector/sigma_program.h"

/* True for a glob, a regular expression or a cased literal that has the same meaning over reduced
 * texts. */
bool sigma_expression_suits(const struct sigma_pattern *pattern);

/* Such a pattern for a database, under this number. */
struct database_pattern sigma_expression_make(const struct sigma_pattern *pattern, uint32_t number,
                                              struct arena *arena);

#endif
