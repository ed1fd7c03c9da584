/* test_sigma_filter.c: what filters exclude, from which rules, and which filters are refused. */
#include "tests/support/rule_bench.h"

#include <criterion/criterion.h>

#define RULE                                                                                       \
    "title: R\nid: 13274ca3-01a9-419b-a43e-a6ae6ba4be47\nname: whoami\n"                           \
    "logsource:\n    product: windows\n    category: process_creation\n"                           \
    "detection:\n    selection:\n        CommandLine|contains: [whoami, 'net user']\n"             \
    "    condition: selection\n"

#define EVENT(user, line)                                                                          \
    "{\"event_type\":\"unknown\",\"metadata\":{\"User\":\"" user "\",\"CommandLine\":\"" line "\"" \
    "}}"

/* A filter with this logsource and these lines below `filter:`. */
static struct rule_verdict judge(const char *logsource, const char *filter, const char *event) {
    char text[4096];
    snprintf(text, sizeof text, "title: F\nlogsource: {%s}\nfilter:\n%s---\n" RULE, logsource,
             filter);
    return rule_bench_judge(text, event);
}

#define EXCLUDE_ADMIN "    selection:\n        User|startswith: adm\n    condition: not selection\n"

Test(sigma_filter, an_exclusion_takes_hits_away) {
    static const struct {
        const char *logsource;
        const char *rules;
        bool applies;
    } cases[] = {
        {"product: windows", "[whoami]", true},
        {"product: windows", "whoami", true},
        {"product: windows", "[13274ca3-01a9-419b-a43e-a6ae6ba4be47]", true},
        {"product: windows", "any", true},
        {"product: windows", "ALL", true},
        {"product: windows", "[]", true},
        {"product: windows, category: process_creation", "any", true},
        {"product: windows, category: file_event", "any", false},
        {"product: windows, service: sysmon", "any", false}, /* the rule does not set it */
        {"product: linux", "[whoami]", false},
        {"product: windows", "[other]", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char filter[512];
        snprintf(filter, sizeof filter, "    rules: %s\n" EXCLUDE_ADMIN, cases[i].rules);
        struct rule_verdict verdict = judge(cases[i].logsource, filter, EVENT("adm-eve", "whoami"));
        cr_expect_eq(verdict.loaded, 1, "%s: %s", cases[i].rules, verdict.reason);
        cr_expect_eq(verdict.found, cases[i].applies ? 0 : 1, "%s, %s: %s", cases[i].logsource,
                     cases[i].rules, verdict.reason);
        verdict = judge(cases[i].logsource, filter, EVENT("eve", "whoami"));
        cr_expect_eq(verdict.found, 1, "%s: others are left", cases[i].rules);
    }
}

Test(sigma_filter, a_filter_may_stand_behind_its_rule) {
    struct rule_verdict verdict = rule_bench_judge(
        RULE
        "---\ntitle: F\nlogsource: {product: windows}\nfilter:\n    rules: any\n" EXCLUDE_ADMIN,
        EVENT("adm-eve", "whoami"));
    cr_expect_not(verdict.refused, "%s", verdict.reason);
    cr_expect_eq(verdict.found, 0);
}

Test(sigma_filter, names_of_selections_are_its_own) {
    struct rule_verdict verdict =
        judge("product: windows",
              "    rules: any\n    selection:\n        User: adm\n    other:\n        User: eve\n"
              "    condition: not (selection or other)\n",
              EVENT("eve", "whoami"));
    cr_expect_not(verdict.refused, "%s", verdict.reason);
    cr_expect_eq(verdict.found, 0);
}

/* The guard: what would mute nearly every hit is not applied. */
Test(sigma_filter, a_filter_the_wrong_way_round_is_refused) {
    static const struct {
        const char *body;
        const char *reason; /* NULL: it is taken */
    } cases[] = {
        {"    s: {User: adm}\n    condition: s\n", "ordinary event"},
        {"    s: {User: '*'}\n    condition: not s\n", "ordinary event"},
        {"    s: {User|re: '.*'}\n    condition: not s\n", "ordinary event"},
        {"    s: {User|exists: true}\n    condition: not s\n", "ordinary event"},
        {"    s: {User: adm}\n    t: {Host: a}\n    condition: s or t\n", "ordinary event"},
        {"    s: {User: adm}\n    t: {Host: a}\n    condition: not s and t\n", "ordinary event"},
        {"    s: {CommandLine|contains: [whoami, net]}\n    condition: not s\n", "sample hits"},
        {"    s: {CommandLine: '*who*', User: adm}\n    condition: not s\n", NULL},
        {"    s: {CommandLine|contains: whoami}\n    condition: not s\n", NULL}, /* half of it */
        {"    s: {CommandLine: 'whoami'}\n    condition: not s\n", NULL},
        {"    s: {User|neq: adm}\n    condition: s\n", NULL},
        {"    s: {User|re: '^adm'}\n    condition: not s\n", NULL},
        {"    s: {SourceIp|cidr: 10.0.0.0/8}\n    condition: not s\n", NULL},
        {"    s: {User: null}\n    condition: not s\n", NULL},
        {"    s: ['adm']\n    condition: not s\n", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char filter[512];
        snprintf(filter, sizeof filter, "    rules: any\n%s", cases[i].body);
        struct rule_verdict verdict =
            judge("product: windows", filter, EVENT("eve", "net user /all"));
        cr_expect_eq(verdict.found, 1, "%s: the hit is there", cases[i].body);
        cr_expect_eq(verdict.refused, cases[i].reason != NULL, "%s: %s", cases[i].body,
                     verdict.reason);
        if (cases[i].reason != NULL)
            cr_expect_not_null(strstr(verdict.reason, cases[i].reason), "%s: %s", cases[i].body,
                               verdict.reason);
    }
}

Test(sigma_filter, bad_filters_are_refused_with_line_and_reason) {
    static const struct {
        const char *filter;
        int line;
        const char *reason;
    } cases[] = {
        {"    s: {a: b}\n    condition: not s\n", 4, "no 'rules'"},
        {"    rules: any\n    s: {a: b}\n", 4, "no 'condition'"},
        {"    rules: any\n    condition: not s\n", 4, "no selection"},
        {"    rules: any\n    s: {a: b}\n    condition: not t\n", 6, "'t'"},
        {"    rules: any\n    s: {a: b}\n    condition: [not s]\n", 6, "must be a text"},
        {"    rules: {a: b}\n    s: {a: b}\n    condition: not s\n", 4, "filter.rules"},
        {"    rules: [nobody]\n    s: {a: b}\n    condition: not s\n", 1, "nobody"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rule_verdict verdict = judge("product: windows", cases[i].filter, NULL);
        cr_expect(verdict.refused, "%s", cases[i].filter);
        cr_expect_eq(verdict.loaded, 1);
        cr_expect_eq(verdict.line, cases[i].line, "%s: line %d", cases[i].filter, verdict.line);
        cr_expect_not_null(strstr(verdict.reason, cases[i].reason), "%s", verdict.reason);
    }
    cr_expect(rule_bench_judge("title: F\nfilter: {rules: any}\n", NULL).refused, "no logsource");
}

/* A filter that is not applied to a rule it names says so, and why. */
Test(sigma_filter, a_conflict_of_logsources_is_told) {
    static const struct {
        const char *logsource;
        const char *rules;
        const char *reason; /* of a refusal; NULL: there is none */
        const char *warning;
    } cases[] = {
        {"product: linux", "[whoami]", "product 'linux', the rule's product is 'windows'", NULL},
        {"product: windows, category: file_event", "whoami",
         "category 'file_event', the rule's category is 'process_creation'", NULL},
        {"service: sysmon", "[13274ca3-01a9-419b-a43e-a6ae6ba4be47]",
         "service 'sysmon', the rule's service is not set", NULL},
        {"product: windows", "[whoami]", NULL, NULL},
        {"product: linux", "any", NULL, "concerns no rule"},
        {"product: linux", "[]", NULL, "concerns no rule"},
        {"product: windows", "any", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char filter[512];
        snprintf(filter, sizeof filter, "    rules: %s\n" EXCLUDE_ADMIN, cases[i].rules);
        struct rule_verdict verdict = judge(cases[i].logsource, filter, EVENT("adm-eve", "whoami"));
        cr_expect_eq(verdict.loaded, 1, "the rule loads: %s", verdict.reason);
        cr_expect_eq(verdict.refused, cases[i].reason != NULL, "%s", verdict.reason);
        cr_expect_eq(verdict.warned, cases[i].warning != NULL, "%s", verdict.warning);
        if (cases[i].reason != NULL)
            cr_expect_not_null(strstr(verdict.reason, cases[i].reason), "%s", verdict.reason);
        if (cases[i].reason != NULL)
            cr_expect_eq(verdict.line, 1, "line %d", verdict.line);
        if (cases[i].warning != NULL)
            cr_expect_not_null(strstr(verdict.warning, cases[i].warning), "%s", verdict.warning);
    }
}

Test(sigma_filter, one_that_names_a_correlation_says_so) {
    struct rule_verdict verdict = rule_bench_judge(
        "title: F\nlogsource: {product: windows}\nfilter:\n    rules: [often]\n" EXCLUDE_ADMIN
        "---\n" RULE "---\ntitle: C\nname: often\ncorrelation:\n    type: event_count\n"
        "    rules: [whoami]\n    group-by: [User]\n    timespan: 5m\n"
        "    condition: {gte: 3}\n",
        NULL);
    cr_expect(verdict.refused);
    cr_expect_not_null(strstr(verdict.reason, "names a correlation"), "%s", verdict.reason);
}

Test(sigma_filter, what_can_hardly_be_meant_is_told) {
    static const struct {
        const char *body;
        const char *warning; /* NULL: there is none */
        int line;
    } cases[] = {
        {"    s: {User: adm}\n    condition: s or not s\n", "excludes nothing", 6},
        {"    s: {User: adm}\n    t: {Host: h}\n    condition: not s\n", "selection 't'", 6},
        {"    s: {User: adm}\n    condition: not s\n", NULL, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char filter[512];
        snprintf(filter, sizeof filter, "    rules: any\n%s", cases[i].body);
        struct rule_verdict verdict = judge("product: windows", filter, NULL);
        cr_expect_not(verdict.refused, "%s: %s", cases[i].body, verdict.reason);
        cr_expect_eq(verdict.warned, cases[i].warning != NULL, "%s", verdict.warning);
        cr_expect_eq(verdict.warning_line, cases[i].line, "line %d", verdict.warning_line);
        if (cases[i].warning != NULL)
            cr_expect_not_null(strstr(verdict.warning, cases[i].warning), "%s", verdict.warning);
    }
}
