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

/* Refuses a member whose name is no scalar, a merge key, or taken. */
static enum status check_name(struct copy *copy, const struct sigma_node *map, size_t index) {
    const struct sigma_node *name = &map->names[index];
    if (name->kind != SIGMA_NODE_SCALAR)
        return sigma_refuse(copy->error, STATUS_BAD_SYNTAX, name->line,
                            "a map's key must be a plain word");
    if (name->plain && text_is(name->text, "<<"))
        return sigma_refuse(copy->error, STATUS_UNSUPPORTED, name->line,
                            "merge keys (<<) are not supported");
    for (size_t i = 0; i < index; i++)
        if (text_equal(map->names[i].text, name->text))
            return sigma_refuse(copy->error, STATUS_BAD_SYNTAX, name->line,
                                "the key '%.*s' stands twice (first in line %d)",
                                TEXT_ARG(name->text), map->names[i].line);
    return STATUS_OK;
}

static enum status copy_map(struct copy *copy, const yaml_node_t *from, int depth,
                            struct sigma_node *node) {
    const yaml_node_pair_t *pairs = from->data.mapping.pairs.start;
    size_t count = (size_t)(from->data.mapping.pairs.top - pairs);
    if (count > SIGMA_YAML_MEMBERS_MAX)
        return sigma_refuse(copy->error, STATUS_TOO_LARGE, line_of(from), "too many keys in a map");
    node->kind = SIGMA_NODE_MAP;
    node->count = count;
    node->names = arena_zalloc(copy->arena, count, sizeof *node->names);
    node->items = arena_zalloc(copy->arena, count, sizeof *node->items);
    for (size_t i = 0; i < count; i++) {
        enum status status = copy_node(copy, pairs[i].key, depth, &node->names[i]);
        if (status == STATUS_OK)
            status = check_name(copy, node, i);
        if (status == STATUS_OK)
            status = copy_node(copy, pairs[i].value, depth, &node->items[i]);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
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
