/* judge.c: fields, enrichment, rules, findings. */
#include "services/detector/judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

/* Room for a comma, "64:" and a value, or "#" and a hash with its NUL. */
#define GROUP_PART_MAX (GROUP_VALUE_MAX + 4)

_Static_assert(GROUP_VALUE_MAX<100 && GROUP_PART_MAX> 34, "a part holds a length or a hash");

struct judge {
    const struct sigma_rules *ruleset;
    struct fields *fields;
    struct sigma_runner *runner;
    struct finding findings[FINDINGS_PER_EVENT_MAX];
    uint32_t rules[FINDINGS_PER_EVENT_MAX];
};

struct judge *judge_new(const struct sigma_rules *rules) {
    struct judge *judge = calloc(1, sizeof *judge);
    if (judge == NULL)
        abort();
    judge->ruleset = rules;
    judge->fields = fields_new();
    judge->runner = sigma_runner_new(rules->engine);
    return judge;
}

void judge_destroy(struct judge **judge) {
    if (*judge == NULL)
        return;
    fields_destroy(&(*judge)->fields);
    sigma_runner_destroy(&(*judge)->runner);
    free(*judge);
    *judge = NULL;
}

/* Appends one value of a group key: "length:value", "#hash" of a long one, "-" for a missing one.
 */
static size_t append_value(char *out, const struct value *value) {
    if (value == NULL || value->text.data == NULL || value->kind == VALUE_OTHER) {
        out[0] = '-';
        return 1;
    }
    struct text text = value->text;
    if (text.length > GROUP_VALUE_MAX) {
        XXH128_hash_t hash = XXH3_128bits(text.data, text.length);
        return (size_t)snprintf(out, GROUP_PART_MAX, "#%016llx%016llx",
                                (unsigned long long)hash.high64, (unsigned long long)hash.low64);
    }
    size_t at = 0;
    if (text.length >= 10)
        out[at++] = (char)('0' + text.length / 10);
    out[at++] = (char)('0' + text.length % 10);
    out[at++] = ':';
    memcpy(out + at, text.data, text.length);
    return at + text.length;
}

/* The event type and the values the rule groups by, joined so that no two lists look alike. */
static struct text make_group_key(const struct sigma_loaded_rule *rule, struct fields *fields) {
    char *out = arena_alloc(&fields->arena, (rule->group_by_count + 1) * GROUP_PART_MAX);
    size_t at = append_value(out, fields_first(fields, FIELD_NUMBER_event_type));
    for (size_t i = 0; i < rule->group_by_count; i++) {
        out[at++] = ',';
        at += append_value(out + at, fields_first(fields, rule->group_by[i]));
    }
    arena_trim(&fields->arena, out, at);
    return (struct text){out, at};
}

static struct finding make_finding(const struct sigma_loaded_rule *rule, struct fields *fields) {
    struct finding finding = rule->finding;
    finding.details = sentence_fill(&rule->details, fields, &fields->arena);
    finding.group_key = make_group_key(rule, fields);
    return finding;
}

struct judgement judge_event(struct judge *judge, const struct enrichments *enrichments,
                             const struct event *event) {
    const struct sigma_rules *rules = judge->ruleset;
    struct fields *fields = judge->fields;
    struct judgement judgement = {.findings = judge->findings, .rules = judge->rules};
    fields_load(fields, rules->names, event);
    if (enrichments->time != NULL)
        enrich_time_apply(enrichments->time, event, fields);
    if (enrichments->reputation != NULL)
        enrich_reputation_apply(enrichments->reputation, event, fields);
    const struct logsource raw = raw_log_read(rules->raw_log, event->raw_log, fields);
    const struct logsource logsource = logsource_find(rules->logsources, fields, &raw);
    const uint32_t *matched;
    size_t count = sigma_runner_run(judge->runner, fields, &logsource, &matched);
    for (size_t i = 0; i < count; i++) {
        if (judgement.count == FINDINGS_PER_EVENT_MAX) {
            judgement.dropped++;
            continue;
        }
        judge->rules[judgement.count] = matched[i];
        judge->findings[judgement.count++] = make_finding(&rules->rules[matched[i]], fields);
    }
    return judgement;
}

uint64_t judge_searches_given_up(const struct judge *judge) {
    return sigma_runner_given_up(judge->runner);
}
