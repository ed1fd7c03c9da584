/* test_shared_limits.c: what ingest processes share through Redis: buckets of rate limits, requests
 * that are answered once, keys of the API; and the limit of wrong keys that each keeps alone. */
#include "../support/redis_fixture.h"
#include "proto/api_key.h"
#include "proto/keys.h"
#include "services/ingest/auth_failures.h"
#include "services/ingest/key_ring.h"
#include "services/ingest/peer_name.h"
#include "services/ingest/shared_script.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

/* Embedded in the library. */
extern const char rate_limit_lua[];
extern const char idempotency_records_lua[];
extern const char idempotency_lua[];

static struct redis_fixture server;
static struct redis_client *redis;

static void setup(void) {
    redis_fixture_start(&server, NULL);
    redis = redis_client_new(server.url, 5000, 10000);
    cr_assert_not_null(redis);
}

static void teardown(void) {
    redis_client_destroy(&redis);
    redis_fixture_stop(&server);
}

TestSuite(shared_limits, .init = setup, .fini = teardown, .timeout = 300);

static struct redis_reply *command(size_t count, const struct text *arguments) {
    struct redis_reply *reply = NULL;
    cr_assert_eq(redis_client_command(redis, count, arguments, &reply), STATUS_OK, "%s",
                 redis_client_error(redis));
    return reply;
}

#define COMMAND(...)                                                                               \
    command(sizeof((struct text[]){__VA_ARGS__}) / sizeof(struct text),                            \
            (struct text[]){__VA_ARGS__})

static void run(struct redis_reply *reply) {
    redis_reply_destroy(&reply);
}

static int64_t number_of(struct redis_reply *reply) {
    int64_t number = redis_reply_integer(reply);
    redis_reply_destroy(&reply);
    return number;
}

/* Runs a script with the arguments; gives its reply. */
static struct redis_reply *run_script(struct shared_script *shared, size_t count,
                                      const struct text *arguments) {
    struct key_name slot = key_name(KEY_RATES);
    struct redis_reply *reply = NULL;
    cr_assert_eq(redis_script_run(redis, shared->script, key_text(&slot), count, arguments, &reply),
                 STATUS_OK, "%s", redis_client_error(redis));
    return reply;
}

/* Takes `wanted` tokens of a bucket of `size` a day; what Redis gave. */
static int64_t take(struct shared_script *script, const char *bucket, int wanted, int size,
                    const char *kept) {
    char want[16], interval[32], room[16];
    snprintf(want, sizeof want, "%d", wanted);
    snprintf(interval, sizeof interval, "%.6f", 86400e6 / size);
    snprintf(room, sizeof room, "%d", size);
    const struct text arguments[] = {text_of(bucket), text_of(want), text_of(interval),
                                     text_of(room), text_of(kept)};
    struct redis_reply *reply = run_script(script, 5, arguments);
    cr_assert_eq(redis_reply_count(reply), 5);
    int64_t taken = redis_reply_integer(redis_reply_at(reply, 0));
    if (taken < wanted) {
        cr_expect_eq(redis_reply_integer(redis_reply_at(reply, 1)), 0, "nothing is left");
        cr_expect_gt(redis_reply_integer(redis_reply_at(reply, 3)), 0, "there is a time to wait");
    }
    redis_reply_destroy(&reply);
    return taken;
}

Test(shared_limits, a_bucket_gives_its_size_and_no_more) {
    struct shared_script script;
    const char *const text = rate_limit_lua;
    shared_script_init(&script, &text, 1);
    static const int sizes[] = {1, 7, 100, 1000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char bucket[16];
        int64_t total = 0, taken;
        snprintf(bucket, sizeof bucket, "k:%d", sizes[i]);
        while ((taken = take(&script, bucket, 1 + sizes[i] / 9, sizes[i], "10")) > 0)
            total += taken;
        cr_expect_eq(total, sizes[i]);
    }
    cr_expect_eq(take(&script, "k:other", 5, 100, "10"), 5, "another bucket is full");
    shared_script_fini(&script);
}

