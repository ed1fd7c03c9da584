/* test_sigma_match.c: what each kind of value and modifier matches, as the Sigma specification
 * says. */
#include "services/detector/sigma_regex.h"
#include "tests/support/rule_bench.h"

#include <criterion/criterion.h>

struct match_case {
    const char *selection; /* lines of the selection */
    const char *metadata;  /* the event's, as JSON */
    bool matches;
};

/* Runs a table of single selections. */
static void check_cases(const struct match_case *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char detection[4096], rule[8192], document[4096];
        snprintf(detection, sizeof detection, "    s:\n        %s\n    condition: s",
                 cases[i].selection);
        snprintf(document, sizeof document, "{\"event_type\":\"unknown\",\"metadata\":%s}",
                 cases[i].metadata);
        struct rule_verdict verdict = rule_bench_judge(rule_bench_wrap(detection, rule), document);
        cr_expect_not(verdict.refused, "%s: refused: %s", cases[i].selection, verdict.reason);
        cr_expect_eq(verdict.found, (size_t)cases[i].matches, "%s with %s: %zu", cases[i].selection,
                     cases[i].metadata, verdict.found);
    }
}

#define CHECK(cases) check_cases(cases, sizeof cases / sizeof cases[0])

Test(sigma_match, strings_are_whole_and_without_case) {
    static const struct match_case cases[] = {
        {"f: whoami", "{\"f\":\"WhoAmI\"}", true},
        {"f: whoami", "{\"f\":\"whoami \"}", false},
        {"f: whoami", "{\"F\":\"whoami\"}", false},
        {"f: 'ÄÖÜ straße'", "{\"f\":\"äöü STRAßE\"}", true},
        {"f: 'ПРИВЕТ'", "{\"f\":\"привет\"}", true},
        {"f: 'K'", "{\"f\":\"\\u212a\"}", true}, /* the Kelvin sign */
        {"f|cased: whoami", "{\"f\":\"WhoAmI\"}", false},
        {"f|cased: whoami", "{\"f\":\"whoami\"}", true},
        {"f|contains|cased: Admin", "{\"f\":\"the Admin\"}", true},
        {"f|contains|cased: Admin", "{\"f\":\"the admin\"}", false},
        {"f: [a, b]", "{\"f\":\"b\"}", true},
        {"f: [a, b]", "{\"f\":\"ab\"}", false},
        {"f: a", "{\"f\":[\"x\",\"a\"]}", true}, /* any element of a list */
        {"f: a", "{\"f\":{\"a\":\"a\"}}", false},
    };
    CHECK(cases);
}

/* Values shorter than any match are not searched: characters count, not bytes. */
Test(sigma_match, expressions_and_short_values) {
    static const struct match_case cases[] = {
        {"f|re: '.{4,}'", "{\"f\":\"abcd\"}", true},
        {"f|re: '.{4,}'", "{\"f\":\"abc\"}", false},
        {"f|re: '.{4,}'", "{\"f\":\"äöü\"}", false},
        {"f|re: '^.{3}$'", "{\"f\":\"äöü\"}", true},
        {"f|re: '^a?b*$'", "{\"f\":\"\"}", true},
        {"f|re: '^(ab|abc\\b)'", "{\"f\":\"ab\"}", true},
    };
    CHECK(cases);
}

Test(sigma_match, wildcards) {
    static const struct match_case cases[] = {
        {"f: '*\\cmd.exe'", "{\"f\":\"C:\\\\Windows\\\\CMD.EXE\"}", true},
        {"f: '*\\cmd.exe'", "{\"f\":\"C:\\\\cmd.exe.txt\"}", false},
        {"f: 'a?c'", "{\"f\":\"abc\"}", true},
        {"f: 'a?c'", "{\"f\":\"ac\"}", false},
        {"f: 'a?c'", "{\"f\":\"aäc\"}", true}, /* one character, two bytes */
        {"f: 'a??c'", "{\"f\":\"aäc\"}", false},
        {"f: '*b?d'", "{\"f\":\"aaabäd\"}", true},
        {"f: 'a*b*c'", "{\"f\":\"a..b..c\"}", true},
        {"f: 'a*b*c'", "{\"f\":\"a..c..b\"}", false},
        {"f: 'ab*ba'", "{\"f\":\"aba\"}", false}, /* the ends do not overlap */
        {"f: '*a?c*e'", "{\"f\":\"xxabcxxe\"}", true},
        {"f: '*'", "{\"f\":\"\"}", true},
        {"f: '*'", "{\"g\":\"\"}", false},
        {"f: '*'", "{\"f\":null}", false},
        {"f: '**a**'", "{\"f\":\"bab\"}", true},
    };
    CHECK(cases);
}

