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

void rules_hits_print(const struct rules_hits *hits, const struct rules_backtest_sums *sums) {
    static const char *const heads[] = {"HITS", "SEVERITY", "RULE", "TITLE"};
    struct table table;
    size_t count = 0;
    uint32_t *order = sort_hits(hits, &count);
    table_init(&table, sizeof heads / sizeof *heads, heads);
    for (size_t i = 0; i < count; i++) {
        const struct finding *finding = &hits->rules->rules[order[i]].finding;
        char number[NUMBER_SIZE];
        snprintf(number, sizeof number, "%" PRIu64, hits->counts[order[i]]);
        table_add(&table, text_of(number));
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
    if (hits->rules->correlation_count > 0)
        printf("%zu correlations were not tried: their windows are in Redis\n",
               hits->rules->correlation_count);
}

static void write_number(struct json_writer *json, const char *name, uint64_t value) {
    json_key(json, name);
    json_int(json, (int64_t)value);
}

static void write_hit(struct json_writer *json, const struct finding *finding, uint64_t count) {
    json_object_begin(json);
    json_key(json, "id");
    json_text(json, finding->rule_id);
    json_key(json, "title");
    json_text(json, finding->rule_title);
    json_key(json, "level");
    json_string(json, severity_text(finding->level));
    write_number(json, "hits", count);
    json_object_end(json);
}

void rules_hits_print_json(const struct rules_hits *hits, const struct rules_backtest_sums *sums) {
    SCOPED_FINI(buffer) struct buffer out;
    struct json_writer json;
    size_t count = 0;
    uint32_t *order = sort_hits(hits, &count);
    buffer_init(&out, JSON_SIZE_MAX);
    json_writer_init(&json, &out);
    json_object_begin(&json);
    write_number(&json, "rules", hits->rules->count);
    write_number(&json, "correlations_not_tried", hits->rules->correlation_count);
    write_number(&json, "events", sums->judged);
    write_number(&json, "matched", hits->matched);
    write_number(&json, "unreadable", sums->unreadable);
    json_key(&json, "seconds");
    json_double(&json, sums->seconds);
    json_key(&json, "events_per_second");
    json_double(&json, rate_of(sums));
    json_key(&json, "hits");
    json_array_begin(&json);
    for (size_t i = 0; i < count; i++)
        write_hit(&json, &hits->rules->rules[order[i]].finding, hits->counts[order[i]]);
    json_array_end(&json);
    json_object_end(&json);
    json_writer_fini(&json);
    free(order);
    printf("%.*s\n", TEXT_ARG(buffer_text(&out)));
}
