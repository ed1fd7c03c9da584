/* sigma_yaml.h: YAML text to trees of nodes that know their line; the only file that sees libyaml.
 *
 * Aliases are resolved by copying, merge keys (<<) by taking over the members that are missing.
 * Refused: duplicate keys, keys that are no scalars. Owner: nodes live in the arena given. Threads:
 * one arena each. Errors: BAD_SYNTAX, UNSUPPORTED, TOO_LARGE with line and reason. Limits:
 * SIGMA_YAML_NODES_MAX nodes a file, SIGMA_YAML_DEPTH_MAX deep (so that aliases cannot blow up),
 * SIGMA_YAML_MEMBERS_MAX members a map, SIGMA_YAML_DOCUMENTS_MAX documents. Source: YAML 1.1 and
 * its core types as Sigma's tools read them.
 */
#ifndef SIEM_DETECTOR_SIGMA_YAML_H
#define SIEM_DETECTOR_SIGMA_YAML_H

#include "services/detector/arena.h"
#include "services/detector/sigma_error.h"

#define SIGMA_YAML_NODES_MAX 200000
#define SIGMA_YAML_MEMBERS_MAX 4096
#define SIGMA_YAML_DEPTH_MAX 24
#define SIGMA_YAML_DOCUMENTS_MAX 10000

enum sigma_node_kind { SIGMA_NODE_SCALAR, SIGMA_NODE_LIST, SIGMA_NODE_MAP };

struct sigma_node {
    enum sigma_node_kind kind;
    bool plain; /* a scalar without quotes: it may be a number, a switch or null */
    int line;
    struct text text;         /* of a scalar */
    size_t count;             /* elements of a list, members of a map */
    struct sigma_node *names; /* of a map's members: scalars */
    struct sigma_node *items; /* elements, or the members' values */
};

struct sigma_documents {
    size_t count;
    const struct sigma_node **items; /* roots */
};

/* Reads all documents of a file; empty ones are left out. */
MUST_CHECK enum status sigma_yaml_parse(struct text source, struct arena *arena,
                                        struct sigma_documents *ret_documents,
                                        struct sigma_error *error);

/* The member of that name; NULL when there is none or the node is no map. */
const struct sigma_node *sigma_node_member(const struct sigma_node *map, const char *name);

/* A copy that lives in the arena, with all below it and its texts. */
struct sigma_node sigma_node_copy(struct arena *arena, const struct sigma_node *node);

/* True for a plain null, ~ or nothing at all. */
bool sigma_node_is_null(const struct sigma_node *node);

/* Reads a plain true/false (yes/no, on/off). */
bool sigma_node_switch(const struct sigma_node *node, bool *ret_value);

/* A number; `integer` holds it exactly when `is_integer`. */
struct sigma_number {
    double real;
    int64_t integer;
    bool is_integer;
};

/* Reads a plain number: decimal, 0x.., 0o.., or with a fraction. */
bool sigma_node_number(const struct sigma_node *node, struct sigma_number *ret_number);

/* Reads a decimal number that is the whole text. */
bool sigma_number_parse(struct text text, struct sigma_number *ret_number);

#endif
