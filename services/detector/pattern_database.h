/* pattern_database.h: many patterns, searched for in one pass over a text; the only file that sees
 * Hyperscan, or its portable fork Vectorscan, whose interface is the same.
 *
 * A database holds literals, found as they stand, or regular expressions over reduced texts
 * (reduced_text.h), found anywhere; each has a number, which a scan adds to a set. Time is linear
 * in the text's length, whatever the text. Owner: new/destroy. Threads: a database is read-only and
 * shared, its memory for scans (scratch) belongs to one thread. Errors: an expression that the
 * library cannot take is named, for the caller to search otherwise; out of memory aborts. Limits:
 * texts below 4 GiB. Source: hs_compile.h and hs_runtime.h of version 5.4.
 *
 * Vectorscan 5.4.9, which can stand where Hyperscan is linked, misses matches on x86: of a byte
 * that is searched beside longer literals one in twenty in the worst case, of random expressions 3
 * in 100 000; Hyperscan 5.4.0 misses none of either. So a library is asked known cases first.
 */
#ifndef SIEM_DETECTOR_PATTERN_DATABASE_H
#define SIEM_DETECTOR_PATTERN_DATABASE_H

#include "common/bytes.h"
#include "services/detector/hit_set.h"

struct pattern_database;
struct pattern_scratch;

struct database_pattern {
    struct text text; /* of an expression: ends in a NUL behind its last byte */
    uint32_t number;
    bool ignore_case, multi_line, dot_all; /* of an expression */
    bool refused;                          /* set by making: the library cannot express it */
};

/* False when the library that is linked misses matches which are known to be there: what it finds
 * is not to be relied on. */
bool pattern_database_is_exact(void);

/* A database of literals, none empty; `count` is at least 1. */
struct pattern_database *pattern_database_of_literals(const struct database_pattern *literals,
                                                      size_t count);

/* A database of the expressions that are not marked as refused, which more may be afterwards; NULL
 * when none is left. */
struct pattern_database *pattern_database_of_expressions(struct database_pattern *expressions,
                                                         size_t count);

/* Frees it and nulls the pointer; NULL is fine. */
void pattern_database_destroy(struct pattern_database **database);

/* Makes the scratch, NULL at first, large enough for this database, too; NULL is none. */
void pattern_scratch_prepare(struct pattern_scratch **scratch,
                             const struct pattern_database *database);

/* Frees it and nulls the pointer; NULL is fine. */
void pattern_scratch_destroy(struct pattern_scratch **scratch);

/* Adds the numbers of the patterns that occur in the text. */
void pattern_database_scan(const struct pattern_database *database, struct pattern_scratch *scratch,
                           struct text text, struct hit_set *hits);

#endif
