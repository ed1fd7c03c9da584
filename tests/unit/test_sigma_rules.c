/* test_sigma_rules.c: what is taken as a rule, what is refused with file, line and reason, and the
 * rest loads. */
#include "tests/support/rule_bench.h"

#include <criterion/criterion.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD "title: T\nlogsource: {category: test}\n"
#define BODY "detection: {s: {event_type: unknown}, condition: s}\n"

struct refusal_case {
    const char *rule;
    enum status why;
    int line;
    const char *reason; /* a part of it */
};

static const struct refusal_case refusals[] = {
    {"title: [", STATUS_BAD_SYNTAX, 2, "YAML"},
    {"- a\n- b\n", STATUS_BAD_SYNTAX, 1, "must be a map"},
    {"logsource: {}\n" BODY, STATUS_BAD_SYNTAX, 1, "no 'title'"},
    {"title: T\n" BODY, STATUS_BAD_SYNTAX, 1, "no 'logsource'"},
    {"title: T\nlogsource: x\n" BODY, STATUS_BAD_SYNTAX, 2, "'logsource' must be a map"},
    {HEAD "id: two words\n" BODY, STATUS_BAD_SYNTAX, 3, "no UUID"},
    {HEAD "level: extreme\n" BODY, STATUS_BAD_SYNTAX, 3, "'level'"},
    {HEAD "status: unsupported\n" BODY, STATUS_UNSUPPORTED, 3, "unsupported"},
    {HEAD "tags: x\n" BODY, STATUS_BAD_SYNTAX, 3, "'tags'"},
    {HEAD "title: U\n" BODY, STATUS_BAD_SYNTAX, 3, "stands twice"},
    {HEAD "detection: {s: {a: b}}\n", STATUS_BAD_SYNTAX, 3, "no 'condition'"},
    {HEAD "detection: {condition: s}\n", STATUS_BAD_SYNTAX, 3, "no selection"},
    {HEAD "detection: {s: {}, condition: s}\n", STATUS_BAD_SYNTAX, 3, "empty selection"},
    {HEAD "detection: {s: {a: []}, condition: s}\n", STATUS_BAD_SYNTAX, 3, "without values"},
    {HEAD "detection: {s: [], condition: s}\n", STATUS_BAD_SYNTAX, 3, "without values"},
    {HEAD "detection: {s: {a: {b: c}}, condition: s}\n", STATUS_BAD_SYNTAX, 3, "a value must be"},
    {HEAD "detection: {s: {a: [b, null]}, condition: s}\n", STATUS_BAD_SYNTAX, 3, "null"},
    {HEAD "detection: {s: [''], condition: s}\n", STATUS_BAD_SYNTAX, 3, "empty keyword"},
    {HEAD "detection: {s: {a: b}, timeframe: 5m, condition: s}\n", STATUS_UNSUPPORTED, 3,
     "timeframe"},
    {HEAD "detection:\n  s:\n    a|foo: b\n  condition: s\n", STATUS_BAD_SYNTAX, 5, "'foo'"},
    {HEAD "detection: {s: {a|: b}, condition: s}\n", STATUS_BAD_SYNTAX, 3, "not known"},
    {HEAD "detection: {s: {a|all: b}, condition: s}\n", STATUS_BAD_SYNTAX, 3, "list"},
    {HEAD "detection: {s: {a|contains: null}, condition: s}\n", STATUS_BAD_SYNTAX, 3, "null"},
    {HEAD "detection: {s: {a|expand: '%x%'}, condition: s}\n", STATUS_UNSUPPORTED, 3, "%x%"},
    {HEAD "detection: {s: {a|hour: five}, condition: s}\n", STATUS_BAD_SYNTAX, 3, "number"},
    {HEAD "detection: {s: {'|hour': 5}, condition: s}\n", STATUS_BAD_SYNTAX, 3, "field"},
    {HEAD "detection: {s: {a|re: '('}, condition: s}\n", STATUS_BAD_SYNTAX, 3, "regular expr"},
    {HEAD "detection: {s: {a|contains|re: 'x'}, condition: s}\n", STATUS_BAD_SYNTAX, 3, "first"},
    {HEAD "detection: {s: {a|i: 'x'}, condition: s}\n", STATUS_BAD_SYNTAX, 3, "follow 're'"},
    {HEAD "detection: {s: {a|cidr: 'x'}, condition: s}\n", STATUS_BAD_SYNTAX, 3, "network"},
    {HEAD "detection: {s: {a|cidr: '10.0.0.0/33'}, condition: s}\n", STATUS_BAD_SYNTAX, 3, "netw"},
    {HEAD "detection: {s: {a|exists: maybe}, condition: s}\n", STATUS_BAD_SYNTAX, 3, "true or"},
    {HEAD "detection: {s: {'|exists': true}, condition: s}\n", STATUS_BAD_SYNTAX, 3, "field"},
    {HEAD "detection: {s: {a|gt: many}, condition: s}\n", STATUS_BAD_SYNTAX, 3, "number"},
    {HEAD "detection: {s: {a|lt|contains: 5}, condition: s}\n", STATUS_BAD_SYNTAX, 3, "compares"},
    {HEAD "detection: {s: {a|base64: 'x*'}, condition: s}\n", STATUS_BAD_SYNTAX, 3, "encode"},
    {HEAD "detection: {s: {a|fieldref: 'x*'}, condition: s}\n", STATUS_BAD_SYNTAX, 3, "wildcards"},
    {HEAD "detection: {s: {a|windash: '-a -b -c -d -e -f'}, condition: s}\n", STATUS_BAD_SYNTAX, 3,
     "dashes"},
    {"title: T\ncorrelation: {type: event_count}\n", STATUS_BAD_SYNTAX, 2, "no 'timespan'"},
    {"title: T\nlogsource: {}\nfilter: {}\n", STATUS_BAD_SYNTAX, 3, "no 'rules'"},
    {HEAD "action: never\n" BODY, STATUS_BAD_SYNTAX, 3, "'action'"},
    {HEAD "action: repeat\n" BODY, STATUS_BAD_SYNTAX, 3, "behind a rule"},
    {HEAD "siem: {incidents: x}\n" BODY, STATUS_BAD_SYNTAX, 3, "'incidents'"},
    {HEAD "siem: {group_by: source_ip}\n" BODY, STATUS_BAD_SYNTAX, 3, "group_by"},
    {HEAD "siem: {incident: ''}\n" BODY, STATUS_BAD_SYNTAX, 3, "incident"},
    {HEAD "siem: {details: '100% sure'}\n" BODY, STATUS_BAD_SYNTAX, 1, "stands alone"},
    {HEAD "x: &a [1]\ny: {<<: *a}\n" BODY, STATUS_BAD_SYNTAX, 3, "merge"},
    {HEAD "y: {<<: x}\n" BODY, STATUS_BAD_SYNTAX, 3, "merge"},
};

