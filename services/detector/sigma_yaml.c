/* sigma_yaml.c: libyaml's documents copied into our nodes. */
#include "services/detector/sigma_yaml.h"

#include <stdlib.h>
#include <yaml.h>

struct copy {
    yaml_document_t *document;
    struct arena *arena;
    struct sigma_error *error;
    size_t nodes_left;
};

static int line_of(const yaml_node_t *node) {
    return (int)node->start_mark.line + 1;
}

static enum status copy_node(struct copy *copy, int index, int depth, struct sigma_node *ret_node);

static enum status copy_list(struct copy *copy, const yaml_node_t *from, int depth,
                             struct sigma_node *node) {
    size_t count = (size_t)(from->data.sequence.items.top - from->data.sequence.items.start);
    node->kind = SIGMA_NODE_LIST;
    node->count = count;
    node->items = arena_zalloc(copy->arena, count, sizeof *node->items);
    for (size_t i = 0; i < count; i++) {
        enum status status =
            copy_node(copy, from->data.sequence.items.start[i], depth, &node->items[i]);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* Where the member of that name stands; `count`: there is none. */
static size_t find_member(const struct sigma_node *map, struct text name) {
    size_t at = 0;
    while (at < map->count && !text_equal(map->names[at].text, name))
        at++;
    return at;
}

/* True for a plain <<. */
static bool is_merge_key(const struct copy *copy, int index) {
    const yaml_node_t *key = yaml_document_get_node(copy->document, index);
    return key->type == YAML_SCALAR_NODE && key->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           key->data.scalar.length == 2 && memcmp(key->data.scalar.value, "<<", 2) == 0;
}

/* Takes a member of its own, which no other may be called like. */
static enum status add_member(struct copy *copy, struct sigma_node *map,
                              const struct sigma_node *name, const struct sigma_node *item) {
    if (name->kind != SIGMA_NODE_SCALAR)
        return sigma_refuse(copy->error, STATUS_BAD_SYNTAX, name->line,
                            "a map's key must be a plain word");
    size_t at = find_member(map, name->text);
    if (at < map->count)
        return sigma_refuse(copy->error, STATUS_BAD_SYNTAX, name->line,
                            "the key '%.*s' stands twice (first in line %d)", TEXT_ARG(name->text),
                            map->names[at].line);
    map->names[map->count] = *name;
    map->items[map->count++] = *item;
    return STATUS_OK;
}

/* Takes over the members of another map that the map does not have. */
static enum status merge_map(struct copy *copy, struct sigma_node *map,
                             const struct sigma_node *from) {
    if (from->kind != SIGMA_NODE_MAP)
        return sigma_refuse(copy->error, STATUS_BAD_SYNTAX, from->line,
                            "a merge key (<<) needs a map, or a list of maps");
    for (size_t i = 0; i < from->count; i++) {
        if (find_member(map, from->names[i].text) < map->count)
            continue;
        if (map->count == SIGMA_YAML_MEMBERS_MAX)
            return sigma_refuse(copy->error, STATUS_TOO_LARGE, from->line,
                                "too many keys in a map");
        map->names[map->count] = from->names[i];
        map->items[map->count++] = from->items[i];
    }
    return STATUS_OK;
}

/* Takes over the members of all maps under merge keys, the first ones first. */
static enum status merge_all(struct copy *copy, struct sigma_node *map,
                             const struct sigma_node *merges) {
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < merges->count; i++) {
        const struct sigma_node *from = &merges->items[i];
        if (from->kind != SIGMA_NODE_LIST)
            status = merge_map(copy, map, from);
        else
            for (size_t k = 0; status == STATUS_OK && k < from->count; k++)
                status = merge_map(copy, map, &from->items[k]);
    }
    return status;
}

/* Reads the members that are the map's own; what is to be merged is kept for later. */
static enum status copy_members(struct copy *copy, const yaml_node_pair_t *pairs, size_t count,
                                int depth, struct sigma_node *node, struct sigma_node *merges) {
    for (size_t i = 0; i < count; i++) {
        struct sigma_node name = {.line = 0}, item = {.line = 0};
        enum status status = copy_node(copy, pairs[i].key, depth, &name);
        if (status == STATUS_OK)
            status = copy_node(copy, pairs[i].value, depth, &item);
        if (status == STATUS_OK && is_merge_key(copy, pairs[i].key))
            merges->items[merges->count++] = item;
        else if (status == STATUS_OK)
            status = add_member(copy, node, &name, &item);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status copy_map(struct copy *copy, const yaml_node_t *from, int depth,
                            struct sigma_node *node) {
    const yaml_node_pair_t *pairs = from->data.mapping.pairs.start;
    size_t count = (size_t)(from->data.mapping.pairs.top - pairs);
    if (count > SIGMA_YAML_MEMBERS_MAX)
        return sigma_refuse(copy->error, STATUS_TOO_LARGE, line_of(from), "too many keys in a map");
    struct sigma_node merges = {.kind = SIGMA_NODE_LIST};
    bool has_merge = false;
    for (size_t i = 0; i < count; i++)
        has_merge |= is_merge_key(copy, pairs[i].key);
    size_t capacity = has_merge ? SIGMA_YAML_MEMBERS_MAX : count;
    merges.items = arena_zalloc(copy->arena, has_merge ? count : 0, sizeof *merges.items);
    node->kind = SIGMA_NODE_MAP;
    node->names = arena_zalloc(copy->arena, capacity, sizeof *node->names);
    node->items = arena_zalloc(copy->arena, capacity, sizeof *node->items);
    enum status status = copy_members(copy, pairs, count, depth, node, &merges);
    return status != STATUS_OK ? status : merge_all(copy, node, &merges);
}

static enum status copy_node(struct copy *copy, int index, int depth, struct sigma_node *ret_node) {
    const yaml_node_t *from = yaml_document_get_node(copy->document, index);
    if (depth == 0 || copy->nodes_left == 0)
        return sigma_refuse(copy->error, STATUS_TOO_LARGE, line_of(from),
                            "nested too deep, or too many values");
    copy->nodes_left--;
    ret_node->line = line_of(from);
    if (from->type == YAML_SEQUENCE_NODE)
        return copy_list(copy, from, depth - 1, ret_node);
    if (from->type == YAML_MAPPING_NODE)
        return copy_map(copy, from, depth - 1, ret_node);
    struct text text = {(const char *)from->data.scalar.value, from->data.scalar.length};
    ret_node->kind = SIGMA_NODE_SCALAR;
    ret_node->plain = from->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    ret_node->text = arena_text(copy->arena, text);
    return STATUS_OK;
}

static enum status refuse_syntax(const yaml_parser_t *parser, struct sigma_error *error) {
    const char *problem = parser->problem != NULL ? parser->problem : "cannot be read";
    if (parser->error == YAML_MEMORY_ERROR)
        abort();
    return sigma_refuse(error, STATUS_BAD_SYNTAX, (int)parser->problem_mark.line + 1, "YAML: %s",
                        problem);
}

/* Reads the next document; `ret_root` stays NULL for an empty one. `ret_end` tells the end of the
 * file. */
static enum status next_document(yaml_parser_t *parser, struct copy *copy,
                                 const struct sigma_node **ret_root, bool *ret_end) {
    yaml_document_t document;
    if (!yaml_parser_load(parser, &document))
        return refuse_syntax(parser, copy->error);
    enum status status = STATUS_OK;
    if (yaml_document_get_root_node(&document) == NULL) {
        *ret_end = true;
    } else {
        struct sigma_node *root = arena_zalloc(copy->arena, 1, sizeof *root);
        copy->document = &document;
        status = copy_node(copy, 1, SIGMA_YAML_DEPTH_MAX, root);
        if (status == STATUS_OK && !sigma_node_is_null(root))
            *ret_root = root;
    }
    copy->document = NULL;
    yaml_document_delete(&document);
    return status;
}

static enum status parse_documents(yaml_parser_t *parser, struct copy *copy, size_t capacity,
                                   struct sigma_documents *documents) {
    bool at_end = false;
    while (!at_end) {
        const struct sigma_node *root = NULL;
        enum status status = next_document(parser, copy, &root, &at_end);
        if (status != STATUS_OK)
            return status;
        if (root == NULL)
            continue;
        if (documents->count == capacity)
            return sigma_refuse(copy->error, STATUS_TOO_LARGE, root->line, "too many documents");
        documents->items[documents->count++] = root;
    }
    return STATUS_OK;
}

/* An upper bound of the documents in a text: one more than the "---" and "..." in it. */
static size_t count_documents(struct text source) {
    size_t count = 1;
    for (size_t i = 0; i + 2 < source.length; i++)
        count += memcmp(source.data + i, "---", 3) == 0 || memcmp(source.data + i, "...", 3) == 0;
    return count < SIGMA_YAML_DOCUMENTS_MAX ? count : SIGMA_YAML_DOCUMENTS_MAX;
}

enum status sigma_yaml_parse(struct text source, struct arena *arena,
                             struct sigma_documents *ret_documents, struct sigma_error *error) {
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        abort();
    yaml_parser_set_input_string(&parser, (const unsigned char *)source.data, source.length);
    struct copy copy = {.arena = arena, .error = error, .nodes_left = SIGMA_YAML_NODES_MAX};
    size_t capacity = count_documents(source);
    struct sigma_documents documents = {.items =
                                            arena_zalloc(arena, capacity, sizeof *documents.items)};
    enum status status = parse_documents(&parser, &copy, capacity, &documents);
    yaml_parser_delete(&parser);
    if (status == STATUS_OK)
        *ret_documents = documents;
    return status;
}

const struct sigma_node *sigma_node_member(const struct sigma_node *map, const char *name) {
    for (size_t i = 0; map->kind == SIGMA_NODE_MAP && i < map->count; i++)
        if (text_is(map->names[i].text, name))
            return &map->items[i];
    return NULL;
}

struct sigma_node sigma_node_copy(struct arena *arena, const struct sigma_node *node) {
    struct sigma_node copy = *node;
    if (node->text.data != NULL)
        copy.text = arena_text(arena, node->text);
    copy.items = arena_zalloc(arena, node->count + 1, sizeof *copy.items);
    for (size_t i = 0; i < node->count; i++)
        copy.items[i] = sigma_node_copy(arena, &node->items[i]);
    if (node->kind != SIGMA_NODE_MAP)
        return copy;
    copy.names = arena_zalloc(arena, node->count + 1, sizeof *copy.names);
    for (size_t i = 0; i < node->count; i++)
        copy.names[i] = sigma_node_copy(arena, &node->names[i]);
    return copy;
}
