/* rules_backtest.c: siemctl rules backtest: judges a file of events, on all processors.
 *
 *   NDJSON -> replay_source -> workers (threads: one judge each, the rules are shared) -> hits by
 *   rule, contributions -> the windows of correlations (in the end, in one thread)
 */
#include "services/siemctl/rules.h"

#include "common/scoped.h"
#include "services/siemctl/replay.h"
#include "services/siemctl/rules_correlations.h"
#include "services/siemctl/rules_hits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define LINES_AT_ONCE BATCH_EVENTS_MAX /* what a judge numbers between two begins */

struct backtest {
    struct replay *replay; /* accepted: judged; rejected: no events */
    const struct sigma_rules *rules;
    struct rules_enrichments enrichments;
    size_t contributions_max; /* of one worker */
    pthread_mutex_t lock;
    struct rules_hits *hits;                 /* under the lock */
    struct rules_correlations *correlations; /* the same */
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal) {
    (void)signal;
    interrupted = 1;
}

/* Keeps why a line is no event. */
static void note_error(struct replay *replay, uint64_t line, const char *words) {
    pthread_mutex_lock(&replay->lock);
    if (replay->error_count < REPLAY_ERRORS_MAX) {
        struct replay_error *error = &replay->errors[replay->error_count++];
        error->line = line;
        snprintf(error->words, sizeof error->words, "%s", words);
    }
    pthread_mutex_unlock(&replay->lock);
    atomic_fetch_add(&replay->rejected, 1);
}

struct worker {
    struct backtest *test;
    struct judge *judge;
    struct rules_events *events;
    struct rules_hits *hits;
    struct rules_correlations *correlations;
    struct rules_event_time times[LINES_AT_ONCE]; /* of the bulk's events */
};

/* Judges a line, the bulk's `place`th. */
static void judge_line(struct worker *worker, uint64_t number, int place, struct text line) {
    const char *error = NULL;
    const struct event *event = rules_events_read(worker->events, line, &error);
    if (event == NULL) {
        note_error(worker->test->replay, number, error);
        return;
    }
    worker->times[place] = (struct rules_event_time){event->time_ms, event->count,
                                                     rules_events_is_dated(worker->events)};
    judge_number_event(worker->judge, (uint32_t)place);
    const struct judgement judgement =
        judge_event(worker->judge, &worker->test->enrichments.all, event);
    rules_hits_add(worker->hits, judgement.matched, judgement.matched_count);
    atomic_fetch_add_explicit(&worker->test->replay->accepted, 1, memory_order_relaxed);
}

static void judge_bulk(struct worker *worker, const struct replay_bulk *bulk) {
    const char *at = (const char *)bulk->body.data;
    judge_begin_batch(worker->judge);
    for (int i = 0; i < bulk->count; i++) {
        const char *end = memchr(at, '\n', bulk->body.length);
        judge_line(worker, bulk->lines[i], i, (struct text){at, (size_t)(end - at)});
        at = end + 1;
    }
    rules_correlations_add(worker->correlations, judge_contributions(worker->judge), worker->times);
}

static void *run_worker(void *context) {
    struct backtest *test = context;
    struct worker worker = {.test = test,
                            .judge = judge_new(test->rules),
                            .events = rules_events_new(),
                            .hits = rules_hits_new(test->rules),
                            .correlations =
                                rules_correlations_new(test->rules, test->contributions_max)};
    struct replay_bulk bulk;
    replay_bulk_init(&bulk);
    while (replay_source_take(test->replay->source, LINES_AT_ONCE, &bulk))
        judge_bulk(&worker, &bulk);
    pthread_mutex_lock(&test->lock);
    rules_hits_merge(test->hits, worker.hits);
    rules_correlations_merge(test->correlations, worker.correlations);
    pthread_mutex_unlock(&test->lock);
    replay_bulk_fini(&bulk);
    rules_hits_destroy(&worker.hits);
    rules_correlations_destroy(&worker.correlations);
    rules_events_destroy(&worker.events);
    judge_destroy(&worker.judge);
    atomic_fetch_sub(&test->replay->running, 1);
    return NULL;
}

/* Runs the workers to the end. */
static void run_workers(struct backtest *test, int count, uint64_t size) {
    pthread_t threads[THREADS_MAX];
    atomic_store(&test->replay->running, count);
    for (int i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, run_worker, test) != 0)
            abort();
    replay_progress_show(test->replay, size, &interrupted);
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

static int compare_errors(const void *left, const void *right) {
    const struct replay_error *a = left, *b = right;
    return (a->line > b->line) - (a->line < b->line);
}

