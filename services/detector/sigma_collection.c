/* sigma_collection.c: templates of rules, by merging maps. */
#include "services/detector/sigma_collection.h"

static size_t find_member(const struct sigma_node *map, struct text name) {
    size_t at = 0;
    while (at < map->count && !text_equal(map->names[at].text, name))
        at++;
    return at;
}

/* The map with the members of `over` put over its own, maps within maps merged alike; `action` is
 * left out. */
static const struct sigma_node *merge(struct arena *arena, const struct sigma_node *map,
                                      const struct sigma_node *over) {
    struct sigma_node *merged = arena_zalloc(arena, 1, sizeof *merged);
    *merged = (struct sigma_node){.kind = SIGMA_NODE_MAP, .line = map->line};
    merged->names = arena_zalloc(arena, map->count + over->count, sizeof *merged->names);
    merged->items = arena_zalloc(arena, map->count + over->count, sizeof *merged->items);
    const struct sigma_node *sources[] = {map, over};
    for (size_t s = 0; s < 2; s++) {
        for (size_t i = 0; i < sources[s]->count; i++) {
            const struct sigma_node *item = &sources[s]->items[i];
            if (text_is(sources[s]->names[i].text, "action"))
                continue;
            size_t at = find_member(merged, sources[s]->names[i].text);
            bool are_maps = at < merged->count && item->kind == SIGMA_NODE_MAP &&
                            merged->items[at].kind == SIGMA_NODE_MAP;
            merged->names[at] = sources[s]->names[i];
            merged->items[at] = are_maps ? *merge(arena, &merged->items[at], item) : *item;
            merged->count += at == merged->count;
        }
    }
    return merged;
}

static enum status take_action(struct sigma_collection *collection,
                               const struct sigma_node *document, const struct sigma_node *action,
                               const struct sigma_node **ret_rule) {
    static const struct sigma_node nothing = {.kind = SIGMA_NODE_MAP};
    struct arena *arena = collection->reader->arena;
    *ret_rule = NULL;
    if (text_is(action->text, "global")) {
        collection->global = merge(arena, document, &nothing);
        collection->previous = collection->global;
    } else if (text_is(action->text, "reset")) {
        collection->global = NULL;
    } else if (text_is(action->text, "repeat") && collection->previous != NULL) {
        collection->previous = merge(arena, collection->previous, document);
        *ret_rule = collection->previous;
    } else {
        return sigma_refuse(collection->reader->error, STATUS_BAD_SYNTAX, action->line,
                            "'action' must be global, reset, or repeat behind a rule");
    }
    return STATUS_OK;
}

enum status sigma_collection_take(struct sigma_collection *collection,
                                  const struct sigma_node *document,
                                  const struct sigma_node **ret_rule) {
    if (document->kind != SIGMA_NODE_MAP)
        return sigma_refuse(collection->reader->error, STATUS_BAD_SYNTAX, document->line,
                            "a rule must be a map");
    const struct sigma_node *action = sigma_node_member(document, "action");
    if (action != NULL)
        return take_action(collection, document, action, ret_rule);
    if (collection->global != NULL)
        document = merge(collection->reader->arena, document, collection->global);
    collection->previous = document;
    *ret_rule = document;
    return STATUS_OK;
}

enum sigma_document_kind sigma_document_kind(const struct sigma_node *root) {
    if (sigma_node_member(root, "correlation") != NULL)
        return SIGMA_DOCUMENT_CORRELATION;
    return sigma_node_member(root, "filter") != NULL ? SIGMA_DOCUMENT_FILTER : SIGMA_DOCUMENT_RULE;
}
