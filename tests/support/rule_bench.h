/* rule_bench.h: for tests: one rule's text and one event's JSON, and what the rule says of it.
 *
 * Owner: the verdict's texts are copies in its own struct. Threads: one. Errors: a refused event
 * aborts the test.
 */
#ifndef SIEM_TESTS_RULE_BENCH_H
#define SIEM_TESTS_RULE_BENCH_H

#include "services/detector/judge.h"

struct rule_verdict {
    bool refused; /* at least one document */
    enum status why;
    int line;
    char reason[256];
    size_t warned; /* warnings; the first of them */
    int warning_line;
    char warning[256];
    size_t loaded;
    size_t found; /* rules that matched */
    char details[2048];
    char group_key[1024];
    char incident[512];
    enum severity level;
};

/* Loads the rules of a text and, when `document` is not NULL, judges a LogEvent with them. */
struct rule_verdict rule_bench_judge(const char *rules, const char *document);

/* The same with placeholders and pipelines. */
struct rule_verdict rule_bench_judge_with(const struct sigma_settings *settings, const char *rules,
                                          const char *document);

/* A whole rule around the lines of a detection, which are indented by four. */
const char *rule_bench_wrap(const char *detection, char out[8192]);

#endif
