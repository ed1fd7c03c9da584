/* rule_bench.c: loads, judges and copies out what was found first. */
#include "tests/support/rule_bench.h"

#include "tests/support/event_reader.h"
#include "tests/support/pack_findings.h"

#include <stdio.h>
#include <stdlib.h>

static void copy_text(char *out, size_t size, struct text text) {
    snprintf(out, size, "%.*s", TEXT_ARG(text));
}

static void copy_first(const struct packed_findings *findings, struct rule_verdict *verdict) {
    struct msgpack_frame frame;
    msgpack_frame_init(&frame);
    const struct finding *first = unpack_findings(findings, &frame);
    copy_text(verdict->details, sizeof verdict->details, first->details);
    copy_text(verdict->group_key, sizeof verdict->group_key, first->group_key);
    copy_text(verdict->incident, sizeof verdict->incident, first->incident);
    verdict->level = first->level;
    msgpack_frame_fini(&frame);
}

static void judge_document(const struct sigma_rules *rules, const char *document,
                           struct rule_verdict *verdict) {
    const struct enrichments none = {NULL, NULL};
    struct event_reader *reader = event_reader_new();
    struct judge *judge = judge_new(rules);
    const struct event *event =
        event_reader_read(reader, text_of(document), (struct wall_time){1748865600000});
    if (event == NULL)
        abort();
    struct judgement judgement = judge_event(judge, &none, event);
    verdict->found = judgement.count;
    if (judgement.count > 0)
        copy_first(judgement.findings, verdict);
    judge_destroy(&judge);
    event_reader_destroy(&reader);
}

struct rule_verdict rule_bench_judge(const char *text, const char *document) {
    return rule_bench_judge_with(&(struct sigma_settings){NULL, NULL}, text, document);
}

struct rule_verdict rule_bench_judge_with(const struct sigma_settings *settings, const char *text,
                                          const char *document) {
    struct rule_verdict verdict = {0};
    struct sigma_rules *rules = sigma_rules_new();
    sigma_rules_use(rules, settings);
    sigma_rules_add_text(rules, "test.yml", text_of(text));
    sigma_rules_finish(rules);
    verdict.loaded = rules->count;
    verdict.refused = rules->refusal_count > 0;
    if (verdict.refused) {
        verdict.why = rules->refusals[0].error.status;
        verdict.line = rules->refusals[0].error.line;
        copy_text(verdict.reason, sizeof verdict.reason, text_of(rules->refusals[0].error.reason));
    }
    verdict.warned = rules->warning_count;
    if (verdict.warned > 0) {
        verdict.warning_line = rules->warnings[0].error.line;
        copy_text(verdict.warning, sizeof verdict.warning,
                  text_of(rules->warnings[0].error.reason));
    }
    if (document != NULL)
        judge_document(rules, document, &verdict);
    sigma_rules_destroy(&rules);
    return verdict;
}

const char *rule_bench_wrap(const char *detection, char out[8192]) {
    snprintf(out, 8192, "title: Test\nlogsource:\n    category: test\ndetection:\n%s\n", detection);
    return out;
}
