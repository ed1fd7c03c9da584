/* sigma_modes.c: modes of rules, their own and an operator's. */
#include "services/detector/sigma_modes.h"

#include "services/detector/sigma_rules.h"

#include <xxhash.h>

static const char *const texts[] = {
    [SIGMA_MODE_ACTIVE] = "active",
    [SIGMA_MODE_SHADOW] = "shadow",
    [SIGMA_MODE_DISABLED] = "disabled",
};

enum status sigma_mode_read(const struct sigma_reader *reader, const struct sigma_node *siem,
                            enum sigma_mode *ret_mode) {
    struct text text = TEXT("active");
    enum status status = sigma_rule_read_text(reader, siem, "mode", &text);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (text_is(text, texts[i])) {
            *ret_mode = (enum sigma_mode)i;
            return STATUS_OK;
        }
    }
    return sigma_refuse(reader->error, STATUS_BAD_SYNTAX, siem->line,
                        "'siem.mode' must be active, shadow or disabled");
}

const char *sigma_mode_text(enum sigma_mode mode) {
    return texts[mode];
}

void sigma_rules_use_modes(struct sigma_rules *rules, const struct sigma_mode_lists *lists) {
    rules->modes = *lists;
    if (lists->shadow[0] != '\0')
        rules->generation =
            XXH3_64bits_withSeed(lists->shadow, strlen(lists->shadow), rules->generation + 1);
    if (lists->disabled[0] != '\0')
        rules->generation =
            XXH3_64bits_withSeed(lists->disabled, strlen(lists->disabled), rules->generation + 2);
}

static bool is_called(struct text id, struct text name, struct text called) {
    return text_equal(id, called) || (name.data != NULL && text_equal(name, called));
}

/* Gives every rule that is called so the mode; false when none is. */
static bool set_mode(struct sigma_rules *rules, struct text called, enum sigma_mode mode) {
    bool any = false;
    for (size_t i = 0; i < rules->count; i++) {
        struct sigma_loaded_rule *rule = &rules->rules[i];
        if (is_called(rule->finding.rule_id, rule->name, called)) {
            rule->mode = mode;
            any = true;
        }
    }
    for (size_t i = 0; i < rules->correlation_count; i++) {
        struct sigma_correlation *correlation = &rules->correlations[i];
        if (is_called(correlation->correlation.rule_id, correlation->name, called)) {
            correlation->mode = mode;
            any = true;
        }
    }
    return any;
}

static void apply_list(struct sigma_rules *rules, const char *option, const char *list,
                       enum sigma_mode mode) {
    while (list != NULL && *list != '\0') {
        struct text called = {list, strcspn(list, ",")};
        struct sigma_error error;
        list += called.length + (list[called.length] == ',');
        called = text_trim_spaces(called);
        if (called.length > 0 && !set_mode(rules, called, mode) &&
            sigma_refuse(&error, STATUS_NOT_FOUND, 0, "no rule has the id or name %.*s",
                         TEXT_ARG(called)) != STATUS_OK)
            sigma_rules_refuse(rules, option, &error);
    }
}

void sigma_modes_apply(struct sigma_rules *rules) {
    apply_list(rules, "SIEM_RULES_SHADOW", rules->modes.shadow, SIGMA_MODE_SHADOW);
    apply_list(rules, "SIEM_RULES_DISABLED", rules->modes.disabled, SIGMA_MODE_DISABLED);
    rules->modes = (struct sigma_mode_lists){NULL, NULL};
    rules->active_count = 0;
    for (size_t i = 0; i < rules->count; i++) {
        rules->active_count += rules->rules[i].mode != SIGMA_MODE_DISABLED;
        rules->has_shadows |= rules->rules[i].mode == SIGMA_MODE_SHADOW;
    }
    for (size_t i = 0; i < rules->correlation_count; i++)
        if (rules->correlations[i].mode != SIGMA_MODE_ACTIVE)
            rules->correlations[i].correlation.raises = false;
}
