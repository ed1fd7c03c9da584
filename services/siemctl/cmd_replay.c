/* cmd_replay.c: siemctl replay: posts a file of events in bulks over several connections.
 *
 *   NDJSON -> replay_source -> workers (threads: one blocking connection each) -> POST /logs
 * When the API says 429 or 503 a worker waits as long as Retry-After says; nothing is dropped. A
 * bulk whose answer never came is not sent again, for it may be stored: it is reported as unknown.
 */
#include "common/scoped.h"
#include "services/siemctl/api.h"
#include "services/siemctl/command.h"
#include "services/siemctl/replay.h"
#include "services/siemctl/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONNECTIONS_MAX 64
#define BULKS_A_SECOND 10 /* at a rate: so smooth is the flow */

static struct replay_arguments {
#define OPTION CONF_FIELD
#include "services/siemctl/replay.def"
#undef OPTION
} arguments;

#define CONF_STRUCT struct replay_arguments
static const struct conf_option options[] = {
#define OPTION CONF_ROW
#include "services/siemctl/replay.def"
#undef OPTION
};
#undef CONF_STRUCT

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal) {
    (void)signal;
    interrupted = 1;
}

static int compare_errors(const void *left, const void *right) {
    const struct replay_error *a = left, *b = right;
    return (a->line > b->line) - (a->line < b->line);
}

static void print_errors(struct replay *replay) {
    uint64_t failed = atomic_load(&replay->rejected);
    size_t shown = 0;
    qsort(replay->errors, replay->error_count, sizeof *replay->errors, compare_errors);
    for (; shown < replay->error_count && shown < (size_t)arguments.errors; shown++) {
        fprintf(stderr, "  line %" PRIu64 ": ", replay->errors[shown].line);
        terminal_print(stderr, text_of(replay->errors[shown].words));
        fprintf(stderr, "\n");
    }
    if (failed > shown && shown > 0)
        fprintf(stderr, "  ... (--errors N prints more)\n");
}

/* Prints the end; the exit status. */
static int summarise(struct replay *replay) {
    double seconds = (double)clock_elapsed_ms(replay->started) / 1000;
    uint64_t accepted = atomic_load(&replay->accepted), rejected = atomic_load(&replay->rejected);
    uint64_t unknown = atomic_load(&replay->unknown), unsent = atomic_load(&replay->unsent);
    uint64_t too_long = replay_source_too_long(replay->source);
    printf("accepted %" PRIu64 ", rejected %" PRIu64, accepted, rejected + too_long);
    if (unknown > 0)
        printf(", unknown %" PRIu64 " (sent, but no answer came)", unknown);
    if (unsent > 0)
        printf(", not sent %" PRIu64, unsent);
    printf("; %.1f s, %.0f events/s\n", seconds, seconds > 0 ? (double)accepted / seconds : 0);
    fflush(stdout);
    print_errors(replay);
    if (too_long > 0)
        fprintf(stderr, "  %" PRIu64 " lines are longer than %d KiB: one event a line is wanted\n",
                too_long, REPLAY_LINE_MAX / 1024);
    int error = replay_source_error(replay->source);
    if (error != 0)
        fprintf(stderr, "siemctl replay: reading ended early: %s\n", strerror(error));
    if (interrupted)
        fprintf(stderr, "siemctl replay: interrupted\n");
    bool failed = rejected + unknown + unsent + too_long > 0 || error != 0 || interrupted;
    return failed ? EXIT_FAILED : EXIT_DONE;
}

/* Runs the workers to the end. */
static void run_workers(struct replay *replay, uint64_t size) {
    pthread_t threads[CONNECTIONS_MAX];
    int count = (int)arguments.connections;
    /* libcurl's global start is not for threads: one client before them all. */
    SCOPED(http_client)
    struct http_client *first = http_client_new(replay->url, "", replay->ca_file);
    atomic_store(&replay->running, count);
    for (int i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, replay_worker_run, replay) != 0)
            abort();
    replay_progress_show(replay, size, &interrupted);
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

static int replay_fd(const struct siemctl_config *config, int fd) {
    struct replay *replay = calloc(1, sizeof *replay);
    struct stat about;
    if (replay == NULL)
        abort();
    bool file = fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
    int64_t bulk = arguments.bulk;
    if (arguments.rate > 0 && arguments.rate / BULKS_A_SECOND < bulk)
        bulk = arguments.rate / BULKS_A_SECOND > 0 ? arguments.rate / BULKS_A_SECOND : 1;
    replay->url = config->url;
    replay->api_key = api_key(config);
    replay->ca_file = config->ca_file;
    replay->source = replay_source_new(fd);
    replay->lines_per_bulk = (int)bulk;
    replay->rate = arguments.rate;
    replay->started = clock_mono();
    pthread_mutex_init(&replay->lock, NULL);
    run_workers(replay, file ? (uint64_t)about.st_size : 0);
    int status = summarise(replay);
    pthread_mutex_destroy(&replay->lock);
    replay_source_destroy(&replay->source);
    free(replay);
    return status;
}

static int run(const struct siemctl_config *config, int count, char **operands) {
    if (count != 1)
        return command_usage_error(&command_replay, "give one file, or - for stdin");
    bool standard = strcmp(operands[0], "-") == 0;
    int fd = standard ? STDIN_FILENO : open(operands[0], O_RDONLY | O_CLOEXEC);
    if (fd == -1) {
        fprintf(stderr, "siemctl replay: %s: %s\n", operands[0], strerror(errno));
        return EXIT_FAILED;
    }
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    int status = replay_fd(config, fd);
    if (!standard)
        close(fd);
    return status;
}

const struct command command_replay = {
    .name = "replay",
    .summary = "Sends a file of events, one JSON object a line, as fast as they are taken.",
    .usage = "FILE | -",
    .examples = "  siemctl replay events.ndjson\n"
                "  siemctl replay events.ndjson --rate 5000 --connections 8\n"
                "  zcat old.ndjson.gz | siemctl replay -\n",
    .options = options,
    .options_count = sizeof options / sizeof *options,
    .arguments = &arguments,
    .run = run,
};
