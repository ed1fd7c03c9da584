/* bench_engine.c: what judging Windows events by a large collection of rules costs on one core, and
 * what loading the rules does.
 *
 *   bench_engine RULES CASES [SECONDS]      CASES is a file of Sigma regression cases
 *
 * The whole way of an event in the detector is measured: from a batch's bytes to the findings'.
 * Events that name their log have the rules of other logsources left out ("routed"), others are
 * judged by all. Beside it stands what searching the same values in the multi-pattern databases
 * costs alone, the same events judged by a hundred of the rules, and values made to be costly. Each
 * figure is the median of several rounds of processor time.
 */
#include "services/detector/directory.h"
#include "services/detector/judge_batch.h"
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

/* Nanoseconds of an event in the median round. */
static double measure(void (*pass)(const struct work *), const struct work *work,
                      double round_seconds) {
    double rounds[ROUNDS];
    pass(work);
    for (int i = 0; i < ROUNDS; i++) {
        double start = cpu_seconds(), elapsed = 0;
        size_t passes = 0;
        for (; elapsed < round_seconds; elapsed = cpu_seconds() - start, passes++)
            pass(work);
        rounds[i] = elapsed * 1e9 / (double)(passes * work->events->event_count);
    }
    qsort(rounds, ROUNDS, sizeof rounds[0], compare_doubles);
    return rounds[ROUNDS / 2];
}

static void print_row(const char *name, double nanoseconds) {
    printf("%-28s %8.0f ns an event %11.0f events/s\n", name, nanoseconds, 1e9 / nanoseconds);
}

static double measure_judging(const struct sigma_rules *rules, const struct windows_events *events,
                              double round_seconds) {
    struct work work = {.judge = judge_batch_new(TEXT("bench"), NULL), .events = events};
    judge_batch_use(work.judge, rules, &none);
    double nanoseconds = measure(judge_all, &work, round_seconds);
    judge_batch_destroy(&work.judge);
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
    printf("%u atoms in %u databases, %u terms, %u rules without a witness\n", size.atoms,
           size.databases, size.terms, size.without_witness);
    return rules;
}

/* Fills a value by repeating a text. */
static void fill(char *value, const char *text) {
    size_t length = strlen(text);
    for (size_t i = 0; i < HOSTILE_SIZE; i++)
        value[i] = text[i % length];
}

/* Judges an event with one value of 1 MiB: a command line, and a raw log. */
static void run_hostile(const struct sigma_rules *rules, const char *text) {
    uint8_t *metadata = malloc(HOSTILE_SIZE + 32);
    struct judge *judge = judge_new(rules);
    double best = 1e9;
    if (metadata == NULL)
        abort();
    static const uint8_t head[] = "\x81\xab"
                                  "CommandLine\xdb\x00\x10\x00\x00";
    memcpy(metadata, head, sizeof head - 1);
    fill((char *)metadata + sizeof head - 1, text);
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
    printf("  %-40.40s %8.2f ms\n", text, best * 1e3);
    judge_destroy(&judge);
    free(metadata);
}

static void run_all_hostile(const struct sigma_rules *rules) {
    static const char *const texts[] = {
        "a",
        " ",
        "\xc3\xa4",
        "cmd.exe /c powershell -enc -nop -w hidden ",
        "\\\\..\\\\..\\AppData\\Local\\Temp\\",
        "set ${env:comspec[4,24,25]-join'' (new-object ",
        "ping -n 1 & echo EEEE > ",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
    };
    printf("a command line of 1 MiB, made of:\n");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        run_hostile(rules, texts[i]);
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
    printf("%zu events of %zu bytes\n", routed.event_count, routed.bytes / routed.event_count);
    double all = measure_judging(rules, &routed, round_seconds);
    double by_few = measure_judging(few, &routed, round_seconds);
    print_row("routed", all);
    print_row("by all rules", measure_judging(rules, &hidden, round_seconds));
    print_row("by a hundred rules, routed", by_few);
    printf("all rules cost %.2f times as much as %zu\n", all / by_few, few->count);
    print_row("searching alone", measure_scan(rules, &routed, round_seconds));
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
