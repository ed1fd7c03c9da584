/* scenario.c: reads a scenario and compares what the rules say with what they should. */
#include "tests/scenarios/scenario.h"

#include "services/detector/file_text.h"
#include "tests/scenarios/correlated.h"
#include "tests/support/pack_findings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <yajl/yajl_tree.h>

#define FILE_MAX (4 * 1024 * 1024)
#define PATH_SIZE 4096

/* When its events are received; those without a timestamp happen now: 2025-06-02T12:00:00Z, a
 * Monday. */
static const struct wall_time received = {1748865600000};

struct scenario {
    char directory[PATH_SIZE];
    struct buffer input;
    yajl_val expect;
};

static struct buffer read_file(const char *directory, const char *name) {
    char path[PATH_SIZE];
    struct buffer text;
    buffer_init(&text, FILE_MAX);
    snprintf(path, sizeof path, "%s/%s", directory, name);
    if (file_text_read(path, &text) != STATUS_OK)
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
    return text;
}

static yajl_val member(yajl_val object, const char *name, yajl_type type) {
    const char *path[] = {name, NULL};
    return object != NULL ? yajl_tree_get(object, path, type) : NULL;
}

static size_t length_of(yajl_val array) {
    return array != NULL ? YAJL_GET_ARRAY(array)->len : 0;
}

static yajl_val element(yajl_val array, size_t index) {
    return YAJL_GET_ARRAY(array)->values[index];
}

/* An element's text; what is no text never equals one. */
static const char *text_at(yajl_val array, size_t index) {
    return YAJL_IS_STRING(element(array, index)) ? element(array, index)->u.string : "(no text)";
}

/* A member's text, or `absent`. */
static const char *text_member(yajl_val object, const char *name, const char *absent) {
    yajl_val value = member(object, name, yajl_t_string);
    return value != NULL ? value->u.string : absent;
}

struct scenario *scenario_load(const char *directory) {
    char error[256] = "";
    struct scenario *scenario = calloc(1, sizeof *scenario);
    if (scenario == NULL)
        abort();
    snprintf(scenario->directory, sizeof scenario->directory, "%s", directory);
    scenario->input = read_file(directory, "input.jsonl");
    struct buffer why = read_file(directory, "why.md");
    struct buffer expect = read_file(directory, "expect.json");
    buffer_append(&expect, "", 1);
    scenario->expect = yajl_tree_parse((const char *)expect.data, error, sizeof error);
    bool whole = scenario->expect != NULL && scenario->input.length > 0 && why.length > 0 &&
                 length_of(member(scenario->expect, "covers", yajl_t_array)) > 0;
    if (!whole) {
        fprintf(
            stderr,
            "%s: needs why.md, input.jsonl and an expect.json with \"covers\" and \"events\" %s\n",
            directory, error);
        scenario_destroy(&scenario);
    }
    buffer_fini(&why);
    buffer_fini(&expect);
    return scenario;
}

void scenario_destroy(struct scenario **scenario) {
    if (*scenario == NULL)
        return;
    buffer_fini(&(*scenario)->input);
    yajl_tree_free((*scenario)->expect);
    free(*scenario);
    *scenario = NULL;
}

static const char *name_of(const struct scenario *scenario) {
    const char *slash = strrchr(scenario->directory, '/');
    return slash != NULL ? slash + 1 : scenario->directory;
}

/* Writes the scenario's list of bad addresses to a file, whose name is `path` then. */
static bool write_addresses(yajl_val list, char path[PATH_SIZE]) {
    snprintf(path, PATH_SIZE, "/tmp/scenario-XXXXXX");
    int descriptor = mkstemp(path);
    FILE *file = descriptor >= 0 ? fdopen(descriptor, "w") : NULL;
    if (file == NULL)
        return false;
    for (size_t i = 0; i < length_of(list); i++)
        fprintf(file, "%s\n", text_at(list, i));
    return fclose(file) == 0;
}

/* The list of bad addresses as the detector would read it; an empty one when the scenario has none.
 */
