/* pack_cases.c: the shipped rules on lines of access logs that others collected, attacks and not;
 * prints a confusion table by suite, class and tier.
 *
 *   pack_cases RULES SHARED [SUITE]      SHARED holds cases/; with SUITE what was missed is printed
 *
 * Fails when fewer than RECALL_MIN of the SQL injections of tier core are found, or more than
 * FALSE_ALARMS_MAX of the harmless lines raise anything. The exit status is 77 (skipped)
 * when the data is not there.
 */
#include "services/detector/judge.h"
#include "tests/support/case_file.h"

#include "common/log.h"

#include <stdio.h>
#include <stdlib.h>

#define SKIPPED 77
#define GROUPS_MAX 64
#define RECALL_MIN 0.95
#define FALSE_ALARMS_MAX 0.01

static const char *const suites[] = {"crs-sqli",           "libinjection-sqli", "patt-attacks",
                                     "crs-other-attacks",  "libinjection-xss",  "crs-benign",
                                     "libinjection-benign"};

/* The lines of one suite, class and tier. */
struct group {
    char suite[24], class[24], tier[12];
    size_t total;
    size_t found;   /* by a rule for its class */
    size_t flagged; /* by any rule */
};

struct table {
    struct group groups[GROUPS_MAX];
    size_t count;
};

static struct group *group_of(struct table *table, yajl_val root) {
    yajl_val expect = case_file_member(root, "expect", yajl_t_object);
    const char *class = case_file_string(expect, "attack_class");
    struct group wanted = {.total = 0};
    snprintf(wanted.suite, sizeof wanted.suite, "%s", case_file_string(root, "suite"));
    snprintf(wanted.class, sizeof wanted.class, "%s", class[0] != '\0' ? class : "harmless");
    snprintf(wanted.tier, sizeof wanted.tier, "%s", case_file_string(root, "tier"));
    for (size_t i = 0; i < table->count; i++) {
        struct group *group = &table->groups[i];
        if (strcmp(group->suite, wanted.suite) == 0 && strcmp(group->class, wanted.class) == 0 &&
            strcmp(group->tier, wanted.tier) == 0)
            return group;
    }
    if (table->count == GROUPS_MAX)
        abort();
    table->groups[table->count] = wanted;
    return &table->groups[table->count++];
}

/* True when a rule of that title is about attacks of that class. */
static bool is_about(struct text title, const char *class) {
    static const char *const pairs[][2] = {
        {"SQL Injection", "sql_injection"},
        {"Cross-Site Scripting", "xss"},
        {"Path Traversal", "path_traversal"},
        {"Request for a Hidden File", "path_traversal"},
        {"Remote File Inclusion", "remote_file_inclusion"},
        {"Command Injection", "command_injection"},
        {"Reverse Shell", "command_injection"},
        {"PHP Code Injection", "php_injection"},
        {"Code or Template Injection", "code_injection"},
        {"Server-Side Request Forgery", "code_injection"},
        {"Log4Shell", "code_injection"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        if (title.length >= strlen(pairs[i][0]) &&
            memcmp(title.data, pairs[i][0], strlen(pairs[i][0])) == 0 &&
            strcmp(class, pairs[i][1]) == 0)
            return true;
    return false;
}

struct run {
    const struct sigma_rules *rules;
    struct judge *judge;
    struct table *table;
    bool prints; /* what was missed, and false alarms */
};

static void run_case(yajl_val root, void *context) {
    const struct run *run = context;
    const struct enrichments none = {NULL, NULL};
    const struct event event = {.time_ms = 1748865600000,
                                .received_ms = 1748865600000,
                                .count = 1,
                                .raw_log = text_of(case_file_string(root, "input"))};
    struct group *group = group_of(run->table, root);
    struct judgement judgement = judge_event(run->judge, &none, &event);
    bool found = false;
    for (size_t i = 0; i < judgement.count; i++)
        found |= is_about(run->rules->rules[judgement.rules[i]].finding.rule_title, group->class);
    group->total++;
    group->found += found;
    group->flagged += judgement.count > 0;
    bool is_harmless = strcmp(group->class, "harmless") == 0;
    if (run->prints && (is_harmless ? judgement.count > 0 : !found))
        printf("%s %s %s: %s\n", is_harmless ? "alarm" : "missed", group->tier,
               case_file_string(root, "id"), case_file_string(root, "input"));
}

/* Runs a suite; false when it is not there. */
static bool run_suite(struct run *run, const char *shared, const char *suite) {
    char name[64];
    snprintf(name, sizeof name, "%s.jsonl", suite);
    return case_file_run(shared, name, run_case, run);
}

static double share(size_t part, size_t whole) {
    return whole > 0 ? (double)part / (double)whole : 0;
}

/* Prints the table; whether the bars are met. */
static bool report(const struct table *table) {
    size_t attacks = 0, found = 0, harmless = 0, alarms = 0;
    printf("%-20s %-22s %-8s %6s %6s %6s  share\n", "suite", "class", "tier", "lines", "found",
           "any");
    for (size_t i = 0; i < table->count; i++) {
        const struct group *group = &table->groups[i];
        bool is_harmless = strcmp(group->class, "harmless") == 0;
        size_t hits = is_harmless ? group->flagged : group->found;
        printf("%-20s %-22s %-8s %6zu %6zu %6zu %6.3f\n", group->suite, group->class, group->tier,
               group->total, group->found, group->flagged, share(hits, group->total));
        bool counts =
            strcmp(group->class, "sql_injection") == 0 && strcmp(group->tier, "core") == 0;
        attacks += counts ? group->total : 0;
        found += counts ? group->found : 0;
        harmless += is_harmless ? group->total : 0;
        alarms += is_harmless ? group->flagged : 0;
    }
    printf(
        "SQL injections of tier core found: %zu of %zu (%.3f); false alarms: %zu of %zu (%.3f)\n",
        found, attacks, share(found, attacks), alarms, harmless, share(alarms, harmless));
    return share(found, attacks) >= RECALL_MIN && share(alarms, harmless) <= FALSE_ALARMS_MAX;
}

int main(int argc, char **argv) {
    static struct table table;
    struct sigma_rules *rules = sigma_rules_new();
    bool is_there = false;
    log_init("pack_cases", LOG_LEVEL_WARNING);
    if (argc < 3 || sigma_rules_add_directory(rules, argv[1]) != STATUS_OK) {
        fprintf(stderr, "usage: pack_cases RULES SHARED [SUITE]\n");
        sigma_rules_destroy(&rules);
        return EXIT_FAILURE;
    }
    sigma_rules_finish(rules);
    struct judge *judge = judge_new(rules);
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++) {
        struct run run = {rules, judge, &table, argc > 3 && strcmp(argv[3], suites[i]) == 0};
        is_there |= run_suite(&run, argv[2], suites[i]);
    }
    judge_destroy(&judge);
    sigma_rules_destroy(&rules);
    if (!is_there) {
        printf("skipped: no cases in \"%s\" (SIEM_SHARED names the directory)\n", argv[2]);
        return SKIPPED;
    }
    return report(&table) ? EXIT_SUCCESS : EXIT_FAILURE;
}
