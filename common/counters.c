/* counters.c: the registry: families of series, updated with relaxed atomics. */
#include "common/counters_registry.h"
#include "common/log.h"

#include <assert.h>
#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(struct family *) registry;
static size_t series_count;

const struct family *counters_first_family(void) {
    return registry;
}

const double histogram_latency_bounds[] = {0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002,
                                           0.005,   0.01,   0.02,   0.05,   0.1,   0.2,
                                           0.5,     1,      2,      5,      10,    0};

static void *allocate(size_t size) {
    size_t rounded = (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    void *memory = aligned_alloc(CACHE_LINE, rounded);
    if (memory == NULL)
        abort();
    return memset(memory, 0, rounded);
}

static bool name_is_valid(const char *name) {
    if (!isalpha((unsigned char)name[0]) && name[0] != '_')
        return false;
    for (const char *at = name; *at != '\0'; at++)
        if (!isalnum((unsigned char)*at) && *at != '_' && *at != ':')
            return false;
    return true;
}

static struct family *family_of(const char *name, const char *help, enum kind_of_series kind) {
    _Atomic(struct family *) *link = &registry;
    for (struct family *family; (family = *link) != NULL; link = &family->next) {
        if (strcmp(family->name, name) == 0) {
            assert(family->kind == kind);
            return family;
        }
    }
    struct family *family = allocate(sizeof *family);
    family->name = strdup(name);
    family->help = strdup(help);
    family->kind = kind;
    *link = family;
    return family;
}

static struct histogram *histogram_make(const double *bounds) {
    struct histogram *histogram = allocate(sizeof *histogram);
    int count = 0;
    for (; bounds[count] > 0; count++) {
        assert(count < BUCKETS_MAX && (count == 0 || bounds[count] > bounds[count - 1]));
        histogram->bounds[count] = bounds[count];
        histogram->bounds_ns[count] = (int64_t)(bounds[count] * 1e9 + 0.5);
    }
    histogram->bucket_count = count;
    return histogram;
}

static struct series *series_make(const char *labels, enum kind_of_series kind,
                                  const double *bounds) {
    struct series *series = allocate(sizeof *series);
    memcpy(series->labels, labels, strlen(labels) + 1);
    if (kind == KIND_COUNTER)
        series->counter = allocate(sizeof *series->counter);
    else if (kind == KIND_GAUGE)
        series->gauge = allocate(sizeof *series->gauge);
    else
        series->histogram = histogram_make(bounds);
    return series;
}

/* What is given beyond SERIES_MAX: it counts, but stands on no page. One for each kind. */
static struct series *unlisted_series(enum kind_of_series kind) {
    static struct series *unlisted[KIND_HISTOGRAM + 1];
    if (unlisted[kind] == NULL) {
        unlisted[kind] = series_make("", kind, histogram_latency_bounds);
        log_error("too many metrics series; further ones are not shown",
                  LOG_INT("limit", SERIES_MAX));
    }
    return unlisted[kind];
}

/* Finds or makes the series; the lock is held. */
static struct series *series_of(struct family *family, const char *labels, const double *bounds) {
    _Atomic(struct series *) *link = &family->first;
    for (struct series *series; (series = *link) != NULL; link = &series->next)
        if (strcmp(series->labels, labels) == 0)
            return series;
    if (series_count == SERIES_MAX)
        return unlisted_series(family->kind);
    series_count++;
    struct series *series = series_make(labels, family->kind, bounds);
    *link = series;
    return series;
}

struct registration {
    const char *name, *labels, *help;
    enum kind_of_series kind;
    const double *bounds;
};

static struct series *register_series(const struct registration *what) {
    const char *labels = what->labels ? what->labels : "";
    assert(name_is_valid(what->name) && strlen(labels) < LABELS_SIZE);
    pthread_mutex_lock(&registry_lock);
    struct family *family = family_of(what->name, what->help, what->kind);
    struct series *series = series_of(family, labels, what->bounds);
    pthread_mutex_unlock(&registry_lock);
    return series;
}

struct counter *counter_new(const char *name, const char *labels, const char *help) {
    return register_series(&(struct registration){name, labels, help, KIND_COUNTER, NULL})->counter;
}

void counter_add(struct counter *counter, uint64_t amount) {
    atomic_fetch_add_explicit(&counter->value, amount, memory_order_relaxed);
}

uint64_t counter_read(const struct counter *counter) {
    return atomic_load_explicit(&counter->value, memory_order_relaxed);
}

struct gauge *gauge_new(const char *name, const char *labels, const char *help) {
    return register_series(&(struct registration){name, labels, help, KIND_GAUGE, NULL})->gauge;
}

void gauge_set(struct gauge *gauge, int64_t value) {
    atomic_store_explicit(&gauge->value, value, memory_order_relaxed);
}

void gauge_add(struct gauge *gauge, int64_t amount) {
    atomic_fetch_add_explicit(&gauge->value, amount, memory_order_relaxed);
}

int64_t gauge_read(const struct gauge *gauge) {
    return atomic_load_explicit(&gauge->value, memory_order_relaxed);
}

struct histogram *histogram_new(const char *name, const char *labels, const char *help,
                                const double *bounds) {
    return register_series(&(struct registration){name, labels, help, KIND_HISTOGRAM, bounds})
        ->histogram;
}

void histogram_observe_ns(struct histogram *histogram, int64_t value_ns) {
    int64_t value = value_ns < 0 ? 0 : value_ns;
    int bucket = 0;
    while (bucket < histogram->bucket_count && value > histogram->bounds_ns[bucket])
        bucket++;
    atomic_fetch_add_explicit(&histogram->buckets[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum_ns, (uint64_t)value, memory_order_relaxed);
}

void count_drop(enum status reason) {
    static _Atomic(struct counter *) drops[STATUS_COUNT_];
    assert((unsigned)reason < STATUS_COUNT_);
    struct counter *counter = drops[reason];
    if (counter == NULL) {
        char labels[64];
        snprintf(labels, sizeof labels, "reason=\"%s\"", status_reason(reason));
        counter = counter_new("siem_drops_total", labels, "Things dropped or refused, by reason");
        drops[reason] = counter;
    }
    counter_add(counter, 1);
}
