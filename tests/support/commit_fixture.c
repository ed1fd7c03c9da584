/* commit_fixture.c: a committer over a real Redis of its own, and short ways to look into it. */
#include "tests/support/commit_fixture.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>

#define WORDS_MAX 16
#define COMMAND_SIZE 512

struct commit_limits commit_fixture_limits(void) {
    static struct time_zone *utc; /* lives as long as the test's process */
    if (utc == NULL)
        utc = time_zone_new("UTC");
    return (struct commit_limits){.window_ms = 900000,
                                  .lateness_ms = 600000,
                                  .incidents_max = 100000,
                                  .threats_kept = 50000,
                                  .names_max = 10000,
                                  .statistics_days = 40000,
                                  .correlation_groups_max = 20000,
                                  .zone = utc,
                                  .publisher = "0123456789abcdef"};
}

void commit_fixture_restart(struct commit_fixture *fixture, struct commit_limits limits) {
    committer_destroy(&fixture->committer);
    fixture->limits = limits;
    fixture->committer = committer_new(fixture->redis.url, &limits);
    cr_assert_not_null(fixture->committer);
}

void commit_fixture_start(struct commit_fixture *fixture, struct commit_limits limits) {
    memset(fixture, 0, sizeof(*fixture));
    redis_fixture_start(&fixture->redis, NULL);
    fixture->client = redis_client_new(fixture->redis.url, 1000, 5000);
    cr_assert_not_null(fixture->client);
    commit_fixture_restart(fixture, limits);
}

void commit_fixture_stop(struct commit_fixture *fixture) {
    committer_destroy(&fixture->committer);
    redis_client_destroy(&fixture->client);
    redis_fixture_stop(&fixture->redis);
}

void commit_fixture_run(struct commit_fixture *fixture, const struct made_batch *batch,
                        struct commit *commit) {
    struct wire_message message = made_batch_message(batch);
    cr_assert_eq(commit_take(commit, &message), STATUS_OK);
    enum status status = committer_run(fixture->committer, &commit, 1);
    cr_assert_eq(status, STATUS_OK, "%s: %s", status_reason(status),
                 committer_error(fixture->committer));
    cr_assert_neq(commit->state, COMMIT_OPEN);
}

enum commit_state commit_fixture_state(struct commit_fixture *fixture,
                                       const struct made_batch *batch) {
    static struct commit commit; /* too large for a test's stack frame to hold many */
    commit_init(&commit);
    commit_fixture_run(fixture, batch, &commit);
    enum commit_state state = commit.state;
    commit_fini(&commit);
    return state;
}

static struct redis_reply *ask(struct commit_fixture *fixture, const char *format,
                               va_list arguments) {
    char command[COMMAND_SIZE];
    int length = vsnprintf(command, sizeof(command), format, arguments);
    cr_assert(length > 0 && length < COMMAND_SIZE);
    struct text words[WORDS_MAX];
    size_t count = 0;
    for (char *at = command; at != NULL && count < WORDS_MAX; count++) {
        char *end = strchr(at, ' ');
        words[count] = end ? (struct text){at, (size_t)(end - at)} : text_of(at);
        at = end != NULL ? end + 1 : NULL;
    }
    struct redis_reply *reply = NULL;
    enum status status = redis_client_command(fixture->client, count, words, &reply);
    cr_assert_eq(status, STATUS_OK, "%s: %s", command, redis_client_error(fixture->client));
    return reply;
}

struct redis_reply *commit_fixture_ask(struct commit_fixture *fixture, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    struct redis_reply *reply = ask(fixture, format, arguments);
    va_end(arguments);
    return reply;
}

int64_t commit_fixture_number(struct commit_fixture *fixture, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    struct redis_reply *reply = ask(fixture, format, arguments);
    va_end(arguments);
    int64_t number = redis_reply_integer(reply);
    redis_reply_destroy(&reply);
    return number;
}

bool commit_fixture_says(struct commit_fixture *fixture, const char *expected, const char *format,
                         ...) {
    va_list arguments;
    va_start(arguments, format);
    struct redis_reply *reply = ask(fixture, format, arguments);
    va_end(arguments);
    bool equal = text_is(redis_reply_text(reply), expected);
    if (!equal)
        fprintf(stderr, "%s: \"%.*s\" is not \"%s\"\n", format, TEXT_ARG(redis_reply_text(reply)),
                expected);
    redis_reply_destroy(&reply);
    return equal;
}

void commit_fixture_flush(struct commit_fixture *fixture) {
    struct redis_reply *reply = commit_fixture_ask(fixture, "FLUSHALL SYNC");
    redis_reply_destroy(&reply);
}