Test(shared_limits, buckets_are_bounded_and_full_ones_go) {
    struct shared_script script;
    const char *const text = rate_limit_lua;
    struct key_name rates = key_name(KEY_RATES);
    shared_script_init(&script, &text, 1);
    for (int i = 0; i < 20; i++) {
        char bucket[16];
        snprintf(bucket, sizeof bucket, "a:%d", i);
        cr_expect_eq(take(&script, bucket, 1 + i, 100, "5"), 1 + i);
    }
    cr_expect_eq(number_of(COMMAND(TEXT("ZCARD"), key_text(&rates))), 5);
    cr_expect_eq(take(&script, "a:19", 100, 100, "5"), 80, "the most used ones stay");
    run(COMMAND(TEXT("ZADD"), key_text(&rates), TEXT("1"), TEXT("a:full")));
    cr_expect_eq(take(&script, "a:18", 1, 100, "100"), 1);
    struct redis_reply *full = COMMAND(TEXT("ZSCORE"), key_text(&rates), TEXT("a:full"));
    cr_expect_null(redis_reply_text(full).data);
    redis_reply_destroy(&full);
    run(COMMAND(TEXT("ZADD"), key_text(&rates), TEXT("9e15"), TEXT("a:ahead")));
    cr_expect_eq(take(&script, "a:ahead", 1, 100, "100"), 0);
    struct redis_reply *score = COMMAND(TEXT("ZSCORE"), key_text(&rates), TEXT("a:ahead"));
    cr_expect_not_null(redis_reply_text(score).data);
    redis_reply_destroy(&score);
    shared_script_fini(&script);
}

/* One step in the life of requests, and the first word (and the second, a number) of the answer. */
struct step {
    const char *operation, *tag, *print, *owner;
    const char *rest[4];
    const char *word;
    int64_t number; /* -1: whatever it is */
};

static void walk(const struct step *steps, size_t count, const char *keep) {
    struct shared_script script;
    const char *const texts[] = {idempotency_records_lua, idempotency_lua};
    shared_script_init(&script, texts, 2);
    for (size_t i = 0; i < count; i++) {
        const struct step *step = &steps[i];
        struct text arguments[10] = {
            text_of(step->operation), text_of(step->tag), text_of(step->print),
            text_of(step->owner),     text_of(keep),      TEXT("producer")};
        size_t used = 6;
        for (size_t j = 0; j < 4 && step->rest[j] != NULL; j++)
            arguments[used++] = text_of(step->rest[j]);
        struct redis_reply *reply = run_script(&script, used, arguments);
        cr_expect(text_is(redis_reply_text(redis_reply_at(reply, 0)), step->word), "step %zu: %.*s",
                  i, TEXT_ARG(redis_reply_text(redis_reply_at(reply, 0))));
        if (step->number >= 0 && redis_reply_count(reply) > 1)
            cr_expect_eq(redis_reply_integer(redis_reply_at(reply, 1)), step->number, "step %zu",
                         i);
        redis_reply_destroy(&reply);
    }
    shared_script_fini(&script);
}

#define WALK(keep, ...)                                                                            \
    walk((const struct step[]){__VA_ARGS__},                                                       \
         sizeof((struct step[]){__VA_ARGS__}) / sizeof(struct step), keep)

Test(shared_limits, a_request_is_answered_once) {
    WALK("60000", {"reserve", "t", "p", "o1", {"3"}, "go", 0},
         {"reserve", "t", "p", "o2", {"3"}, "busy", -1},
         {"reserve", "t", "q", "o2", {"3"}, "other", -1},
         {"finish", "t", "p", "o1", {"200", "body", "100", "100000"}, "ok", 0},
         {"reserve", "t", "p", "o2", {"4"}, "done", 200},
         {"reserve", "t", "q", "o2", {"4"}, "other", -1},
         /* said again, because the first time was not heard */
         {"finish", "t", "p", "o1", {"200", "body", "100", "100000"}, "ok", 0},
         {"reserve", "t", "p", "o2", {"4"}, "done", 200});
    struct key_name open = key_name(KEY_IDEMPOTENCY_OPEN, "producer");
    cr_expect_eq(number_of(COMMAND(TEXT("EXISTS"), key_text(&open))), 0);
}

Test(shared_limits, a_request_that_died_goes_on_behind_what_is_stored) {
    WALK("60000", {"reserve", "t", "p", "o1", {"3"}, "go", 0},
         {"release", "t", "", "o1", {"512", "first", "last"}, "ok", 0},
         {"reserve", "t", "q", "o2", {"5"}, "other", -1},
         {"reserve", "t", "p", "o2", {"5"}, "go", 512},
         {"release", "t", "", "o1", {"0", "", ""}, "ok", 0}, /* late: not its own any more */
         {"reserve", "t", "p", "o3", {"5"}, "busy", -1},
         {"release", "t", "", "o2", {"0", "", ""}, "ok", 0}, /* stored nothing further */
         {"reserve", "t", "p", "o3", {"5"}, "go", 512},
         {"release", "t", "", "o3", {"700", "other", "end"}, "ok", 0},
         {"reserve", "t", "p", "o4", {"5"}, "go", 700},
         {"finish", "t", "p", "o4", {"202", "all", "100", "100000"}, "ok", 0},
         {"reserve", "u", "p", "o5", {"5"}, "go", 0},
         {"release", "u", "", "o5", {"0", "", ""}, "ok", 0},
         {"reserve", "u", "q", "o6", {"5"}, "go", 0});
}