/* Words are pySigma's whatever their case, and a title's limit is one of characters. */
Test(sigma_rules, words_have_no_case_and_titles_characters) {
    char rule[2048], title[1024] = "";
    struct rule_verdict verdict = rule_bench_judge(HEAD "level: CRITICAL\nstatus: Test\n" BODY,
                                                   "{\"event_type\":\"unknown\"}");
    cr_expect(!verdict.refused && verdict.found == 1, "%s", verdict.reason);
    cr_expect_eq(verdict.level, SEVERITY_CRITICAL);
    verdict = rule_bench_judge(HEAD "status: Unsupported\n" BODY, NULL);
    cr_expect_eq(verdict.why, STATUS_UNSUPPORTED);
    for (int i = 0; i < 256; i++)
        memcpy(title + strlen(title), "\xc3\xa4", 3);
    snprintf(rule, sizeof rule, "title: %s\nlogsource: {}\n" BODY, title);
    cr_expect_not(rule_bench_judge(rule, NULL).refused);
    snprintf(rule, sizeof rule, "title: %s!\nlogsource: {}\n" BODY, title);
    cr_expect_eq(rule_bench_judge(rule, NULL).why, STATUS_TOO_LARGE);
}

Test(sigma_rules, refuses_with_line_and_reason) {
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct rule_verdict verdict = rule_bench_judge(refusals[i].rule, NULL);
        cr_expect(verdict.refused, "taken: %s", refusals[i].rule);
        cr_expect_eq(verdict.why, refusals[i].why, "%s: %s", refusals[i].rule, verdict.reason);
        cr_expect_eq(verdict.line, refusals[i].line, "%s: line %d", refusals[i].rule, verdict.line);
        cr_expect_not_null(strstr(verdict.reason, refusals[i].reason), "%s: %s", refusals[i].rule,
                           verdict.reason);
    }
}

