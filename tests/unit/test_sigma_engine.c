/* test_sigma_engine.c: the engine says of every event what each rule, walked the plain way, says of
 * it; and hostile values cost little. */
#include "services/detector/sigma_rules.h"
#include "services/detector/sigma_runner_parts.h"
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

#define RULE(number, category, detection)                                                          \
    "title: T" number "\nid: 00000000-0000-4000-8000-00000000000" number                           \
    "\nlogsource: {category: " category "}\ndetection:\n" detection
#define LATE_KEYWORDS "    l: [first, second, third]\n"

static const struct logsource tested = {{"test", 4}, {NULL, 0}, {NULL, 0}};

static void bench_init_texts(struct bench *bench, const char *const *texts) {
    *bench = (struct bench){
        .rules = sigma_rules_new(), .reader = event_reader_new(), .fields = fields_new()};
    bench->workspace.regex = sigma_regex_workspace_new();
    for (; *texts != NULL; texts++)
        sigma_rules_add_text(bench->rules, "texts.yml", text_of(*texts));
    sigma_rules_finish(bench->rules);
    cr_assert_eq(bench->rules->refusal_count, 0);
    bench->runner = sigma_runner_new(bench->rules->engine);
}

/* Loads an event with this metadata, between whose two parts `filler` stands `times` times. */
static void load_event(struct bench *bench, const char *before, const char *filler, size_t times,
                       const char *after) {
    struct buffer document;
    buffer_init(&document, SIZE_MAX);
    buffer_printf(&document, "{\"event_type\":\"unknown\",\"metadata\":{%s", before);
    for (size_t i = 0; i < times; i++)
        buffer_append_text(&document, text_of(filler));
    buffer_printf(&document, "%s}}", after);
    fields_load(bench->fields, bench->rules->names,
                event_reader_read(bench->reader, buffer_text(&document),
                                  (struct wall_time){1748865600000}));
    buffer_fini(&document);
}

/* The first rule matches the event however often it comes, so also when its logsource has filters
 * of its own. */
static void expect_match(const char *const *texts, const char *before, const char *filler,
                         size_t times, const char *after) {
    struct bench bench;
    const uint32_t *matched;
    bench_init_texts(&bench, texts);
    load_event(&bench, before, filler, times, after);
    for (int i = 0; i < FREQUENT_TIMES; i++)
        cr_assert_eq(sigma_runner_run(bench.runner, bench.fields, &tested, &matched), 1,
                     "%s %zu x %s: time %d", before, times, filler, i);
    bench_fini(&bench);
}

/* A value that was not searched for the keywords that bear witness is searched for the others: in a
 * logsource where the first are all beyond ASCII; where the event's metadata, shorter than what its
 * value folds to, is free of them; where the value is too short for them. */
Test(sigma_engine, finds_keywords_that_bear_no_witness_in_long_values) {
    static char long_rule[8000], keyword[6001];
    const char *const wide[] = {
        RULE("0", "test", "    k: [wïtness]\n" LATE_KEYWORDS "    condition: k and l\n"),
        RULE("1", "other", "    k: [elsewhere]\n    condition: k\n"), NULL};
    const char *const grown[] = {RULE("0", "test",
                                      "    s:\n        event_type: unknown\n" LATE_KEYWORDS
                                      "    condition: s and l\n"),
                                 RULE("1", "test", "    k: [witnessed]\n    condition: k\n"), NULL};
    const char *const longer[] = {grown[0], long_rule, NULL};
    memset(keyword, 'q', sizeof keyword - 1);
    snprintf(long_rule, sizeof long_rule, RULE("1", "test", "    k: ['%s']\n    condition: k\n"),
             keyword);
    expect_match(wide, "\"a\":\"WÏTNESS\",\"b\":\"", "x", 20000, "third\"");
    expect_match(grown, "\"a\":\"", "\u023a", 1500, "third\"");
    expect_match(longer, "\"a\":\"", "x", 5000, "third\"");
}

/* What stands behind a keyword, in the value or behind it, is nothing to it. */
Test(sigma_engine, finds_short_keywords_before_any_byte) {
    const char *const keyword[] = {RULE("0", "test", "    k: [abcdef]\n    condition: k\n"), NULL};
    const char *const field[] = {
        RULE("0", "test", "    s:\n        a|contains: abcdef\n    condition: s\n"), NULL};
    expect_match(keyword, "\"a\":\"xxabcdef\",\"b\":\"z\"", "", 0, "");
    expect_match(keyword, "\"a\":\"xxabcdefä\"", "", 0, "");
    expect_match(field, "\"a\":\"xxabcdefä\"", "", 0, "");
}

/* What is found while one event's rules are tried makes no rule a candidate for the next event. */
Test(sigma_engine, an_event_leaves_no_candidates_to_the_next) {
    const char *const texts[] = {
        RULE("0", "other", "    s:\n        a|contains: shared\n        b: x\n    condition: s\n"),
        RULE("1", "test",
             "    s:\n        b: trigger\n    l:\n        a|contains: shared\n"
             "    condition: s and not l\n"),
        NULL};
    const struct logsource other = {.category = TEXT("other")};
    struct bench bench;
    const uint32_t *matched;
    bench_init_texts(&bench, texts);
    load_event(&bench, "\"a\":\"shared\",\"b\":\"trigger\"", "", 0, "");
    cr_expect_eq(sigma_runner_run(bench.runner, bench.fields, &tested, &matched), 0);
    cr_expect_eq(bench.runner->tried, 1);
    load_event(&bench, "\"a\":\"nothing\"", "", 0, "");
    cr_expect_eq(sigma_runner_run(bench.runner, bench.fields, &other, &matched), 0);
    cr_expect_eq(bench.runner->tried, 0);
    bench_fini(&bench);
}
