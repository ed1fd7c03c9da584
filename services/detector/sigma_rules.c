/* sigma_rules.c: files collected, then their documents read, filtered, compiled and put in order.
 */
#include "services/detector/pattern_database.h"
#include "services/detector/sigma_add.h"
#include "services/detector/sigma_collection.h"
#include "services/detector/sigma_pipeline.h"
#include "services/detector/sigma_placeholders.h"

#include <stdlib.h>
#include <xxhash.h>

void *sigma_rules_grow(void *items, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity)
        return items;
    *capacity = *capacity == 0 ? 64 : *capacity * 2;
    items = reallocarray(items, *capacity, size);
    if (items == NULL)
        abort();
    return items;
}

struct sigma_rules *sigma_rules_new(void) {
    struct sigma_rules *rules = calloc(1, sizeof *rules);
    if (rules == NULL)
        abort();
    arena_init(&rules->arena);
    buffer_init(&rules->catalogue, 0);
    rules->names = field_names_new();
    rules->logsources = logsource_finder_new(rules->names);
    return rules;
}

static void free_sources(struct sigma_rules *rules) {
    for (size_t i = 0; i < rules->source_count; i++)
        free(rules->sources[i].text);
    free(rules->sources);
    rules->sources = NULL;
    rules->source_count = rules->source_capacity = 0;
}

void sigma_rules_destroy(struct sigma_rules **rules) {
    struct sigma_rules *set = *rules;
    if (set == NULL)
        return;
    sigma_engine_destroy(&set->engine);
    for (size_t i = 0; i < set->regexes.count; i++)
        sigma_regex_destroy(&set->regexes.items[i]);
    free(set->regexes.items);
    raw_log_reader_destroy(&set->raw_log);
    logsource_finder_destroy(&set->logsources);
    field_names_destroy(&set->names);
    free_sources(set);
    arena_fini(&set->arena);
    buffer_fini(&set->catalogue);
    free(set->rules);
    free(set->correlations);
    free(set->refusals);
    free(set->warnings);
    free(set);
    *rules = NULL;
}

void sigma_rules_use(struct sigma_rules *rules, const struct sigma_settings *settings) {
    uint64_t hashes[] = {rules->generation, sigma_placeholders_hash(settings->placeholders),
                         sigma_pipelines_hash(settings->pipelines)};
    rules->settings = *settings;
    rules->generation = XXH3_64bits(hashes, sizeof hashes);
}

void sigma_rules_refuse(struct sigma_rules *rules, const char *file,
                        const struct sigma_error *error) {
    rules->refusals = sigma_rules_grow(rules->refusals, rules->refusal_count,
                                       &rules->refusal_capacity, sizeof *rules->refusals);
    struct text name = arena_text(&rules->arena, text_of(file));
    rules->refusals[rules->refusal_count++] = (struct sigma_refusal){name.data, *error};
}

void sigma_rules_warn(struct sigma_rules *rules, const char *file,
                      const struct sigma_error *error) {
    rules->warnings = sigma_rules_grow(rules->warnings, rules->warning_count,
                                       &rules->warning_capacity, sizeof *rules->warnings);
    struct text name = arena_text(&rules->arena, text_of(file));
    rules->warnings[rules->warning_count++] = (struct sigma_refusal){name.data, *error};
}

struct sigma_loaded_rule *sigma_rules_next(struct sigma_rules *rules) {
    rules->rules =
        sigma_rules_grow(rules->rules, rules->count, &rules->capacity, sizeof *rules->rules);
    return &rules->rules[rules->count];
}

void sigma_rules_add_text(struct sigma_rules *rules, const char *file, struct text source) {
    rules->sources = sigma_rules_grow(rules->sources, rules->source_count, &rules->source_capacity,
                                      sizeof *rules->sources);
    char *copy = malloc(source.length + 1);
    if (copy == NULL)
        abort();
    memcpy(copy, source.data, source.length);
    const char *name = arena_text(&rules->arena, text_of(file)).data;
    rules->sources[rules->source_count++] = (struct sigma_source){name, copy, source.length};
    rules->generation = XXH3_64bits_withSeed(file, strlen(file), rules->generation);
    rules->generation = XXH3_64bits_withSeed(source.data, source.length, rules->generation);
}

/* Filters may stand behind the rules they are about, so they are read first. The word tells which
 * files to look into. */
static bool may_hold_filter(const struct sigma_source *source) {
    const char *end = source->text + source->length, *at = source->text;
    while ((at = memmem(at, (size_t)(end - at), "filter", 6)) != NULL) {
        at += 6;
        while (at < end && (*at == '"' || *at == '\'' || *at == ' '))
            at++;
        if (at < end && *at == ':')
            return true;
    }
    return false;
}

/* Takes the documents that are filters, or all others; a file that cannot be read is told with the
 * others. */
