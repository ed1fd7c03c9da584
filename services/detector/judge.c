/* judge.c: fields, enrichment, rules, findings. */
#include "services/detector/judge.h"

#include "services/detector/group_key.h"

#include <stdlib.h>

struct judge {
    const struct sigma_rules *ruleset;
    struct fields *fields;
    struct sigma_runner *runner;
    struct packed_findings findings;
    uint32_t rules[FINDINGS_PER_EVENT_MAX];
    struct contribution_list *contributions;
    struct logsource logsource; /* of the event judged last */
    uint32_t number;            /* of the event in its batch */
};

struct judge *judge_new(const struct sigma_rules *rules) {
    struct judge *judge = calloc(1, sizeof *judge);
    if (judge == NULL)
        abort();
    judge->ruleset = rules;
    judge->fields = fields_new();
    judge->runner = sigma_runner_new(rules->engine);
    judge->contributions = contribution_list_new(rules);
    packed_findings_init(&judge->findings);
    return judge;
}

void judge_destroy(struct judge **judge) {
    if (*judge == NULL)
        return;
    fields_destroy(&(*judge)->fields);
    sigma_runner_destroy(&(*judge)->runner);
    contribution_list_destroy(&(*judge)->contributions);
    packed_findings_fini(&(*judge)->findings);
    free(*judge);
    *judge = NULL;
}

/* A value of a group key. */
static struct text key_value(const struct fields *fields, uint32_t number) {
    const struct value *value = fields_first(fields, number);
    bool has_text = value != NULL && value->kind != VALUE_OTHER;
    return has_text ? value->text : (struct text){NULL, 0};
}

/* The event type and the values the rule groups by, joined so that no two lists look alike. */
static struct text make_group_key(const struct sigma_loaded_rule *rule, struct fields *fields) {
    char *out = arena_alloc(&fields->arena, (rule->group_by_count + 1) * GROUP_PART_MAX);
    size_t length = group_key_append(out, 0, key_value(fields, FIELD_NUMBER_event_type));
    for (size_t i = 0; i < rule->group_by_count; i++)
        length = group_key_append(out, length, key_value(fields, rule->group_by[i]));
    arena_trim(&fields->arena, out, length);
    return (struct text){out, length};
}

static void add_finding(struct judge *judge, const struct sigma_loaded_rule *rule) {
    struct fields *fields = judge->fields;
    struct text details = {NULL, 0};
    if (rule->form.has_own_details)
        details = sentence_fill(&rule->details, fields, &fields->arena);
    packed_findings_add(&judge->findings, &rule->form, details, make_group_key(rule, fields));
}

struct judgement judge_event(struct judge *judge, const struct enrichments *enrichments,
                             const struct event *event) {
    const struct sigma_rules *rules = judge->ruleset;
    struct fields *fields = judge->fields;
    struct judgement judgement = {.findings = &judge->findings, .rules = judge->rules};
    fields_load(fields, rules->names, event);
    if (enrichments->time != NULL)
        enrich_time_apply(enrichments->time, event, fields);
    if (enrichments->reputation != NULL)
        enrich_reputation_apply(enrichments->reputation, event, fields);
    const struct logsource raw = raw_log_read(rules->raw_log, event->raw_log, fields);
    judge->logsource = logsource_find(rules->logsources, fields, &raw);
    const uint32_t *matched;
    size_t count = sigma_runner_run(judge->runner, fields, &judge->logsource, &matched);
    judgement.matched_count = count;
    judgement.matched = matched;
    packed_findings_clear(&judge->findings);
    for (size_t i = 0; i < count; i++)
        __builtin_prefetch(&rules->rules[matched[i]]);
    for (size_t i = 0; i < count; i++) {
        const struct sigma_loaded_rule *rule = &rules->rules[matched[i]];
        if (rule->mode == SIGMA_MODE_SHADOW)
            continue; /* who counts them looks at `matched` */
        if (rule->link_count > 0)
            contribution_list_add(judge->contributions, rule, fields, judge->number);
        if (rule->is_silent)
            continue;
        if (judgement.count == FINDINGS_PER_EVENT_MAX) {
            judgement.dropped++;
            continue;
        }
        judge->rules[judgement.count] = matched[i];
        judgement.count++;
        add_finding(judge, rule);
    }
    return judgement;
}

struct fields *judge_fields(struct judge *judge) {
    return judge->fields;
}

struct logsource judge_logsource(const struct judge *judge) {
    return judge->logsource;
}

void judge_begin_batch(struct judge *judge) {
    contribution_list_begin(judge->contributions);
}

void judge_number_event(struct judge *judge, uint32_t number) {
    judge->number = number;
}

const struct contributions *judge_contributions(const struct judge *judge) {
    return contribution_list_all(judge->contributions);
}

uint64_t judge_searches_given_up(const struct judge *judge) {
    return sigma_runner_given_up(judge->runner);
}
