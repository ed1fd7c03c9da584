/* run_scenarios.c: runs every scenario of a directory against a directory of rules, one line each,
 * and checks that each rule has a scenario in which it fires and keeps silent.
 *
 *   run_scenarios RULES SCENARIOS [NAME...]
 *
 * The exit status is 1 when anything differs, a rule is refused, or a rule is not covered.
 */
#include "tests/scenarios/scenario.h"

#include "common/log.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define PATH_SIZE 4096

static bool is_wanted(const char *name, int count, char **wanted) {
    for (int i = 0; i < count; i++)
        if (strcmp(name, wanted[i]) == 0)
            return true;
    return count == 0;
}

/* The set of rules; prints what was refused. */
static struct sigma_rules *load_rules(const char *directory, size_t *failures) {
    struct sigma_rules *rules = sigma_rules_new();
    if (sigma_rules_add_directory(rules, directory) != STATUS_OK) {
        printf("%s: no directory of rules\n", directory);
        ++*failures;
    }
    sigma_rules_finish(rules);
    for (size_t i = 0; i < rules->refusal_count; i++)
        printf("FAIL rule refused: %s:%d: %s\n", rules->refusals[i].file,
               rules->refusals[i].error.line, rules->refusals[i].error.reason);
    *failures += rules->refusal_count;
    return rules;
}

static size_t run_one(const char *directory, const char *name, const struct sigma_rules *rules,
                      struct scenario_seen *seen) {
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    struct scenario *scenario = scenario_load(path);
    size_t differences = scenario != NULL ? scenario_run(scenario, rules, seen) : 1;
    size_t events = scenario != NULL ? scenario_event_count(scenario) : 0;
    printf("%s %-28s %3zu events\n", differences == 0 ? "ok  " : "FAIL", name, events);
    scenario_destroy(&scenario);
    return differences;
}

static int is_scenario(const struct dirent *entry) {
    bool may_be_directory = entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN;
    return entry->d_name[0] != '.' && may_be_directory;
}

static size_t run_all(const char *directory, int wanted_count, char **wanted,
                      const struct sigma_rules *rules, struct scenario_seen *seen) {
    struct dirent **entries;
    int count = scandir(directory, &entries, is_scenario, alphasort);
    size_t failures = count <= 0;
    for (int i = 0; i < count; i++) {
        if (is_wanted(entries[i]->d_name, wanted_count, wanted))
            failures += run_one(directory, entries[i]->d_name, rules, seen) > 0;
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return failures;
}

/* Every rule needs a scenario in which it fires, and one in which it does not. */
static size_t check_coverage(const struct sigma_rules *rules, const struct scenario_seen *seen) {
    size_t failures = 0;
    for (size_t i = 0; i < rules->count; i++) {
        if (seen->fired[i] && seen->silent[i])
            continue;
        printf("FAIL %s: no scenario that covers it has an event on which it %s\n",
               rules->rules[i].file, seen->fired[i] ? "keeps silent" : "fires");
        failures++;
    }
    for (size_t i = 0; i < rules->correlation_count; i++) {
        bool is_seen = seen->correlations_fired[i] && seen->correlations_silent[i];
        if (is_seen || !rules->correlations[i].correlation.raises)
            continue;
        printf("FAIL %s: no scenario that covers it has an event on which its correlation %s\n",
               rules->correlations[i].file, seen->correlations_fired[i] ? "keeps silent" : "fires");
        failures++;
    }
    return failures;
}

static bool *new_flags(size_t count) {
    bool *flags = calloc(count + 1, sizeof *flags);
    if (flags == NULL)
        abort();
    return flags;
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: run_scenarios RULES SCENARIOS [NAME...]\n");
        return EXIT_FAILURE;
    }
    log_init("scenarios", LOG_LEVEL_WARNING);
    size_t failures = 0;
    struct sigma_rules *rules = load_rules(argv[1], &failures);
    struct scenario_seen seen = {new_flags(rules->count), new_flags(rules->count),
                                 new_flags(rules->correlation_count),
                                 new_flags(rules->correlation_count)};
    failures += run_all(argv[2], argc - 3, argv + 3, rules, &seen);
    if (argc == 3)
        failures += check_coverage(rules, &seen);
    printf("%zu rules, %zu correlations, %zu failures\n", rules->count, rules->correlation_count,
           failures);
    free(seen.fired);
    free(seen.silent);
    free(seen.correlations_fired);
    free(seen.correlations_silent);
    sigma_rules_destroy(&rules);
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
