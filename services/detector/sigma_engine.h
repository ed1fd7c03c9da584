/* sigma_engine.h: the rules of a set, compiled together, and the matching of events with all of
 * them at once.
 *
 *   rules ▶ atoms (a pattern on a field, once) ▶ terms (any of some atoms) ▶ steps over terms
 *
 * An event's values are looked up: equality in a hash table, beginnings and ends in trees, what is
 * contained by one filter a field, or one machine, which search for all literals at once; keywords
 * of a logsource that comes often by a filter of those that its rules ask for. Each atom that is found sets
 * its terms, and makes the rules it is a witness of candidates: a rule is tried only when one of
 * its witnesses was found, or when it has none, and never when its logsource conflicts with the
 * event's. What no index finds (expressions, networks, order of numbers, missing fields) is looked
 * at only when a candidate asks.
 *
 * Owner: new/destroy; the engine borrows the programs for its life, a runner borrows its engine.
 * Threads: making compiles databases on up to ENGINE_THREADS_MAX threads of its own, which end
 * before it returns; an engine is read-only and shared, a runner belongs to one thread. Errors:
 * none; out of memory aborts. Limits: SIGMA_RULES_MAX rules; a runner remembers the rules of
 * ROUTES_MAX logsources, and finds out anew beyond. Memory a value takes is its length.
 */
#ifndef SIEM_DETECTOR_SIGMA_ENGINE_H
#define SIEM_DETECTOR_SIGMA_ENGINE_H

#include "services/detector/logsource.h"
#include "services/detector/sigma_program.h"

#define ENGINE_THREADS_MAX 4
#define ROUTES_MAX 128

struct sigma_engine;
struct sigma_runner;

struct sigma_engine_rule {
    const struct sigma_expression *program;
    const struct logsource *logsource;
};

/* What an engine is made of, for those who measure it. */
struct sigma_engine_size {
    uint32_t rules;
    uint32_t atoms;
    uint32_t terms;
    uint32_t without_witness; /* rules */
    uint32_t databases;
};

/* Compiles rules, whose fields have numbers below `field_count`. */
struct sigma_engine *sigma_engine_new(const struct sigma_engine_rule *rules, uint32_t count,
                                      uint32_t field_count);

/* Frees it and nulls the pointer; NULL is fine. */
void sigma_engine_destroy(struct sigma_engine **engine);

/* How large it is. */
struct sigma_engine_size sigma_engine_measure(const struct sigma_engine *engine);

/* The memory of one thread's matching. */
struct sigma_runner *sigma_runner_new(const struct sigma_engine *engine);

/* Frees it and nulls the pointer; NULL is fine. */
void sigma_runner_destroy(struct sigma_runner **runner);

/* The rules that match the event, in their order; borrowed until the next event. Folds values. */
size_t sigma_runner_run(struct sigma_runner *runner, struct fields *fields,
                        const struct logsource *logsource, const uint32_t **ret_rules);

/* Searches by regular expression that passed a limit and so did not match, since the matcher was
 * made. */
uint64_t sigma_runner_given_up(const struct sigma_runner *runner);

/* Only searches the event's values for all literals: for those who measure what that
 * alone costs. */
void sigma_runner_scan(struct sigma_runner *runner, struct fields *fields);

#endif
