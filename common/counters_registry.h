/* counters_registry.h: the insides of the registry, shared by counters.c, which fills it,
 * counters_cells.c, which counts, and counters_render.c, which reads it.
 *
 * Owner: the registry. Threads: lists only grow, at their end, under counters.c's lock; readers
 * follow them without it. Limits: SERIES_MAX, BUCKETS_MAX.
 */
#ifndef SIEM_COMMON_COUNTERS_REGISTRY_H
#define SIEM_COMMON_COUNTERS_REGISTRY_H

#include "common/counters.h"

#include <stdatomic.h>

#define SERIES_MAX 1024
#define BUCKETS_MAX 24
#define LABELS_SIZE 256
#define CACHE_LINE 64
/* HTTP workers and the loop, on the machines we know; more threads share a cell, which costs time
 * only. */
#define CELLS 8

enum kind_of_series { KIND_COUNTER, KIND_GAUGE, KIND_HISTOGRAM };

/* What is updated has CELLS places, each on cache lines of its own, and a thread keeps to one of
 * them: so threads that count the same thing do not meet. Readers add them up. */
struct cell {
    _Alignas(CACHE_LINE) atomic_uint_fast64_t value;
};

struct counter {
    struct cell cells[CELLS];
};

/* Two's complement, so that a sum of cells is right although one of them may be "negative". */
struct gauge {
    struct cell cells[CELLS];
};

struct histogram_cell {
    _Alignas(CACHE_LINE) atomic_uint_fast64_t sum;
    atomic_uint_fast64_t buckets[BUCKETS_MAX + 1]; /* the last: above all bounds */
};

struct histogram {
    double unit; /* of what is observed, in what is shown: 1e-9 for seconds observed in ns */
    int bucket_count;
    double bounds[BUCKETS_MAX];    /* as shown */
    int64_t observed[BUCKETS_MAX]; /* the same as observed */
    struct histogram_cell cells[CELLS];
};

/* What all threads observed, added up. */
struct histogram_sums {
    uint64_t sum;
    uint64_t buckets[BUCKETS_MAX + 1];
};

struct series {
    char labels[LABELS_SIZE];
    union {
        struct counter *counter;
        struct gauge *gauge;
        struct histogram *histogram;
    };
    _Atomic(struct series *) next;
};

struct family {
    const char *name;
    const char *help;
    enum kind_of_series kind;
    _Atomic(struct series *) first;
    _Atomic(struct family *) next;
};

/* The first family; NULL while there is none. */
const struct family *counters_first_family(void);

/* Adds up what all threads observed. */
void histogram_read(const struct histogram *histogram, struct histogram_sums *ret_sums);

#endif