/* Tells why lines are no events, of so many of them. */
static void print_errors(struct replay *replay) {
    enum { SHOWN_MAX = 20 };
    uint64_t too_long = replay_source_too_long(replay->source);
    uint64_t rejected = atomic_load(&replay->rejected);
    size_t shown = 0;
    qsort(replay->errors, replay->error_count, sizeof *replay->errors, compare_errors);
    for (; shown < replay->error_count && shown < SHOWN_MAX; shown++)
        fprintf(stderr, "  line %llu: %s\n", (unsigned long long)replay->errors[shown].line,
                replay->errors[shown].words);
    if (rejected > shown)
        fprintf(stderr, "  and %llu more\n", (unsigned long long)(rejected - shown));
    if (too_long > 0)
        fprintf(stderr, "  %llu longer than %d KiB: one event a line is wanted\n",
                (unsigned long long)too_long, REPLAY_LINE_MAX / 1024);
}

static int finish(const struct rules_arguments *arguments, struct backtest *test) {
    struct replay *replay = test->replay;
    const struct rules_backtest_sums sums = {
        .judged = atomic_load(&replay->accepted),
        .unreadable = atomic_load(&replay->rejected) + replay_source_too_long(replay->source),
        .seconds = (double)clock_elapsed_ms(replay->started) / 1000,
    };
    int error = replay_source_error(replay->source);
    rules_correlations_judge(test->correlations);
    if (arguments->json)
        rules_hits_print_json(test->hits, test->correlations, &sums);
    else
        rules_hits_print(test->hits, test->correlations, &sums);
    fflush(stdout);
    print_errors(replay);
    if (error != 0)
        fprintf(stderr, "siemctl rules: reading ended early: %s\n", strerror(error));
    if (interrupted)
        fprintf(stderr, "siemctl rules: interrupted\n");
    if (error != 0 || interrupted)
        return RULES_ERROR;
    return sums.unreadable == 0 && test->rules->refusal_count == 0 ? RULES_YES : RULES_NO;
}

static int test_fd(const struct rules_arguments *arguments, struct backtest *test, int fd) {
    struct stat about;
    uint64_t size = fstat(fd, &about) == 0 && S_ISREG(about.st_mode) ? (uint64_t)about.st_size : 0;
    int count = (int)arguments->threads > 0 ? (int)arguments->threads : get_nprocs();
    count = count < THREADS_MAX ? count : THREADS_MAX;
    test->replay = calloc(1, sizeof *test->replay);
    if (test->replay == NULL)
        abort();
    test->replay->source = replay_source_new(fd);
    test->replay->started = clock_mono();
    pthread_mutex_init(&test->replay->lock, NULL);
    pthread_mutex_init(&test->lock, NULL);
    test->contributions_max = RULES_CONTRIBUTIONS_MAX / (size_t)count;
    test->hits = rules_hits_new(test->rules);
    test->correlations = rules_correlations_new(test->rules, RULES_CONTRIBUTIONS_MAX);
    run_workers(test, count, size);
    int status = finish(arguments, test);
    rules_hits_destroy(&test->hits);
    rules_correlations_destroy(&test->correlations);
    pthread_mutex_destroy(&test->lock);
    pthread_mutex_destroy(&test->replay->lock);
    replay_source_destroy(&test->replay->source);
    free(test->replay);
    return status;
}

static int test_file(const struct rules_arguments *arguments, struct backtest *test,
                     const char *file) {
    bool standard = strcmp(file, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
    if (fd == -1) {
        fprintf(stderr, "siemctl rules: %s: %s\n", file, strerror(errno));
        return RULES_ERROR;
    }
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    int status = test_fd(arguments, test, fd);
    if (!standard)
        close(fd);
    return status;
}

int rules_backtest(const struct rules_arguments *arguments, const char *path, const char *file) {
    SCOPED(sigma_rules)
    struct sigma_rules *rules = rules_read(arguments, path, NULL);
    if (rules == NULL)
        return RULES_ERROR;
    for (size_t i = 0; i < rules->refusal_count; i++)
        fprintf(stderr, "refused: %s:%d: %s\n", rules->refusals[i].file,
                rules->refusals[i].error.line, rules->refusals[i].error.reason);
    if (rules->count == 0) {
        fprintf(stderr, "siemctl: no rule of %s loads\n", path);
        return RULES_ERROR;
    }
    struct backtest test = {.rules = rules};
    bool is_open = rules_enrichments_init(&test.enrichments, arguments);
    int status = is_open ? test_file(arguments, &test, file) : RULES_ERROR;
    rules_enrichments_fini(&test.enrichments);
    return status;
}
