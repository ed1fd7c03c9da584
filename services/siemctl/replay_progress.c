/* replay_progress.c: the bar on a terminal, lines elsewhere. */
#include "services/siemctl/replay.h"
#include "services/siemctl/terminal.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS 100
#define LINE_MS 5000
#define BAR_WIDTH 30

static uint64_t events_done(const struct replay *replay) {
    return atomic_load(&replay->accepted) + atomic_load(&replay->rejected) +
           atomic_load(&replay->unknown) + atomic_load(&replay->unsent);
}

static double rate_of(const struct replay *replay) {
    int64_t ms = clock_elapsed_ms(replay->started);
    return ms > 0 ? (double)events_done(replay) * 1000 / (double)ms : 0;
}

/* "[######....]  45 %  eta 12s" when the size is known. */
static void print_bar(const struct replay *replay, uint64_t size) {
    char left[32];
    uint64_t bytes = replay_source_bytes(replay->source);
    double part = (double)(bytes < size ? bytes : size) / (double)size;
    int filled = (int)(part * BAR_WIDTH);
    double spent = (double)clock_elapsed_ms(replay->started);
    int64_t left_ms = part > 0 ? (int64_t)(spent / part - spent) : 0;
    fprintf(stderr, "[%.*s%.*s] %3.0f %%  eta %s  ", filled, "##############################",
            BAR_WIDTH - filled, "..............................", part * 100,
            terminal_format_age(left_ms, left));
}

static void print_state(const struct replay *replay, uint64_t size) {
    if (size > 0)
        print_bar(replay, size);
    fprintf(stderr, "%" PRIu64 " events  %.0f/s", events_done(replay), rate_of(replay));
    uint64_t rejected = atomic_load(&replay->rejected), delayed = atomic_load(&replay->delayed);
    if (rejected > 0)
        fprintf(stderr, "  %" PRIu64 " rejected", rejected);
    if (delayed > 0)
        fprintf(stderr, "  %" PRIu64 " times told to wait", delayed);
}

void replay_progress_show(struct replay *replay, uint64_t size,
                          const volatile sig_atomic_t *interrupted) {
    bool terminal = isatty(STDERR_FILENO);
    struct mono_time shown = clock_mono();
    while (atomic_load(&replay->running) > 0) {
        const struct timespec look = {0, LOOK_MS * 1000000};
        nanosleep(&look, NULL);
        if (*interrupted) {
            atomic_store(&replay->stop, true);
            replay_source_stop(replay->source);
        }
        if (!terminal && clock_elapsed_ms(shown) < LINE_MS)
            continue;
        shown = clock_mono();
        fprintf(stderr, terminal ? "\r\033[K" : "");
        print_state(replay, size);
        fprintf(stderr, terminal ? "" : "\n");
    }
    if (terminal)
        fprintf(stderr, "\r\033[K");
}