static enum status take(struct sigma_adding *adding, const struct sigma_node *root) {
    enum sigma_document_kind kind = sigma_document_kind(root);
    if (adding->takes_filters)
        return kind == SIGMA_DOCUMENT_FILTER ? sigma_add_filter(adding, root) : STATUS_OK;
    if (kind == SIGMA_DOCUMENT_CORRELATION)
        return sigma_add_correlation(adding, root);
    return kind == SIGMA_DOCUMENT_RULE ? sigma_add_rule(adding, root) : STATUS_OK;
}

static void read_source(struct sigma_adding *adding, const struct sigma_source *source) {
    struct sigma_documents documents = {0, NULL};
    struct text text = {source->text, source->length};
    struct sigma_error error;
    struct sigma_collection collection = {.reader = &adding->reader};
    adding->file = source->file;
    adding->reader.error = &error;
    enum status status = sigma_yaml_parse(text, adding->reader.arena, &documents, &error);
    if (status != STATUS_OK && !adding->takes_filters)
        sigma_rules_refuse(adding->rules, source->file, &error);
    for (size_t i = 0; i < documents.count; i++) {
        const struct sigma_node *root = NULL;
        status = sigma_collection_take(&collection, documents.items[i], &root);
        if (status == STATUS_OK && root != NULL)
            status = take(adding, root);
        else if (adding->takes_filters)
            status = STATUS_OK;
        if (status != STATUS_OK)
            sigma_rules_refuse(adding->rules, source->file, &error);
    }
    adding->reader.error = NULL;
}

static void read_filters(struct sigma_rules *rules, struct sigma_filters *filters,
                         struct arena *arena) {
    struct sigma_adding adding = {
        .rules = rules,
        .filters = filters,
        .takes_filters = true,
        .reader = {.arena = arena, .placeholders = rules->settings.placeholders}};
    for (size_t i = 0; i < rules->source_count; i++)
        if (may_hold_filter(&rules->sources[i]))
            read_source(&adding, &rules->sources[i]);
}

static void read_rules(struct sigma_rules *rules, struct sigma_filters *filters) {
    struct arena scratch;
    arena_init(&scratch);
    struct sigma_adding adding = {
        .rules = rules,
        .filters = filters,
        .reader = {.arena = &scratch, .placeholders = rules->settings.placeholders}};
    for (size_t i = 0; i < rules->source_count; i++) {
        read_source(&adding, &rules->sources[i]);
        arena_reset(&scratch);
    }
    arena_fini(&scratch);
}

static int compare_rules(const void *a, const void *b) {
    const struct finding *first = &((const struct sigma_loaded_rule *)a)->finding;
    const struct finding *second = &((const struct sigma_loaded_rule *)b)->finding;
    bool first_is_off = ((const struct sigma_loaded_rule *)a)->mode == SIGMA_MODE_DISABLED;
    bool second_is_off = ((const struct sigma_loaded_rule *)b)->mode == SIGMA_MODE_DISABLED;
    if (first_is_off != second_is_off)
        return first_is_off ? 1 : -1;
    if (first->level != second->level)
        return first->level > second->level ? -1 : 1;
    return text_compare(first->rule_id, second->rule_id);
}

/* Rules that would miss events in silence are refused, all of them. */
static void check_library(struct sigma_rules *rules) {
    struct sigma_error error;
    if (rules->count == 0 || pattern_database_is_exact())
        return;
    rules->count = rules->active_count = 0;
    if (sigma_refuse(
            &error, STATUS_UNSUPPORTED, 0,
            "this library misses matches (Vectorscan 5.4.9 does): install libhyperscan5") !=
        STATUS_OK)
        sigma_rules_refuse(rules, "libhs.so.5", &error);
}

/* Compiles the rules, in their order, to one engine. */
static void make_engine(struct sigma_rules *rules) {
    check_library(rules);
    struct sigma_engine_rule *items = calloc(rules->count + 1, sizeof *items);
    if (items == NULL)
        abort();
    for (size_t i = 0; i < rules->active_count; i++)
        items[i] = (struct sigma_engine_rule){rules->rules[i].program, &rules->rules[i].logsource};
    rules->engine =
        sigma_engine_new(items, (uint32_t)rules->active_count, field_names_count(rules->names));
    free(items);
}

void sigma_rules_finish(struct sigma_rules *rules) {
    struct arena arena;
    struct sigma_filters filters = {0, 0, NULL};
    arena_init(&arena);
    read_filters(rules, &filters, &arena);
    read_rules(rules, &filters);
    sigma_add_unused_filters(rules, &filters);
    free(filters.items);
    arena_fini(&arena);
    free_sources(rules);
    sigma_modes_apply(rules);
    if (rules->count > 1)
        qsort(rules->rules, rules->count, sizeof *rules->rules, compare_rules);
    sigma_correlations_link(rules);
    rules->settings = (struct sigma_settings){NULL, NULL};
    make_engine(rules);
    rules->raw_log = raw_log_reader_new(rules->names);
}
