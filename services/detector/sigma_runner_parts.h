/* sigma_runner_parts.h: one thread's matching: what sigma_search.c finds and sigma_runner.c decides
 * by.
 *
 * Owner, threads, errors: see sigma_engine.h.
 */
#ifndef SIEM_DETECTOR_SIGMA_RUNNER_PARTS_H
#define SIEM_DETECTOR_SIGMA_RUNNER_PARTS_H

#include "services/detector/sigma_engine_parts.h"
#include "services/detector/value_memory.h"

struct sigma_runner {
    const struct sigma_engine *engine;
    struct sigma_routes *routes;
    struct pattern_scratch *scratch; /* NULL: the engine has no database */
    struct sigma_workspace workspace;
    struct value_memory *memory;
    struct literal_searches searches;
    struct hit_set atoms;
    struct hit_set found;     /* of one value */
    uint64_t *terms;          /* a bit for each that is known to be true */
    struct hit_set asked;     /* terms that were looked at late */
    struct hit_set attempted; /* atoms that were tried */
    struct hit_set searched;  /* late: lanes, SEARCHES numbers each */
    uint64_t *candidates;     /* a bit for each rule of which a witness was found */
    uint32_t *rules;          /* to try; the first of them, then, those that match */
    uint32_t tried;
    uint32_t measured_lane; /* whose values were measured last; SIGMA_NONE: none's */
    size_t measured_size;
    size_t tried_size; /* of the values in which late literals were looked for one by one */
    uint32_t spread;   /* of the atoms found, those that have set their terms */
    const struct value *reduced_value; /* that was reduced last; NULL: none */
    bool is_reduced;                   /* else it cannot be */
    struct text reduced;
    struct buffer room;       /* for it */
    struct fields *fields;    /* the event's */
    bool is_free_of_keywords; /* the metadata's texts have none */
    const struct sigma_route *route;
};

/* Finds what bears witness in the event's route, and makes candidates. */
void sigma_search_witnesses(struct sigma_runner *runner);

/* Finds the atoms of a lane in this way, unless that was done for the event. */
void sigma_search_lane(struct sigma_runner *runner, uint32_t lane, enum sigma_search search);

/* Tries an atom, unless that was done for the event. */
void sigma_try_atom(struct sigma_runner *runner, const struct sigma_check *check);

/* The field a lane is of, or SIGMA_KEYWORDS. */
static inline uint32_t sigma_lane_field(const struct sigma_runner *runner, uint32_t lane) {
    return lane == runner->engine->lanes.count - 1 ? SIGMA_KEYWORDS : lane;
}

#endif
