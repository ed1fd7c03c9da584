/* sigma_cases.c: runs rules and events that others wrote, with the match their authors expect, and
 * loads whole rule collections; prints the rates.
 *
 *   sigma_cases SHARED        SHARED holds cases/sigma-*.jsonl and sigma/
 *
 * Cases of tier "core" must match as expected; others only count. The exit status is 77 (skipped)
 * when the data is not there.
 */
#include "services/detector/judge.h"
#include "tests/support/case_file.h"
#include "tests/support/event_reader.h"

#include "common/json_writer.h"
#include "common/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SKIPPED 77
#define PATH_SIZE 4096
#define REASONS_MAX 64

static const struct wall_time received = {1748865600000};

struct rates {
    size_t total;
    size_t as_expected;
    size_t failures; /* of tier core */
};

static void write_json(struct json_writer *json, yajl_val value);

static void write_object(struct json_writer *json, yajl_val value) {
    json_object_begin(json);
    for (size_t i = 0; i < value->u.object.len; i++) {
        json_key(json, value->u.object.keys[i]);
        write_json(json, value->u.object.values[i]);
    }
    json_object_end(json);
}

static void write_array(struct json_writer *json, yajl_val value) {
    json_array_begin(json);
    for (size_t i = 0; i < value->u.array.len; i++)
        write_json(json, value->u.array.values[i]);
    json_array_end(json);
}

static void write_json(struct json_writer *json, yajl_val value) {
    switch (value->type) {
    case yajl_t_string:
        json_string(json, value->u.string);
        break;
    case yajl_t_number:
        json_raw(json, text_of(value->u.number.r));
        break;
    case yajl_t_object:
        write_object(json, value);
        break;
    case yajl_t_array:
        write_array(json, value);
        break;
    case yajl_t_true:
    case yajl_t_false:
        json_bool(json, YAJL_IS_TRUE(value));
        break;
    default:
        json_null(json);
        break;
    }
}

/* The case's event as the metadata of one of ours. */
static void make_document(yajl_val event, struct buffer *out) {
    struct json_writer json;
    json_writer_init(&json, out);
    json_object_begin(&json);
    json_key(&json, "event_type");
    json_string(&json, "unknown");
    json_key(&json, "metadata");
    write_json(&json, event);
    json_object_end(&json);
    json_writer_fini(&json);
}

/* What the rule says of the event: 1 match, 0 none, -1 the rule was refused or the event
 * unreadable. */
static int judge_case(yajl_val input, char reason[256]) {
    const struct enrichments none = {NULL, NULL};
    struct sigma_rules *rules = sigma_rules_new();
    struct event_reader *reader = event_reader_new();
    struct buffer document;
    int result = -1;
    buffer_init(&document, CASE_FILE_MAX);
    make_document(case_file_member(input, "event", yajl_t_object), &document);
    sigma_rules_add_text(rules, "case", text_of(case_file_string(input, "rule")));
    sigma_rules_finish(rules);
    struct judge *judge = judge_new(rules);
    const struct event *event = event_reader_read(reader, buffer_text(&document), received);
    if (rules->refusal_count > 0)
        snprintf(reason, 256, "%s", rules->refusals[0].error.reason);
    if (rules->refusal_count == 0 && event != NULL)
        result = judge_event(judge, &none, event).count > 0;
    buffer_fini(&document);
    judge_destroy(&judge);
    event_reader_destroy(&reader);
    sigma_rules_destroy(&rules);
    return result;
}

static void run_case(yajl_val root, void *context) {
    struct rates *rates = context;
    char reason[256] = "";
    yajl_val expect = case_file_member(root, "expect", yajl_t_object);
    bool wanted = expect != NULL && case_file_member(expect, "match", yajl_t_true) != NULL;
    int found = judge_case(case_file_member(root, "input", yajl_t_object), reason);
    bool is_core = strcmp(case_file_string(root, "tier"), "core") == 0;
    rates->total++;
    if (found == (int)wanted) {
        rates->as_expected++;
        return;
    }
    rates->failures += is_core;
    printf("  %s %s: expected %s, %s %s\n", is_core ? "FAIL" : "miss", case_file_string(root, "id"),
           wanted ? "a match" : "no match",
           found < 0 ? "refused:"
           : found   ? "matched"
                     : "did not",
           reason);
}

/* Runs the cases of one file; false when it is not there. */
static bool run_file(const char *shared, const char *name, struct rates *rates) {
    bool is_there = case_file_run(shared, name, run_case, rates);
    if (is_there)
        printf("%s: %zu of %zu as expected\n", name, rates->as_expected, rates->total);
    return is_there;
}

struct reason {
    char text[64];
    size_t count;
};

/* Counts refusals that begin alike. */
static void count_reason(struct reason *reasons, size_t *count, const char *text) {
    char head[sizeof reasons[0].text];
    snprintf(head, sizeof head, "%s", text);
    for (size_t i = 0; i < *count; i++) {
        if (strcmp(reasons[i].text, head) == 0) {
            reasons[i].count++;
            return;
        }
    }
    if (*count < REASONS_MAX) {
        memcpy(reasons[*count].text, head, sizeof head);
        reasons[(*count)++].count = 1;
    }
}

/* Loads every rule of a collection; prints how many, and why not the others. */
static void load_collection(const char *shared, const char *name) {
    char path[PATH_SIZE];
    struct reason reasons[REASONS_MAX];
    size_t count = 0;
    struct sigma_rules *rules = sigma_rules_new();
    snprintf(path, sizeof path, "%s/sigma/%s", shared, name);
    enum status status = sigma_rules_add_directory(rules, path);
    sigma_rules_finish(rules);
    if (status == STATUS_OK)
        printf("%s: %zu loaded, %zu refused\n", name, rules->count, rules->refusal_count);
    for (size_t i = 0; i < rules->refusal_count; i++)
        count_reason(reasons, &count, rules->refusals[i].error.reason);
    for (size_t i = 0; i < count; i++)
        printf("  %zu: %s\n", reasons[i].count, reasons[i].text);
    sigma_rules_destroy(&rules);
}

int main(int argc, char **argv) {
    const char *shared = argc > 1 ? argv[1] : "";
    struct rates semantics = {0}, regression = {0};
    log_init("sigma_cases", LOG_LEVEL_WARNING);
    bool found = run_file(shared, "sigma-semantics.jsonl", &semantics);
    found |= run_file(shared, "sigma-regression.jsonl", &regression);
    if (!found) {
        printf("skipped: no cases in \"%s\" (SIEM_SHARED names the directory)\n", shared);
        return SKIPPED;
    }
    load_collection(shared, "rules");
    load_collection(shared, "rules-emerging-threats");
    load_collection(shared, "rules-threat-hunting");
    return semantics.failures + regression.failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