Test(shared_limits, answers_are_bounded_in_number_bytes_and_time) {
    char large[700];
    struct key_name done = key_name(KEY_IDEMPOTENCY_DONE);
    struct key_name bytes = key_name(KEY_IDEMPOTENCY_BYTES);
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    WALK("60000", {"finish", "a", "p", "o", {"200", "1", "2", "100000"}, "ok", 0},
         {"finish", "b", "p", "o", {"200", "2", "2", "100000"}, "ok", 0},
         {"finish", "c", "p", "o", {"200", "3", "2", "100000"}, "ok", 1},
         {"reserve", "b", "p", "o", {"1"}, "done", 200},
         {"finish", "d", "p", "o", {"200", large, "9", "1100"}, "ok", 2},
         {"reserve", "d", "p", "o", {"1"}, "done", 200},
         {"reserve", "a", "p", "o", {"1"}, "go", 0});
    cr_expect_eq(number_of(COMMAND(TEXT("ZCARD"), key_text(&done))), 1);
    int64_t held = number_of(COMMAND(TEXT("GET"), key_text(&bytes)));
    cr_expect(held > 700 && held < 1100, "%lld", (long long)held);
    run(COMMAND(TEXT("ZADD"), key_text(&done), TEXT("1"), TEXT("d")));
    WALK("60000", {"prune", "", "", "", {NULL}, "ok", 0},
         {"reserve", "d", "p", "o", {"1"}, "go", 0});
    cr_expect_eq(number_of(COMMAND(TEXT("GET"), key_text(&bytes))), 0);
}

/* Puts a key into Redis as siemctl does; its token. */
static void add_key(struct api_key *key, char token[API_KEY_TOKEN_LENGTH + 1], unsigned scopes,
                    int64_t expires_ms) {
    struct key_name keys = key_name(KEY_API_KEYS);
    struct key_name version = key_name(KEY_API_KEYS_VERSION);
    struct buffer record;
    api_key_make(key, token);
    key->scopes = scopes;
    key->expires_ms = expires_ms;
    buffer_init(&record, API_KEY_RECORD_MAX);
    api_key_encode(key, &record);
    run(COMMAND(TEXT("HSET"), key_text(&keys), text_of(key->id), buffer_text(&record)));
    run(COMMAND(TEXT("SET"), key_text(&version), text_of(key->id)));
    buffer_fini(&record);
}

Test(shared_limits, a_ring_knows_keys_and_remembers_revocations) {
    const struct wall_time now = {1000000};
    char token[API_KEY_TOKEN_LENGTH + 1], late[API_KEY_TOKEN_LENGTH + 1];
    struct key_name keys = key_name(KEY_API_KEYS);
    struct key_name revoked = key_name(KEY_API_KEYS_REVOKED);
    struct key_name version = key_name(KEY_API_KEYS_VERSION);
    struct api_key key, old, found;
    struct key_ring *ring = key_ring_new();
    add_key(&key, token, SCOPE_READ, 0);
    add_key(&old, late, SCOPE_INGEST, now.ms);
    cr_expect_eq(key_ring_find(ring, text_of(token), now, &found), STATUS_UNAVAILABLE);
    cr_expect_eq(key_ring_find(ring, TEXT("other"), now, &found), STATUS_NOT_FOUND);
    run(COMMAND(TEXT("HSET"), key_text(&keys), TEXT("0123456789ab"), TEXT("nonsense")));
    key_ring_refresh(ring, redis);
    cr_assert_eq(key_ring_find(ring, text_of(token), now, &found), STATUS_OK);
    cr_expect_str_eq(found.id, key.id);
    cr_expect_eq(found.scopes, SCOPE_READ);
    cr_expect_eq(key_ring_find(ring, text_of(late), now, &found), STATUS_REFUSED);
    cr_expect_eq(key_ring_find(ring, text_of(late), (struct wall_time){now.ms - 1}, &found),
                 STATUS_OK);
    char wrong[API_KEY_TOKEN_LENGTH + 1];
    memcpy(wrong, token, sizeof wrong);
    wrong[API_KEY_TOKEN_LENGTH - 1] = wrong[API_KEY_TOKEN_LENGTH - 1] == '0' ? '1' : '0';
    cr_expect_eq(key_ring_find(ring, text_of(wrong), now, &found), STATUS_NOT_FOUND);
    run(COMMAND(TEXT("HSET"), key_text(&revoked), text_of(key.id), TEXT("5")));
    run(COMMAND(TEXT("SET"), key_text(&version), TEXT("revoked")));
    key_ring_refresh(ring, redis);
    cr_expect_eq(key_ring_find(ring, text_of(token), now, &found), STATUS_REFUSED);
    run(COMMAND(TEXT("FLUSHALL")));
    key_ring_refresh(ring, redis);
    cr_expect_eq(key_ring_find(ring, text_of(token), now, &found), STATUS_NOT_FOUND);
    struct buffer record;
    buffer_init(&record, API_KEY_RECORD_MAX);
    api_key_encode(&key, &record);
    run(COMMAND(TEXT("HSET"), key_text(&keys), text_of(key.id), buffer_text(&record)));
    run(COMMAND(TEXT("SET"), key_text(&version), TEXT("restored")));
    key_ring_refresh(ring, redis);
    cr_expect_eq(key_ring_find(ring, text_of(token), now, &found), STATUS_REFUSED,
                 "Redis forgot it, this process did not");
    buffer_fini(&record);
    key_ring_destroy(&ring);
}

