/* judge.c: fields, enrichment, rules, findings. */
#include "services/detector/judge.h"

#include <stdlib.h>
#include <xxhash.h>

struct judge {
    struct fields *fields;
    struct sigma_workspace workspace;
    struct finding findings[FINDINGS_PER_EVENT_MAX];
    uint32_t rules[FINDINGS_PER_EVENT_MAX];
};

struct judge *judge_new(void) {
    struct judge *judge = calloc(1, sizeof *judge);
    if (judge == NULL)
        abort();
    judge->fields = fields_new();
    judge->workspace.regex = sigma_regex_workspace_new();
    return judge;
}

void judge_destroy(struct judge **judge) {
    if (*judge == NULL)
        return;
    fields_destroy(&(*judge)->fields);
    sigma_regex_workspace_destroy(&(*judge)->workspace.regex);
    free(*judge);
    *judge = NULL;
}

/* One value of a group key: "length:value", "#hash" of a long one, "-" for a missing one. */
static struct text describe_value(struct arena *arena, const struct value *value) {
    if (value == NULL || value->text.data == NULL || value->kind == VALUE_OTHER)
        return TEXT("-");
    if (value->text.length > GROUP_VALUE_MAX) {
        XXH128_hash_t hash = XXH3_128bits(value->text.data, value->text.length);
        return arena_printf(arena, "#%016llx%016llx", (unsigned long long)hash.high64,
                            (unsigned long long)hash.low64);
    }
    return arena_printf(arena, "%zu:%.*s", value->text.length, TEXT_ARG(value->text));
}

/* The event type and the values the rule groups by, joined so that no two lists look alike. */
static struct text make_group_key(const struct sigma_loaded_rule *rule, struct fields *fields) {
    struct text parts[SIGMA_GROUP_BY_MAX + 1];
    size_t count = 0, length = 0;
    parts[count++] = describe_value(&fields->arena, fields_first(fields, FIELD_NUMBER_event_type));
    for (size_t i = 0; i < rule->group_by_count; i++)
        parts[count++] = describe_value(&fields->arena, fields_first(fields, rule->group_by[i]));
    for (size_t i = 0; i < count; i++)
        length += parts[i].length + 1;
    char *out = arena_alloc(&fields->arena, length);
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            out[at++] = ',';
        memcpy(out + at, parts[i].data, parts[i].length);
        at += parts[i].length;
    }
    return (struct text){out, at};
}

static struct finding make_finding(const struct sigma_loaded_rule *rule, struct fields *fields) {
    struct finding finding = rule->finding;
    finding.details = sentence_fill(&rule->details, fields, &fields->arena);
    finding.group_key = make_group_key(rule, fields);
    return finding;
}

struct judgement judge_event(struct judge *judge, const struct sigma_rules *rules,
                             const struct enrichments *enrichments, const struct event *event) {
    struct fields *fields = judge->fields;
    struct judgement judgement = {.findings = judge->findings, .rules = judge->rules};
    fields_load(fields, rules->names, event);
    if (enrichments->time != NULL)
        enrich_time_apply(enrichments->time, event, fields);
    if (enrichments->reputation != NULL)
        enrich_reputation_apply(enrichments->reputation, event, fields);
    for (size_t i = 0; i < rules->count; i++) {
        const struct sigma_loaded_rule *rule = &rules->rules[i];
        if (!sigma_match(rule->program, fields, &judge->workspace))
            continue;
        if (judgement.count == FINDINGS_PER_EVENT_MAX) {
            judgement.dropped++;
            continue;
        }
        judge->rules[judgement.count] = (uint32_t)i;
        judge->findings[judgement.count++] = make_finding(rule, fields);
    }
    return judgement;
}

uint64_t judge_searches_given_up(const struct judge *judge) {
    return judge->workspace.gave_up;
}
