/* affix_tree.h: which of many literals a text begins with, or ends with: a tree whose branches are
 * the literals' common beginnings (or ends), walked once, as far as the text goes along with it.
 *
 * Owner: new/destroy; the literals are copied. Threads: read-only once made.
 * Errors: out of memory aborts. Limits: walking takes at most as many steps as the longest literal
 * has bytes. Source: Morrison, PATRICIA (1968).
 */
#ifndef SIEM_DETECTOR_AFFIX_TREE_H
#define SIEM_DETECTOR_AFFIX_TREE_H

#include "common/bytes.h"
#include "services/detector/hit_set.h"

enum affix_end { AFFIX_PREFIX, AFFIX_SUFFIX };

struct affix {
    struct text text; /* not empty, and no other's */
    uint32_t number;
};

struct affix_tree;

/* A tree of these literals, which it sorts; `count` is at least 1. */
struct affix_tree *affix_tree_new(struct affix *affixes, size_t count, enum affix_end end);

/* Frees it and nulls the pointer; NULL is fine. */
void affix_tree_destroy(struct affix_tree **tree);

/* Adds the numbers of the literals the text begins with (or ends with). */
void affix_tree_walk(const struct affix_tree *tree, struct text text, struct hit_set *hits);

#endif
