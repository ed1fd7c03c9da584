/* json_tree.c: yajl's tree behind names of ours. */
#include "services/siemctl/json_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <yajl/yajl_tree.h>

/* json_node is never defined: its pointers are yajl_val. */
static yajl_val value_of(const struct json_node *node) {
    union {
        const struct json_node *node;
        yajl_val value;
    } cast = {node};
    return cast.value;
}

static struct json_node *node_of(yajl_val value) {
    void *pointer = value;
    return pointer;
}

/* yajl's tree and its freeing are recursive: looks at the nesting before. */
static bool is_too_deep(struct text text) {
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.length; i++) {
        char character = text.data[i];
        if (quoted && character == '\\')
            i++;
        else if (character == '"')
            quoted = !quoted;
        else if (!quoted && (character == '[' || character == '{'))
            depth++;
        else if (!quoted && (character == ']' || character == '}'))
            depth--;
        if (depth > JSON_TREE_DEPTH_MAX)
            return true;
    }
    return false;
}

/* yajl's message is some lines, with a picture of the place; the first says what it is. */
static void cut_message(char error[JSON_TREE_ERROR_SIZE]) {
    size_t length = strcspn(error, "\n");
    if (length > 0 && error[length - 1] == '.')
        length--;
    error[length] = '\0';
}

enum status json_tree_parse(struct text text, struct json_node **ret_root,
                            char error[JSON_TREE_ERROR_SIZE]) {
    snprintf(error, JSON_TREE_ERROR_SIZE, "nested too deep, or a NUL in it");
    if (text.data == NULL || is_too_deep(text) || memchr(text.data, '\0', text.length) != NULL)
        return STATUS_BAD_SYNTAX;
    char *copy = strndup(text.data, text.length);
    if (copy == NULL)
        abort();
    yajl_val root = yajl_tree_parse(copy, error, JSON_TREE_ERROR_SIZE);
    free(copy);
    cut_message(error);
    if (root == NULL)
        return STATUS_BAD_SYNTAX;
    *ret_root = node_of(root);
    return STATUS_OK;
}

void json_node_destroy(struct json_node **root) {
    yajl_tree_free(value_of(*root));
    *root = NULL;
}

bool json_node_is_object(const struct json_node *node) {
    return YAJL_IS_OBJECT(value_of(node));
}

bool json_node_is_array(const struct json_node *node) {
    return YAJL_IS_ARRAY(value_of(node));
}

bool json_node_is_true(const struct json_node *node) {
    return YAJL_IS_TRUE(value_of(node));
}

bool json_node_is_number(const struct json_node *node) {
    return YAJL_IS_NUMBER(value_of(node));
}

const struct json_node *json_node_member(const struct json_node *object, const char *name) {
    yajl_val value = value_of(object);
    if (!YAJL_IS_OBJECT(value))
        return NULL;
    for (size_t i = 0; i < value->u.object.len; i++)
        if (strcmp(value->u.object.keys[i], name) == 0)
            return node_of(value->u.object.values[i]);
    return NULL;
}

size_t json_node_count(const struct json_node *node) {
    yajl_val value = value_of(node);
    if (YAJL_IS_OBJECT(value))
        return value->u.object.len;
    return YAJL_IS_ARRAY(value) ? value->u.array.len : 0;
}

const struct json_node *json_node_element(const struct json_node *array, size_t index) {
    yajl_val value = value_of(array);
    if (!YAJL_IS_ARRAY(value) || index >= value->u.array.len)
        return NULL;
    return node_of(value->u.array.values[index]);
}

const struct json_node *json_node_member_at(const struct json_node *object, size_t index,
                                            struct text *ret_name) {
    yajl_val value = value_of(object);
    if (!YAJL_IS_OBJECT(value) || index >= value->u.object.len)
        return NULL;
    *ret_name = text_of(value->u.object.keys[index]);
    return node_of(value->u.object.values[index]);
}

struct text json_node_text(const struct json_node *node) {
    yajl_val value = value_of(node);
    if (YAJL_IS_NUMBER(value))
        return text_of(YAJL_GET_NUMBER(value));
    return text_of(YAJL_GET_STRING(value));
}

struct text json_node_member_text(const struct json_node *object, const char *name) {
    return json_node_text(json_node_member(object, name));
}

int64_t json_node_integer(const struct json_node *node) {
    yajl_val value = value_of(node);
    return YAJL_IS_INTEGER(value) ? YAJL_GET_INTEGER(value) : 0;
}

static void write_array(yajl_val value, struct json_writer *json) {
    json_array_begin(json);
    for (size_t i = 0; i < value->u.array.len; i++)
        json_node_write(node_of(value->u.array.values[i]), json);
    json_array_end(json);
}

static void write_object(yajl_val value, struct json_writer *json) {
    json_object_begin(json);
    for (size_t i = 0; i < value->u.object.len; i++) {
        json_key(json, value->u.object.keys[i]);
        json_node_write(node_of(value->u.object.values[i]), json);
    }
    json_object_end(json);
}

void json_node_write(const struct json_node *node, struct json_writer *json) {
    yajl_val value = value_of(node);
    if (YAJL_IS_OBJECT(value))
        write_object(value, json);
    else if (YAJL_IS_ARRAY(value))
        write_array(value, json);
    else if (YAJL_IS_NUMBER(value))
        json_raw(json, json_node_text(node));
    else if (YAJL_IS_STRING(value))
        json_text(json, json_node_text(node));
    else if (YAJL_IS_TRUE(value) || YAJL_IS_FALSE(value))
        json_bool(json, YAJL_IS_TRUE(value));
    else
        json_null(json);
}
