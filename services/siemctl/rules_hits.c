/* rules_hits.c: hits by rule, counted by index. */
#include "services/siemctl/rules_hits.h"

#include "common/json_writer.h"
#include "common/scoped.h"
#include "services/siemctl/terminal.h"

#include <inttypes.h>
#include <stdlib.h>

#define JSON_SIZE_MAX (64 * 1024 * 1024)
#define NUMBER_SIZE 24

struct rules_hits {
    const struct sigma_rules *rules;
    uint64_t matched; /* events */
    uint64_t *counts; /* by rule */
};

struct rules_hits *rules_hits_new(const struct sigma_rules *rules) {
    struct rules_hits *hits = calloc(1, sizeof *hits);
    if (hits == NULL)
        abort();
    hits->rules = rules;
    hits->counts = calloc(rules->count + 1, sizeof *hits->counts);
    if (hits->counts == NULL)
        abort();
    return hits;
}

void rules_hits_destroy(struct rules_hits **hits) {
    if (*hits == NULL)
        return;
    free((*hits)->counts);
    free(*hits);
    *hits = NULL;
}

void rules_hits_add(struct rules_hits *hits, const uint32_t *rules, size_t count) {
    hits->matched += count > 0;
    for (size_t i = 0; i < count; i++)
        hits->counts[rules[i]]++;
}

void rules_hits_merge(struct rules_hits *hits, const struct rules_hits *other) {
    hits->matched += other->matched;
    for (size_t i = 0; i < hits->rules->count; i++)
        hits->counts[i] += other->counts[i];
}

static int compare_counts(const void *left, const void *right, void *context) {
    const uint64_t *counts = context;
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    if (counts[a] != counts[b])
        return counts[a] > counts[b] ? -1 : 1;
    return (a > b) - (a < b);
}

/* The rules that were hit, most hits first; the caller frees them. */
static uint32_t *sort_hits(const struct rules_hits *hits, size_t *ret_count) {
    uint32_t *order = calloc(hits->rules->count + 1, sizeof *order);
    size_t count = 0;
    if (order == NULL)
        abort();
    for (uint32_t i = 0; i < hits->rules->count; i++)
        if (hits->counts[i] > 0)
            order[count++] = i;
    qsort_r(order, count, sizeof *order, compare_counts, hits->counts);
    *ret_count = count;
    return order;
}

static double rate_of(const struct rules_backtest_sums *sums) {
    return sums->seconds > 0 ? (double)sums->judged / sums->seconds : 0;
}

static void add_number(struct table *table, uint64_t value) {
    char number[NUMBER_SIZE];
    snprintf(number, sizeof number, "%" PRIu64, value);
    table_add(table, text_of(number));
}

static void print_rules(const struct rules_hits *hits, const struct rules_backtest_sums *sums) {
    static const char *const heads[] = {"HITS", "SEVERITY", "RULE", "TITLE"};
    struct table table;
    size_t count = 0;
    uint32_t *order = sort_hits(hits, &count);
    table_init(&table, sizeof heads / sizeof *heads, heads);
    for (size_t i = 0; i < count; i++) {
        const struct finding *finding = &hits->rules->rules[order[i]].finding;
        add_number(&table, hits->counts[order[i]]);
        table_add(&table, text_of(severity_text(finding->level)));
        table_add(&table, finding->rule_id);
        table_add(&table, finding->rule_title);
    }
    table_print(&table, stdout);
    table_fini(&table);
    free(order);
    printf("%zu of %zu rules were hit; %" PRIu64 " of %" PRIu64 " events matched, %" PRIu64
           " lines are no events; %.1f s, %.0f events/s\n",
           count, hits->rules->count, hits->matched, sums->judged, sums->unreadable, sums->seconds,
           rate_of(sums));
}

/* The correlations that fired, most often first; the caller frees them. */
static uint32_t *sort_correlations(const struct rules_hits *hits,
                                   const struct rules_correlations *correlations,
                                   size_t *ret_count) {
    size_t all = hits->rules->correlation_count, count = 0;
    uint32_t *order = calloc(all + 1, sizeof *order);
    uint64_t *counts = calloc(all + 1, sizeof *counts);
    if (order == NULL || counts == NULL)
        abort();
    for (uint32_t i = 0; i < all; i++) {
        counts[i] = rules_correlations_hits(correlations, i).moments;
        if (counts[i] > 0)
            order[count++] = i;
    }
    qsort_r(order, count, sizeof *order, compare_counts, counts);
    free(counts);
    *ret_count = count;
    return order;
}

