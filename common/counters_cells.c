/* counters_cells.c: updates and reads counters, gauges and histograms: relaxed atomics, each thread
 * in its cell. */
#include "common/counters_registry.h"

/* The cell of this thread: threads take them in turn as they come to count. */
static unsigned cell_of_thread(void) {
    static atomic_uint threads;
    static _Thread_local unsigned place; /* 1 + its cell; 0: none yet */
    if (place == 0)
        place = 1 + atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed) % CELLS;
    return place - 1;
}

static void add(atomic_uint_fast64_t *value, uint64_t amount) {
    atomic_fetch_add_explicit(value, amount, memory_order_relaxed);
}

static uint64_t read_value(const atomic_uint_fast64_t *value) {
    return atomic_load_explicit(value, memory_order_relaxed);
}

static uint64_t sum_up(const struct cell *cells) {
    uint64_t sum = 0;
    for (int i = 0; i < CELLS; i++)
        sum += read_value(&cells[i].value);
    return sum;
}

void counter_add(struct counter *counter, uint64_t amount) {
    add(&counter->cells[cell_of_thread()].value, amount);
}

uint64_t counter_read(const struct counter *counter) {
    return sum_up(counter->cells);
}

void gauge_set(struct gauge *gauge, int64_t value) {
    atomic_store_explicit(&gauge->cells[0].value, (uint64_t)value, memory_order_relaxed);
}

void gauge_add(struct gauge *gauge, int64_t amount) {
    add(&gauge->cells[cell_of_thread()].value, (uint64_t)amount);
}

int64_t gauge_read(const struct gauge *gauge) {
    return (int64_t)sum_up(gauge->cells);
}

void histogram_observe_times(struct histogram *histogram, int64_t value, uint64_t times) {
    struct histogram_cell *cell = &histogram->cells[cell_of_thread()];
    int64_t least = value < 0 ? 0 : value;
    int bucket = 0;
    while (bucket < histogram->bucket_count && least > histogram->observed[bucket])
        bucket++;
    add(&cell->buckets[bucket], times);
    add(&cell->sum, (uint64_t)least * times);
}

void histogram_observe(struct histogram *histogram, int64_t value) {
    histogram_observe_times(histogram, value, 1);
}

void histogram_read(const struct histogram *histogram, struct histogram_sums *ret_sums) {
    *ret_sums = (struct histogram_sums){0};
    for (int i = 0; i < CELLS; i++) {
        const struct histogram_cell *cell = &histogram->cells[i];
        ret_sums->sum += read_value(&cell->sum);
        for (int bucket = 0; bucket <= histogram->bucket_count; bucket++)
            ret_sums->buckets[bucket] += read_value(&cell->buckets[bucket]);
    }
}
