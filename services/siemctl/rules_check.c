/* rules_check.c: siemctl rules check: how many rules would load, and which not and why. */
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
static void print_refusals(const struct sigma_rules *rules) {
    for (size_t i = 0; i < rules->refusal_count; i++) {
        const struct sigma_refusal *refusal = &rules->refusals[i];
        terminal_print(stdout, text_of(refusal->file));
        printf(":%d: ", refusal->error.line);
        terminal_print(stdout, text_of(refusal->error.reason));
        printf("\n");
    }
    printf("%zu rules and %zu correlations load, %zu are refused\n", rules->count,
           count_correlations(rules), rules->refusal_count);
}

static void write_refusal(struct json_writer *json, const struct sigma_refusal *refusal) {
    json_object_begin(json);
    json_key(json, "file");
    json_string(json, refusal->file);
    json_key(json, "line");
    json_int(json, refusal->error.line);
    json_key(json, "reason");
    json_string(json, refusal->error.reason);
    json_object_end(json);
}

/* {"loaded":..., "correlations":..., "refused":[{file, line, reason}]}. */
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
    json_key(&json, "refused");
    json_array_begin(&json);
    for (size_t i = 0; i < rules->refusal_count; i++)
        write_refusal(&json, &rules->refusals[i]);
    json_array_end(&json);
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
        print_refusals(rules);
    if (rules->count + rules->refusal_count == 0) {
        fprintf(stderr, "siemctl: there is no rule (*.yml, *.yaml) in %s\n", path);
        return RULES_ERROR;
    }
    return rules->refusal_count == 0 ? RULES_YES : RULES_NO;
}
