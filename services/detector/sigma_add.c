/* sigma_add.c: a rule read, filtered, mapped, compiled and taken; a filter taken. */
#include "services/detector/sigma_add.h"

#include "services/detector/sigma_doubts.h"
#include "services/detector/sigma_expand.h"
#include "services/detector/sigma_explain.h"
#include "services/detector/sigma_filter_guard.h"
#include "services/detector/sigma_pipeline.h"

#include <assert.h>
#include <stdlib.h>

/* A copy, in which what is not set stays null. */
static struct text copy_text(struct sigma_rules *rules, struct text text) {
    return text.data != NULL ? arena_text(&rules->arena, text) : text;
}

/* Copies into the set what a finding says of its rule, and what routes and names it. */
static void copy_head(struct sigma_rules *rules, const struct sigma_rule *rule,
                      struct sigma_loaded_rule *loaded) {
    struct finding *finding = &loaded->finding;
    *finding = (struct finding){
        .rule_id = copy_text(rules, rule->id),
        .rule_title = copy_text(rules, rule->title),
        .level = rule->level,
        .tags = {.count = rule->tags.count},
        .incident = copy_text(rules, rule->incident),
    };
    for (uint32_t i = 0; i < rule->tags.count; i++)
        finding->tags.items[i] = copy_text(rules, rule->tags.items[i]);
    loaded->name = copy_text(rules, rule->name);
    loaded->status = copy_text(rules, rule->status);
    loaded->mode = rule->mode;
    loaded->logsource = (struct logsource){copy_text(rules, rule->logsource.category),
                                           copy_text(rules, rule->logsource.product),
                                           copy_text(rules, rule->logsource.service)};
}

/* Packs what is the same in all findings of the rule. */
static void make_form(struct sigma_rules *rules, struct sigma_loaded_rule *loaded) {
    struct buffer bytes;
    bool has_own_details = !sentence_is_constant(&loaded->details);
    buffer_init(&bytes, FINDING_PACKED_MAX);
    if (!has_own_details)
        loaded->finding.details = sentence_fill(&loaded->details, NULL, &rules->arena);
    finding_form_make(&loaded->finding, has_own_details, &bytes, &loaded->form);
    assert(buffer_is_whole(&bytes));
    uint8_t *copy = arena_alloc(&rules->arena, bytes.length);
    memcpy(copy, bytes.data, bytes.length);
    loaded->form.bytes = copy;
    buffer_fini(&bytes);
}

static enum status compile_siem(struct sigma_rules *rules, const struct sigma_rule *rule,
                                struct sigma_loaded_rule *loaded, struct sigma_error *error) {
    if (rule->details.data == NULL)
        loaded->details = sentence_of_words(rule->title, &rules->arena);
    else if (sentence_compile(rule->details, &rules->arena, rules->names, &loaded->details) !=
             STATUS_OK)
        return sigma_refuse(error, STATUS_BAD_SYNTAX, rule->line,
                            "'siem.details': a %% stands alone (write %%%%) or names no field");
    loaded->group_by_count = rule->group_by_count;
    for (size_t i = 0; i < rule->group_by_count; i++)
        if (field_names_intern(rules->names, rule->group_by[i], &loaded->group_by[i]) != STATUS_OK)
            return sigma_refuse(error, STATUS_TOO_LARGE, rule->line,
                                "'siem.group_by' names a field that is too long");
    return STATUS_OK;
}

/* The rule with this id that was taken before, or NULL. */
static const struct sigma_loaded_rule *find_id(const struct sigma_rules *rules, struct text id) {
    for (size_t i = 0; i < rules->count; i++)
        if (text_equal(rules->rules[i].finding.rule_id, id))
            return &rules->rules[i];
    return NULL;
}

/* Titles may be the same; ids that their authors gave may not. */
static enum status check_room(const struct sigma_adding *adding, struct sigma_rule *rule) {
    const struct sigma_rules *rules = adding->rules;
    const struct sigma_loaded_rule *twin = find_id(rules, rule->id);
    if (twin != NULL && !rule->has_own_id) {
        sigma_rule_make_other_id(rule, adding->reader.arena);
        twin = find_id(rules, rule->id);
    }
    if (twin != NULL)
        return sigma_refuse(adding->reader.error, STATUS_BAD_SYNTAX, rule->line,
                            "its id is that of the rule in %s, line %d", twin->file, twin->line);
    if (rules->count == SIGMA_RULES_MAX)
        return sigma_refuse(adding->reader.error, STATUS_TOO_LARGE, rule->line,
                            "more than %d rules", SIGMA_RULES_MAX);
    return STATUS_OK;
}

/* Applies the filters that are about the rule; one that would leave it no hit, or that names a rule
 * of another logsource, is told and left. */