static void print_correlations(const struct rules_hits *hits,
                               const struct rules_correlations *correlations) {
    static const char *const heads[] = {"FIRED", "GROUPS", "SEVERITY", "CORRELATION", "TITLE"};
    const struct rules_correlations_sums sums = rules_correlations_sums(correlations);
    struct table table;
    size_t count = 0;
    uint32_t *order = sort_correlations(hits, correlations, &count);
    table_init(&table, sizeof heads / sizeof *heads, heads);
    for (size_t i = 0; i < count; i++) {
        const struct correlation *fired = &hits->rules->correlations[order[i]].correlation;
        struct rules_correlation_hits found = rules_correlations_hits(correlations, order[i]);
        add_number(&table, found.moments);
        add_number(&table, found.groups);
        table_add(&table, text_of(severity_text(fired->level)));
        table_add(&table, fired->rule_id);
        table_add(&table, fired->rule_title);
    }
    if (count > 0)
        table_print(&table, stdout);
    table_fini(&table);
    free(order);
    printf("%zu of %zu correlations fired\n", sums.fired, sums.tried);
    if (sums.undated > 0)
        printf("%" PRIu64 " events that they refer to say no time, and stand in no window\n",
               sums.undated);
    if (sums.left_out > 0)
        printf("%" PRIu64 " contributions to them were left out: more than %d\n", sums.left_out,
               RULES_CONTRIBUTIONS_MAX);
}

void rules_hits_print(const struct rules_hits *hits, const struct rules_correlations *correlations,
                      const struct rules_backtest_sums *sums) {
    print_rules(hits, sums);
    if (rules_correlations_sums(correlations).tried > 0)
        print_correlations(hits, correlations);
}

static void write_number(struct json_writer *json, const char *name, uint64_t value) {
    json_key(json, name);
    json_int(json, (int64_t)value);
}

static void write_rule(struct json_writer *json, struct text id, struct text title,
                       enum severity level) {
    json_key(json, "id");
    json_text(json, id);
    json_key(json, "title");
    json_text(json, title);
    json_key(json, "level");
    json_string(json, severity_text(level));
}

static void write_hits(struct json_writer *json, const struct rules_hits *hits) {
    size_t count = 0;
    uint32_t *order = sort_hits(hits, &count);
    json_key(json, "hits");
    json_array_begin(json);
    for (size_t i = 0; i < count; i++) {
        const struct finding *finding = &hits->rules->rules[order[i]].finding;
        json_object_begin(json);
        write_rule(json, finding->rule_id, finding->rule_title, finding->level);
        write_number(json, "hits", hits->counts[order[i]]);
        json_object_end(json);
    }
    json_array_end(json);
    free(order);
}

static void write_correlations(struct json_writer *json, const struct rules_hits *hits,
                               const struct rules_correlations *correlations) {
    const struct rules_correlations_sums sums = rules_correlations_sums(correlations);
    size_t count = 0;
    uint32_t *order = sort_correlations(hits, correlations, &count);
    write_number(json, "correlations", sums.tried);
    write_number(json, "undated", sums.undated);
    write_number(json, "contributions_left_out", sums.left_out);
    json_key(json, "fired");
    json_array_begin(json);
    for (size_t i = 0; i < count; i++) {
        const struct correlation *fired = &hits->rules->correlations[order[i]].correlation;
        struct rules_correlation_hits found = rules_correlations_hits(correlations, order[i]);
        json_object_begin(json);
        write_rule(json, fired->rule_id, fired->rule_title, fired->level);
        write_number(json, "fired", found.moments);
        write_number(json, "groups", found.groups);
        json_object_end(json);
    }
    json_array_end(json);
    free(order);
}

void rules_hits_print_json(const struct rules_hits *hits,
                           const struct rules_correlations *correlations,
                           const struct rules_backtest_sums *sums) {
    SCOPED_FINI(buffer) struct buffer out;
    struct json_writer json;
    buffer_init(&out, JSON_SIZE_MAX);
    json_writer_init(&json, &out);
    json_object_begin(&json);
    write_number(&json, "rules", hits->rules->count);
    write_number(&json, "events", sums->judged);
    write_number(&json, "matched", hits->matched);
    write_number(&json, "unreadable", sums->unreadable);
    json_key(&json, "seconds");
    json_double(&json, sums->seconds);
    json_key(&json, "events_per_second");
    json_double(&json, rate_of(sums));
    write_hits(&json, hits);
    write_correlations(&json, hits, correlations);
    json_object_end(&json);
    json_writer_fini(&json);
    printf("%.*s\n", TEXT_ARG(buffer_text(&out)));
}