Test(sigma_rules, a_bad_document_leaves_the_others) {
    struct rule_verdict verdict =
        rule_bench_judge(HEAD BODY "---\ntitle: U\n---\n---\ntitle: V\nlogsource:\n" BODY,
                         "{\"event_type\":\"unknown\"}");
    cr_assert(verdict.refused);
    cr_assert_eq(verdict.loaded, 2);
    cr_assert_eq(verdict.found, 2);
}

Test(sigma_rules, the_same_id_twice_is_refused) {
    static const char id[] = "id: 13274ca3-01a9-419b-a43e-a6ae6ba4be47\n";
    char rules[1024];
    snprintf(rules, sizeof rules, HEAD "%s" BODY "---\n" HEAD "%s" BODY, id, id);
    struct rule_verdict verdict = rule_bench_judge(rules, NULL);
    cr_assert_eq(verdict.loaded, 1);
    cr_assert_not_null(strstr(verdict.reason, "test.yml, line 1"), "%s", verdict.reason);
}

Test(sigma_rules, the_same_title_twice_makes_two_rules) {
    struct rule_verdict verdict = rule_bench_judge(
        HEAD BODY "---\n" HEAD "detection: {s: {event_type: x}, condition: s}\n", NULL);
    cr_expect_eq(verdict.loaded, 2, "%s", verdict.reason);
    verdict = rule_bench_judge(HEAD BODY "---\n" HEAD BODY, NULL);
    cr_expect_eq(verdict.loaded, 2, "the same text stands in line 5, too: %s", verdict.reason);
}

Test(sigma_rules, an_id_may_be_another_word) {
    cr_assert_eq(rule_bench_judge(HEAD "id: login-rule_1\n" BODY, NULL).loaded, 1);
}

Test(sigma_rules, actions_make_rules_of_templates) {
    static const char text[] =
        "action: global\ntitle: G\nlogsource:\n    category: test\ndetection:\n    condition: s\n"
        "---\nid: one\ndetection:\n    s:\n        username: a\n"
        "---\naction: repeat\nid: two\ndetection:\n    s:\n        username: b\n"
        "---\naction: reset\n"
        "---\ntitle: Alone\nlogsource: {}\n" BODY;
    struct rule_verdict verdict =
        rule_bench_judge(text, "{\"event_type\":\"unknown\",\"username\":\"b\"}");
    cr_expect_eq(verdict.loaded, 3, "%s", verdict.reason);
    cr_expect_not(verdict.refused, "%s", verdict.reason);
    cr_expect_eq(verdict.found, 2, "the repeated one, and the one alone");
}

Test(sigma_rules, aliases_that_multiply_are_refused) {
    char text[2048] = HEAD "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 9; i++) {
        size_t length = strlen(text);
        snprintf(text + length, sizeof text - length,
                 "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i,
                 i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    }
    struct rule_verdict verdict = rule_bench_judge(text, NULL);
    cr_assert_eq(verdict.why, STATUS_TOO_LARGE);
}

Test(sigma_rules, an_alias_stands_for_its_anchor) {
    struct rule_verdict verdict = rule_bench_judge(
        HEAD "detection:\n  a: &a {event_type: unknown}\n  b: *a\n  condition: a and b\n",
        "{\"event_type\":\"unknown\"}");
    cr_assert_eq(verdict.found, 1, "%s", verdict.reason);
}

Test(sigma_rules, a_merge_key_takes_over_what_is_missing) {
    struct rule_verdict verdict =
        rule_bench_judge(HEAD "one: &one {event_type: other, username: me}\n"
                              "two: &two {source_ip: 192.0.2.1, username: you}\n"
                              "detection:\n  a: {<<: [*one, *two], event_type: unknown}\n"
                              "  b: {<<: *two, '<<': x}\n  condition: a and not b\n",
                         "{\"event_type\":\"unknown\",\"username\":\"me\",\"source_ip\":"
                         "\"192.0.2.1\"}");
    cr_assert_eq(verdict.found, 1, "%s", verdict.reason);
}

