/* test_counters.c: numbers are exact under threads, and the page is what Prometheus reads. */
#include "common/counters.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>

#define THREADS 4
#define ADDS 20000

/* The rendered page; the caller frees it with buffer_fini. */
static void render(struct buffer *out) {
    buffer_init(out, 1024 * 1024);
    counters_render_prometheus(out);
    buffer_append(out, "", 1);
    cr_assert(buffer_is_whole(out));
}

static const char *page(const struct buffer *buffer) {
    return buffer_text(buffer).data;
}

Test(counters, the_same_name_and_labels_are_one_object) {
    cr_expect_eq(counter_new("a_total", NULL, "A"), counter_new("a_total", NULL, "A"));
    cr_expect_eq(counter_new("a_total", "x=\"1\"", "A"), counter_new("a_total", "x=\"1\"", "A"));
    cr_expect_neq(counter_new("a_total", "x=\"1\"", "A"), counter_new("a_total", "x=\"2\"", "A"));
    cr_expect_eq(gauge_new("a", NULL, "A"), gauge_new("a", NULL, "A"));
}

static void *add_many(void *context) {
    struct counter *counter = counter_new("threads_total", NULL, "T");
    struct histogram *histogram =
        histogram_new("threads_seconds", NULL, "T", histogram_latency_bounds);
    for (int i = 0; i < ADDS; i++) {
        counter_add(counter, 1);
        histogram_observe(histogram, i);
    }
    return context;
}

Test(counters, no_addition_is_lost_between_threads) {
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, add_many, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    cr_expect_eq(counter_read(counter_new("threads_total", NULL, "T")), THREADS * ADDS);
    struct buffer out;
    render(&out);
    cr_expect_not_null(strstr(page(&out), "threads_seconds_count 80000\n"));
    buffer_fini(&out);
}

Test(counters, families_stand_together_with_one_head) {
    counter_add(counter_new("first_total", "k=\"a\"", "First"), 1);
    gauge_set(gauge_new("level", NULL, "Level"), -5);
    counter_add(counter_new("first_total", "k=\"b\"", "First"), 2);
    struct buffer out;
    render(&out);
    cr_expect_not_null(strstr(page(&out), "# HELP first_total First\n# TYPE first_total counter\n"
                                          "first_total{k=\"a\"} 1\nfirst_total{k=\"b\"} 2\n"));
    cr_expect_not_null(strstr(page(&out), "# TYPE level gauge\nlevel -5\n"));
    buffer_fini(&out);
}

Test(counters, histogram_buckets_are_cumulative_and_bounds_inclusive) {
    static const double bounds[] = {0.001, 0.01, 0};
    struct histogram *histogram = histogram_new("h_seconds", "m=\"x\"", "H", bounds);
    static const int64_t values[] = {-1, 1000000, 1000001, 10000000, 10000001};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        histogram_observe(histogram, values[i]);
    struct buffer out;
    render(&out);
    cr_expect_not_null(strstr(page(&out), "h_seconds_bucket{m=\"x\",le=\"0.001\"} 2\n"
                                          "h_seconds_bucket{m=\"x\",le=\"0.01\"} 4\n"
                                          "h_seconds_bucket{m=\"x\",le=\"+Inf\"} 5\n"
                                          "h_seconds_sum{m=\"x\"} 0.022000002\n"
                                          "h_seconds_count{m=\"x\"} 5\n"));
    buffer_fini(&out);
}

Test(counters, numbers_weigh_as_often_as_they_are_put_in) {
    struct histogram *histogram = histogram_new_numbers("size", NULL, "S", histogram_size_bounds);
    histogram_observe(histogram, 1);
    histogram_observe_times(histogram, 256, 3);
    histogram_observe(histogram, 257);
    struct buffer out;
    render(&out);
    cr_expect_not_null(strstr(page(&out), "size_bucket{le=\"1\"} 1\n"));
    cr_expect_not_null(strstr(page(&out), "size_bucket{le=\"128\"} 1\n"));
    cr_expect_not_null(strstr(page(&out), "size_bucket{le=\"256\"} 4\n"
                                          "size_bucket{le=\"+Inf\"} 5\n"
                                          "size_sum 1026\nsize_count 5\n"));
    buffer_fini(&out);
}

