/* test_sigma_expand.c: placeholders and their values, and parts of dates. */
#include "services/detector/sigma_placeholders.h"
#include "tests/support/rule_bench.h"

#include <criterion/criterion.h>
#include <unistd.h>

struct item_case {
    const char *item;
    const char *metadata;
    bool matches;
};

static void check(const struct sigma_settings *settings, const struct item_case *cases,
                  size_t count) {
    for (size_t i = 0; i < count; i++) {
        char rule[4096], document[4096];
        snprintf(rule, sizeof rule,
                 "title: T\nlogsource: {category: test}\ndetection:\n    s:\n        %s\n"
                 "    condition: s\n",
                 cases[i].item);
        snprintf(document, sizeof document, "{\"event_type\":\"unknown\",\"metadata\":%s}",
                 cases[i].metadata);
        struct rule_verdict verdict = rule_bench_judge_with(settings, rule, document);
        cr_expect_not(verdict.refused, "%s: refused: %s", cases[i].item, verdict.reason);
        cr_expect_eq(verdict.found, (size_t)cases[i].matches, "%s with %s: %zu", cases[i].item,
                     cases[i].metadata, verdict.found);
    }
}

Test(sigma_expand, parts_of_dates) {
    static const struct item_case cases[] = {
        {"t|hour: 8", "{\"t\":\"2026-11-28T08:30:20.966901Z\"}", true},
        {"t|hour: 8", "{\"t\":\"2026-11-28T08:30:20+05:00\"}", true}, /* no zone is converted */
        {"t|minute: 30", "{\"t\":\"2026-11-28 08:30:20.964\"}", true},
        {"t|minute: 31", "{\"t\":\"2026-11-28 08:30:20.964\"}", false},
        {"t|day: 28", "{\"t\":\"2026-11-28\"}", true},
        {"t|hour: 0", "{\"t\":\"2026-11-28\"}", false}, /* a date has no hour */
        {"t|month: [10, 11]", "{\"t\":\"28/Nov/2026:08:30:20 +0000\"}", true},
        {"t|year: 2026", "{\"t\":\"2026/11/28\"}", true},
        {"t|week: 53", "{\"t\":\"2021-01-03\"}", true}, /* Sunday of the year before's last week */
        {"t|week: 1", "{\"t\":\"2021-01-04\"}", true},
        {"t|hour: 23", "{\"t\":1700000000}", false},
        {"t|hour: 22", "{\"t\":1700000000}", true},
        {"t|hour: 22", "{\"t\":1700000000123}", true},
        {"t|hour: 22", "{\"t\":\"1700000000\"}", true},
        {"t|day: 5", "{\"t\":\"Nov  5 08:30:20\"}", true},
        {"t|year: 2026", "{\"t\":\"Nov  5 08:30:20\"}", false},
        {"t|hour|gte: 22", "{\"t\":\"2026-11-28T23:00:00Z\"}", true},
        {"t|hour|lt: 6", "{\"t\":\"2026-11-28T23:00:00Z\"}", false},
        {"t|hour|neq: 8", "{\"t\":\"2026-11-28T08:30:20Z\"}", false},
        {"t|hour: 8", "{\"t\":\"soon\"}", false},
        {"t|hour: 8", "{}", false},
        {"t|month: 13", "{\"t\":\"2026-13-28\"}", false},
        {"time_ms|year|gte: 2025", "{}", true},
    };
    check(&(struct sigma_settings){NULL, NULL}, cases, sizeof cases / sizeof cases[0]);
}

/* A directory with two files of placeholders. */
static struct sigma_placeholders *make_placeholders(void) {
    char directory[] = "/tmp/placeholders-XXXXXX", path[64];
    struct sigma_error error;
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/a.yml", directory);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs("Administrators: [root, 'adm-*']\nnets: 10.0.0.0/8\nport: 22\n", file);
    fclose(file);
    char other[64];
    snprintf(other, sizeof other, "%s/Servers.txt", directory);
    file = fopen(other, "w");
    cr_assert_not_null(file);
    fputs("# ours\n db1 \r\n\nweb?\n", file);
    fclose(file);
    struct sigma_placeholders *placeholders = sigma_placeholders_new();
    cr_assert_eq(sigma_placeholders_load(placeholders, directory, &error), STATUS_OK, "%s",
                 error.reason);
    unlink(path);
    unlink(other);
    rmdir(directory);
    return placeholders;
}

