/* fill_store.c: fills Redis with a week of counted events and incidents for tests/bench/reads,
 * through the real commit script, in full batches.
 *
 *   fill_store REDIS_URL EVENTS INCIDENTS      prints one line of JSON: what it cost Redis
 *
 * The events are spread evenly over the last seven days, up to now. One in EVENTS / INCIDENTS is a
 * threat, each of another group and hence an incident of its own; their addresses and users follow
 * Zipf's law, as an attacked network's do. */
#include "common/clock.h"
#include "common/log.h"
#include "common/redis_client.h"
#include "common/scoped.h"
#include "services/incident/committer.h"
#include "tests/support/pack_findings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ADDRESSES 50000.0
#define USERS 20000.0
#define WEEK_MS (7 * INT64_C(86400000))

struct filler {
    uint64_t events, incidents; /* how many in all */
    uint64_t done, threats;     /* so far */
    int64_t from_ms;
    uint64_t random;
    struct committer *committer;
    struct findings_encoder encoder;
    struct packed_findings packed;
    struct batch_head head;
};

/* From 0 to 1. */
static double roll(struct filler *filler) {
    filler->random = filler->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(filler->random >> 11) / 9007199254740992.0;
}

/* A rank by Zipf's law with exponent 1. */
static unsigned zipf(struct filler *filler, double most) {
    return (unsigned)pow(most, roll(filler));
}

static struct finding finding_of(enum severity level, const char *group) {
    static const char *const rules[SEVERITY_COUNT_] = {"", "rule-low", "rule-medium", "rule-high",
                                                       "rule-critical"};
    return (struct finding){.rule_id = text_of(rules[level]),
                            .rule_title = TEXT("A rule of the benchmark"),
                            .level = level,
                            .tags = {1, {TEXT("attack.t1110.001")}},
                            .details = TEXT("Brute force: 12 failed logins from one address"),
                            .incident = TEXT("benchmark"),
                            .group_key = text_of(group)};
}

/* True when the next event is to be a threat: they are spread evenly. */
static bool is_threat_due(const struct filler *filler) {
    return filler->threats * filler->events < (filler->done + 1) * filler->incidents;
}

static void add_event(struct filler *filler, uint32_t index, struct buffer *events) {
    char address[32], user[32], group[32];
    unsigned rank = zipf(filler, ADDRESSES);
    snprintf(address, sizeof address, "198.18.%u.%u", rank / 250, rank % 250);
    snprintf(user, sizeof user, "user%u", zipf(filler, USERS));
    bool is_threat = is_threat_due(filler);
    const struct event event = {
        .time_ms = filler->from_ms +
                   (int64_t)((double)WEEK_MS * (double)filler->done / (double)filler->events),
        .event_type = is_threat ? (enum event_type)(filler->threats % (EVENT_TYPE_COUNT_ - 1))
                                : EVENT_TYPE_LOGIN_SUCCESS,
        .count = 1 + filler->done % 20,
        .source_ip = text_of(address),
        .username = text_of(user),
        .description = TEXT("repeated failures of one account")};
    event_encode(&event, events);
    filler->done++;
    if (!is_threat)
        return;
    snprintf(group, sizeof group, "group-%llu", (unsigned long long)filler->threats++);
    enum severity level =
        roll(filler) < 0.01 ? SEVERITY_CRITICAL : (enum severity)(1 + (int)(roll(filler) * 3));
    struct finding finding = finding_of(level, group);
    pack_findings(&filler->packed, &finding, 1);
    findings_encoder_add(&filler->encoder, index, &filler->packed, 1);
}

/* The next batch, as the wire would bring it. */
static void make_batch(struct filler *filler, struct wire_message *message) {
    const struct findings_head head = {.generation = 1, .detector = TEXT("fill_store")};
    uint64_t left = filler->events - filler->done;
    struct buffer frame;
    buffer_init(&frame, WIRE_FRAME_SIZE_MAX);
    filler->head.count = left < BATCH_EVENTS_MAX ? (uint32_t)left : BATCH_EVENTS_MAX;
    batch_encode_head(&filler->head, &frame);
    findings_encoder_begin(&filler->encoder);
    for (uint32_t i = 0; i < filler->head.count; i++)
        add_event(filler, i, &frame);
    struct bytes findings = findings_encoder_end(&filler->encoder, &head);
    filler->head.seq++;
    *message = (struct wire_message){.count = 2};
    wire_frame_copy(&message->frames[0], findings);
    wire_frame_copy(&message->frames[1], buffer_bytes(&frame));
    buffer_fini(&frame);
}

