/* rules_trial_json.c: why rules matched an event or not, for programs. */
#include "services/siemctl/rules_trial.h"

#include "common/json_writer.h"
#include "common/scoped.h"

#define JSON_SIZE_MAX (64 * 1024 * 1024)

static void write_pair(struct json_writer *json, const char *name, struct text value) {
    json_key(json, name);
    json_text(json, value);
}

static void write_switch(struct json_writer *json, const char *name, bool value) {
    json_key(json, name);
    json_bool(json, value);
}

/* An item, or {"any": [...]} or {"all": [...]}. */
static void write_explained(struct json_writer *json, const struct sigma_explained *explained) {
    json_object_begin(json);
    write_switch(json, "holds", explained->holds);
    if (explained->kind == SIGMA_EXPLAINED_ITEM) {
        json_key(json, "line");
        json_int(json, explained->line);
        write_pair(json, "key", explained->written);
        write_pair(json, "field", explained->field);
        write_pair(json, "values", explained->values);
        write_pair(json, "found", explained->found);
    } else {
        json_key(json, explained->kind == SIGMA_EXPLAINED_ALL ? "all" : "any");
        json_array_begin(json);
        for (size_t i = 0; i < explained->count; i++)
            write_explained(json, &explained->children[i]);
        json_array_end(json);
    }
    json_object_end(json);
}

static void write_logsource(struct json_writer *json, const struct logsource *logsource) {
    json_object_begin(json);
    write_pair(json, "category", logsource->category);
    write_pair(json, "product", logsource->product);
    write_pair(json, "service", logsource->service);
    json_object_end(json);
}

static void write_selections(struct json_writer *json, const struct sigma_explained_rule *rule) {
    json_key(json, "selections");
    json_array_begin(json);
    for (size_t i = 0; i < rule->selection_count; i++) {
        json_object_begin(json);
        write_pair(json, "name", rule->selections[i].name);
        json_key(json, "detection");
        write_explained(json, &rule->selections[i].detection);
        json_object_end(json);
    }
    json_array_end(json);
}

static void write_correlations(struct json_writer *json, const struct rules_trial *trial,
                               const struct sigma_loaded_rule *rule) {
    json_key(json, "correlations");
    json_array_begin(json);
    bool contributes = rules_trial_matched(trial, rule) && rule->mode != SIGMA_MODE_SHADOW;
    for (uint32_t i = 0; contributes && i < rule->link_count; i++)
        json_text(json, trial->rules->correlations[rule->links[i].correlation].correlation.rule_id);
    json_array_end(json);
}

static void write_rule(struct json_writer *json, const struct rules_trial *trial,
                       const struct sigma_loaded_rule *rule) {
    const struct sigma_explained_rule *explained = rules_trial_explained(trial, rule);
    json_object_begin(json);
    write_pair(json, "id", rule->finding.rule_id);
    write_pair(json, "title", rule->finding.rule_title);
    write_pair(json, "mode", text_of(sigma_mode_text(rule->mode)));
    write_switch(json, "match", rules_trial_matched(trial, rule));
    json_key(json, "logsource");
    write_logsource(json, &rule->logsource);
    write_pair(json, "condition", explained->condition);
    write_switch(json, "condition_holds", explained->holds);
    write_selections(json, explained);
    write_correlations(json, trial, rule);
    json_object_end(json);
}

void rules_trial_print_json(const struct rules_trial *trial) {
    SCOPED_FINI(buffer) struct buffer out;
    struct json_writer json;
    const struct logsource event = judge_logsource(trial->judge);
    buffer_init(&out, JSON_SIZE_MAX);
    json_writer_init(&json, &out);
    json_object_begin(&json);
    write_switch(&json, "match", trial->judgement.matched_count > 0);
    json_key(&json, "logsource");
    write_logsource(&json, &event);
    json_key(&json, "rules");
    json_array_begin(&json);
    for (size_t i = 0; i < trial->rules->count; i++)
        write_rule(&json, trial, &trial->rules->rules[i]);
    json_array_end(&json);
    json_object_end(&json);
    json_writer_fini(&json);
    printf("%.*s\n", TEXT_ARG(buffer_text(&out)));
}
