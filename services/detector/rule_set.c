/* rule_set.c: a directory of rules, with its log lines and gauges. */
#include "services/detector/rule_set.h"

#include "common/counters.h"
#include "common/log.h"

#include <errno.h>

static void log_refusals(const struct sigma_rules *rules) {
    for (size_t i = 0; i < rules->refusal_count; i++) {
        const struct sigma_refusal *refusal = &rules->refusals[i];
        log_warning("rule refused", LOG_STRING("file", refusal->file),
                    LOG_INT("line", refusal->error.line),
                    LOG_STRING("reason", refusal->error.reason));
    }
}

static void set_gauges(const struct sigma_rules *rules) {
    gauge_set(gauge_new("siem_rules_loaded", NULL, "Rules in use"), (int64_t)rules->count);
    gauge_set(gauge_new("siem_rules_refused", NULL, "Rules refused at the last load"),
              (int64_t)rules->refusal_count);
}

enum status rule_set_load(const char *directory, struct sigma_rules **ret_rules) {
    struct sigma_rules *rules = sigma_rules_new();
    if (sigma_rules_add_directory(rules, directory) != STATUS_OK)
        log_error("SIEM_RULES_DIR cannot be read: name the directory of the Sigma rules",
                  LOG_STRING("directory", directory), LOG_STRING("reason", strerror(errno)));
    sigma_rules_finish(rules);
    log_refusals(rules);
    if (rules->count == 0) {
        log_error("no rule could be loaded: put at least one *.yml Sigma rule into SIEM_RULES_DIR",
                  LOG_STRING("directory", directory), LOG_INT("refused", rules->refusal_count));
        sigma_rules_destroy(&rules);
        return STATUS_NOT_FOUND;
    }
    set_gauges(rules);
    log_info("rules loaded", LOG_INT("loaded", rules->count),
             LOG_INT("refused", rules->refusal_count));
    *ret_rules = rules;
    return STATUS_OK;
}
