/* sigma_placeholders.h: the values of placeholders (%name% in rules with `expand`), from files.
 *
 * A *.yml file is a map from names to a value or a list; a *.txt file holds the values of the one
 * placeholder it is named after, one a line, # for comments. Values are Sigma strings: * and ? are
 * wildcards. Owner: new/destroy; what is found is borrowed. Threads: read-only after loading.
 * Errors: a status, with a reason that names the file. Limits: SIGMA_PLACEHOLDER_VALUES_MAX values
 * of one name, SIGMA_PLACEHOLDER_FILE_MAX bytes a file. Source: sigma-specification (expand),
 * pySigma's vars.
 */
#ifndef SIEM_DETECTOR_SIGMA_PLACEHOLDERS_H
#define SIEM_DETECTOR_SIGMA_PLACEHOLDERS_H

#include "services/detector/sigma_error.h"
#include "services/detector/sigma_yaml.h"

#define SIGMA_PLACEHOLDER_VALUES_MAX 100000
#define SIGMA_PLACEHOLDER_FILE_MAX (4u * 1024 * 1024)

/* One name's values. */
struct sigma_placeholder {
    struct text name;
    size_t count;
    size_t capacity;
    struct text *values;
};

struct sigma_placeholders;

/* No placeholder is known. */
struct sigma_placeholders *sigma_placeholders_new(void);

/* Frees it and nulls the pointer; NULL is fine. */
void sigma_placeholders_destroy(struct sigma_placeholders **placeholders);

/* Adds the values of a file, or of every *.yml, *.yaml and *.txt of a directory. */
MUST_CHECK enum status sigma_placeholders_load(struct sigma_placeholders *placeholders,
                                               const char *path, struct sigma_error *error);

/* Adds the members of a map, copying them. */
MUST_CHECK enum status sigma_placeholders_add_map(struct sigma_placeholders *placeholders,
                                                  const struct sigma_node *map,
                                                  struct sigma_error *error);

/* Takes away the values of every name that is a member of the map. */
void sigma_placeholders_forget(struct sigma_placeholders *placeholders,
                               const struct sigma_node *map);

/* The values of a name; NULL when nobody gave it any. NULL for `placeholders` knows none. */
const struct sigma_placeholder *
sigma_placeholders_find(const struct sigma_placeholders *placeholders, struct text name);

/* A hash of all names and values: the generation of rules made with them depends on it. */
uint64_t sigma_placeholders_hash(const struct sigma_placeholders *placeholders);

#endif
