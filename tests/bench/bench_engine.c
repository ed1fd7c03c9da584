/* bench_engine.c: what judging Windows events by a large collection of rules costs on one core, and
 * what loading the rules does.
 *
 *   bench_engine RULES CASES [SECONDS]      CASES is a file of Sigma regression cases
 *
 * The whole way of an event in the detector is measured: from a batch's bytes to the findings'.
 * Events that name their log have the rules of other logsources left out ("routed"), others are
 * judged by all. Beside it stand the same events judged by a hundred of the rules, what it takes to
 * decode them and name their fields, what searching the same values for all literals costs alone,
 * without remembering any, and values made to be costly. Each figure is the median of several
 * rounds of processor time; a bar that is missed is named. All rules and few judge the events by
 * turns, a pass each, so that what else the machine does falls on both.
 */
#include "services/detector/directory.h"
#include "services/detector/judge_batch.h"
#include "tests/support/random_rules.h"
#include "tests/support/windows_events.h"

#include "common/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#define ROUNDS 9
#define BATCHES 32
#define FEW_RULES 100
#define PATHS_MAX 20000
#define HOSTILE_SIZE (1024 * 1024)

/* What the engine is to reach. */
#define ROUTED_MIN 100000.0 /* events/s */
#define UNROUTED_MIN 60000.0
#define RATIO_MAX 2.0
#define LOAD_MAX_MS 1000.0
#define RESIDENT_MAX_MIB 150.0
#define HOSTILE_MAX_MS 10.0

static const struct enrichments none = {NULL, NULL};

static int compare_doubles(const void *a, const void *b) {
    double first = *(const double *)a, second = *(const double *)b;
    return (first > second) - (first < second);
}