/* Commits a group of batches; gives up when one is not committed. */
static void commit_group(struct filler *filler, struct commit *commits) {
    struct commit *group[GROUP_MAX];
    size_t count = 0;
    for (; count < GROUP_MAX && filler->done < filler->events; count++) {
        struct wire_message message;
        make_batch(filler, &message);
        group[count] = &commits[count];
        if (commit_take(group[count], &message) != STATUS_OK)
            abort();
    }
    if (committer_run(filler->committer, group, count) != STATUS_OK) {
        fprintf(stderr, "fill_store: %s\n", committer_error(filler->committer));
        exit(EXIT_FAILURE);
    }
    for (size_t i = 0; i < count; i++) {
        if (group[i]->state != COMMIT_DONE)
            abort();
        commit_release(group[i]);
    }
}

/* Processor seconds Redis has used. */
static double redis_cpu(struct redis_client *redis) {
    SCOPED(redis_reply)
    struct redis_reply *reply = NULL;
    if (redis_command(redis, &reply, TEXT("INFO"), TEXT("cpu")) != STATUS_OK)
        return 0;
    double sum = 0;
    static const char *const fields[] = {"used_cpu_sys:", "used_cpu_user:"};
    for (size_t i = 0; i < 2; i++) {
        const char *at = strstr(redis_reply_text(reply).data, fields[i]);
        sum += at != NULL ? strtod(at + strlen(fields[i]), NULL) : 0;
    }
    return sum;
}

static void fill(struct filler *filler, struct redis_client *redis) {
    struct commit *commits = calloc(GROUP_MAX, sizeof *commits);
    if (commits == NULL)
        abort();
    for (size_t i = 0; i < GROUP_MAX; i++)
        commit_init(&commits[i]);
    double cpu = redis_cpu(redis);
    struct mono_time start = clock_mono();
    while (filler->done < filler->events)
        commit_group(filler, commits);
    double seconds = (double)clock_elapsed_ms(start) / 1000;
    cpu = redis_cpu(redis) - cpu;
    printf("{\"events\":%llu,\"incidents\":%llu,\"batches\":%llu,\"seconds\":%.2f,"
           "\"redis_us_per_batch\":%.1f}\n",
           (unsigned long long)filler->done, (unsigned long long)filler->threats,
           (unsigned long long)filler->head.seq, seconds, 1e6 * cpu / (double)filler->head.seq);
    for (size_t i = 0; i < GROUP_MAX; i++)
        commit_fini(&commits[i]);
    free(commits);
}

int main(int argc, char **argv) {
    struct time_zone *utc = time_zone_new("UTC");
    const struct commit_limits limits = {.window_ms = 900000,
                                         .lateness_ms = 600000,
                                         .incidents_max = 1000000,
                                         .threats_kept = 50000,
                                         .names_max = 10000,
                                         .statistics_days = 40,
                                         .zone = utc,
                                         .publisher = "00000000000f1150"};
    log_init("fill_store", LOG_LEVEL_WARNING);
    if (argc != 4) {
        fprintf(stderr, "usage: fill_store REDIS_URL EVENTS INCIDENTS\n");
        return EXIT_FAILURE;
    }
    struct filler filler = {.events = strtoull(argv[2], NULL, 10),
                            .incidents = strtoull(argv[3], NULL, 10),
                            .from_ms = clock_wall().ms - WEEK_MS,
                            .random = 1,
                            .committer = committer_new(argv[1], &limits),
                            .head = {.producer = (uint64_t)getpid(), .epoch = 1}};
    struct redis_client *redis = redis_client_new(argv[1], 5000, 60000);
    if (filler.committer == NULL || redis == NULL)
        return EXIT_FAILURE;
    findings_encoder_init(&filler.encoder);
    packed_findings_init(&filler.packed);
    fill(&filler, redis);
    findings_encoder_fini(&filler.encoder);
    packed_findings_fini(&filler.packed);
    committer_destroy(&filler.committer);
    redis_client_destroy(&redis);
    time_zone_destroy(&utc);
    return EXIT_SUCCESS;
}
