/* rules_check.c: siemctl rules check: how many rules would load, which not and why, and which can
 * hardly be meant. */
#include "services/siemctl/rules.h"

#include "common/json_writer.h"
#include "common/scoped.h"
#include "services/siemctl/terminal.h"

#define JSON_SIZE_MAX (64 * 1024 * 1024)

/* Correlations that were not refused. */
static size_t count_correlations(const struct sigma_rules *rules) {
    size_t count = 0;
    for (size_t i = 0; i < rules->correlation_count; i++)
        count += rules->correlations[i].is_linked;
    return count;
}

/* file:line: reason, as compilers have it. */
static void print_list(const char *kind, const struct sigma_refusal *items, size_t count) {
    for (size_t i = 0; i < count; i++) {
        terminal_print(stdout, text_of(items[i].file));
        printf(":%d: %s", items[i].error.line, kind);
        terminal_print(stdout, text_of(items[i].error.reason));
        printf("\n");
    }
}

static void print_text(const struct sigma_rules *rules) {
    print_list("", rules->refusals, rules->refusal_count);
    print_list("warning: ", rules->warnings, rules->warning_count);
    printf("%zu rules and %zu correlations load, %zu are refused", rules->count,
           count_correlations(rules), rules->refusal_count);
    if (rules->warning_count > 0)
        printf("; warnings: %zu", rules->warning_count);
    printf("\n");
}

static void write_list(struct json_writer *json, const char *name,
                       const struct sigma_refusal *items, size_t count) {
    json_key(json, name);
    json_array_begin(json);
    for (size_t i = 0; i < count; i++) {
        json_object_begin(json);
        json_key(json, "file");
        json_string(json, items[i].file);
        json_key(json, "line");
        json_int(json, items[i].error.line);
        json_key(json, "reason");
        json_string(json, items[i].error.reason);
        json_object_end(json);
    }
    json_array_end(json);
}

/* {"loaded":..., "correlations":..., "refused":[{file, line, reason}], "warnings":[the same]}. */
static void print_json(const struct sigma_rules *rules) {
    SCOPED_FINI(buffer) struct buffer out;
    struct json_writer json;
    buffer_init(&out, JSON_SIZE_MAX);
    json_writer_init(&json, &out);
    json_object_begin(&json);
    json_key(&json, "loaded");
    json_int(&json, (int64_t)rules->count);
    json_key(&json, "correlations");
    json_int(&json, (int64_t)count_correlations(rules));
    write_list(&json, "refused", rules->refusals, rules->refusal_count);
    write_list(&json, "warnings", rules->warnings, rules->warning_count);
    json_object_end(&json);
    json_writer_fini(&json);
    printf("%.*s\n", TEXT_ARG(buffer_text(&out)));
}

int rules_check(const struct rules_arguments *arguments, const char *path) {
    SCOPED(sigma_rules)
    struct sigma_rules *rules = rules_read(arguments, path, NULL);
    if (rules == NULL)
        return RULES_ERROR;
    if (arguments->json)
        print_json(rules);
    else
        print_text(rules);
    if (rules->count + rules->refusal_count == 0) {
        fprintf(stderr, "siemctl: there is no rule (*.yml, *.yaml) in %s\n", path);
        return RULES_ERROR;
    }
    return rules->refusal_count == 0 ? RULES_YES : RULES_NO;
}
