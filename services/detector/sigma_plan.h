/* sigma_plan.h: what is known while an engine is made, and gone when it is: atoms, terms, and rules
 * as trees of terms.
 *
 * An atom is a pattern on a lane. A lane is a field, or, behind the last field, all values that
 * keywords search. A term is true when any of its atoms is. Numbers of atoms and terms are dense
 * from 0. Owner: init/fini on the caller's struct. Threads: one. Errors: out of memory aborts.
 */
#ifndef SIEM_DETECTOR_SIGMA_PLAN_H
#define SIEM_DETECTOR_SIGMA_PLAN_H

#include "common/buffer.h"
#include "services/detector/digest_index.h"
#include "services/detector/sigma_engine.h"

#define SIGMA_NONE UINT32_MAX

/* Who finds out whether an atom is there. */
enum atom_finder {
    FINDER_TEXT_EQUAL,    /* the table of texts */
    FINDER_NUMBER_EQUAL,  /* the table of numbers */
    FINDER_PREFIX,        /* the tree of beginnings */
    FINDER_SUFFIX,        /* the tree of ends */
    FINDER_CONTAINS,      /* the filter of ASCII literals that bear witness */
    FINDER_CONTAINS_LATE, /* that of the other ASCII literals, when asked */
    FINDER_CONTAINS_WIDE, /* that of the others, for values that are not ASCII */
    FINDER_PRESENT,       /* the field has a value */
    FINDER_DIRECT,        /* its pattern or its database is tried, when asked */
};

struct pattern_database;

struct plan_atom {
    uint32_t lane;
    enum atom_finder finder;
    const struct sigma_pattern *pattern; /* NULL: PRESENT */
    uint32_t hint;    /* an atom that is found whenever this one is there; SIGMA_NONE: not known */
    uint32_t uses;    /* by terms of rules */
    uint32_t keyword; /* its number among the literals of keywords, when it is one */
    bool bears_witness;
    const struct pattern_database *database; /* of a DIRECT regular expression, or NULL */
};

/* What it takes to find out whether a term is true: tables and trees, the machines of literals, or
 * searches that only a rule which asks for them pays for. Rules ask for the least first. */
enum plan_effort { EFFORT_LOOK_UP, EFFORT_LITERALS, EFFORT_LATE, EFFORTS };

struct plan_term {
    uint32_t lane;
    uint32_t first; /* of its atoms in plan.term_atoms */
    uint32_t count;
    enum plan_effort effort;
};

enum plan_kind { PLAN_TERM, PLAN_AND, PLAN_OR, PLAN_NOT };

/* A rule, or a part of it. */
struct plan_node {
    enum plan_kind kind;
    enum plan_effort effort; /* the most that some term below takes */
    uint32_t term, lane;     /* of a TERM */
    uint32_t count;
    const struct plan_node **children;
};

struct plan {
    struct arena *lasting; /* the engine's: what atoms point to */
    struct arena passing;  /* the plan's own */
    uint32_t field_count;
    struct plan_atom *atoms;
    uint32_t atom_count, atom_capacity;
    struct plan_term *terms;
    uint32_t term_count, term_capacity;
    uint32_t *term_atoms;
    uint32_t term_atom_count, term_atom_capacity;
    struct digest_index atom_index, term_index;
    struct buffer key; /* room for what describes an atom or a term */
};

/* An empty plan for an engine whose arena is given. */
void plan_init(struct plan *plan, struct arena *lasting, uint32_t field_count);

/* Frees its memory. */
void plan_fini(struct plan *plan);

/* Lane of keywords: behind all fields. */
static inline uint32_t plan_keywords_lane(const struct plan *plan) {
    return plan->field_count;
}

/* Number of an atom (sigma_atoms.c). */
uint32_t plan_atom(struct plan *plan, uint32_t lane, const struct sigma_pattern *pattern);

/* Number of the term "any of these patterns" (sigma_plan.c). */
uint32_t plan_term(struct plan *plan, uint32_t field, const struct sigma_patterns *group);

/* The tree of terms of a rule's program. */
const struct plan_node *plan_rule(struct plan *plan, const struct sigma_expression *program);

/* One array's room for one more item; the items move. */
void *plan_grow(void *items, uint32_t count, uint32_t *capacity, size_t size);

/* Atoms of which one is found whenever a rule is true; the caller frees them. */
struct plan_witnesses {
    bool has_some; /* false: an event without any atom may match */
    uint32_t count;
    uint32_t *atoms;
};

/* The witnesses of a rule; all rules must be in the plan already (sigma_witness.c). */
struct plan_witnesses plan_witnesses(const struct plan *plan, const struct plan_node *rule);

#endif
