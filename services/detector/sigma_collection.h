/* sigma_collection.h: the documents of one file, in which `action` makes a template of some.
 *
 * `action: global` puts its members into every rule behind it, `reset` ends that, `repeat` is the
 * rule before with members changed. Owner: what it makes lives in the arena. Threads: one file
 * each. Errors: BAD_SYNTAX for an unknown action, or a `repeat` of nothing. Limits: those of a
 * node. Source: pySigma's collections.
 */
#ifndef SIEM_DETECTOR_SIGMA_COLLECTION_H
#define SIEM_DETECTOR_SIGMA_COLLECTION_H

#include "services/detector/sigma_rule.h"

/* Zeroed but for the reader at the start of a file. */
struct sigma_collection {
    const struct sigma_reader *reader;
    const struct sigma_node *global;   /* NULL: none */
    const struct sigma_node *previous; /* NULL: none */
};

enum sigma_document_kind {
    SIGMA_DOCUMENT_RULE,
    SIGMA_DOCUMENT_CORRELATION,
    SIGMA_DOCUMENT_FILTER,
};

/* Takes the next document; `ret_rule` is what to load for it, NULL: nothing. */
MUST_CHECK enum status sigma_collection_take(struct sigma_collection *collection,
                                             const struct sigma_node *document,
                                             const struct sigma_node **ret_rule);

/* What a document describes; it is a map. */
enum sigma_document_kind sigma_document_kind(const struct sigma_node *root);

#endif
