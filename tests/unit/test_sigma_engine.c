/* test_sigma_engine.c: the engine says of every event what each rule, walked the plain way, says of
 * it; and hostile values cost little. */
#include "services/detector/sigma_engine_parts.h"
#include "services/detector/sigma_rules.h"
#include "tests/support/event_reader.h"
#include "tests/support/random_rules.h"
#include "tests/support/tree_match.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define SETS 200
#define RULES_MAX 40
#define EVENTS_A_SET 20
/* Each event comes as often: what its values have is found, found and remembered, and known. In one
 * set of so many events come so often that a logsource has filters of its own. */
#define TIMES 3
#define FREQUENT_ONE_IN 4
#define FREQUENT_TIMES (KEYWORDS_OWN_FROM + TIMES)
/* Of all rules, one in so many at least is legal, and of all judgements one in so many a match;
 * else nothing is tested. */
#define LEGAL_ONE_IN 2
#define MATCHES_ONE_IN 50

struct seen {
    size_t rules, legal, judged, matches;
};

struct bench {
    struct sigma_rules *rules;
    struct sigma_runner *runner;
    struct event_reader *reader;
    struct fields *fields;
    struct sigma_workspace workspace;
};

static void bench_init(struct bench *bench, struct random_source *source, struct seen *seen) {
    uint32_t count = 1 + random_below(source, RULES_MAX);
    struct buffer text;
    *bench = (struct bench){
        .rules = sigma_rules_new(), .reader = event_reader_new(), .fields = fields_new()};
    bench->workspace.regex = sigma_regex_workspace_new();
    buffer_init(&text, SIZE_MAX);
    for (uint32_t i = 0; i < count; i++) {
        buffer_reset(&text);
        random_rule(source, i, &text);
        sigma_rules_add_text(bench->rules, "random.yml", buffer_text(&text));
    }
    sigma_rules_finish(bench->rules);
    bench->runner = sigma_runner_new(bench->rules->engine);
    seen->rules += count;
    seen->legal += bench->rules->count;
    buffer_fini(&text);
}

static void bench_fini(struct bench *bench) {
    sigma_runner_destroy(&bench->runner);
    sigma_regex_workspace_destroy(&bench->workspace.regex);
    fields_destroy(&bench->fields);
    event_reader_destroy(&bench->reader);
    sigma_rules_destroy(&bench->rules);
}

/* Holds the engine's answer against each rule's own. */
static void compare(struct bench *bench, const struct logsource *logsource, struct text document,
                    uint64_t seed, struct seen *seen) {
    const uint32_t *matched;
    size_t count = sigma_runner_run(bench->runner, bench->fields, logsource, &matched), at = 0;
    for (uint32_t i = 0; i < bench->rules->count; i++) {
        const struct sigma_loaded_rule *rule = &bench->rules->rules[i];
        sigma_workspace_reset(&bench->workspace);
        bool expected = !logsource_conflicts(&rule->logsource, logsource) &&
                        tree_match(rule->program, bench->fields, &bench->workspace);
        bool found = at < count && matched[at] == i;
        at += found;
        seen->judged++;
        seen->matches += expected;
        cr_assert_eq(found, expected, "set %llu: %.*s should %smatch %.*s",
                     (unsigned long long)seed, TEXT_ARG(rule->finding.rule_id),
                     expected ? "" : "not ", TEXT_ARG(document));
    }
    cr_assert_eq(at, count);
}

static void judge_event(struct bench *bench, struct random_source *source, uint64_t seed,
                        struct seen *seen) {
    static const struct logsource unknown = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
    struct buffer document;
    buffer_init(&document, SIZE_MAX);
    random_event(source, &document);
    const struct event *event =
        event_reader_read(bench->reader, buffer_text(&document), (struct wall_time){1748865600000});
    cr_assert_not_null(event);
    fields_load(bench->fields, bench->rules->names, event);
    struct logsource logsource = logsource_find(bench->rules->logsources, bench->fields, &unknown);
    const uint32_t *matched;
    for (int i = TIMES; seed % FREQUENT_ONE_IN == 0 && i < FREQUENT_TIMES; i++)
        (void)sigma_runner_run(bench->runner, bench->fields, &logsource, &matched);
    for (int i = 0; i < TIMES; i++)
        compare(bench, &logsource, buffer_text(&document), seed, seen);
    buffer_fini(&document);
}

Test(sigma_engine, says_what_every_rule_says_by_itself, .timeout = 300) {
    struct seen seen = {0};
    for (uint64_t seed = 1; seed <= SETS; seed++) {
        struct random_source source = {seed};
        struct bench bench;
        bench_init(&bench, &source, &seen);
        for (int i = 0; i < EVENTS_A_SET; i++)
            judge_event(&bench, &source, seed, &seen);
        bench_fini(&bench);
    }
    cr_expect_gt(seen.legal * LEGAL_ONE_IN, seen.rules, "%zu of %zu rules are legal", seen.legal,
                 seen.rules);
    cr_expect_gt(seen.matches * MATCHES_ONE_IN, seen.judged, "%zu matches in %zu judgements",
                 seen.matches, seen.judged);
    cr_log_info("%zu rules, %zu judgements, %zu matches", seen.legal, seen.judged, seen.matches);
}

/* A logsource all of whose keywords that bear witness are not ASCII has no filter for those that
 * are: its long values have not been searched when a rule asks for the others. */
Test(sigma_engine, a_logsource_with_wide_keywords_finds_the_late_ones) {
    static const char *const texts[] = {
        "title: T0\nid: 00000000-0000-4000-8000-000000000000\nlogsource: {category: test}\n"
        "detection:\n    k: [wïtness]\n    l: [first, second, third]\n    condition: k and l\n",
        "title: T1\nid: 00000000-0000-4000-8000-000000000001\nlogsource: {category: other}\n"
        "detection:\n    k: [elsewhere]\n    condition: k\n",
    };
    const struct logsource logsource = {.category = TEXT("test")};
    static char document[50000], filler[20000];
    const uint32_t *matched;
    struct bench bench = {
        .rules = sigma_rules_new(), .reader = event_reader_new(), .fields = fields_new()};
    bench.workspace.regex = sigma_regex_workspace_new();
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        sigma_rules_add_text(bench.rules, "wide.yml", text_of(texts[i]));
    sigma_rules_finish(bench.rules);
    cr_assert_eq(bench.rules->count, 2);
    bench.runner = sigma_runner_new(bench.rules->engine);
    memset(filler, 'x', sizeof filler - 1);
    snprintf(document, sizeof document,
             "{\"event_type\":\"unknown\",\"metadata\":{\"a\":\"WÏTNESS\",\"b\":\"%sthird\"}}",
             filler);
    fields_load(bench.fields, bench.rules->names,
                event_reader_read(bench.reader, text_of(document), (struct wall_time){1}));
    for (int i = 0; i < FREQUENT_TIMES; i++)
        cr_expect_eq(sigma_runner_run(bench.runner, bench.fields, &logsource, &matched), 1, "%d",
                     i);
    bench_fini(&bench);
}
