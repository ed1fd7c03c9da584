/* json_tree.h: a parsed JSON document, for replies that are small; the only file that sees yajl's
 * tree.
 *
 * Owner: parse gives, destroy frees; nodes and texts borrow from the document. A missing node is
 * NULL, and every question about NULL has an answer. Threads: one at a time. Errors: BAD_SYNTAX
 * with a message. Limits: depth of JSON_TREE_DEPTH_MAX, checked before parsing.
 */
#ifndef SIEM_SIEMCTL_JSON_TREE_H
#define SIEM_SIEMCTL_JSON_TREE_H

#include "common/json_writer.h"
#include "common/status.h"

#define JSON_TREE_DEPTH_MAX 64
#define JSON_TREE_ERROR_SIZE 256

struct json_node; /* yajl's node, under a name of ours */

/* Parses a whole text. */
MUST_CHECK enum status json_tree_parse(struct text text, struct json_node **ret_root,
                                       char error[JSON_TREE_ERROR_SIZE]);

/* Frees a document by its root. */
void json_node_destroy(struct json_node **root);

/* True for an object. */
bool json_node_is_object(const struct json_node *node);

/* True for an array. */
bool json_node_is_array(const struct json_node *node);

/* True for true, and nothing else. */
bool json_node_is_true(const struct json_node *node);

/* True for a number. */
bool json_node_is_number(const struct json_node *node);

/* The member of an object; NULL when there is none. */
const struct json_node *json_node_member(const struct json_node *object, const char *name);

/* Elements of an array, or members of an object; 0 for all else. */
size_t json_node_count(const struct json_node *node);

/* An element; NULL past the end. */
const struct json_node *json_node_element(const struct json_node *array, size_t index);

/* A member by position, with its name. */
const struct json_node *json_node_member_at(const struct json_node *object, size_t index,
                                            struct text *ret_name);

/* A string's text, a number's digits; null for all else. */
struct text json_node_text(const struct json_node *node);

/* The text of a member; null when it has none. */
struct text json_node_member_text(const struct json_node *object, const char *name);

/* An integer; 0 for all else. */
int64_t json_node_integer(const struct json_node *node);

/* Writes it as JSON again. */
void json_node_write(const struct json_node *node, struct json_writer *json);

#endif
