/* rule_set.c: a directory of rules with what changes them, its log lines and gauges. */
#include "services/detector/rule_set.h"

#include "services/detector/directory.h"
#include "services/detector/rule_catalogue.h"
#include "services/detector/sigma_pipeline.h"
#include "services/detector/sigma_placeholders.h"

#include "common/counters.h"
#include "common/log.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

static void log_list(const char *words, const struct sigma_refusal *items, size_t count) {
    for (size_t i = 0; i < count; i++)
        log_warning(words, LOG_STRING("file", items[i].file), LOG_INT("line", items[i].error.line),
                    LOG_STRING("reason", items[i].error.reason));
}

static void set_gauges(const struct sigma_rules *rules) {
    gauge_set(gauge_new("siem_rules_loaded", NULL, "Rules in use"), (int64_t)rules->count);
    gauge_set(
        gauge_new("siem_rules_refused", NULL, "Rules refused when the rules in use were loaded"),
        (int64_t)rules->refusal_count);
}

/* Hands each part of a list with commas to `load`, until one fails. */
static enum status load_list(const char *list, void *into,
                             enum status (*load)(void *, const char *, struct sigma_error *),
                             struct sigma_error *error) {
    enum status status = STATUS_OK;
    while (status == STATUS_OK && *list != '\0') {
        char path[DIRECTORY_PATH_SIZE];
        struct text part = {list, strcspn(list, ",")};
        list += part.length + (list[part.length] == ',');
        part = text_trim_spaces(part);
        if (part.length == 0)
            continue;
        snprintf(path, sizeof path, "%.*s", TEXT_ARG(part));
        status = load(into, path, error);
    }
    return status;
}

static enum status load_pipelines(void *into, const char *path, struct sigma_error *error) {
    return sigma_pipelines_load(into, path, error);
}

static enum status load_placeholders(void *into, const char *path, struct sigma_error *error) {
    return sigma_placeholders_load(into, path, error);
}

/* The rules of a directory, or of one file. */
static enum status read_rules(const char *path, struct sigma_rules *rules) {
    struct stat found;
    if (stat(path, &found) == 0 && S_ISREG(found.st_mode))
        sigma_rules_add_file(rules, path);
    else if (sigma_rules_add_directory(rules, path) != STATUS_OK) {
        log_error("SIEM_RULES_DIR cannot be read: name the directory of the Sigma rules",
                  LOG_STRING("directory", path), LOG_STRING("reason", strerror(errno)));
        return STATUS_NOT_FOUND;
    }
    sigma_rules_finish(rules);
    return STATUS_OK;
}

/* What rules are read with. */
static enum status load_settings(const struct rule_set_paths *paths,
                                 struct sigma_pipelines *pipelines,
                                 struct sigma_placeholders *placeholders) {
    struct sigma_error error;
    enum status status = load_list(paths->pipelines, pipelines, load_pipelines, &error);
    if (status != STATUS_OK) {
        log_error("SIEM_PIPELINES: correct the pipeline, or leave it out",
                  LOG_STRING("reason", error.reason));
        return status;
    }
    status = load_list(paths->placeholders, placeholders, load_placeholders, &error);
    if (status != STATUS_OK)
        log_error("SIEM_PLACEHOLDERS: correct the file, or leave it out",
                  LOG_STRING("reason", error.reason));
    return status;
}

enum status rule_set_read(const struct rule_set_paths *paths,
                          struct sigma_explanations *explanations, struct sigma_rules **ret_rules) {
    struct sigma_pipelines *pipelines = sigma_pipelines_new();
    struct sigma_placeholders *placeholders = sigma_placeholders_new();
    struct sigma_rules *rules = sigma_rules_new();
    enum status status = load_settings(paths, pipelines, placeholders);
    if (status == STATUS_OK) {
        sigma_rules_use(rules, &(struct sigma_settings){placeholders, pipelines});
        sigma_rules_use_modes(rules, &paths->modes);
        rules->explanations = explanations;
        status = read_rules(paths->rules, rules);
    }
    sigma_pipelines_destroy(&pipelines);
    sigma_placeholders_destroy(&placeholders);
    if (status == STATUS_OK)
        *ret_rules = rules;
    else
        sigma_rules_destroy(&rules);
    return status;
}

enum status rule_set_load(const struct rule_set_paths *paths, struct sigma_rules **ret_rules) {
    struct sigma_rules *rules = NULL;
    enum status status = rule_set_read(paths, NULL, &rules);
    if (status != STATUS_OK)
        return status;
    log_list("rule refused", rules->refusals, rules->refusal_count);
    log_list("rule doubtful", rules->warnings, rules->warning_count);
    if (rules->count == 0) {
        log_error("no rule could be loaded: put at least one *.yml Sigma rule into SIEM_RULES_DIR",
                  LOG_STRING("directory", paths->rules), LOG_INT("refused", rules->refusal_count));
        sigma_rules_destroy(&rules);
        return STATUS_NOT_FOUND;
    }
    buffer_init(&rules->catalogue, CATALOGUE_SIZE_MAX);
    rule_catalogue_write(rules, &rules->catalogue);
    *ret_rules = rules;
    return STATUS_OK;
}

static bool is_refused_in(const struct sigma_rules *rules, const struct sigma_refusal *refusal) {
    for (size_t i = 0; i < rules->refusal_count; i++) {
        const struct sigma_refusal *known = &rules->refusals[i];
        if (strcmp(known->file, refusal->file) == 0 &&
            strcmp(known->error.reason, refusal->error.reason) == 0)
            return true;
    }
    return false;
}

const struct sigma_refusal *rule_set_find_new_refusal(const struct sigma_rules *rules,
                                                      const struct sigma_rules *present) {
    for (size_t i = 0; i < rules->refusal_count; i++) {
        if (!is_refused_in(present, &rules->refusals[i]))
            return &rules->refusals[i];
    }
    return NULL;
}

void rule_set_announce(const struct sigma_rules *rules) {
    char generation[GENERATION_TEXT_SIZE];
    generation_text(rules->generation, generation);
    set_gauges(rules);
    log_info("rules loaded", LOG_INT("loaded", rules->count),
             LOG_INT("refused", rules->refusal_count), LOG_STRING("generation", generation));
}