Test(sigma_match, escapes) {
    static const struct match_case cases[] = {
        {"f: 'a\\*c'", "{\"f\":\"a*c\"}", true},
        {"f: 'a\\*c'", "{\"f\":\"abc\"}", false},
        {"f: 'a\\?c'", "{\"f\":\"a?c\"}", true},
        {"f: 'a\\\\*'", "{\"f\":\"a\\\\bc\"}", true}, /* backslash, then anything */
        {"f: 'a\\\\*'", "{\"f\":\"a*\"}", false},
        {"f: 'a\\\\\\*c'", "{\"f\":\"a\\\\*c\"}", true}, /* backslash and star, both themselves */
        {"f: 'a\\b'", "{\"f\":\"a\\\\b\"}", true},
        {"f: 'a\\\\b'", "{\"f\":\"a\\\\b\"}", true}, /* one backslash or two mean one */
        {"f: 'a\\\\\\\\b'", "{\"f\":\"a\\\\\\\\b\"}", true},
        {"f: 'a\\'", "{\"f\":\"a\\\\\"}", true},
        {"f|endswith: '\\'", "{\"f\":\"dir\\\\\"}", true},
    };
    CHECK(cases);
}

Test(sigma_match, contains_startswith_endswith_all) {
    static const struct match_case cases[] = {
        {"f|contains: oam", "{\"f\":\"whOAMi\"}", true},
        {"f|contains: oax", "{\"f\":\"whoami\"}", false},
        {"f|contains: ''", "{\"f\":\"x\"}", true},
        {"f|startswith: who", "{\"f\":\"whoami\"}", true},
        {"f|startswith: ami", "{\"f\":\"whoami\"}", false},
        {"f|endswith: ami", "{\"f\":\"whoami\"}", true},
        {"f|endswith: who", "{\"f\":\"whoami\"}", false},
        {"f|contains|all: [who, ami]", "{\"f\":\"whoami\"}", true},
        {"f|contains|all: [who, amo]", "{\"f\":\"whoami\"}", false},
        {"f|contains: 'w*i'", "{\"f\":\"a whoami b\"}", true},
        {"f|contains: 5", "{\"f\":1502}", true}, /* a number searched as text */
        {"f|startswith: 'ÄB'", "{\"f\":\"äbc\"}", true},
    };
    CHECK(cases);
}

Test(sigma_match, null_empty_and_exists_differ) {
    static const struct match_case cases[] = {
        {"f: null", "{}", true},
        {"f: null", "{\"f\":null}", true},
        {"f: null", "{\"f\":\"\"}", false},
        {"f:", "{}", true},
        {"f: ''", "{\"f\":\"\"}", true},
        {"f: ''", "{}", false},
        {"f: ''", "{\"f\":null}", false},
        {"f|exists: true", "{\"f\":\"\"}", true},
        {"f|exists: true", "{\"f\":{}}", true},
        {"f|exists: true", "{}", false},
        {"f|exists: false", "{}", true},
        {"f|exists: no", "{\"f\":1}", false},
        {"f: 'null'", "{\"f\":\"null\"}", true},
    };
    CHECK(cases);
}

Test(sigma_match, numbers_and_switches) {
    static const struct match_case cases[] = {
        {"f: 42", "{\"f\":42}", true},
        {"f: 42", "{\"f\":42.0}", true},
        {"f: 42", "{\"f\":\"42\"}", true},
        {"f: '42'", "{\"f\":42}", true},
        {"f: 42", "{\"f\":\"042\"}", false},
        {"f: 0x1F", "{\"f\":31}", true},
        {"f: -7", "{\"f\":-7}", true},
        {"f: 18446744073709551615", "{\"f\":18446744073709551615}", true},
        {"f|lt: 5", "{\"f\":4}", true},
        {"f|lt: 5", "{\"f\":5}", false},
        {"f|lte: 5", "{\"f\":5}", true},
        {"f|gt: 5", "{\"f\":5.5}", true},
        {"f|gte: 5.5", "{\"f\":5.5}", true},
        {"f|gte: 5", "{\"f\":\"17\"}", true}, /* a number sent as text */
        {"f|gte: 5", "{\"f\":\"many\"}", false},
        {"f|gte: 5", "{}", false},
        {"f|gt: 9007199254740992", "{\"f\":9007199254740993}", true}, /* exact beyond a double */
        {"f: true", "{\"f\":true}", true},
        {"f: true", "{\"f\":false}", false},
        {"f: yes", "{\"f\":\"yes\"}", true},
        {"f: 'true'", "{\"f\":true}", true},
        {"f: '1*'", "{\"f\":123}", true},
    };
    CHECK(cases);
}