Test(sigma_rules, the_key_siem_says_what_an_incident_is) {
    struct rule_verdict verdict = rule_bench_judge(
        HEAD "level: high\nsiem:\n  incident: door\n  group_by: [username, metadata.room]\n"
             "  details: '%username% at %metadata.room%, %missing%: 100%%'\n" BODY,
        "{\"event_type\":\"unknown\",\"username\":\"a,1:b\",\"metadata\":{\"room\":12}}");
    cr_assert_str_eq(verdict.incident, "door");
    cr_assert_str_eq(verdict.details, "a,1:b at 12, unknown: 100%");
    cr_assert_str_eq(verdict.group_key, "7:unknown,5:a,1:b,2:12");
    cr_assert_eq(verdict.level, SEVERITY_HIGH);
}

Test(sigma_rules, without_siem_the_rule_speaks_for_itself) {
    struct rule_verdict verdict =
        rule_bench_judge("title: 100% odd\nlogsource:\n" BODY, "{\"event_type\":\"unknown\"}");
    cr_assert_str_eq(verdict.details, "100% odd");
    cr_assert_str_eq(verdict.group_key, "7:unknown,-,-");
    cr_assert_eq(strlen(verdict.incident), 36, "its id, made of the title");
    cr_assert_eq(verdict.level, SEVERITY_MEDIUM);
}

Test(sigma_rules, long_values_are_cut_in_details_and_hashed_in_keys) {
    char document[2048], name[1001];
    memset(name, 'n', 1000);
    name[1000] = '\0';
    snprintf(document, sizeof document, "{\"event_type\":\"unknown\",\"username\":\"%s\"}", name);
    struct rule_verdict verdict = rule_bench_judge(
        HEAD "siem: {group_by: [username], details: 'by %username%.'}\n" BODY, document);
    cr_assert_eq(strlen(verdict.details), 3 + SENTENCE_VALUE_MAX + 3 + 1);
    cr_assert_eq(strlen(verdict.group_key), strlen("7:unknown,#") + 32);
}

static void write_file(const char *directory, const char *name, const char *text) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

static void remove_file(const char *directory, const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    remove(path);
}

Test(sigma_rules, a_directory_is_read_with_those_below_it) {
    char directory[] = "/tmp/sigma-XXXXXX", below[64];
    cr_assert_not_null(mkdtemp(directory));
    snprintf(below, sizeof below, "%s/below", directory);
    cr_assert_eq(mkdir(below, 0700), 0);
    write_file(directory, "a.yml", HEAD BODY);
    write_file(directory, "notes.txt", "no rule");
    write_file(directory, ".hidden.yml", "title: [");
    write_file(directory, "bad.yaml", "title: [");
    write_file(below, "b.yml", "title: V\nlogsource:\nlevel: critical\n" BODY);
    struct sigma_rules *rules = sigma_rules_new();
    cr_expect_eq(sigma_rules_add_directory(rules, directory), STATUS_OK);
    sigma_rules_finish(rules);
    cr_expect_eq(rules->count, 2);
    cr_expect_eq(rules->rules[0].finding.level, SEVERITY_CRITICAL, "the gravest first");
    cr_expect_eq(rules->refusal_count, 1);
    cr_expect(strstr(rules->refusals[0].file, "bad.yaml") != NULL);
    uint64_t generation = rules->generation;
    sigma_rules_destroy(&rules);
    write_file(below, "b.yml", "title: V\nlogsource:\nlevel: high\n" BODY);
    rules = sigma_rules_new();
    cr_expect_eq(sigma_rules_add_directory(rules, directory), STATUS_OK);
    cr_expect_neq(rules->generation, generation, "another content, another generation");
    sigma_rules_destroy(&rules);
    remove_file(directory, "a.yml");
    remove_file(directory, "notes.txt");
    remove_file(directory, ".hidden.yml");
    remove_file(directory, "bad.yaml");
    remove_file(below, "b.yml");
    rmdir(below);
    rmdir(directory);
}

Test(sigma_rules, a_missing_directory_is_an_error) {
    struct sigma_rules *rules = sigma_rules_new();
    cr_assert_eq(sigma_rules_add_directory(rules, "/nonexistent/rules"), STATUS_NOT_FOUND);
    sigma_rules_destroy(&rules);
}