/* What was known stays known while Redis answers nothing, or nonsense. */
Test(shared_limits, a_ring_keeps_what_it_knows) {
    const struct wall_time now = {1000000};
    char token[API_KEY_TOKEN_LENGTH + 1];
    struct key_name keys = key_name(KEY_API_KEYS);
    struct key_name version = key_name(KEY_API_KEYS_VERSION);
    struct api_key key, found;
    struct key_ring *ring = key_ring_new();
    add_key(&key, token, SCOPE_ADMIN, 0);
    key_ring_refresh(ring, redis);
    run(COMMAND(TEXT("SET"), key_text(&keys), TEXT("another type")));
    run(COMMAND(TEXT("SET"), key_text(&version), TEXT("changed")));
    key_ring_refresh(ring, redis);
    cr_expect_eq(key_ring_find(ring, text_of(token), now, &found), STATUS_OK);
    struct redis_client *gone = redis_client_new("unix:///nowhere/redis.sock", 100, 100);
    key_ring_refresh(ring, gone);
    cr_expect_eq(key_ring_find(ring, text_of(token), now, &found), STATUS_OK);
    redis_client_destroy(&gone);
    key_ring_destroy(&ring);
}

Test(limits, an_address_is_named_by_what_one_holder_has) {
    static const char *const names[][2] = {
        {"203.0.113.9", "203.0.113.9"},
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
        {"2001:db8:1:2::", "2001:db8:1:2::/64"},
        {"2001:db8:1:3:3:4:5:6", "2001:db8:1:3::/64"},
        {"::1", "::/64"},
        {"fe80::1%eth0", "fe80::1%eth0"},
        {"", ""},
    };
    char room[PEER_NAME_SIZE];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        cr_expect(text_is(peer_name(text_of(names[i][0]), room), names[i][1]), "%s", names[i][0]);
}

Test(limits, wrong_keys_make_an_address_wait) {
    struct auth_failures *failures = auth_failures_new((struct rate){3, 60000});
    struct mono_time now = {1000000000};
    const struct text guesser = TEXT("2001:db8::1"), neighbour = TEXT("2001:db8::2");
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(auth_failures_wait_ns(failures, guesser, now), 0);
        auth_failures_note(failures, guesser, now);
    }
    cr_expect_eq(auth_failures_wait_ns(failures, guesser, now), 20000000000);
    cr_expect_eq(auth_failures_wait_ns(failures, neighbour, now), 20000000000, "the same /64");
    cr_expect_eq(auth_failures_wait_ns(failures, TEXT("203.0.113.9"), now), 0);
    now.ns += 20000000000;
    cr_expect_eq(auth_failures_wait_ns(failures, guesser, now), 0, "one more try");
    auth_failures_note(failures, guesser, now);
    cr_expect_gt(auth_failures_wait_ns(failures, guesser, now), 0);
    auth_failures_destroy(&failures);
    failures = auth_failures_new((struct rate){0, 0});
    for (int i = 0; i < 1000; i++)
        auth_failures_note(failures, guesser, now);
    cr_expect_eq(auth_failures_wait_ns(failures, guesser, now), 0, "no limit");
    auth_failures_destroy(&failures);
}