Test(sigma_match, neq_negates_the_whole_item) {
    static const struct match_case cases[] = {
        {"f|neq: a", "{\"f\":\"b\"}", true},
        {"f|neq: a", "{\"f\":\"A\"}", false},
        {"f|neq: a", "{}", true},
        {"f|neq: [a, b]", "{\"f\":\"b\"}", false},
        {"f|contains|neq: a", "{\"f\":\"bab\"}", false},
    };
    CHECK(cases);
}

Test(sigma_match, regular_expressions) {
    static const struct match_case cases[] = {
        {"f|re: 'cmd\\.exe.*/c'", "{\"f\":\"x cmd.exe /c whoami\"}", true},
        {"f|re: '^cmd'", "{\"f\":\"xcmd\"}", false},
        {"f|re: Admin", "{\"f\":\"admin\"}", false},
        {"f|re|i: Admin", "{\"f\":\"admin\"}", true},
        {"f|re|i: 'Ä'", "{\"f\":\"ä\"}", true},
        {"f|re: '^b$'", "{\"f\":\"a\\nb\"}", false},
        {"f|re|m: '^b$'", "{\"f\":\"a\\nb\"}", true},
        {"f|re: 'a.b'", "{\"f\":\"a\\nb\"}", false},
        {"f|re|s: 'a.b'", "{\"f\":\"a\\nb\"}", true},
        {"f|re|i|s: 'A.b'", "{\"f\":\"a\\nB\"}", true},
        {"f|re: '^4\\d$'", "{\"f\":42}", true},
        {"f|re: '^.$'", "{\"f\":\"ä\"}", true},
    };
    CHECK(cases);
}

Test(sigma_match, networks) {
    static const struct match_case cases[] = {
        {"f|cidr: 10.0.0.0/8", "{\"f\":\"10.255.0.1\"}", true},
        {"f|cidr: 10.0.0.0/8", "{\"f\":\"11.0.0.1\"}", false},
        {"f|cidr: 0.0.0.0/0", "{\"f\":\"255.255.255.255\"}", true},
        {"f|cidr: 0.0.0.0/0", "{\"f\":\"::1\"}", false}, /* the families differ */
        {"f|cidr: '::/0'", "{\"f\":\"10.0.0.1\"}", false},
        {"f|cidr: '2001:db8::/33'", "{\"f\":\"2001:db8:7fff::1\"}", true},
        {"f|cidr: '2001:db8::/33'", "{\"f\":\"2001:db8:8000::1\"}", false},
        {"f|cidr: 192.0.2.128/25", "{\"f\":\"192.0.2.127\"}", false},
        {"f|cidr: 192.0.2.128/25", "{\"f\":\"::ffff:192.0.2.200\"}", true},
        {"f|cidr: 10.0.0.0/8", "{\"f\":\"10.0.0.256\"}", false},
        {"f|cidr: [10.0.0.0/8, 192.168.0.0/16]", "{\"f\":\"192.168.1.1\"}", true},
    };
    CHECK(cases);
}