static struct enrich_reputation *make_reputation(yajl_val list) {
    char path[PATH_SIZE] = "";
    if (list == NULL)
        return enrich_reputation_new("");
    if (!write_addresses(list, path))
        return NULL;
    struct enrich_reputation *reputation = enrich_reputation_new(path);
    unlink(path);
    return reputation;
}

struct run {
    const struct scenario *scenario;
    const struct sigma_rules *rules;
    struct scenario_seen *seen;
    struct enrichments enrichments;
    struct event_reader *reader;
    struct judge *judge;
    struct correlated *correlated;
    struct msgpack_frame frame; /* the findings of an event */
    size_t differences;
};

/* The value of a finding an expectation's list is compared with. */
static struct text aspect_of(const struct finding *finding, const char *list) {
    if (strcmp(list, "details") == 0)
        return finding->details;
    if (strcmp(list, "group_keys") == 0)
        return finding->group_key;
    if (strcmp(list, "incidents") == 0)
        return finding->incident;
    if (strcmp(list, "levels") == 0)
        return text_of(severity_text(finding->level));
    return finding->rule_title;
}

static void print_difference(struct run *run, size_t line, const char *list, yajl_val expected,
                             const struct finding *findings, size_t count) {
    run->differences++;
    printf("  %s, line %zu: %s differ\n    expected:", name_of(run->scenario), line, list);
    for (size_t i = 0; i < length_of(expected); i++)
        printf(" [%s]", text_at(expected, i));
    printf("\n    found:   ");
    for (size_t i = 0; i < count; i++)
        printf(" [%.*s]", TEXT_ARG(aspect_of(&findings[i], list)));
    printf("\n");
}

static void compare_list(struct run *run, size_t line, const char *list, yajl_val expected,
                         const struct judgement *judgement) {
    const struct finding *findings = unpack_findings(judgement->findings, &run->frame);
    bool same = length_of(expected) == judgement->count;
    for (size_t i = 0; same && i < judgement->count; i++)
        same = text_is(aspect_of(&findings[i], list), text_at(expected, i));
    if (!same)
        print_difference(run, line, list, expected, findings, judgement->count);
}

/* True when the scenario says it covers the file. */
static bool covers(const struct run *run, const char *file) {
    yajl_val list = member(run->scenario->expect, "covers", yajl_t_array);
    const char *slash = strrchr(file, '/');
    for (size_t i = 0; i < length_of(list); i++)
        if (strcmp(text_at(list, i), slash != NULL ? slash + 1 : file) == 0)
            return true;
    return false;
}

/* A rule that is silent fires when it contributes. */
static void note_seen(struct run *run, size_t line, const struct judgement *judgement) {
    for (size_t rule = 0; rule < run->rules->count; rule++) {
        bool fired = correlated_uses(run->correlated, line, &run->rules->rules[rule]);
        for (size_t i = 0; i < judgement->count; i++)
            fired |= judgement->rules[i] == rule;
        if (covers(run, run->rules->rules[rule].file)) {
            run->seen->fired[rule] |= fired;
            run->seen->silent[rule] |= !fired;
        }
    }
}

/* The expectation of a line, or NULL. */
static yajl_val expectation_of(const struct scenario *scenario, size_t line) {
    yajl_val events = member(scenario->expect, "events", yajl_t_array);
    for (size_t i = 0; i < length_of(events); i++) {
        yajl_val number = member(element(events, i), "line", yajl_t_number);
        if (number != NULL && YAJL_GET_INTEGER(number) == (long long)line)
            return element(events, i);
    }
    return NULL;
}

static void run_line(struct run *run, struct text document, size_t line) {
    static const char *const lists[] = {"details", "group_keys", "incidents", "levels"};
    const struct event *event = event_reader_read(run->reader, document, received);
    yajl_val expectation = expectation_of(run->scenario, line);
    yajl_val titles = member(expectation, "rules", yajl_t_array);
    if (event == NULL || titles == NULL) {
        printf("  %s, line %zu: no event, or no entry with \"rules\" in expect.json\n",
               name_of(run->scenario), line);
        run->differences++;
        return;
    }
    judge_begin_batch(run->judge);
    struct judgement judgement = judge_event(run->judge, &run->enrichments, event);
    correlated_add(run->correlated, line, event, judge_contributions(run->judge));
    note_seen(run, line, &judgement);
    compare_list(run, line, "rules", titles, &judgement);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        yajl_val list = member(expectation, lists[i], yajl_t_array);
        if (list != NULL)
            compare_list(run, line, lists[i], list, &judgement);
    }
}

