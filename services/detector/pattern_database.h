/* pattern_database.h: regular expressions, searched for in one pass over a text; the only file that
 * sees Hyperscan, or its portable fork Vectorscan, whose interface is the same.
 *
 * A database holds regular expressions over reduced texts (reduced_text.h), found anywhere. Time is
 * linear in the text's length, whatever the text. Owner: new/destroy. Threads: a database is
 * read-only and shared, its memory for scans (scratch) belongs to one thread. Errors: expressions
 * that the library cannot take have no database; out of memory aborts. Limits: texts below 4 GiB.
 * Source: hs_compile.h and hs_runtime.h of version 5.4.
 *
 * Vectorscan 5.4.9, which can stand where Hyperscan is linked, misses matches on x86: of random
 * expressions 3 in 100 000; Hyperscan 5.4.0 misses none. So a library is asked known cases first.
 */
#ifndef SIEM_DETECTOR_PATTERN_DATABASE_H
#define SIEM_DETECTOR_PATTERN_DATABASE_H

#include "common/bytes.h"

#define PATTERNS_MAX 3

struct pattern_database;
struct pattern_scratch;

struct database_pattern {
    struct text text; /* ends in a NUL behind its last byte */
    bool ignore_case, multi_line, dot_all;
};

/* False when the library that is linked misses matches which are known to be there: what it finds
 * is not to be relied on. */
bool pattern_database_is_exact(void);

/* A database of the expressions, PATTERNS_MAX at most; NULL when the library cannot express one. */
struct pattern_database *pattern_database_new(const struct database_pattern *expressions,
                                              size_t count);

/* Frees it and nulls the pointer; NULL is fine. */
void pattern_database_destroy(struct pattern_database **database);

/* Makes the scratch, NULL at first, large enough for this database, too; NULL is none. */
void pattern_scratch_prepare(struct pattern_scratch **scratch,
                             const struct pattern_database *database);

/* Frees it and nulls the pointer; NULL is fine. */
void pattern_scratch_destroy(struct pattern_scratch **scratch);

/* True when the first of the expressions matches the text. */
bool pattern_database_finds(const struct pattern_database *database,
                            struct pattern_scratch *scratch, struct text text);

#endif
