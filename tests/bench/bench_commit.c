/* bench_commit.c: what a batch costs Redis: plain events, threats, and contributions to
 * correlations, each batch new.
 *
 *   bench_commit [BATCHES]
 *
 * Prints Redis' CPU time for a batch of 256 events, over BATCHES of them (2000).
 */
#include "tests/support/commit_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define EVENTS BATCH_EVENTS_MAX
#define GROUPS 4096
#define START_MS INT64_C(1785628500000)

static struct commit_fixture fixture;
static struct made_batch batch;
static struct commit commit;
static struct oracle_group groups[GROUPS];
static char keys[GROUPS][32];

static const struct correlation count = {
    .rule_id = TEXT_CONSTANT("count"),
    .rule_title = TEXT_CONSTANT("Count"),
    .level = SEVERITY_MEDIUM,
    .incident = TEXT_CONSTANT("count"),
    .kind = CORRELATION_EVENT_COUNT,
    .timespan_ms = 300000,
    .rule_count = 1,
    .comparisons = {1, {{CORRELATION_GTE, 5}}},
    .raises = true,
    .late_by = 1,
};

static const struct correlation many = {
    .rule_id = TEXT_CONSTANT("many"),
    .rule_title = TEXT_CONSTANT("Many"),
    .level = SEVERITY_MEDIUM,
    .incident = TEXT_CONSTANT("many"),
    .kind = CORRELATION_EVENT_COUNT,
    .timespan_ms = 300000,
    .rule_count = 1,
    .comparisons = {1, {{CORRELATION_GTE, 500}}},
    .raises = true,
    .late_by = 1,
};

static const struct correlation ordered = {
    .rule_id = TEXT_CONSTANT("ordered"),
    .rule_title = TEXT_CONSTANT("Ordered"),
    .level = SEVERITY_HIGH,
    .incident = TEXT_CONSTANT("ordered"),
    .kind = CORRELATION_TEMPORAL_ORDERED,
    .timespan_ms = 600000,
    .rule_count = 2,
    .in_order = 2,
    .comparisons = {1, {{CORRELATION_GTE, 2}}},
    .raises = true,
    .late_by = 1,
};

/* What the events of a batch contribute: how many of them, to how many groups. */
struct shape {
    const char *name;
    const struct correlation *correlation;
    uint32_t rule;
    uint32_t contributing;
    uint32_t group_count;
    bool is_threat;
};

static const struct shape shapes[] = {
    {"plain events", NULL, 0, 0, 0, false},
    {"13 threats", NULL, 0, 13, 0, true},
    {"13 contributions, 4096 groups, none fires", &many, 1, 13, GROUPS, false},
    {"256 contributions, 4096 groups, none fires", &many, 1, 256, GROUPS, false},
    {"13 contributions, 50 groups, all fire", &count, 1, 13, 50, false},
    {"256 contributions, 4096 groups, most fire", &count, 1, 256, GROUPS, false},
    {"256 contributions, 1 group, fires", &count, 1, 256, 1, false},
    {"13 contributions, 4096 groups, first of an order", &ordered, 1, 13, GROUPS, false},
    {"256 contributions, 4096 groups, last of an order", &ordered, 2, 256, GROUPS, false},
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

static void make_batch(const struct shape *shape, uint64_t seq) {
    made_batch_init(&batch, seq);
    for (uint32_t i = 0; i < EVENTS; i++) {
        struct made_event made = made_benign(START_MS + (int64_t)seq * 10);
        if (i < shape->contributing && shape->is_threat)
            made = made_threat(made.event.time_ms, SEVERITY_MEDIUM, keys[(seq * 13 + i) % 50]);
        if (i < shape->contributing && shape->correlation != NULL) {
            struct oracle_group *group =
                &groups[(seq * shape->contributing + i) % shape->group_count];
            group->correlation = shape->correlation;
            made.contribution_count = 1;
            made.contributions[0] = (struct made_contribution){group, shape->rule, 0};
        }
        made_batch_add(&batch, made);
    }
}

static void run(const struct shape *shape, uint64_t batches) {
    commit_fixture_flush(&fixture);
    double before = redis_seconds();
    for (uint64_t seq = 0; seq < batches; seq++) {
        make_batch(shape, seq);
        commit_fixture_run(&fixture, &batch, &commit);
        commit_release(&commit);
    }
    double seconds = redis_seconds() - before;
    printf("%-52s %8.1f us a batch\n", shape->name, seconds * 1e6 / (double)batches);
}

int main(int argc, char **argv) {
    uint64_t batches = argc > 1 ? strtoull(argv[1], NULL, 10) : 2000;
    commit_fixture_start(&fixture, commit_fixture_limits());
    commit_init(&commit);
    for (uint32_t i = 0; i < GROUPS; i++) {
        snprintf(keys[i], sizeof keys[i], "10.0.%u.%u", i / 256, i % 256);
        groups[i] = (struct oracle_group){.key = text_of(keys[i]),
                                          .details = text_of("a sentence about the group"),
                                          .address = text_of(keys[i])};
    }
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        run(&shapes[i], batches);
    commit_fini(&commit);
    commit_fixture_stop(&fixture);
    return EXIT_SUCCESS;
}
