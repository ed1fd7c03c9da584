/* sigma_databases.h: the regular expressions that a database can search for, one each, compiled
 * side by side.
 *
 * An expression has a database of its own because a rule seldom asks for one: those that stand in
 * one database are all searched for at the price of the costliest. Owner: init/fini on the caller's
 * struct. Threads: making starts up to ENGINE_THREADS_MAX threads of its own, and ends them;
 * read-only afterwards. Errors: none; an expression that cannot be compiled has no database.
 */
#ifndef SIEM_DETECTOR_SIGMA_DATABASES_H
#define SIEM_DETECTOR_SIGMA_DATABASES_H

#include "services/detector/pattern_database.h"
#include "services/detector/sigma_plan.h"

struct sigma_databases {
    struct pattern_database **items;
    uint32_t count;
};

/* Makes them for the atoms of the plan, which are told theirs. */
void sigma_databases_init(struct sigma_databases *databases, struct plan *plan);

/* Frees them. */
void sigma_databases_fini(struct sigma_databases *databases);

/* A scratch large enough for all of them; NULL when there is none. */
struct pattern_scratch *sigma_databases_scratch(const struct sigma_databases *databases);

#endif
