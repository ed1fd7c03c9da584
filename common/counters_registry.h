/* counters_registry.h: the insides of the registry, shared by counters.c, which fills it, and
 * counters_render.c, which reads it.
 *
 * Owner: the registry. Threads: lists only grow, at their end, under counters.c's lock; readers
 * follow them without it. Limits: SERIES_MAX, BUCKETS_MAX.
 */
#ifndef SIEM_COMMON_COUNTERS_REGISTRY_H
#define SIEM_COMMON_COUNTERS_REGISTRY_H

#include "common/counters.h"

#include <stdatomic.h>

#define SERIES_MAX 512
#define BUCKETS_MAX 24
#define LABELS_SIZE 256
#define CACHE_LINE 64

enum kind_of_series { KIND_COUNTER, KIND_GAUGE, KIND_HISTOGRAM };

/* Each of them has its own cache line, so that threads counting different things do not meet. */
struct counter {
    _Alignas(CACHE_LINE) atomic_uint_fast64_t value;
};

struct gauge {
    _Alignas(CACHE_LINE) atomic_int_fast64_t value;
};

struct histogram {
    _Alignas(CACHE_LINE) atomic_uint_fast64_t sum_ns;
    int bucket_count;
    int64_t bounds_ns[BUCKETS_MAX];
    double bounds[BUCKETS_MAX];
    atomic_uint_fast64_t buckets[BUCKETS_MAX + 1]; /* the last: above all bounds */
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

#endif
