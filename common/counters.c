/* counters.c: the registry: families of series. */
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
const double histogram_size_bounds[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 0};

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

static struct histogram *histogram_make(const double *bounds, double unit) {
    struct histogram *histogram = allocate(sizeof *histogram);
    int count = 0;
    for (; bounds[count] > 0; count++) {
        assert(count < BUCKETS_MAX && (count == 0 || bounds[count] > bounds[count - 1]));
        histogram->bounds[count] = bounds[count];
        histogram->observed[count] = (int64_t)(bounds[count] / unit + 0.5);
    }
    histogram->unit = unit;
    histogram->bucket_count = count;
    return histogram;
}

struct registration {
    const char *name, *labels, *help;
    enum kind_of_series kind;
    const double *bounds; /* of a histogram */
    double unit;
};

static struct series *series_make(const struct registration *what) {
    struct series *series = allocate(sizeof *series);
    memcpy(series->labels, what->labels, strlen(what->labels) + 1);
    if (what->kind == KIND_COUNTER)
        series->counter = allocate(sizeof *series->counter);
    else if (what->kind == KIND_GAUGE)
        series->gauge = allocate(sizeof *series->gauge);
    else
        series->histogram = histogram_make(what->bounds, what->unit);
    return series;
}

/* What is given beyond SERIES_MAX: it counts, but stands on no page. One for each kind. */
static struct series *unlisted_series(const struct registration *what) {
    static struct series *unlisted[KIND_HISTOGRAM + 1];
    if (unlisted[what->kind] == NULL) {
        unlisted[what->kind] = series_make(what);
        log_error("too many metrics series; further ones are not shown",
                  LOG_INT("limit", SERIES_MAX));
    }
    return unlisted[what->kind];
}

/* Finds or makes the series; the lock is held. */
static struct series *series_of(struct family *family, const struct registration *what) {
    _Atomic(struct series *) *link = &family->first;
    for (struct series *series; (series = *link) != NULL; link = &series->next)
        if (strcmp(series->labels, what->labels) == 0)
            return series;
    if (series_count == SERIES_MAX)
        return unlisted_series(what);
    series_count++;
    struct series *series = series_make(what);
    *link = series;
    return series;
}

static struct series *register_series(struct registration what) {
    if (what.labels == NULL)
        what.labels = "";
    assert(name_is_valid(what.name) && strlen(what.labels) < LABELS_SIZE);
    pthread_mutex_lock(&registry_lock);
    struct series *series = series_of(family_of(what.name, what.help, what.kind), &what);
    pthread_mutex_unlock(&registry_lock);
    return series;
}

struct counter *counter_new(const char *name, const char *labels, const char *help) {
    return register_series((struct registration){name, labels, help, KIND_COUNTER, NULL, 0})
        ->counter;
}

struct gauge *gauge_new(const char *name, const char *labels, const char *help) {
    return register_series((struct registration){name, labels, help, KIND_GAUGE, NULL, 0})->gauge;
}

struct histogram *histogram_new(const char *name, const char *labels, const char *help,
                                const double *bounds) {
    return register_series((struct registration){name, labels, help, KIND_HISTOGRAM, bounds, 1e-9})
        ->histogram;
}

struct histogram *histogram_new_numbers(const char *name, const char *labels, const char *help,
                                        const double *bounds) {
    return register_series((struct registration){name, labels, help, KIND_HISTOGRAM, bounds, 1})
        ->histogram;
}

/* The counter of a reason. */
static struct counter *drop_counter(enum status reason) {
    static _Atomic(struct counter *) drops[STATUS_COUNT_];
    assert((unsigned)reason < STATUS_COUNT_);
    struct counter *counter = drops[reason];
    if (counter == NULL) {
        char labels[64];
        snprintf(labels, sizeof labels, "reason=\"%s\"", status_reason(reason));
        counter = counter_new("siem_drops_total", labels, "Things dropped or refused, by reason");
        drops[reason] = counter;
    }
    return counter;
}

void count_drop(enum status reason) {
    counter_add(drop_counter(reason), 1);
}

void counters_list_drops(void) {
    for (int reason = STATUS_OK + 1; reason < STATUS_COUNT_; reason++)
        drop_counter((enum status)reason);
}
