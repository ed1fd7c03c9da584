/* rules_trial.c: why rules matched an event or not, for people. */
#include "services/siemctl/rules_trial.h"

#include "services/siemctl/terminal.h"

#define INDENT 4

bool rules_trial_matched(const struct rules_trial *trial, const struct sigma_loaded_rule *rule) {
    uint32_t index = (uint32_t)(rule - trial->rules->rules);
    for (size_t i = 0; i < trial->judgement.matched_count; i++)
        if (trial->judgement.matched[i] == index)
            return true;
    return false;
}

const struct sigma_explained_rule *rules_trial_explained(const struct rules_trial *trial,
                                                         const struct sigma_loaded_rule *rule) {
    const struct sigma_explanations *all = trial->explanations;
    for (size_t i = 0; i < all->count; i++)
        if (text_equal(all->rules[i].id, rule->finding.rule_id))
            return &all->rules[i];
    return NULL;
}

/* "      yes  line 12  " */
static void print_mark(const struct sigma_explained *explained, int depth) {
    printf("%*s%-4s ", depth * INDENT, "", explained->holds ? "yes" : "no");
    if (explained->line > 0)
        printf("line %-4d ", explained->line);
}

static void print_item(const struct sigma_explained *item, int depth) {
    bool is_renamed = item->field.data != NULL &&
                      (item->written.length < item->field.length ||
                       memcmp(item->written.data, item->field.data, item->field.length) != 0);
    print_mark(item, depth);
    terminal_print(stdout, item->written.length > 0 ? item->written : TEXT("keywords"));
    if (is_renamed) {
        printf(" (looked for as ");
        terminal_print(stdout, item->field);
        printf(")");
    }
    printf(": ");
    terminal_print(stdout, item->values);
    if (item->value_count > SIGMA_VALUES_SHOWN)
        printf(", ... (%zu values)", item->value_count);
    if (item->field.data != NULL) {
        printf("   [the event has ");
        terminal_print(stdout, item->found.data != NULL ? item->found : TEXT("no such field"));
        printf("]");
    }
    printf("\n");
}

static void print_explained(const struct sigma_explained *explained, int depth) {
    if (explained->kind == SIGMA_EXPLAINED_ITEM) {
        print_item(explained, depth);
        return;
    }
    bool is_group = explained->count > 1 && explained->kind == SIGMA_EXPLAINED_ANY;
    if (is_group) {
        print_mark(explained, depth);
        printf("any of:\n");
    }
    for (size_t i = 0; i < explained->count; i++)
        print_explained(&explained->children[i], depth + is_group);
}

static void print_logsource(const char *word, const struct logsource *logsource) {
    const struct text parts[] = {logsource->category, logsource->product, logsource->service};
    printf("%s ", word);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        printf(i > 0 ? "/" : "");
        terminal_print(stdout, parts[i]);
    }
}

/* What else decides, beside the condition. */
static void print_reason(const struct rules_trial *trial, const struct sigma_loaded_rule *rule,
                         const struct sigma_explained_rule *explained) {
    const struct logsource event = judge_logsource(trial->judge);
    printf("  logsource (category/product/service): ");
    print_logsource("of the rule", &rule->logsource);
    print_logsource(", of the event", &event);
    printf("\n  condition %s: ", explained->holds ? "holds" : "does not hold");
    terminal_print(stdout, explained->condition);
    printf("\n");
    if (rule->mode == SIGMA_MODE_DISABLED)
        printf("  The rule is disabled: no event is judged by it.\n");
    else if (explained->holds && !rules_trial_matched(trial, rule))
        printf("  The condition holds, but the rule is for another logsource.\n");
    else if (rule->mode == SIGMA_MODE_SHADOW)
        printf("  The rule is in the shadow: what it matches is counted, and nothing else.\n");
}

/* The correlations that a match counts towards. */
static void print_correlations(const struct rules_trial *trial,
                               const struct sigma_loaded_rule *rule) {
    if (!rules_trial_matched(trial, rule) || rule->mode == SIGMA_MODE_SHADOW)
        return;
    for (uint32_t i = 0; i < rule->link_count; i++) {
        printf("  counts towards the correlation ");
        terminal_print(
            stdout, trial->rules->correlations[rule->links[i].correlation].correlation.rule_title);
        printf("\n");
    }
}

static void print_rule(const struct rules_trial *trial, const struct sigma_loaded_rule *rule) {
    const struct sigma_explained_rule *explained = rules_trial_explained(trial, rule);
    printf("%s  ", rules_trial_matched(trial, rule) ? "MATCH" : "no match");
    terminal_print(stdout, rule->finding.rule_title);
    printf("  (");
    terminal_print(stdout, rule->finding.rule_id);
    printf(")\n");
    print_reason(trial, rule, explained);
    for (size_t i = 0; i < explained->selection_count; i++) {
        const struct sigma_explained_selection *selection = &explained->selections[i];
        printf("  selection ");
        terminal_print(stdout, selection->name);
        printf(" %s\n", selection->detection.holds ? "holds" : "does not hold");
        print_explained(&selection->detection, 1);
    }
    print_correlations(trial, rule);
}

void rules_trial_print(const struct rules_trial *trial) {
    for (size_t i = 0; i < trial->rules->count; i++)
        print_rule(trial, &trial->rules->rules[i]);
}