static void *move_gauge(void *context) {
    gauge_add(context, 5);
    gauge_add(context, -7);
    return NULL;
}

Test(counters, a_gauge_moved_by_several_threads_may_go_below_zero) {
    struct gauge *gauge = gauge_new("moved", NULL, "M");
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, move_gauge, gauge), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    cr_expect_eq(gauge_read(gauge), -2 * THREADS);
}

Test(counters, a_label_may_hold_anything) {
    struct buffer labels;
    buffer_init(&labels, 256);
    counters_append_label(&labels, "a", TEXT("plain"));
    counters_append_label(&labels, "b", TEXT("a \"b\" \\ \n c"));
    cr_expect(text_is(buffer_text(&labels), "a=\"plain\",b=\"a \\\"b\\\" \\\\ \\n c\""));
    buffer_fini(&labels);
}

Test(counters, every_reason_to_drop_is_listed_before_the_first_drop) {
    struct buffer out;
    counters_list_drops();
    render(&out);
    for (int reason = STATUS_OK + 1; reason < STATUS_COUNT_; reason++) {
        char line[96];
        snprintf(line, sizeof line, "siem_drops_total{reason=\"%s\"} 0\n",
                 status_reason((enum status)reason));
        cr_expect_not_null(strstr(page(&out), line), "%s", line);
    }
    cr_expect_null(strstr(page(&out), "reason=\"ok\""));
    buffer_fini(&out);
}

Test(counters, every_drop_is_counted_by_its_reason) {
    count_drop(STATUS_TRUNCATED);
    count_drop(STATUS_TRUNCATED);
    count_drop(STATUS_FULL);
    struct buffer out;
    render(&out);
    cr_expect_not_null(strstr(page(&out), "siem_drops_total{reason=\"truncated\"} 2\n"));
    cr_expect_not_null(strstr(page(&out), "siem_drops_total{reason=\"full\"} 1\n"));
    buffer_fini(&out);
}

Test(counters, json_escapes_the_labels) {
    counter_add(counter_new("j_total", "k=\"a\"", "J"), 7);
    struct buffer out;
    buffer_init(&out, 65536);
    counters_render_json(&out);
    buffer_append(&out, "", 1);
    cr_expect_not_null(strstr(page(&out), "\"j_total{k=\\\"a\\\"}\":7"), "%s", page(&out));
    buffer_fini(&out);
}

Test(counters, the_page_tells_of_the_process) {
    static const char *const names[] = {"\nprocess_resident_memory_bytes ",
                                        "\nprocess_virtual_memory_bytes ",
                                        "\nprocess_cpu_seconds_total ",
                                        "\nprocess_open_fds ",
                                        "\nprocess_max_fds ",
                                        "\nprocess_threads ",
                                        "\nprocess_start_time_seconds ",
                                        "\nsiem_build_info{"};
    struct buffer out;
    render(&out);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_expect_not_null(strstr(page(&out), names[i]), "%s", names[i]);
    buffer_fini(&out);
}

Test(counters, series_beyond_the_bound_are_not_shown_and_harmless) {
    char labels[32];
    for (int i = 0; i < 1100; i++) {
        snprintf(labels, sizeof labels, "n=\"%d\"", i);
        counter_add(counter_new("many_total", labels, "M"), 1);
    }
    struct buffer out;
    render(&out);
    cr_expect_not_null(strstr(page(&out), "many_total{n=\"1000\"} 1\n"));
    cr_expect_null(strstr(page(&out), "many_total{n=\"1099\"}"));
    buffer_fini(&out);
}
