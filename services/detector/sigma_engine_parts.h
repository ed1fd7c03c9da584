/* sigma_engine_parts.h: what an engine consists of: sigma_engine.c makes it, sigma_runner.c runs
 * it.
 *
 * Owner, threads, errors: see sigma_engine.h.
 */
#ifndef SIEM_DETECTOR_SIGMA_ENGINE_PARTS_H
#define SIEM_DETECTOR_SIGMA_ENGINE_PARTS_H

#include "services/detector/sigma_databases.h"
#include "services/detector/sigma_lanes.h"
#include "services/detector/sigma_steps.h"

/* For each number, a list of numbers: those of `from` stand from starts[from] to starts[from+1]. */
struct sigma_lists {
    uint32_t *starts;
    uint32_t *items;
};

/* Ways to find the atoms of a lane. */
enum sigma_search { SEARCH_LOOK_UP, SEARCH_LITERALS, SEARCH_LATE_LITERALS, SEARCHES };

/* Texts that are looked for before a database is searched. */
#define CHECK_RUNS_MAX 8

/* What is to be done before a term is known to be false: a search of its lane, or trying an atom.
 */
struct sigma_check {
    enum sigma_search search; /* SEARCHES: none */
    uint32_t lane;
    uint32_t atom;    /* SIGMA_NONE: none is tried */
    uint32_t hint;    /* an atom without which this one is not there; SIGMA_NONE: none */
    struct text late; /* the literal that is looked for late: the atom's, or the hint's; or null */
    const struct sigma_pattern *pattern;
    const struct pattern_database *database; /* NULL: the pattern is tried */
    const struct text *runs; /* folded: they stand in this order in all that the database matches */
    uint32_t run_count;
};

/* Rules as bits, 64 to a word. */
struct sigma_route_bits {
    uint64_t *rules;    /* may match */
    uint64_t *always;   /* and are tried whatever is found */
    uint8_t *ways;      /* by lane: how witnesses are found there, sigma_way() of each search */
    uint64_t *keywords; /* literals of keywords that the rules ask for, by their numbers */
};

/* So many events of a logsource have its own filters of keywords made; until then that of all does.
 * It takes as long as some hundred searches, and anybody can send a new logsource each time. */
#define KEYWORDS_OWN_FROM 256

/* What may match events of one logsource. */
struct sigma_route {
    struct sigma_route_bits bits;
    uint32_t uses;                   /* so far, at most KEYWORDS_OWN_FROM */
    struct literal_filter *keywords; /* of its own literals of keywords, from KEYWORDS_OWN_FROM
                                        uses on; NULL: there are none */
    struct literal_filter *loose;    /* the same for texts that are not folded; NULL: none, or a
                                        literal is too short for it */
    size_t keyword_shortest;         /* no shorter value has a literal of keywords */
    uint64_t number;                 /* of no other route before or after; above 0 */
};

/* Literals that keywords search all values for, and that bear witness. */
struct sigma_keywords {
    struct literal *literals;
    uint32_t count;
    uint32_t words; /* that have a bit for each */
};

/* The rules of one logsource. */
struct sigma_route_group {
    const struct logsource *logsource;
    struct sigma_route_bits bits;
};

struct sigma_engine {
    struct arena arena;
    struct sigma_lanes lanes;
    struct sigma_databases databases;
    struct sigma_keywords keywords;
    uint32_t rule_count, atom_count, term_count;
    uint32_t *first_steps; /* by rule */
    struct sigma_steps steps;
    struct sigma_lists of_atoms; /* twice its number: its terms; behind them, the rules that it
                                    is a witness of */
    uint32_t *first_checks;      /* by term, one more than there are terms */
    struct sigma_check *checks;
    struct sigma_route_group *groups;
    uint32_t group_count;
    uint32_t rule_words, lane_count;
    uint32_t without_witness;
};

/* How what this finder finds is searched for; it is not DIRECT. */
static inline enum sigma_search sigma_search_for(enum atom_finder finder) {
    if (finder == FINDER_CONTAINS_LATE)
        return SEARCH_LATE_LITERALS;
    bool is_literal = finder == FINDER_CONTAINS || finder == FINDER_CONTAINS_WIDE;
    return is_literal ? SEARCH_LITERALS : SEARCH_LOOK_UP;
}

/* A way of searching, as a bit. */
static inline uint8_t sigma_way(enum sigma_search search) {
    return (uint8_t)(1u << search);
}

/* A number and what stands in its list. */
struct sigma_pair {
    uint32_t from, to;
};

struct sigma_pairs {
    struct sigma_pair *items;
    uint32_t count, capacity;
};

/* Adds a pair. */
void sigma_pairs_add(struct sigma_pairs *pairs, uint32_t from, uint32_t to);

/* Makes the lists of the numbers below `limit` and frees the pairs. */
struct sigma_lists sigma_lists_make(struct sigma_pairs *pairs, uint32_t limit);

/* Adds a rule of the plan to the group of its logsource (sigma_routes.c). */
void sigma_routes_add(struct sigma_engine *engine, const struct plan *plan, uint32_t rule,
                      const struct logsource *logsource, const struct plan_witnesses *witnesses);

/* A view's memory in an arena, all bits off. */
struct sigma_route_bits sigma_route_bits_new(const struct sigma_engine *engine,
                                             struct arena *arena);

/* The rules to try for one logsource, remembered. */
struct sigma_routes;

/* None yet. */
struct sigma_routes *sigma_routes_new(const struct sigma_engine *engine);

/* Frees it and nulls the pointer; NULL is fine. */
void sigma_routes_destroy(struct sigma_routes **routes);

/* What may match events of the logsource; borrowed until the next call. */
const struct sigma_route *sigma_routes_find(struct sigma_routes *routes,
                                            const struct logsource *logsource);

/* Notes which literals of keywords a rule of the plan asks for (sigma_routes.c). */
void sigma_routes_add_keywords(struct sigma_engine *engine, const struct plan *plan,
                               const struct plan_node *rule, const struct logsource *logsource);

/* Takes the literals of keywords out of the plan, when it is known which bear witness; each atom
 * is told its number, each group has room for them (sigma_keywords.c). */
void sigma_keywords_init(struct sigma_engine *engine, struct plan *plan);

/* Frees them. */
void sigma_keywords_fini(struct sigma_keywords *keywords);

/* Sets the bits of those that a node of a rule asks for. */
void sigma_keywords_add(const struct plan *plan, const struct plan_node *node, uint64_t *bits);

/* Bytes of a value in which one of those whose bits are set may be, at least. */
size_t sigma_keywords_shortest(const struct sigma_engine *engine, const uint64_t *bits);

/* Makes the route's filters of those whose bits are set. */
void sigma_keywords_filter(const struct sigma_keywords *keywords, struct sigma_route *route);

static inline bool sigma_bit(const uint64_t *bits, uint32_t number) {
    return bits[number / 64] >> (number % 64) & 1;
}

static inline void sigma_bit_set(uint64_t *bits, uint32_t number) {
    bits[number / 64] |= 1ull << (number % 64);
}

#endif
