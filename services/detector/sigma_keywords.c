/* sigma_keywords.c: the literals that keywords search all values for, by the logsources whose rules
 * ask for them: few of them concern an event, and a filter of few is sparse. */
#include "services/detector/sigma_engine_parts.h"

#include <stdlib.h>

static bool is_keyword(const struct plan *plan, uint32_t atom) {
    return plan->atoms[atom].lane == plan_keywords_lane(plan) &&
           plan->atoms[atom].finder == FINDER_CONTAINS;
}

void sigma_keywords_init(struct sigma_engine *engine, struct plan *plan) {
    struct sigma_keywords *keywords = &engine->keywords;
    keywords->literals = calloc((size_t)plan->atom_count + 1, sizeof *keywords->literals);
    if (keywords->literals == NULL)
        abort();
    for (uint32_t i = 0; i < plan->atom_count; i++) {
        if (!is_keyword(plan, i))
            continue;
        plan->atoms[i].keyword = keywords->count;
        keywords->literals[keywords->count++] =
            (struct literal){plan->atoms[i].pattern->literal, i};
    }
    keywords->words = keywords->count / 64 + 1;
    for (uint32_t i = 0; i < engine->group_count; i++)
        engine->groups[i].bits.keywords =
            arena_zalloc(&engine->arena, keywords->words, sizeof(uint64_t));
}

void sigma_keywords_fini(struct sigma_keywords *keywords) {
    free(keywords->literals);
}

static void add_atom(const struct plan *plan, uint32_t atom, uint64_t *bits) {
    if (atom != SIGMA_NONE && is_keyword(plan, atom))
        sigma_bit_set(bits, plan->atoms[atom].keyword);
}

void sigma_keywords_add(const struct plan *plan, const struct plan_node *node, uint64_t *bits) {
    for (uint32_t i = 0; i < node->count; i++)
        sigma_keywords_add(plan, node->children[i], bits);
    if (node->kind != PLAN_TERM || node->lane != plan_keywords_lane(plan))
        return;
    const struct plan_term *term = &plan->terms[node->term];
    for (uint32_t i = 0; i < term->count; i++) {
        uint32_t atom = plan->term_atoms[term->first + i];
        add_atom(plan, atom, bits);
        add_atom(plan, plan->atoms[atom].hint, bits);
    }
}

size_t sigma_keywords_shortest(const struct sigma_engine *engine, const uint64_t *bits) {
    const struct sigma_keywords *keywords = &engine->keywords;
    size_t shortest = SIZE_MAX;
    if (engine->lanes.items[engine->lanes.count - 1].wide_filter != NULL)
        return 1;
    for (uint32_t i = 0; i < keywords->count; i++)
        if (sigma_bit(bits, i) && keywords->literals[i].text.length < shortest)
            shortest = keywords->literals[i].text.length;
    return shortest;
}

void sigma_keywords_filter(const struct sigma_keywords *keywords, struct sigma_route *route) {
    struct literal *literals = calloc((size_t)keywords->count + 1, sizeof *literals);
    size_t count = 0;
    if (literals == NULL)
        abort();
    for (uint32_t i = 0; i < keywords->count; i++)
        if (sigma_bit(route->bits.keywords, i))
            literals[count++] = keywords->literals[i];
    if (count > 0)
        route->keywords = literal_filter_new(literals, count);
    if (count > 0 && route->keyword_shortest >= LOOSE_LENGTH_MIN)
        route->loose = literal_filter_new_loose(literals, count);
    free(literals);
}
