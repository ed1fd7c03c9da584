/* counters.h: the process's numbers: counters, gauges and histograms, as a Prometheus text page and as
 * JSON for the heartbeat.
 *
 * Owner: the registry is one per process and lives as long as it; what *_new gives is never freed.
 * Threads: register from any thread (a lock), update from any thread (relaxed atomics on the thread's own
 * cache line, no lock), render from any thread. Units: base units in names and bounds (seconds, bytes);
 * durations are observed in ns. Errors: none; a wrong name is our bug (assert). Asking for the same name and
 * labels again gives the same object. Limits: 1024 series (a further one counts unseen, and is logged once); a
 * histogram has at most 24 buckets.
 * Source: Prometheus text exposition format 0.0.4 and its naming rules; promtool check metrics.
 */
#ifndef SIEM_COMMON_COUNTERS_H
#define SIEM_COMMON_COUNTERS_H

#include "common/buffer.h"
#include "common/status.h"

struct counter;
struct gauge;
struct histogram;

/* Registers a counter. `labels` is NULL or the inside of the braces, e.g. "reason=\"full\"". */
struct counter *counter_new(const char *name, const char *labels, const char *help);

/* Adds to a counter. */
void counter_add(struct counter *counter, uint64_t amount);

/* Reads a counter. */
uint64_t counter_read(const struct counter *counter);

/* Registers a gauge. */
struct gauge *gauge_new(const char *name, const char *labels, const char *help);

/* Sets a gauge; one that is set is never moved with gauge_add. */
void gauge_set(struct gauge *gauge, int64_t value);

/* Moves a gauge by an amount, which may be negative; one that is moved is never set. */
void gauge_add(struct gauge *gauge, int64_t amount);

/* Reads a gauge. */
int64_t gauge_read(const struct gauge *gauge);

/* Registers a histogram of seconds with the upper bounds given (ascending, ended by 0). */
struct histogram *histogram_new(const char *name, const char *labels, const char *help,
                                const double *bounds);

/* The same of numbers, such as the size of a batch. */
struct histogram *histogram_new_numbers(const char *name, const char *labels, const char *help,
                                        const double *bounds);

/* Bounds from 50 µs to 10 s that suit every latency of this pipeline. */
extern const double histogram_latency_bounds[];

/* Powers of two from 1 to 256, for sizes of batches and groups. */
extern const double histogram_size_bounds[];

/* Puts a value into a histogram: nanoseconds into one of seconds, else the number itself. */
void histogram_observe(struct histogram *histogram, int64_t value);

/* Puts it in so many times at once. */
void histogram_observe_times(struct histogram *histogram, int64_t value, uint64_t times);

/* Counts one dropped thing: siem_drops_total{reason="..."} of the status's row. */
void count_drop(enum status reason);

/* Has the page show every reason from the start, so that a first drop is an increase. */
void counters_list_drops(void);

/* Appends `name="value"`, behind a comma when labels stand there: for values that may hold anything. */
void counters_append_label(struct buffer *labels, const char *name, struct text value);

/* Writes the whole registry as Prometheus text, families together. */
void counters_render_prometheus(struct buffer *out);

/* Writes gauges, and counters that are not 0, as one JSON object {"name{labels}": number, ...}. */
void counters_render_json(struct buffer *out);

#endif
