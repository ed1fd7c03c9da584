/* equal_table.h: which pattern equals a field's value: hash tables of texts and of numbers.
 *
 * Owner: init/fini on the caller's struct; the texts are borrowed for the table's life. Threads:
 * read-only once filled. Errors: out of memory aborts. Limits: entries below 2^31.
 */
#ifndef SIEM_DETECTOR_EQUAL_TABLE_H
#define SIEM_DETECTOR_EQUAL_TABLE_H

#include "services/detector/hit_set.h"
#include "services/detector/sigma_yaml.h"

struct equal_entry {
    uint64_t hash; /* of field and text or number */
    uint32_t pattern;
    uint32_t field;
    struct text text; /* null: a number */
    struct sigma_number number;
};

struct equal_table {
    uint32_t *tags; /* of the entries' hashes, 0: a free one; small enough to stay near */
    struct equal_entry *entries;
    uint32_t mask; /* entries - 1 */
    uint32_t count;
};

/* An empty table. */
void equal_table_init(struct equal_table *table);

/* Frees its memory. */
void equal_table_fini(struct equal_table *table);

/* Adds a pattern: a text for values of this field. */
void equal_table_add_text(struct equal_table *table, uint32_t field, struct text text,
                          uint32_t pattern);

/* Adds a pattern: a number. */
void equal_table_add_number(struct equal_table *table, uint32_t field,
                            const struct sigma_number *number, uint32_t pattern);

/* Adds to the set what equals the text. */
void equal_table_find_text(const struct equal_table *table, uint32_t field, struct text text,
                           struct hit_set *hits);

/* Adds to the set what equals the number. */
void equal_table_find_number(const struct equal_table *table, uint32_t field,
                             const struct sigma_number *number, struct hit_set *hits);

#endif