static void apply_filters(struct sigma_adding *adding, struct sigma_rule *rule) {
    for (size_t i = 0; i < adding->filters->count; i++) {
        struct sigma_filter *filter = &adding->filters->items[i];
        enum sigma_filter_relation relation = sigma_filter_relate(filter, rule);
        if (relation == SIGMA_FILTER_PASSES_BY)
            continue;
        enum status status = relation == SIGMA_FILTER_CONFLICTS
                                 ? sigma_filter_refuse_conflict(filter, rule, adding->reader.error)
                                 : sigma_filter_guard_rule(filter, rule, &adding->reader);
        if (status == STATUS_OK)
            sigma_filter_apply(filter, adding->reader.arena, rule);
        else
            sigma_rules_refuse(adding->rules, filter->file, adding->reader.error);
    }
}

static enum status take_rule(struct sigma_adding *adding, const struct sigma_node *root,
                             struct sigma_rule *rule) {
    struct sigma_rules *rules = adding->rules;
    struct sigma_target target = {&rules->arena, rules->names, &rules->regexes};
    struct sigma_loaded_rule *loaded = sigma_rules_next(rules);
    *loaded = (struct sigma_loaded_rule){.file = adding->file, .line = root->line};
    enum status status = sigma_compile(rule, &target, &loaded->program, adding->reader.error);
    if (status == STATUS_OK)
        status = compile_siem(rules, rule, loaded, adding->reader.error);
    if (status == STATUS_OK && rules->explanations != NULL)
        status = sigma_explanations_add(rules->explanations, rule, &target, adding->reader.error);
    if (status == STATUS_OK) {
        copy_head(rules, rule, loaded);
        make_form(rules, loaded);
        rules->count++;
    }
    return status;
}

enum status sigma_add_rule(struct sigma_adding *adding, const struct sigma_node *root) {
    struct sigma_rule rule;
    enum status status = sigma_rule_read(&adding->reader, root, &rule);
    if (status == STATUS_OK)
        status = check_room(adding, &rule);
    if (status != STATUS_OK)
        return status;
    sigma_doubts_tell(adding, &rule);
    apply_filters(adding, &rule);
    status = sigma_pipelines_apply(adding->rules->settings.pipelines, &adding->reader, &rule);
    if (status == STATUS_OK)
        status = sigma_expand_check(&adding->reader, &rule);
    return status != STATUS_OK ? status : take_rule(adding, root, &rule);
}

enum status sigma_add_filter(struct sigma_adding *adding, const struct sigma_node *root) {
    struct sigma_filters *filters = adding->filters;
    struct sigma_filter filter;
    if (filters->count == SIGMA_FILTERS_MAX)
        return sigma_refuse(adding->reader.error, STATUS_TOO_LARGE, root->line,
                            "more than %d filters", SIGMA_FILTERS_MAX);
    enum status status = sigma_filter_read(&adding->reader, root, &filter);
    if (status == STATUS_OK)
        status = sigma_filter_guard(&filter, &adding->reader);
    if (status != STATUS_OK)
        return status;
    sigma_doubts_tell_filter(adding, &filter);
    filter.file = adding->file;
    filters->items = sigma_rules_grow(filters->items, filters->count, &filters->capacity,
                                      sizeof *filters->items);
    filters->items[filters->count++] = filter;
    return STATUS_OK;
}

static bool is_correlation(const struct sigma_rules *rules, struct text reference) {
    for (size_t i = 0; i < rules->correlation_count; i++) {
        const struct sigma_correlation *correlation = &rules->correlations[i];
        if (text_equal(correlation->correlation.rule_id, reference) ||
            (correlation->name.data != NULL && text_equal(correlation->name, reference)))
            return true;
    }
    return false;
}

void sigma_add_unused_filters(struct sigma_rules *rules, const struct sigma_filters *filters) {
    struct sigma_error error;
    for (size_t i = 0; i < filters->count; i++) {
        const struct sigma_filter *filter = &filters->items[i];
        for (size_t k = 0; k < filter->reference_count; k++)
            if (!filter->found[k] &&
                sigma_refuse(&error, STATUS_NOT_FOUND, filter->body.line,
                             is_correlation(rules, filter->references[k])
                                 ? "the filter names a correlation, to which none applies: %.*s"
                                 : "the filter names a rule that is not there: %.*s",
                             TEXT_ARG(filter->references[k])) != STATUS_OK)
                sigma_rules_refuse(rules, filter->file, &error);
        if (filter->reference_count == 0 && !filter->was_applied &&
            sigma_refuse(&error, STATUS_NOT_FOUND, filter->body.line,
                         "the filter concerns no rule: none has its logsource") != STATUS_OK)
            sigma_rules_warn(rules, filter->file, &error);
    }
}
