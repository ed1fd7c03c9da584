/* sigma_routes.c: rules by logsource: grouped when the engine is made, joined for each logsource
 * that an event has. */
#include "services/detector/sigma_engine_parts.h"

#include <stdlib.h>
#include <xxhash.h>

/* Places a route may be in. */
#define WAYS 8

struct place {
    bool is_used;
    XXH128_hash_t key;
    struct sigma_route route;
};

struct sigma_routes {
    const struct sigma_engine *engine;
    struct arena arena;
    uint32_t next_way; /* that is given up for a new route */
    uint64_t made;     /* routes so far */
    struct place places[ROUTES_MAX];
};

struct sigma_route_bits sigma_route_bits_new(const struct sigma_engine *engine,
                                             struct arena *arena) {
    struct sigma_route_bits bits = {
        .rules = arena_zalloc(arena, engine->rule_words, sizeof(uint64_t)),
        .always = arena_zalloc(arena, engine->rule_words, sizeof(uint64_t)),
        .ways = arena_zalloc(arena, engine->lane_count, sizeof(uint8_t)),
        .keywords = arena_zalloc(arena, engine->keywords.words, sizeof(uint64_t)),
    };
    return bits;
}

static bool is_same(const struct logsource *a, const struct logsource *b) {
    return text_equal(a->category, b->category) && text_equal(a->product, b->product) &&
           text_equal(a->service, b->service);
}

static struct sigma_route_group *find_group(struct sigma_engine *engine,
                                            const struct logsource *logsource) {
    for (uint32_t i = 0; i < engine->group_count; i++)
        if (is_same(engine->groups[i].logsource, logsource))
            return &engine->groups[i];
    struct sigma_route_group *group = &engine->groups[engine->group_count++];
    *group = (struct sigma_route_group){logsource, sigma_route_bits_new(engine, &engine->arena)};
    return group;
}

/* Notes where a witness is found. */
static void need_atom(struct sigma_route_bits *bits, const struct plan_atom *atom) {
    bits->ways[atom->lane] |= sigma_way(sigma_search_for(atom->finder));
}

void sigma_routes_add(struct sigma_engine *engine, const struct plan *plan, uint32_t rule,
                      const struct logsource *logsource, const struct plan_witnesses *witnesses) {
    struct sigma_route_bits *bits = &find_group(engine, logsource)->bits;
    sigma_bit_set(bits->rules, rule);
    if (!witnesses->has_some)
        sigma_bit_set(bits->always, rule);
    for (uint32_t i = 0; i < witnesses->count; i++)
        need_atom(bits, &plan->atoms[witnesses->atoms[i]]);
}

void sigma_routes_add_keywords(struct sigma_engine *engine, const struct plan *plan,
                               const struct plan_node *rule, const struct logsource *logsource) {
    sigma_keywords_add(plan, rule, find_group(engine, logsource)->bits.keywords);
}

struct sigma_routes *sigma_routes_new(const struct sigma_engine *engine) {
    struct sigma_routes *routes = calloc(1, sizeof *routes);
    if (routes == NULL)
        abort();
    routes->engine = engine;
    arena_init(&routes->arena);
    for (size_t i = 0; i < ROUTES_MAX; i++)
        routes->places[i].route.bits = sigma_route_bits_new(engine, &routes->arena);
    return routes;
}

void sigma_routes_destroy(struct sigma_routes **routes) {
    if (*routes == NULL)
        return;
    for (size_t i = 0; i < ROUTES_MAX; i++) {
        literal_filter_destroy(&(*routes)->places[i].route.keywords);
        literal_filter_destroy(&(*routes)->places[i].route.loose);
    }
    arena_fini(&(*routes)->arena);
    free(*routes);
    *routes = NULL;
}

static XXH128_hash_t hash_text(struct text text, XXH128_hash_t before) {
    uint64_t seed = before.low64 ^ before.high64 ^ (text.data == NULL);
    return XXH3_128bits_withSeed(text.data != NULL ? text.data : "", text.length, seed);
}

static XXH128_hash_t key_of(const struct logsource *logsource) {
    XXH128_hash_t key = hash_text(logsource->category, (XXH128_hash_t){0, 0});
    key = hash_text(logsource->product, key);
    return hash_text(logsource->service, key);
}

static void join(uint64_t *into, const uint64_t *bits, uint32_t words) {
    for (uint32_t i = 0; i < words; i++)
        into[i] |= bits[i];
}

/* Finds out which rules may match: those of every group that does not conflict. */
static void join_groups(const struct sigma_engine *engine, const struct logsource *logsource,
                        struct sigma_route_bits *bits) {
    memset(bits->rules, 0, engine->rule_words * sizeof(uint64_t));
    memset(bits->always, 0, engine->rule_words * sizeof(uint64_t));
    memset(bits->ways, 0, engine->lane_count);
    memset(bits->keywords, 0, engine->keywords.words * sizeof(uint64_t));
    for (uint32_t i = 0; i < engine->group_count; i++) {
        const struct sigma_route_group *group = &engine->groups[i];
        if (logsource_conflicts(group->logsource, logsource))
            continue;
        join(bits->rules, group->bits.rules, engine->rule_words);
        join(bits->always, group->bits.always, engine->rule_words);
        join(bits->keywords, group->bits.keywords, engine->keywords.words);
        for (uint32_t k = 0; k < engine->lane_count; k++)
            bits->ways[k] |= group->bits.ways[k];
    }
}

static void make_route(struct sigma_routes *routes, const struct logsource *logsource,
                       struct sigma_route *route) {
    join_groups(routes->engine, logsource, &route->bits);
    literal_filter_destroy(&route->keywords);
    literal_filter_destroy(&route->loose);
    route->keyword_shortest = sigma_keywords_shortest(routes->engine, route->bits.keywords);
    route->uses = 0;
    route->number = ++routes->made;
}

/* Another event goes this way. */
static void use_route(const struct sigma_routes *routes, struct sigma_route *route) {
    if (route->uses < KEYWORDS_OWN_FROM && ++route->uses == KEYWORDS_OWN_FROM)
        sigma_keywords_filter(&routes->engine->keywords, route);
}

const struct sigma_route *sigma_routes_find(struct sigma_routes *routes,
                                            const struct logsource *logsource) {
    XXH128_hash_t key = key_of(logsource);
    struct place *ways = &routes->places[key.low64 % (ROUTES_MAX / WAYS) * WAYS];
    for (uint32_t i = 0; i < WAYS; i++)
        if (ways[i].is_used && XXH128_isEqual(ways[i].key, key)) {
            use_route(routes, &ways[i].route);
            return &ways[i].route;
        }
    struct place *place = &ways[routes->next_way++ % WAYS];
    for (uint32_t i = 0; i < WAYS && place->is_used; i++)
        if (!ways[i].is_used)
            place = &ways[i];
    make_route(routes, logsource, &place->route);
    place->key = key;
    place->is_used = true;
    return &place->route;
}
