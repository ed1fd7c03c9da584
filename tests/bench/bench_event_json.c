/* bench_event_json.c: what an event costs on its way through ingest's parser, in ns of CPU: the lines of
 * one bulk are split, parsed, normalised and encoded again and again.
 *
 * usage: bench_event_json [FILE of NDJSON]     (without one: a line of 250 bytes) */
#include "services/ingest/bulk_split.h"
#include "services/ingest/log_answer.h"
#include "services/ingest/normalize.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LINES 1000
#define PIECE 16000
#define ROUNDS 15
#define REPEATS 50

static const char sample[] =
    "{\"event_type\":\"login_failed\",\"source_ip\":\"192.0.2.21\",\"username\":\"admin\","
    "\"count\":3,"
    "\"description\":\"Failed login for user admin\",\"raw_log\":\"Nov 23 12:00:00 host sshd[123]: "
    "Failed password for admin from 192.0.2.21 port 22 "
    "ssh2\",\"metadata\":{\"service\":\"sshd\"}}\n";

/* How far a run goes. */
enum stage { SPLIT, PARSE, NORMALIZE, ENCODE, ANSWER, STAGES };
static const char *const names[STAGES] = {"split", "+ parse", "+ normalise", "+ encode",
                                          "+ answer"};

struct run {
    enum stage stage;
    struct event_json *parser;
    struct buffer events;
    struct log_answer answer;
    struct wall_time now;
    size_t lines, refused;
};

static bool on_item(void *context, const struct bulk_item *item) {
    static const struct normalize_limits limits = {300000, INT64_C(2592000000)};
    struct run *run = context;
    struct event_input input;
    struct normalized normalized;
    run->lines++;
    if (run->stage == SPLIT)
        return true;
    if (event_json_parse(run->parser, item->text, &input) != STATUS_OK) {
        run->refused++;
        return true;
    }
    if (run->stage == PARSE)
        return true;
    if (normalize_event(&input, &limits, run->now, &normalized) != STATUS_OK)
        run->refused++;
    else if (run->stage >= ENCODE)
        event_encode(&normalized.event, &run->events);
    if (run->events.length > 200000)
        buffer_reset(&run->events);
    if (run->stage == ANSWER)
        log_answer_prepare(&run->answer, &input, &normalized);
    return true;
}

static void read_body(struct run *run, struct text body) {
    struct bulk_split split;
    bulk_split_init(&split, BULK_LINES, on_item, run);
    for (size_t at = 0; at < body.length; at += PIECE) {
        size_t length = body.length - at < PIECE ? body.length - at : PIECE;
        if (bulk_split_feed(&split, (struct bytes){(const uint8_t *)body.data + at, length}) !=
            STATUS_OK)
            abort();
    }
    if (bulk_split_end(&split) != STATUS_OK)
        abort();
    bulk_split_fini(&split);
}

static int ascending(const void *a, const void *b) {
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

/* CPU time of this thread: others may use the machine. */
static int64_t cpu_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

/* The median time of a line, over rounds. */
static double measure(struct run *run, struct text body) {
    double rounds[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        run->lines = 0;
        run->refused = 0;
        int64_t start = cpu_ns();
        for (int j = 0; j < REPEATS; j++)
            read_body(run, body);
        rounds[i] = (double)(cpu_ns() - start) / (double)run->lines;
    }
    qsort(rounds, ROUNDS, sizeof rounds[0], ascending);
    return rounds[ROUNDS / 2];
}

static void load_body(struct buffer *body, const char *path) {
    FILE *file = path != NULL ? fopen(path, "r") : NULL;
    uint8_t *room;
    if (path == NULL) {
        for (int i = 0; i < LINES; i++)
            buffer_append(body, sample, sizeof sample - 1);
        return;
    }
    if (file == NULL || (room = buffer_reserve(body, 16 << 20)) == NULL) {
        perror(path);
        exit(1);
    }
    body->length += fread(room, 1, 16 << 20, file);
    fclose(file);
}

int main(int argc, char **argv) {
    struct run run = {.parser = event_json_new(), .now = clock_wall()};
    struct buffer body;
    buffer_init(&body, 32 << 20);
    buffer_init(&run.events, 1 << 20);
    log_answer_init(&run.answer);
    load_body(&body, argc > 1 ? argv[1] : NULL);
    for (int stage = SPLIT; stage < STAGES; stage++) {
        run.stage = (enum stage)stage;
        double ns = measure(&run, buffer_text(&body));
        printf("%-12s %8.1f ns a line of %zu bytes, %zu of %zu refused\n", names[stage], ns,
               body.length / (run.lines / REPEATS), run.refused, run.lines);
    }
    event_json_destroy(&run.parser);
    buffer_fini(&body);
    buffer_fini(&run.events);
    log_answer_fini(&run.answer);
    return 0;
}
