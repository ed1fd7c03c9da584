/* bench_detector.c: what judging costs: batches of ordinary events, and of attacks, through
 * judge_batch on one core.
 *
 *   bench_detector RULES [SECONDS]
 *
 * Prints nanoseconds of processor time an event, and the events a second one core could do; each
 * figure is the median of several rounds.
 */
#include "services/detector/judge_batch.h"
#include "tests/support/event_reader.h"

#include "common/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS 9

struct mix {
    const char *name;
    const char *const *documents;
    size_t count;
};

static const char *const ordinary[] = {
    "{\"event_type\":\"login_success\",\"source_ip\":\"192.168.1.10\",\"username\":\"normaluser\","
    "\"description\":\"User logged in\",\"raw_log\":\"Jun  2 10:15:00 web1 sshd[2211]: Accepted "
    "publickey for normaluser from 192.168.1.10 port 50122 ssh2\",\"metadata\":{\"host\":\"web1\","
    "\"program\":\"sshd\",\"pid\":2211}}",
    "{\"event_type\":\"login_failed\",\"source_ip\":\"203.0.113.45\",\"username\":\"admin\","
    "\"description\":\"Failed login for user 'admin'\",\"raw_log\":\"Jun  2 10:15:01 web1 "
    "sshd[2212]: Failed password for admin from 203.0.113.45 port 40112 ssh2\",\"metadata\":{"
    "\"host\":\"web1\",\"program\":\"sshd\",\"pid\":2212}}",
    "{\"event_type\":\"unknown\",\"source_ip\":\"198.51.100.23\",\"raw_log\":\"198.51.100.23 - - "
    "[02/Jun/2025:10:15:02 +0000] \\\"GET /search?q=rock+and+roll&page=2 HTTP/1.1\\\" 200 5123 "
    "\\\"https://example.org/\\\" \\\"Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0\\\"\","
    "\"metadata\":{\"host\":\"web1\",\"status\":200,\"bytes\":5123,\"method\":\"GET\"}}",
    "{\"event_type\":\"file_access\",\"source_ip\":\"192.168.1.20\",\"username\":\"user2\","
    "\"description\":\"Opened report\",\"metadata\":{\"path\":\"/home/user2/report.odt\",\"mode\":"
    "\"read\"}}",
};

static const char *const attacks[] = {
    "{\"event_type\":\"login_failed\",\"source_ip\":\"203.0.113.45\",\"username\":\"admin\","
    "\"count\":12}",
    "{\"event_type\":\"unknown\",\"source_ip\":\"198.51.100.23\",\"raw_log\":\"GET /?id=1' UNION "
    "SELECT username,password FROM users-- HTTP/1.1\"}",
    "{\"event_type\":\"privilege_escalation\",\"source_ip\":\"10.0.0.50\",\"username\":\"user1\","
    "\"raw_log\":\"sudo -i\"}",
    "{\"event_type\":\"unknown\",\"source_ip\":\"198.51.100.23\",\"raw_log\":\"GET "
    "/download?file=../../../../etc/passwd HTTP/1.1\"}",
};

/* A full batch of the mix's events, one after the other. */
static void make_batch(const struct mix *mix, struct buffer *out) {
    struct event_reader *reader = event_reader_new();
    struct batch_head head = {.producer = 1, .epoch = 1, .seq = 0, .count = BATCH_EVENTS_MAX};
    batch_encode_head(&head, out);
    for (size_t i = 0; i < BATCH_EVENTS_MAX; i++) {
        struct text document = text_of(mix->documents[i % mix->count]);
        const struct event *event =
            event_reader_read(reader, document, (struct wall_time){1748865600000});
        if (event == NULL)
            abort();
        event_encode(event, out);
    }
    event_reader_destroy(&reader);
}

static int compare_doubles(const void *a, const void *b) {
    double first = *(const double *)a, second = *(const double *)b;
    return (first > second) - (first < second);
}

/* Processor time this thread has had: what others run meanwhile does not count. */
static int64_t cpu_ns(void) {
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return used.tv_sec * 1000000000ll + used.tv_nsec;
}

/* Judges the batch until the time is over; nanoseconds an event. */
static double run_round(struct judge_batch *judge, struct bytes batch, int64_t round_ns) {
    static const struct delivery delivery = {.attempt = 1};
    struct bytes findings;
    uint64_t events = 0;
    int64_t start = cpu_ns(), elapsed = 0;
    while (elapsed < round_ns) {
        if (judge_batch_run(judge, &delivery, batch, &findings) != STATUS_OK)
            abort();
        events += BATCH_EVENTS_MAX;
        elapsed = cpu_ns() - start;
    }
    return (double)elapsed / (double)events;
}

static void run_mix(struct judge_batch *judge, const struct mix *mix, int64_t round_ns) {
    double rounds[ROUNDS];
    struct buffer batch;
    buffer_init(&batch, BATCH_SIZE_MAX);
    make_batch(mix, &batch);
    run_round(judge, buffer_bytes(&batch), round_ns / 4);
    for (int i = 0; i < ROUNDS; i++)
        rounds[i] = run_round(judge, buffer_bytes(&batch), round_ns);
    qsort(rounds, ROUNDS, sizeof rounds[0], compare_doubles);
    double median = rounds[ROUNDS / 2];
    printf("%-10s %8.0f ns an event  %10.0f events/s  (%zu bytes an event)\n", mix->name, median,
           1e9 / median, batch.length / BATCH_EVENTS_MAX);
    buffer_fini(&batch);
}

int main(int argc, char **argv) {
    static const struct mix mixes[] = {
        {"ordinary", ordinary, sizeof ordinary / sizeof ordinary[0]},
        {"attacks", attacks, sizeof attacks / sizeof attacks[0]},
    };
    struct sigma_rules *rules = sigma_rules_new();
    double seconds = argc > 2 ? strtod(argv[2], NULL) : 0.3;
    log_init("bench_detector", LOG_LEVEL_WARNING);
    if (argc < 2 || sigma_rules_add_directory(rules, argv[1]) != STATUS_OK) {
        fprintf(stderr, "usage: bench_detector RULES [SECONDS]\n");
        sigma_rules_destroy(&rules);
        return EXIT_FAILURE;
    }
    sigma_rules_finish(rules);
    struct enrich_time *time = enrich_time_new("02:00-05:00", "Europe/Berlin");
    const struct enrichments enrichments = {time, NULL};
    struct judge_batch *judge = judge_batch_new(TEXT("bench"), NULL);
    judge_batch_use(judge, rules, &enrichments);
    printf("%zu rules, %zu refused\n", rules->count, rules->refusal_count);
    for (size_t i = 0; i < sizeof mixes / sizeof mixes[0]; i++)
        run_mix(judge, &mixes[i], (int64_t)(seconds * 1e9));
    judge_batch_destroy(&judge);
    enrich_time_destroy(&time);
    sigma_rules_destroy(&rules);
    return EXIT_SUCCESS;
}
