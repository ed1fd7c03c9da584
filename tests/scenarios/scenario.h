/* scenario.h: a directory of tests/scenarios: events as clients post them, and what the rules must
 * say.
 *
 * input.jsonl holds one LogEvent a line. expect.json holds {"covers": [rule file names], "setup":
 * {off_hours, time_zone, bad_addresses: [...]}, "events": [{"line", "why", "rules": [titles,
 * gravest first], "correlations": [titles of those the event completes], "details": [...],
 * "group_keys": [...], "incidents": [...], "levels": [...]}]}; setup and the lists after rules may
 * be absent, and are compared when they are there. Every line of the input needs its entry. Owner:
 * load/destroy. Threads: one. Errors: load prints what is wrong with the scenario and returns NULL.
 */
#ifndef SIEM_TESTS_SCENARIO_H
#define SIEM_TESTS_SCENARIO_H

#include "services/detector/judge.h"
#include "tests/support/event_reader.h"

struct scenario;

/* What a scenario found out, for the check that all rules are covered. */
struct scenario_seen {
    bool *fired;  /* by rule: on at least one of its events, in a scenario that covers it */
    bool *silent; /* the same, on at least one of them not */
    bool *correlations_fired;
    bool *correlations_silent;
};

/* Reads the scenario of a directory. */
struct scenario *scenario_load(const char *directory);
void scenario_destroy(struct scenario **scenario);

/* Judges its events and prints every difference; the number of differences. */
size_t scenario_run(const struct scenario *scenario, const struct sigma_rules *rules,
                    struct scenario_seen *seen);

/* Events of its input. */
size_t scenario_event_count(const struct scenario *scenario);

#endif