static double seconds_of(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Processor time this thread has had. */
static double cpu_seconds(void) {
    return seconds_of(CLOCK_THREAD_CPUTIME_ID);
}

/* What is measured: one pass over all events. */
struct work {
    struct judge_batch *judge;
    const struct sigma_rules *rules;
    struct sigma_runner *runner;
    struct fields **fields; /* of each event, loaded */
    const struct windows_events *events;
};

static void judge_all(const struct work *work) {
    static const struct delivery delivery = {.attempt = 1};
    struct bytes findings;
    for (size_t i = 0; i < work->events->batch_count; i++)
        if (judge_batch_run(work->judge, &delivery, buffer_bytes(&work->events->batches[i]),
                            &findings) != STATUS_OK)
            abort();
}

static void scan_all(const struct work *work) {
    for (size_t i = 0; i < work->events->event_count; i++)
        sigma_runner_scan(work->runner, work->fields[i]);
}

/* Decodes each event and names its fields, for all rules. */
static void load_fields(const struct work *work) {
    struct msgpack_frame frame;
    struct batch_view view;
    msgpack_frame_init(&frame);
    for (size_t i = 0; i < work->events->batch_count; i++) {
        if (batch_open(buffer_bytes(&work->events->batches[i]), &view) != STATUS_OK)
            abort();
        for (uint32_t k = 0; k < view.head.count; k++) {
            struct event event;
            if (event_decode(view.events[k], &frame, &event) != STATUS_OK)
                abort();
            fields_load(work->fields[0], work->rules->names, &event);
        }
    }
    msgpack_frame_fini(&frame);
}

/* Nanoseconds of an event in one round. */
static double measure_round(void (*pass)(const struct work *), const struct work *work,
                            double round_seconds) {
    double start = cpu_seconds(), elapsed = 0;
    size_t passes = 0;
    for (; elapsed < round_seconds; elapsed = cpu_seconds() - start, passes++)
        pass(work);
    return elapsed * 1e9 / (double)(passes * work->events->event_count);
}

static double median(double rounds[ROUNDS]) {
    qsort(rounds, ROUNDS, sizeof rounds[0], compare_doubles);
    return rounds[ROUNDS / 2];
}

/* Nanoseconds of an event in the median round. */
static double measure(void (*pass)(const struct work *), const struct work *work,
                      double round_seconds) {
    double rounds[ROUNDS];
    pass(work);
    for (int i = 0; i < ROUNDS; i++)
        rounds[i] = measure_round(pass, work, round_seconds);
    return median(rounds);
}

static void print_row(const char *name, double nanoseconds) {
    printf("%-28s %8.0f ns an event %11.0f events/s\n", name, nanoseconds, 1e9 / nanoseconds);
}

/* Says whether a bar is met. */
static void print_bar(const char *name, bool is_met) {
    printf("  %s: %s\n", is_met ? "met" : "MISSED", name);
}

static struct work start_judging(const struct sigma_rules *rules,
                                 const struct windows_events *events) {
    struct work work = {.judge = judge_batch_new(TEXT("bench"), NULL), .events = events};
    judge_batch_use(work.judge, rules, &none);
    judge_all(&work);
    return work;
}

/* Nanoseconds of an event by each of two sets of rules, in one round in which they take turns. */
static void measure_turns(const struct work work[2], double round_seconds,
                          double ret_nanoseconds[2]) {
    double elapsed[2] = {0, 0};
    size_t passes = 0;
    for (; elapsed[0] + elapsed[1] < 2 * round_seconds; passes++)
        for (int k = 0; k < 2; k++) {
            double start = cpu_seconds();
            judge_all(&work[k]);
            elapsed[k] += cpu_seconds() - start;
        }
    for (int k = 0; k < 2; k++)
        ret_nanoseconds[k] = elapsed[k] * 1e9 / (double)(passes * work[k].events->event_count);
}

/* What judging by two sets of rules costs. */
static void measure_judging(const struct sigma_rules *const rules[2],
                            const struct windows_events *events, double round_seconds,
                            double ret_nanoseconds[2]) {
    double rounds[2][ROUNDS];
    struct work work[2] = {start_judging(rules[0], events), start_judging(rules[1], events)};
    for (int i = 0; i < ROUNDS; i++) {
        double nanoseconds[2];
        measure_turns(work, round_seconds, nanoseconds);
        rounds[0][i] = nanoseconds[0];
        rounds[1][i] = nanoseconds[1];
    }
    for (int k = 0; k < 2; k++) {
        ret_nanoseconds[k] = median(rounds[k]);
        judge_batch_destroy(&work[k].judge);
    }
}

/* What decoding alone costs. */
static double measure_loading(const struct sigma_rules *rules, const struct windows_events *events,
                              double round_seconds) {
    struct fields *fields = fields_new();
    struct work work = {.rules = rules, .fields = &fields, .events = events};
    double nanoseconds = measure(load_fields, &work, round_seconds);
    fields_destroy(&fields);
    return nanoseconds;
}

/* What searching alone costs; the values are folded before. */
static double measure_scan(const struct sigma_rules *rules, const struct windows_events *events,
                           double round_seconds) {
    struct work work = {.runner = sigma_runner_new(rules->engine), .events = events};
    struct msgpack_frame frame;
    struct batch_view view;
    size_t count = 0;
    work.fields = calloc(events->event_count, sizeof(struct fields *));
    if (work.fields == NULL)
        abort();
    msgpack_frame_init(&frame);
    for (size_t i = 0; i < events->batch_count; i++) {
        if (batch_open(buffer_bytes(&events->batches[i]), &view) != STATUS_OK)
            abort();
        for (uint32_t k = 0; k < view.head.count; k++) {
            struct event event;
            work.fields[count] = fields_new();
            if (event_decode(view.events[k], &frame, &event) != STATUS_OK)
                abort();
            fields_load(work.fields[count++], rules->names, &event);
        }
    }
    double nanoseconds = measure(scan_all, &work, round_seconds);
    for (size_t i = 0; i < count; i++)
        fields_destroy(&work.fields[i]);
    free(work.fields);
    msgpack_frame_fini(&frame);
    sigma_runner_destroy(&work.runner);
    return nanoseconds;
}

struct paths {
    char *items[PATHS_MAX];
    size_t count;
};

static void keep_path(void *context, const char *path) {
    struct paths *paths = context;
    if (paths->count < PATHS_MAX)
        paths->items[paths->count++] = strdup(path);
}

/* A hundred files of the collection, spread over it. */
static struct sigma_rules *load_few(const char *directory) {
    static const char *const endings[] = {".yml", ".yaml", NULL};
    static struct paths paths;
    struct directory_visitor visitor = {endings, keep_path, NULL, &paths};
    struct sigma_rules *rules = sigma_rules_new();
    if (directory_walk(directory, &visitor) != STATUS_OK)
        abort();
    for (size_t i = 0; i < FEW_RULES && i < paths.count; i++)
        sigma_rules_add_file(rules, paths.items[i * paths.count / FEW_RULES]);
    sigma_rules_finish(rules);
    while (paths.count > 0)
        free(paths.items[--paths.count]);
    return rules;
}

/* Loads the collection and says what that took; NULL when the directory cannot be read. */
static struct sigma_rules *load_all(const char *directory) {
    struct sigma_rules *rules = sigma_rules_new();
    struct rusage usage;
    double start = seconds_of(CLOCK_MONOTONIC);
    if (sigma_rules_add_directory(rules, directory) != STATUS_OK) {
        sigma_rules_destroy(&rules);
        return NULL;
    }
    sigma_rules_finish(rules);
    double elapsed = seconds_of(CLOCK_MONOTONIC) - start;
    getrusage(RUSAGE_SELF, &usage);
    struct sigma_engine_size size = sigma_engine_measure(rules->engine);
    printf("%zu rules, %zu refused, loaded in %.0f ms, %.0f MiB resident at most\n", rules->count,
           rules->refusal_count, elapsed * 1e3, (double)usage.ru_maxrss / 1024);
    printf("%u atoms, %u of them in databases, %u terms, %u rules without a witness\n", size.atoms,
           size.databases, size.terms, size.without_witness);
    print_bar("loaded in less than 1 s", elapsed * 1e3 < LOAD_MAX_MS);
    print_bar("less than 150 MiB resident", (double)usage.ru_maxrss / 1024 < RESIDENT_MAX_MIB);
    return rules;
}

/* A kind of value: a text that is repeated, or characters at random. */
struct hostile {
    const char *text;
    bool at_random;
};

static void fill(char *value, const struct hostile *hostile) {
    size_t length = strlen(hostile->text);
    struct random_source random = {1};
    for (size_t i = 0; i < HOSTILE_SIZE; i++)
        value[i] =
            hostile
                ->text[hostile->at_random ? random_below(&random, (uint32_t)length) : i % length];
}

/* Judges an event with a command line of 1 MiB; milliseconds. */
static double run_hostile(const struct sigma_rules *rules, const struct hostile *hostile) {
    uint8_t *metadata = malloc(HOSTILE_SIZE + 32);
    struct judge *judge = judge_new(rules);
    double best = 1e9;
    if (metadata == NULL)
        abort();
    static const uint8_t head[] = "\x81\xab"
                                  "CommandLine\xdb\x00\x10\x00\x00";
    memcpy(metadata, head, sizeof head - 1);
    fill((char *)metadata + sizeof head - 1, hostile);
    struct event event = {.time_ms = 1,
                          .received_ms = 1,
                          .event_type = EVENT_TYPE_UNKNOWN,
                          .count = 1,
                          .metadata = {metadata, sizeof head - 1 + HOSTILE_SIZE}};
    for (int i = 0; i < 5; i++) {
        double start = cpu_seconds();
        (void)judge_event(judge, &none, &event);
        double elapsed = cpu_seconds() - start;
        best = elapsed < best ? elapsed : best;
    }
    printf("  %-6s %-40.40s %8.2f ms\n", hostile->at_random ? "any of" : "", hostile->text,
           best * 1e3);
    judge_destroy(&judge);
    free(metadata);
    return best * 1e3;
}

static void run_all_hostile(const struct sigma_rules *rules) {
    static const struct hostile kinds[] = {
        {"a", false},
        {" ", false},
        {"\\", false},
        {"-", false},
        {"\xc3\xa4", false},
        {"cmd.exe /c powershell -enc -nop -w hidden ", false},
        {"\\\\..\\\\..\\AppData\\Local\\Temp\\", false},
        {"set ${env:comspec[4,24,25]-join'' (new-object ", false},
        {"ping -n 1 & echo EEEE > ", false},
        {"powershel cmd.ex rundll3 regsvr3 mimikat ", false},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", false},
        {"abcdefghijklmnopqrstuvwxyz    \\\\/--..", true},
        {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", true},
    };
    double worst = 0;
    printf("a command line of 1 MiB, made of:\n");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        double cost = run_hostile(rules, &kinds[i]);
        worst = cost > worst ? cost : worst;
    }
    print_bar("each kind in less than 10 ms", worst < HOSTILE_MAX_MS);
}

/* Says how far all rules are from twice what few cost, and what the rest is spent on. */
static void explain_ratio(double all, double few, double loading) {
    printf("all rules cost %.2f times as much as %d\n", all / few, FEW_RULES);
    print_bar("at most 2 times", all <= RATIO_MAX * few);
    if (all > RATIO_MAX * few)
        printf(
            "    of the cost by few rules, %.0f ns are decoding and naming fields, which is the\n"
            "    same by all: these have %.0f ns for their own work, and take %.0f\n",
            loading, RATIO_MAX * few - loading, all - loading);
}

static void run(const struct sigma_rules *rules, const char *directory, const char *cases,
                double round_seconds) {
    struct windows_events routed, hidden;
    if (!windows_events_load(cases, BATCHES, false, &routed) ||
        !windows_events_load(cases, BATCHES, true, &hidden)) {
        fprintf(stderr, "no cases in %s\n", cases);
        return;
    }
    struct sigma_rules *few = load_few(directory);
    const struct sigma_rules *const both[2] = {rules, few};
    double by_routed[2], by_hidden[2];
    printf("%zu events of %zu bytes\n", routed.event_count, routed.bytes / routed.event_count);
    measure_judging(both, &routed, round_seconds, by_routed);
    measure_judging(both, &hidden, round_seconds, by_hidden);
    double loading = measure_loading(rules, &routed, round_seconds);
    print_row("routed", by_routed[0]);
    print_bar("at least 100000 events/s", 1e9 / by_routed[0] >= ROUTED_MIN);
    print_row("by all rules", by_hidden[0]);
    print_bar("at least 60000 events/s", 1e9 / by_hidden[0] >= UNROUTED_MIN);
    print_row("by a hundred rules, routed", by_routed[1]);
    print_row("decoding alone", loading);
    print_row("searching alone", measure_scan(rules, &routed, round_seconds));
    explain_ratio(by_routed[0], by_routed[1], loading);
    run_all_hostile(rules);
    sigma_rules_destroy(&few);
    windows_events_free(&routed);
    windows_events_free(&hidden);
}

int main(int argc, char **argv) {
    double seconds = argc > 3 ? strtod(argv[3], NULL) : 0.3;
    log_init("bench_engine", LOG_LEVEL_WARNING);
    struct sigma_rules *rules = argc > 2 ? load_all(argv[1]) : NULL;
    if (rules == NULL) {
        fprintf(stderr, "usage: bench_engine RULES CASES [SECONDS]\n");
        return EXIT_FAILURE;
    }
    run(rules, argv[1], argv[2], seconds);
    sigma_rules_destroy(&rules);
    return EXIT_SUCCESS;
}