Test(sigma_expand, placeholders_stand_for_their_values) {
    static const struct item_case cases[] = {
        {"f|expand: '%Administrators%'", "{\"f\":\"ROOT\"}", true},
        {"f|expand: '%Administrators%'", "{\"f\":\"adm-eve\"}", true},
        {"f|expand: '%Administrators%'", "{\"f\":\"eve\"}", false},
        {"f|expand: 'x %Administrators%'", "{\"f\":\"x root\"}", true},
        {"f|expand|contains: '%Servers%'", "{\"f\":\"on db1.local\"}", true},
        {"f|contains|expand: '%Servers%'", "{\"f\":\"on webA.local\"}", true},
        {"f|contains|expand: '%Servers%'", "{\"f\":\"on web\"}", false},
        {"f|expand: '%Administrators%@%Servers%'", "{\"f\":\"root@db1\"}", true},
        {"f|expand: '%Administrators%@%Servers%'", "{\"f\":\"root@root\"}", false},
        {"f|expand: [b, '%Administrators%']", "{\"f\":\"b\"}", true},
        {"f|expand|cidr: '%nets%'", "{\"f\":\"10.1.2.3\"}", true},
        {"f|re|expand: '^%Administrators%$'", "{\"f\":\"root\"}", true},
        {"f|re|expand: '^%Administrators%$'", "{\"f\":\"a root\"}", false},
        {"f|expand|base64: '%port%'", "{\"f\":\"MjI=\"}", true},
        {"f|expand: '100\\%port\\%'", "{\"f\":\"100%port%\"}", true},
        {"f|expand: '50% of 7%'", "{\"f\":\"50% of 7%\"}", true},
        {"f: '%Administrators%'", "{\"f\":\"root\"}", false}, /* without expand it is literal */
        {"f: '%Administrators%'", "{\"f\":\"%administrators%\"}", true},
        {"f|expand: 5", "{\"f\":5}", true},
    };
    struct sigma_placeholders *placeholders = make_placeholders();
    check(&(struct sigma_settings){placeholders, NULL}, cases, sizeof cases / sizeof cases[0]);
    sigma_placeholders_destroy(&placeholders);
}

Test(sigma_expand, a_placeholder_nobody_knows_refuses_the_rule) {
    static const char *const items[] = {"f|expand: '%x%'", "f|contains|expand: 'a %x%'",
                                        "f|expand|base64: '%x%'", "f|re|expand: '%x%'"};
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++) {
        char rule[512];
        snprintf(
            rule, sizeof rule,
            "title: T\nlogsource: {category: test}\ndetection:\n    s: {%s}\n    condition: s\n",
            items[i]);
        struct rule_verdict verdict = rule_bench_judge(rule, NULL);
        cr_expect_eq(verdict.why, STATUS_UNSUPPORTED, "%s: %s", items[i], verdict.reason);
        cr_expect_not_null(strstr(verdict.reason, "SIEM_PLACEHOLDERS"), "%s", verdict.reason);
    }
}

Test(sigma_expand, too_many_combinations_are_refused) {
    static const char map[] = "m: [a, b, c, d, e, f, g, h, i, j]\n";
    struct sigma_placeholders *placeholders = sigma_placeholders_new();
    struct sigma_documents documents;
    struct sigma_error error;
    struct arena arena;
    arena_init(&arena);
    cr_assert_eq(sigma_yaml_parse(text_of(map), &arena, &documents, &error), STATUS_OK);
    cr_assert_eq(sigma_placeholders_add_map(placeholders, documents.items[0], &error), STATUS_OK);
    arena_fini(&arena);
    struct rule_verdict verdict =
        rule_bench_judge_with(&(struct sigma_settings){placeholders, NULL},
                              "title: T\nlogsource: {category: test}\ndetection:\n"
                              "    s: {f|expand: '%m%%m%%m%%m%%m%%m%%m%'}\n    condition: s\n",
                              NULL);
    cr_expect_eq(verdict.why, STATUS_TOO_LARGE, "%s", verdict.reason);
    sigma_placeholders_destroy(&placeholders);
}