static bool is_expected(yajl_val titles, struct text title) {
    for (size_t i = 0; i < length_of(titles); i++)
        if (text_is(title, text_at(titles, i)))
            return true;
    return false;
}

/* Which correlations the event of a line completes; all of them are known by now. */
static void compare_correlations(struct run *run, size_t line) {
    yajl_val expected = member(expectation_of(run->scenario, line), "correlations", yajl_t_array);
    size_t found = 0;
    bool same = true;
    for (size_t i = 0; i < run->rules->correlation_count; i++) {
        const struct sigma_correlation *correlation = &run->rules->correlations[i];
        struct text title = correlation->correlation.rule_title;
        bool fires = correlated_fires(run->correlated, line, i);
        found += fires;
        same &= fires == is_expected(expected, title);
        if (covers(run, correlation->file)) {
            run->seen->correlations_fired[i] |= fires;
            run->seen->correlations_silent[i] |= !fires;
        }
    }
    if (expected == NULL || (same && found == length_of(expected)))
        return;
    run->differences++;
    printf("  %s, line %zu: correlations differ, found:", name_of(run->scenario), line);
    for (size_t i = 0; i < run->rules->correlation_count; i++)
        if (correlated_fires(run->correlated, line, i))
            printf(" [%.*s]", TEXT_ARG(run->rules->correlations[i].correlation.rule_title));
    printf("\n");
}

/* Takes the next line of a text; false at its end. */
static bool next_line(struct text *rest, struct text *ret_line) {
    if (rest->length == 0)
        return false;
    const char *end = memchr(rest->data, '\n', rest->length);
    size_t length = end != NULL ? (size_t)(end - rest->data) : rest->length;
    *ret_line = (struct text){rest->data, length};
    size_t taken = end != NULL ? length + 1 : length;
    *rest = (struct text){rest->data + taken, rest->length - taken};
    return true;
}

size_t scenario_event_count(const struct scenario *scenario) {
    struct text rest = buffer_text(&scenario->input), line;
    size_t count = 0;
    while (next_line(&rest, &line))
        count++;
    return count;
}

static void run_lines(struct run *run) {
    struct text rest = buffer_text(&run->scenario->input), line;
    size_t number = 0;
    while (next_line(&rest, &line))
        run_line(run, line, ++number);
    correlated_judge(run->correlated);
    for (size_t i = 1; i <= number; i++)
        compare_correlations(run, i);
    if (length_of(member(run->scenario->expect, "events", yajl_t_array)) != number) {
        printf("  %s: expect.json has another number of events than input.jsonl\n",
               name_of(run->scenario));
        run->differences++;
    }
}

size_t scenario_run(const struct scenario *scenario, const struct sigma_rules *rules,
                    struct scenario_seen *seen) {
    yajl_val setup = member(scenario->expect, "setup", yajl_t_object);
    struct enrich_time *time = enrich_time_new(text_member(setup, "off_hours", ""),
                                               text_member(setup, "time_zone", "UTC"));
    struct enrich_reputation *reputation =
        make_reputation(member(setup, "bad_addresses", yajl_t_array));
    struct run run = {.scenario = scenario,
                      .rules = rules,
                      .seen = seen,
                      .enrichments = {time, reputation},
                      .differences = time == NULL || reputation == NULL};
    msgpack_frame_init(&run.frame);
    if (run.differences == 0) {
        run.reader = event_reader_new();
        run.judge = judge_new(run.rules);
        run.correlated = correlated_new(run.rules);
        run_lines(&run);
    }
    judge_destroy(&run.judge);
    correlated_destroy(&run.correlated);
    event_reader_destroy(&run.reader);
    msgpack_frame_fini(&run.frame);
    enrich_reputation_destroy(&reputation);
    enrich_time_destroy(&time);
    return run.differences;
}
