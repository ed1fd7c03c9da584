/* bench_commit.c: what a batch costs Redis: plain events, threats, and contributions to
 * correlations, each batch new.
 *
 *   bench_commit [BATCHES [SHAPE [LOGGED]]]
 *
 * Prints Redis' CPU time for a batch, over BATCHES of them (2000); of the shapes whose name holds
 * SHAPE ("": all). LOGGED, anything: with the append-only file, synced for every call, as
 * deploy/redis.conf has it. A batch has 256 events, and a call one batch, unless the shape says
 * otherwise.
 */
#include "tests/support/commit_fixture.h"
#include "tests/support/made_correlations.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define EVENTS BATCH_EVENTS_MAX
#define GROUPS 4096
#define MIXED_THREAT 100
#define MIXED_THREAT_ADDRESSES 50
#define MIXED_ADDRESSES 4000
#define MIXED_USERS 997
#define START_MS INT64_C(1785628500000)

static struct commit_fixture fixture;
static struct made_batch batch;
static struct commit commits[GROUP_MAX];
static struct oracle_group groups[GROUPS];
static char keys[GROUPS][32];

static const struct correlation many = {
    MADE_CORRELATION("many", "Many", "many", MEDIUM, EVENT_COUNT, 300000, 1), MADE_RAISES,
    .comparisons = MADE_AT_LEAST(500)};

/* What the events of a batch contribute: how many of them, to how many groups. */
struct shape {
    const char *name;
    const struct correlation *correlation;
    uint32_t rule;
    uint32_t contributing;
    uint32_t group_count;
    bool is_threat;    /* the first of them; those behind contribute to rule 2 */
    uint32_t threats;  /* so many; 0: all */
    uint32_t events;   /* of a batch; 0: EVENTS */
    uint32_t together; /* batches of a call; 0: one */
    bool is_mixed;     /* events as load.lua has them: one in MIXED_THREAT is a threat */
};

static const struct shape shapes[] = {
    {.name = "plain events"},
    {.name = "plain events, 32 a batch, 4 batches a call", .events = 32, .together = 4},
    {.name = "plain events, 16 batches a call", .together = 16},
    {.name = "mixed events, 64 a batch", .is_mixed = true, .events = 64},
    {.name = "mixed events, 16 batches a call", .is_mixed = true, .together = 16},
    {.name = "1 threat, 32 events a batch", .is_threat = true, .contributing = 1, .events = 32},
    {.name = "3 threats, 4 batches a call", .is_threat = true, .contributing = 3, .together = 4},
    {.name = "13 threats", .is_threat = true, .contributing = 13},
    {.name = "13 threats, 16 batches a call",
     .is_threat = true,
     .contributing = 13,
     .together = 16},
    {.name = "13 contributions, 4096 groups, none fires",
     .correlation = &many,
     .rule = 1,
     .contributing = 13,
     .group_count = GROUPS},
    {.name = "256 contributions, 4096 groups, none fires",
     .correlation = &many,
     .rule = 1,
     .contributing = 256,
     .group_count = GROUPS},
    {.name = "13 contributions, 50 groups, all fire",
     .correlation = &made_five,
     .rule = 1,
     .contributing = 13,
     .group_count = 50},
    {.name = "256 contributions, 4096 groups, most fire",
     .correlation = &made_five,
     .rule = 1,
     .contributing = 256,
     .group_count = GROUPS},
    {.name = "256 contributions, 1 group, fires",
     .correlation = &made_five,
     .rule = 1,
     .contributing = 256,
     .group_count = 1},
    {.name = "13 contributions, 4096 groups, first of an order",
     .correlation = &made_ordered,
     .rule = 1,
     .contributing = 13,
     .group_count = GROUPS},
    {.name = "256 contributions, 4096 groups, last of an order",
     .correlation = &made_ordered,
     .rule = 2,
     .contributing = 256,
     .group_count = GROUPS},
    {.name = "13 threats first, 243 last of an order, 16 a call",
     .correlation = &made_ordered,
     .rule = 1,
     .contributing = 256,
     .group_count = GROUPS,
     .is_threat = true,
     .threats = 13,
     .together = 16},
};

static double redis_seconds(void) {
    struct redis_reply *reply = commit_fixture_ask(&fixture, "INFO cpu");
    struct text text = redis_reply_text(reply);
    double total = 0;
    const char *names[] = {"used_cpu_sys:", "used_cpu_user:"};
    for (size_t i = 0; i < 2; i++) {
        const char *at = memmem(text.data, text.length, names[i], strlen(names[i]));
        total += at != NULL ? strtod(at + strlen(names[i]), NULL) : 0;
    }
    redis_reply_destroy(&reply);
    return total;
}