Test(sigma_match, encodings) {
    static const struct match_case cases[] = {
        {"f|base64: foo", "{\"f\":\"Zm9v\"}", true},
        {"f|base64offset|contains: '/bin/sh'", "{\"f\":\"xxL2Jpbi9zaHxx\"}", true},
        {"f|base64offset|contains: '/bin/sh'", "{\"f\":\"IC9iaW4vc2g=\"}", true},
        {"f|base64offset|contains: '/bin/sh'", "{\"f\":\"ICAvYmluL3No\"}", true},
        {"f|base64offset|contains: '/bin/sh'", "{\"f\":\"L2Jpbi96c2g=\"}", false},
        {"f|wide|base64: foo", "{\"f\":\"ZgBvAG8A\"}", true},
        {"f|utf16be|base64: foo", "{\"f\":\"AGYAbwBv\"}", true},
        {"f|utf16|base64: foo", "{\"f\":\"//5mAG8AbwA=\"}", true},
        {"f|utf16be|contains: ' -x'", "{\"f\":\"a\\u0000 \\u0000-\\u0000x\"}", true},
        {"f|utf16be: ' -x'", "{\"f\":\"\\u0000 \\u0000-\\u0000x\"}", true},
        {"f|utf16be|contains: ' -y'", "{\"f\":\"a\\u0000 \\u0000-\\u0000x\"}", false},
        {"f|wide|base64: '\U0001f600'", "{\"f\":\"PdgA3g==\"}", true},
    };
    CHECK(cases);
}

Test(sigma_match, windash) {
    static const struct match_case cases[] = {
        {"f|windash|contains: ' -s '", "{\"f\":\"cmd /s x\"}", true},
        {"f|windash|contains: ' -s '", "{\"f\":\"cmd -s x\"}", true},
        {"f|windash|contains: ' -s '", "{\"f\":\"cmd \xe2\x80\x93s x\"}", true},
        {"f|contains|windash: ' /s '", "{\"f\":\"cmd \xe2\x80\x95s x\"}", true},
        {"f|windash|contains: ' -s '", "{\"f\":\"cmd +s x\"}", false},
        {"f|windash: 'a-b'", "{\"f\":\"a/b\"}", false}, /* no option's dash */
        {"f|contains|all|windash: [' -a', ' -b']", "{\"f\":\"x /b /a\"}", true},
        {"f|contains|all|windash: [' -a', ' -b']", "{\"f\":\"x /a\"}", false},
    };
    CHECK(cases);
}

Test(sigma_match, fields_compared_with_fields) {
    static const struct match_case cases[] = {
        {"f|fieldref: g", "{\"f\":\"Abc\",\"g\":\"aBC\"}", true},
        {"f|fieldref: g", "{\"f\":\"abc\",\"g\":\"abd\"}", false},
        {"f|fieldref: g", "{\"f\":\"abc\"}", false},
        {"f|fieldref|endswith: g", "{\"f\":\"xabc\",\"g\":\"abc\"}", true},
        {"f|fieldref|startswith: g", "{\"f\":\"xabc\",\"g\":\"abc\"}", false},
        {"f|fieldref|contains: g", "{\"f\":\"xabcx\",\"g\":\"abc\"}", true},
        {"f|fieldref|neq: g", "{\"f\":\"a\",\"g\":\"b\"}", true},
    };
    CHECK(cases);
}

Test(sigma_match, field_names) {
    static const struct match_case cases[] = {
        {"a.b.c: x", "{\"a\":{\"b\":{\"c\":\"x\"}}}", true},
        {"a.b: x", "{\"a.b\":\"x\"}", true},
        {"metadata.a: x", "{\"a\":\"x\"}", true},
        {"metadata.a.b: x", "{\"a\":[{\"b\":\"y\"},{\"b\":\"x\"}]}", true},
        {"event_type: x", "{\"event_type\":\"x\"}", true}, /* of a foreign event */
        {"event_type: unknown", "{\"event_type\":\"x\"}", false},
        {"metadata.event_type: x", "{\"event_type\":\"x\"}", true},
        {"username: x", "{\"username\":\"x\"}", true}, /* there is no top-level one */
        {"event_type: unknown", "{}", true},
        {"count|gte: 7", "{\"count\":\"7\"}", true},
        {"count: 1", "{\"count\":7}", false},
        {"count: 1", "{}", true},
        {"- unknown", "{\"f\":\"x\"}", false},
        {"time_ms|gt: 1", "{}", true},
        {"time_ms: 1", "{\"time_ms\":1}", false},
    };
    CHECK(cases);
}

