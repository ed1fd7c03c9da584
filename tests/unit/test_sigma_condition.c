/* test_sigma_condition.c: the grammar of conditions, and of selections that are lists. */
#include "common/clock.h"
#include "tests/support/rule_bench.h"

#include <criterion/criterion.h>

/* Selections that match, or not, by name: t_* match, f_* do not; _t is hidden from patterns. */
#define SELECTIONS                                                                                 \
    "    t_one:\n        event_type: unknown\n"                                                    \
    "    t_two:\n        count: 1\n"                                                               \
    "    f_one:\n        event_type: login_failed\n"                                               \
    "    f_two:\n        count: 2\n"                                                               \
    "    and-so-on:\n        count: 1\n"                                                           \
    "    _t:\n        count: 1\n"

struct condition_case {
    const char *condition;
    int result; /* 1 matches, 0 does not, -1 is refused */
};

static int evaluate(const char *condition) {
    char detection[4096], rule[8192];
    snprintf(detection, sizeof detection, SELECTIONS "    condition: %s", condition);
    struct rule_verdict verdict =
        rule_bench_judge(rule_bench_wrap(detection, rule), "{\"event_type\":\"unknown\"}");
    return verdict.refused ? -1 : (int)verdict.found;
}

Test(sigma_condition, grammar) {
    static const struct condition_case cases[] = {
        {"t_one", 1},
        {"f_one", 0},
        {"and-so-on", 1},
        {"not t_one", 0},
        {"not not t_one", 1},
        {"not f_one", 1},
        {"t_one and t_two", 1},
        {"t_one and f_one", 0},
        {"t_one or f_one", 1},
        {"f_one or f_two", 0},
        {"f_one and f_two or t_one", 1}, /* and binds closer */
        {"t_one or f_one and f_two", 1},
        {"(t_one or f_one) and f_two", 0},
        {"not f_one and t_one", 1}, /* not binds closest */
        {"not (f_one or t_one)", 0},
        {"1 of t_*", 1},
        {"1 of f_*", 0},
        {"any of *_one", 1},
        {"all of t_*", 1},
        {"all of *_one", 0},
        {"not 1 of f_*", 1},
        {"1 of them", 1},
        {"all of them", 0},
        {"all of t_one", 1},
        {"1 of _*", 1},
        {"all of *t*o*", 0}, /* t_one, t_two and f_two */
        {"1 of t_* and all of t_*", 1},
        {"((((t_one))))", 1},
        {"[t_one, f_one]", 1}, /* a list: any of them */
        {"[f_two, f_one]", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_eq(evaluate(cases[i].condition), cases[i].result, "%s", cases[i].condition);
}

Test(sigma_condition, what_breaks_the_grammar_is_refused) {
    static const char *const conditions[] = {
        "''",
        "t_one and",
        "and t_one",
        "t_one t_two",
        "(t_one",
        "t_one)",
        "()",
        "not",
        "missing",
        "1 of missing*",
        "1 of",
        "1 of and",
        "2 of t_*",
        "t_one & t_two",
        "t_one AND t_two",
        "'t_one | count() > 5'",
        "of them",
        "{a: b}",
        "[]",
        "[t_one, [f_one]]",
    };
    for (size_t i = 0; i < sizeof conditions / sizeof conditions[0]; i++)
        cr_expect_eq(evaluate(conditions[i]), -1, "%s", conditions[i]);
}

Test(sigma_condition, deep_nesting_is_refused_and_long_chains_are_not) {
    char deep[600];
    memset(deep, '(', 300);
    snprintf(deep + 300, sizeof deep - 300, "t_one");
    cr_expect_eq(evaluate(deep), -1);
    char chain[3000] = "f_one";
    for (int i = 0; i < 250; i++)
        snprintf(chain + strlen(chain), sizeof chain - strlen(chain), " or f_one");
    snprintf(chain + strlen(chain), sizeof chain - strlen(chain), " or t_one");
    cr_expect_eq(evaluate(chain), 1);
}

struct selection_case {
    const char *selection;
    bool matches;
};

Test(sigma_condition, selections_of_lists_and_keywords) {
    static const char event[] =
        "{\"event_type\":\"unknown\",\"raw_log\":\"the quick Brown fox\",\"metadata\":{\"a\":\"x\","
        "\"b\":{\"c\":[\"deep water\",7042]}}}";
    static const struct selection_case cases[] = {
        {"[{a: y}, {a: x}]", true},
        {"[{a: y}, {a: z}]", false},
        {"[{a: x, raw_log: no}, {a: x, raw_log|contains: fox}]", true},
        {"[quick]", true},
        {"['QUICK brown']", true},
        {"[slow, brown]", true},
        {"[slow]", false},
        {"['deep water']", true},
        {"['q*k br?wn']", true},
        {"[7042]", true},
        {"[704]", true},
        {"quick", true},
        {"{'|all': [quick, deep]}", true},
        {"{'|all': [quick, shallow]}", false},
        {"{'|re': 'qu?ick\\s'}", true},
        {"{'|cased': [brown]}", false},
        {"[[{a: y}], [{a: x}]]", true},
        {"[{a: y}, quick]", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char detection[1024], rule[8192];
        snprintf(detection, sizeof detection, "    s: %s\n    condition: s", cases[i].selection);
        struct rule_verdict verdict = rule_bench_judge(rule_bench_wrap(detection, rule), event);
        cr_expect_not(verdict.refused, "%s: %s", cases[i].selection, verdict.reason);
        cr_expect_eq(verdict.found, (size_t)cases[i].matches, "%s", cases[i].selection);
    }
}

/* What can hardly be meant loads, and is told. */
Test(sigma_condition, what_no_event_or_every_event_fulfils_is_told) {
    static const char never[] = "can never be true", always[] = "always true";
    static const struct {
        const char *detection;
        const char *warning; /* NULL: there is none */
        int line;
    } cases[] = {
        {"    s: {User: x}\n    condition: s and not s", never, 6},
        {"    s: {User: x}\n    condition: not s and 1 of them", never, 6},
        {"    s: {User: x}\n    t: {User: x}\n    condition: s and not t", never, 7},
        {"    s: {User: x}\n    t: {Host: h, User: x}\n    condition: t and not s", never, 7},
        {"    s: {User: x}\n    t: {User|neq: x}\n    condition: all of them", never, 7},
        {"    s: {User: x}\n    t: {Host: h}\n    condition: not (s or t) and (t or s)", never, 7},
        {"    s: {User: x}\n    condition: s or not s", always, 6},
        {"    s: {User: x}\n    t: {User|neq: x}\n    condition: 1 of them", always, 7},
        {"    s: {User: x}\n    condition: [s, s and not s]", "part of the condition", 6},
        {"    s: {User: x}\n    t: {User: y}\n    condition: s", "selection 't'", 6},
        {"    s: {User: x}\n    _t: {User: y}\n    condition: 1 of them", "selection '_t'", 6},
        /* these mean something */
        {"    s: {User: x}\n    t: {User: X*}\n    condition: s and not t", NULL, 0},
        {"    s: {User: x}\n    t: {User|cased: x}\n    condition: s and not t", NULL, 0},
        {"    s: {User: x}\n    t: {Host: x}\n    condition: s and not t", NULL, 0},
        {"    s: {User: '*'}\n    t: {User: '\\*'}\n    condition: s and not t", NULL, 0},
        {"    s: {User|contains: [x, y]}\n    t: {User|contains|all: [x, y]}\n"
         "    condition: s and not t",
         NULL, 0},
        {"    s: {User: x}\n    t: {User: x, Host: h}\n    condition: s and not t", NULL, 0},
        {"    s: {User: x}\n    condition: not s", NULL, 0},
        {"    s: [x]\n    t: {User: x}\n    condition: s and not t", NULL, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char rule[8192];
        struct rule_verdict verdict =
            rule_bench_judge(rule_bench_wrap(cases[i].detection, rule), NULL);
        cr_expect_eq(verdict.loaded, 1, "%s: %s", cases[i].detection, verdict.reason);
        cr_expect_eq(verdict.warned, cases[i].warning != NULL, "%s: %s", cases[i].detection,
                     verdict.warning);
        if (cases[i].warning == NULL)
            continue;
        cr_expect_not_null(strstr(verdict.warning, cases[i].warning), "%s: %s", cases[i].detection,
                           verdict.warning);
        cr_expect_eq(verdict.warning_line, cases[i].line, "%s: line %d", cases[i].detection,
                     verdict.warning_line);
    }
}

/* 60 times either of two, with `before` and `behind` around; how many warnings there are. */
static size_t count_doubts(const char *before, const char *behind) {
    char detection[8192], rule[8192];
    size_t length = 0;
    for (int i = 0; i < 60; i++)
        length += (size_t)snprintf(detection + length, sizeof detection - length,
                                   "    a%d: {a: %d}\n    b%d: {b: %d}\n", i, i, i, i);
    length += (size_t)snprintf(detection + length, sizeof detection - length,
                               "    y: {y: 1}\n    z: {z: 1}\n    condition: %s (y or z)", before);
    for (int i = 0; i < 60; i++)
        length += (size_t)snprintf(detection + length, sizeof detection - length,
                                   " and (a%d or b%d)", i, i);
    snprintf(detection + length, sizeof detection - length, " %s", behind);
    struct rule_verdict verdict = rule_bench_judge(rule_bench_wrap(detection, rule), NULL);
    cr_expect_eq(verdict.loaded, 1, "%s", verdict.reason);
    return verdict.warned;
}

/* A condition whose every way would have to be tried is not doubted, and takes no time. */
Test(sigma_condition, doubts_end_in_time) {
    cr_expect_eq(count_doubts("", ""), 0);
    cr_expect_eq(count_doubts("z and not z and", ""), 1);
    cr_expect_eq(count_doubts("", "and z and not z"), 1);
    cr_expect_eq(count_doubts("(not y or not z) and (y or not z) and (not y or z) and", ""), 0);
}

/* A selection of so many items that a condition names so often, and `behind`. */
static struct rule_verdict judge_large(int items, int names, const char *behind) {
    static char rule[65536];
    size_t length = (size_t)snprintf(rule, sizeof rule,
                                     "title: Large\nlogsource: {product: x}\ndetection:\n    s:\n");
    for (int i = 0; i < items; i++)
        length += (size_t)snprintf(rule + length, sizeof rule - length, "        f%d: v\n", i);
    length += (size_t)snprintf(rule + length, sizeof rule - length, "    condition: s");
    for (int i = 1; i < names; i++)
        length += (size_t)snprintf(rule + length, sizeof rule - length, " and s");
    cr_assert_lt(length + 64, sizeof rule);
    snprintf(rule + length, sizeof rule - length, "%s\n", behind);
    return rule_bench_judge(rule, NULL);
}

/* A large rule is doubted as long as that is quick, and takes no time when it is not: neither when
 * the engine refuses it in the end, nor when it loads. */
Test(sigma_condition, doubts_of_large_rules_end_in_time, .timeout = 100) {
    struct mono_time began = clock_mono();
    struct rule_verdict verdict = judge_large(800, 5000, "");
    cr_expect(verdict.refused && strstr(verdict.reason, "60000 tests") != NULL, "%s",
              verdict.reason);
    cr_expect_eq(judge_large(2000, 20, " and not s").loaded, 1);
    cr_expect_lt(clock_elapsed_ms(began), 20000);
    cr_expect_eq(judge_large(300, 20, " and not s").warned, 1);
    cr_expect_eq(judge_large(300, 20, " or not s").warned, 1);
}
