/* literal_filter.h: many literals, searched for in one pass over a short text.
 *
 * Each literal is known by some bytes that stand in it, those that fewest of the others have. A bit
 * tells at every place of the text whether some literal may be known by what stands there; if so,
 * the whole literal is compared. Where all literals are long, not every place is looked at; where
 * they are few, many places are looked at at once. Bits are few enough to stay near the processor,
 * and no step waits for the one before. A text in which literals may stand in too many places is
 * left to a machine (literal_machine.h), so that the time is linear in the text's length, whatever
 * the text.
 *
 * Owner: new/destroy; the literals are copied. Threads: read-only once made.
 * Errors: none; out of memory aborts. Limits: texts of FILTER_TEXT_MAX bytes; FILTER_TRIES_MIN
 * comparisons, and one more for every FILTER_BYTES_A_TRY bytes of the text; 4 GiB of literals, each
 * counted as often as it has keys. Source: Wu and Manber, A fast algorithm for multi-pattern
 * searching (1994); for few, "Teddy" in Wang and others, Hyperscan (NSDI 2019).
 */
#ifndef SIEM_DETECTOR_LITERAL_FILTER_H
#define SIEM_DETECTOR_LITERAL_FILTER_H

#include "common/bytes.h"
#include "services/detector/hit_set.h"

#define FILTER_TEXT_MAX 4096
#define FILTER_TRIES_MIN 256
#define FILTER_BYTES_A_TRY 16
#define LOOSE_LENGTH_MIN 4

struct literal {
    struct text text;
    uint32_t number;
};

struct literal_filter;

/* A filter for literals, none empty, no two alike. */
struct literal_filter *literal_filter_new(const struct literal *literals, size_t count);

/* A filter that is loose: for it bytes are the same that differ in bit 5 alone, as letters of both
 * cases do, so that it finds folded literals in texts that are not, and a few others. Each literal
 * has LOOSE_LENGTH_MIN bytes. */
struct literal_filter *literal_filter_new_loose(const struct literal *literals, size_t count);

/* Frees it and nulls the pointer; NULL is fine. */
void literal_filter_destroy(struct literal_filter **filter);

/* Adds the numbers of the literals that occur in the text. False: it has too many places where some
 * may, and only a part of them was looked at. */
bool literal_filter_search(const struct literal_filter *filter, struct text text,
                           struct hit_set *hits);

#endif