/* What an event of a type of ours says at its top hides the members called so. */
Test(sigma_match, fields_of_our_own_events) {
    static const struct {
        const char *selection;
        size_t found;
    } cases[] = {
        {"event_type: login_failed", 1},
        {"event_type: x", 0},
        {"metadata.event_type: x", 1},
        {"count: 3", 1},
        {"count: 7", 0},
        {"metadata.count: 7", 1},
        {"'|re': 'login_'", 1},
        {"username: alice", 1},
        {"username: bob", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char detection[256], rule[8192];
        snprintf(detection, sizeof detection, "    s:\n        %s\n    condition: s",
                 cases[i].selection);
        struct rule_verdict verdict = rule_bench_judge(
            rule_bench_wrap(detection, rule),
            "{\"event_type\":\"login_failed\",\"count\":3,\"username\":\"alice\",\"metadata\":"
            "{\"event_type\":\"x\",\"count\":7,\"username\":\"bob\"}}");
        cr_expect_eq(verdict.found, cases[i].found, "%s", cases[i].selection);
    }
}

Test(sigma_match, an_event_with_thousands_of_values_is_seen_whole) {
    static char metadata[60000];
    size_t length = 0;
    length += (size_t)snprintf(metadata, sizeof metadata, "{\"list\":[");
    for (int i = 0; i < 20000; i++)
        length += (size_t)snprintf(metadata + length, sizeof metadata - length, "1,");
    snprintf(metadata + length, sizeof metadata - length, "2],\"needle\":\"here\"}");
    static char document[64000];
    snprintf(document, sizeof document, "{\"event_type\":\"unknown\",\"metadata\":%s}", metadata);
    char rule[8192];
    rule_bench_wrap("    s:\n        list: 2\n        needle: here\n    k: ['HERE']\n"
                    "    condition: s and k",
                    rule);
    cr_assert_eq(rule_bench_judge(rule, document).found, 1);
}

/* In a long value the machine that looks for witnesses finds the other literals too; where there is
 * no witness to look for, it is run for these. */
Test(sigma_match, a_long_value_has_what_bears_no_witness) {
    static char document[50000], filler[20000];
    static const struct {
        const char *first, *second;
        size_t found;
    } cases[] = {{"third", "sixth", 1}, {"none", "sixth", 0}, {"third", "none", 0}};
    char rule[8192];
    memset(filler, 'x', sizeof filler - 1);
    rule_bench_wrap("    s:\n        a|contains: witness\n"
                    "    t:\n        a|contains: [first, second, third]\n"
                    "    u:\n        b|contains: [fourth, fifth, sixth]\n"
                    "    condition: s and t and u",
                    rule);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(document, sizeof document,
                 "{\"event_type\":\"unknown\",\"metadata\":"
                 "{\"a\":\"witness%s%s\",\"b\":\"%s%s\"}}",
                 filler, cases[i].first, cases[i].second, filler);
        cr_expect_eq(rule_bench_judge(rule, document).found, cases[i].found, "%zu", i);
    }
}

Test(sigma_match, an_expression_that_explodes_gives_up_and_does_not_match) {
    static char document[4096];
    char rule[8192], aaa[3000];
    memset(aaa, 'a', sizeof aaa - 1);
    aaa[sizeof aaa - 1] = '\0';
    snprintf(document, sizeof document, "{\"event_type\":\"unknown\",\"raw_log\":\"%sX\"}", aaa);
    rule_bench_wrap("    s:\n        raw_log|re: '^(a+)+$'\n    condition: s", rule);
    struct rule_verdict verdict = rule_bench_judge(rule, document);
    cr_assert_not(verdict.refused);
    cr_assert_eq(verdict.found, 0);
}

/* P6: steps are counted from each place of a text, so a long one has fewer for each; what would
 * take seconds gives up. */
Test(sigma_match, a_long_text_has_fewer_steps_for_each_place) {
    static const struct {
        size_t length;
        enum sigma_regex_result result;
    } cases[] = {{500, SIGMA_REGEX_MISSES}, {20000, SIGMA_REGEX_GAVE_UP}};
    struct sigma_error error;
    struct sigma_regex *regex = NULL;
    cr_assert_eq(
        sigma_regex_new(TEXT("(?:a|b)*[yz]"), (struct sigma_regex_flags){0}, 1, &regex, &error),
        STATUS_OK);
    struct sigma_regex_workspace *workspace = sigma_regex_workspace_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[20000];
        memset(text, 'a', cases[i].length);
        cr_expect_eq(sigma_regex_search(regex, workspace, (struct text){text, cases[i].length}),
                     cases[i].result, "%zu bytes", cases[i].length);
    }
    sigma_regex_workspace_destroy(&workspace);
    sigma_regex_destroy(&regex);
}
