/* sigma_rules.c: rules read, compiled and put in order. */
#include "services/detector/sigma_rules.h"

#include <stdlib.h>
#include <xxhash.h>

struct sigma_rules *sigma_rules_new(void) {
    struct sigma_rules *rules = calloc(1, sizeof *rules);
    if (rules == NULL)
        abort();
    arena_init(&rules->arena);
    rules->names = field_names_new();
    rules->logsources = logsource_finder_new(rules->names);
    return rules;
}

void sigma_rules_destroy(struct sigma_rules **rules) {
    struct sigma_rules *set = *rules;
    if (set == NULL)
        return;
    for (size_t i = 0; i < set->regexes.count; i++)
        sigma_regex_destroy(&set->regexes.items[i]);
    free(set->regexes.items);
    logsource_finder_destroy(&set->logsources);
    field_names_destroy(&set->names);
    arena_fini(&set->arena);
    free(set->rules);
    free(set->refusals);
    free(set);
    *rules = NULL;
}

void sigma_rules_refuse(struct sigma_rules *rules, const char *file,
                        const struct sigma_error *error) {
    if (rules->refusal_count == rules->refusal_capacity) {
        rules->refusal_capacity = rules->refusal_capacity == 0 ? 16 : rules->refusal_capacity * 2;
        rules->refusals =
            reallocarray(rules->refusals, rules->refusal_capacity, sizeof *rules->refusals);
        if (rules->refusals == NULL)
            abort();
    }
    struct text name = arena_text(&rules->arena, text_of(file));
    rules->refusals[rules->refusal_count++] = (struct sigma_refusal){name.data, *error};
}

static struct sigma_loaded_rule *new_rule(struct sigma_rules *rules) {
    if (rules->count == rules->capacity) {
        rules->capacity = rules->capacity == 0 ? 64 : rules->capacity * 2;
        rules->rules = reallocarray(rules->rules, rules->capacity, sizeof *rules->rules);
        if (rules->rules == NULL)
            abort();
    }
    return &rules->rules[rules->count];
}

/* Copies into the set what a finding says of its rule. */
static void copy_finding(struct sigma_rules *rules, const struct sigma_rule *rule,
                         struct finding *finding) {
    *finding = (struct finding){
        .rule_id = arena_text(&rules->arena, rule->id),
        .rule_title = arena_text(&rules->arena, rule->title),
        .level = rule->level,
        .tags = {.count = rule->tags.count},
        .incident = arena_text(&rules->arena, rule->incident),
    };
    for (uint32_t i = 0; i < rule->tags.count; i++)
        finding->tags.items[i] = arena_text(&rules->arena, rule->tags.items[i]);
}

/* A copy, in which what is not set stays null. */
static struct text copy_text(struct sigma_rules *rules, struct text text) {
    return text.data != NULL ? arena_text(&rules->arena, text) : text;
}

static struct logsource copy_logsource(struct sigma_rules *rules,
                                       const struct logsource *logsource) {
    return (struct logsource){copy_text(rules, logsource->category),
                              copy_text(rules, logsource->product),
                              copy_text(rules, logsource->service)};
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

static enum status check_room(const struct sigma_rules *rules, const struct sigma_rule *rule,
                              struct sigma_error *error) {
    const struct sigma_loaded_rule *twin = find_id(rules, rule->id);
    if (twin != NULL)
        return sigma_refuse(error, STATUS_BAD_SYNTAX, rule->line,
                            "its id is that of the rule in %s, line %d", twin->file, twin->line);
    if (rules->count == SIGMA_RULES_MAX)
        return sigma_refuse(error, STATUS_TOO_LARGE, rule->line, "more than %d rules",
                            SIGMA_RULES_MAX);
    return STATUS_OK;
}

/* Reads, checks and compiles one document; takes it when nothing is wrong with it. */
static enum status add_rule(struct sigma_rules *rules, const char *file,
                            const struct sigma_node *root, struct arena *scratch,
                            struct sigma_error *error) {
    struct sigma_rule rule;
    struct sigma_target target = {&rules->arena, rules->names, &rules->regexes};
    struct sigma_loaded_rule *loaded = new_rule(rules);
    *loaded = (struct sigma_loaded_rule){.file = file, .line = root->line};
    enum status status = sigma_rule_read(root, scratch, &rule, error);
    if (status == STATUS_OK)
        status = check_room(rules, &rule, error);
    if (status == STATUS_OK)
        status = sigma_compile(&rule, &target, &loaded->program, error);
    if (status == STATUS_OK)
        status = compile_siem(rules, &rule, loaded, error);
    if (status == STATUS_OK) {
        copy_finding(rules, &rule, &loaded->finding);
        loaded->logsource = copy_logsource(rules, &rule.logsource);
        rules->count++;
    }
    return status;
}

void sigma_rules_add_text(struct sigma_rules *rules, const char *file, struct text source) {
    struct arena scratch;
    struct sigma_documents documents;
    struct sigma_error error;
    const char *name = arena_text(&rules->arena, text_of(file)).data;
    rules->generation = XXH3_64bits_withSeed(file, strlen(file), rules->generation);
    rules->generation = XXH3_64bits_withSeed(source.data, source.length, rules->generation);
    arena_init(&scratch);
    if (sigma_yaml_parse(source, &scratch, &documents, &error) != STATUS_OK) {
        sigma_rules_refuse(rules, name, &error);
    } else {
        for (size_t i = 0; i < documents.count; i++)
            if (add_rule(rules, name, documents.items[i], &scratch, &error) != STATUS_OK)
                sigma_rules_refuse(rules, name, &error);
    }
    arena_fini(&scratch);
}

static int compare_rules(const void *a, const void *b) {
    const struct finding *first = &((const struct sigma_loaded_rule *)a)->finding;
    const struct finding *second = &((const struct sigma_loaded_rule *)b)->finding;
    if (first->level != second->level)
        return first->level > second->level ? -1 : 1;
    return text_compare(first->rule_id, second->rule_id);
}

void sigma_rules_finish(struct sigma_rules *rules) {
    if (rules->count > 1)
        qsort(rules->rules, rules->count, sizeof *rules->rules, compare_rules);
}