static struct made_event make_mixed(uint64_t number, int64_t time_ms) {
    if (number % MIXED_THREAT == 0)
        return made_threat(time_ms, SEVERITY_MEDIUM,
                           keys[number / MIXED_THREAT % MIXED_THREAT_ADDRESSES]);
    struct made_event made = made_benign(time_ms);
    made.event.source_ip = text_of(keys[number % MIXED_ADDRESSES]);
    made.event.username = text_of(keys[number % MIXED_USERS]);
    return made;
}

static void make_batch(const struct shape *shape, uint64_t seq) {
    made_batch_init(&batch, seq);
    uint32_t events = shape->events > 0 ? shape->events : EVENTS;
    int64_t time_ms = START_MS + (int64_t)seq * 10;
    for (uint32_t i = 0; shape->is_mixed && i < events; i++)
        made_batch_add(&batch, make_mixed(seq * events + i, time_ms));
    for (uint32_t i = 0; !shape->is_mixed && i < events; i++) {
        struct made_event made = made_benign(time_ms);
        if (i < (shape->threats > 0 ? shape->threats : shape->contributing) && shape->is_threat)
            made = made_threat(made.event.time_ms, SEVERITY_MEDIUM,
                               keys[(seq * shape->contributing + i) % 50]);
        if (i < shape->contributing && shape->correlation != NULL) {
            struct oracle_group *group =
                &groups[(seq * shape->contributing + i) % shape->group_count];
            group->correlation = shape->correlation;
            made.contribution_count = 1;
            uint32_t rule = shape->is_threat && i >= shape->threats ? 2 : shape->rule;
            made.contributions[0] = (struct made_contribution){group, rule, 0};
        }
        made_batch_add(&batch, made);
    }
}

/* One call of the script. */
static void run_call(const struct shape *shape, uint64_t seq) {
    struct commit *group[GROUP_MAX];
    size_t together = shape->together > 0 ? shape->together : 1;
    for (size_t i = 0; i < together; i++) {
        make_batch(shape, seq + i);
        struct wire_message message = made_batch_message(&batch);
        cr_assert_eq(commit_take(&commits[i], &message), STATUS_OK);
        group[i] = &commits[i];
    }
    enum status status = committer_run(fixture.committer, group, together);
    cr_assert_eq(status, STATUS_OK, "%s", committer_error(fixture.committer));
    for (size_t i = 0; i < together; i++) {
        cr_assert_eq(commits[i].state, COMMIT_DONE);
        commit_release(&commits[i]);
    }
}

static void run(const struct shape *shape, uint64_t batches) {
    commit_fixture_flush(&fixture);
    uint64_t together = shape->together > 0 ? shape->together : 1, seq = 0;
    run_call(shape, 0); /* the first loads the library */
    double before = redis_seconds();
    for (seq = together; seq < batches + together; seq += together)
        run_call(shape, seq);
    double seconds = redis_seconds() - before;
    printf("%-52s %8.1f us a batch\n", shape->name, seconds * 1e6 / (double)(seq - together));
}

/* As deploy/redis.conf has it; the file is begun before anything is measured. */
static void log_commits(void) {
    static const char *const settings[] = {"CONFIG SET appendfsync always",
                                           "CONFIG SET appendonly yes"};
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        struct redis_reply *reply = commit_fixture_ask(&fixture, "%s", settings[i]);
        redis_reply_destroy(&reply);
    }
    for (bool is_begun = false; !is_begun; poll(NULL, 0, 10)) {
        struct redis_reply *reply = commit_fixture_ask(&fixture, "INFO persistence");
        struct text text = redis_reply_text(reply);
        static const char idle[] = "aof_rewrite_in_progress:0";
        is_begun = memmem(text.data, text.length, idle, strlen(idle)) != NULL;
        redis_reply_destroy(&reply);
    }
}

int main(int argc, char **argv) {
    uint64_t batches = argc > 1 ? strtoull(argv[1], NULL, 10) : 2000;
    commit_fixture_start(&fixture, commit_fixture_limits());
    if (argc > 3)
        log_commits();
    for (size_t i = 0; i < GROUP_MAX; i++)
        commit_init(&commits[i]);
    for (uint32_t i = 0; i < GROUPS; i++) {
        snprintf(keys[i], sizeof keys[i], "10.0.%u.%u", i / 256, i % 256);
        groups[i] = (struct oracle_group){.key = text_of(keys[i]),
                                          .details = text_of("a sentence about the group"),
                                          .address = text_of(keys[i])};
    }
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        if (argc < 3 || strstr(shapes[i].name, argv[2]) != NULL)
            run(&shapes[i], batches);
    }
    for (size_t i = 0; i < GROUP_MAX; i++)
        commit_fini(&commits[i]);
    commit_fixture_stop(&fixture);
    return EXIT_SUCCESS;
}
