/* counters_render.c: the registry as a Prometheus text page and as JSON, read without a lock. */
#include "common/counters_registry.h"
#include "common/json_writer.h"
#include "common/process_metrics.h"

#include <stdio.h>

/* One line: name, suffix, labels with an extra one behind them, value. */
static void render_line(struct buffer *out, struct text name, struct text labels,
                        struct text value) {
    buffer_append_text(out, name);
    if (labels.length > 0) {
        buffer_append(out, "{", 1);
        buffer_append_text(out, labels);
        buffer_append(out, "}", 1);
    }
    buffer_append(out, " ", 1);
    buffer_append_text(out, value);
    buffer_append(out, "\n", 1);
}

static void render_bucket(struct buffer *out, const struct family *family, const char *labels,
                          const char *bound, uint64_t count) {
    buffer_printf(out, "%s_bucket{%s%sle=\"%s\"} %llu\n", family->name, labels,
                  labels[0] != '\0' ? "," : "", bound, (unsigned long long)count);
}

/* name_sum or name_count, labels, and room for the value. */
static void render_name(struct buffer *out, const struct family *family, const char *suffix,
                        const struct series *series) {
    bool bare = series->labels[0] == '\0';
    buffer_printf(out, "%s_%s%s%s%s ", family->name, suffix, bare ? "" : "{", series->labels,
                  bare ? "" : "}");
}

static void render_histogram(struct buffer *out, const struct family *family,
                             const struct series *series) {
    const struct histogram *histogram = series->histogram;
    struct histogram_sums sums;
    uint64_t total = 0;
    histogram_read(histogram, &sums);
    for (int i = 0; i <= histogram->bucket_count; i++) {
        char bound[32] = "+Inf";
        if (i < histogram->bucket_count)
            snprintf(bound, sizeof bound, "%g", histogram->bounds[i]);
        total += sums.buckets[i];
        render_bucket(out, family, series->labels, bound, total);
    }
    render_name(out, family, "sum", series);
    buffer_printf(out, "%.15g\n", (double)sums.sum * histogram->unit);
    render_name(out, family, "count", series);
    buffer_printf(out, "%llu\n", (unsigned long long)total);
}

void counters_append_label(struct buffer *labels, const char *name, struct text value) {
    buffer_printf(labels, "%s%s=\"", labels->length > 0 ? "," : "", name);
    for (size_t i = 0; i < value.length; i++) {
        char c = value.data[i];
        if (c == '"' || c == '\\' || c == '\n')
            buffer_append(labels, "\\", 1);
        buffer_append(labels, c == '\n' ? "n" : &value.data[i], 1);
    }
    buffer_append(labels, "\"", 1);
}

/* The number of a counter or gauge, in decimal; returns `out`. */
static const char *format_value(const struct family *family, const struct series *series,
                                char out[24]) {
    if (family->kind == KIND_COUNTER)
        snprintf(out, 24, "%llu", (unsigned long long)counter_read(series->counter));
    else
        snprintf(out, 24, "%lld", (long long)gauge_read(series->gauge));
    return out;
}

static void render_series(struct buffer *out, const struct family *family,
                          const struct series *series) {
    char value[24];
    if (family->kind == KIND_HISTOGRAM)
        render_histogram(out, family, series);
    else
        render_line(out, text_of(family->name), text_of(series->labels),
                    text_of(format_value(family, series, value)));
}

void counters_render_prometheus(struct buffer *out) {
    static const char *const kind_names[] = {"counter", "gauge", "histogram"};
    for (const struct family *family = counters_first_family(); family != NULL;
         family = family->next) {
        buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name,
                      kind_names[family->kind]);
        for (const struct series *series = family->first; series != NULL; series = series->next)
            render_series(out, family, series);
    }
    process_metrics_render_prometheus(out);
}

static void json_series(struct json_writer *json, const struct family *family,
                        const struct series *series) {
    char key[LABELS_SIZE + 128], value[24];
    if (series->labels[0] != '\0')
        snprintf(key, sizeof key, "%s{%s}", family->name, series->labels);
    else
        snprintf(key, sizeof key, "%s", family->name);
    json_key(json, key);
    json_raw(json, text_of(format_value(family, series, value)));
}

void counters_render_json(struct buffer *out) {
    struct json_writer json;
    json_writer_init(&json, out);
    json_object_begin(&json);
    for (const struct family *family = counters_first_family(); family != NULL;
         family = family->next) {
        if (family->kind == KIND_HISTOGRAM)
            continue;
        for (const struct series *series = family->first; series != NULL; series = series->next) {
            if (family->kind == KIND_GAUGE || counter_read(series->counter) > 0)
                json_series(&json, family, series);
        }
    }
    process_metrics_render_json(&json);
    json_object_end(&json);
    json_writer_fini(&json);
}
