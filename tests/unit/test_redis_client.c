/* test_redis_client.c: a connection to Redis never mixes up replies, never waits beyond its
 * time-out and heals by itself; against a real redis-server, and against peers that misbehave. */
#include "common/clock.h"
#include "common/redis_client.h"
#include "common/redis_url.h"
#include "tests/support/redis_fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define DEADLINE_MS 60000
#define DRIBBLE_MS 20 /* a peer that says a little now and then, so often */
#define DRIBBLES 2000

static struct redis_fixture redis;
static struct redis_client *client;

static void start(void) {
    redis_fixture_start(&redis, NULL);
    client = redis_client_new(redis.url, 1000, 2000);
}

static void stop(void) {
    redis_client_destroy(&client);
    redis_fixture_stop(&redis);
}

TestSuite(redis_client, .init = start, .fini = stop);

/* Runs a command until Redis can be reached again. */
static enum status command_when_up(size_t count, const struct text *arguments,
                                   struct redis_reply **ret_reply) {
    struct mono_time begun = clock_mono();
    for (;;) {
        enum status status = redis_client_command(client, count, arguments, ret_reply);
        if (status != STATUS_UNAVAILABLE)
            return status;
        cr_assert_lt(clock_elapsed_ms(begun), DEADLINE_MS, "%s", redis_client_error(client));
        poll(NULL, 0, 5);
    }
}

static void expect_echo(const char *word) {
    struct redis_reply *reply = NULL;
    enum status status = command_when_up(2, (struct text[]){TEXT("ECHO"), text_of(word)}, &reply);
    cr_assert_eq(status, STATUS_OK);
    cr_assert(text_is(redis_reply_text(reply), word));
    redis_reply_destroy(&reply);
}

Test(redis_client, values_are_never_parsed_as_commands) {
    struct redis_reply *reply = NULL;
    struct text value = {"a b\r\nFLUSHALL\r\n\0%s", 18};
    cr_assert_eq(redis_command(client, &reply, TEXT("SET"), TEXT("key"), value), STATUS_OK);
    redis_reply_destroy(&reply);
    cr_assert_eq(redis_command(client, &reply, TEXT("GET"), TEXT("key")), STATUS_OK);
    cr_assert(text_equal(redis_reply_text(reply), value));
    redis_reply_destroy(&reply);
}

Test(redis_client, types_and_fields_of_replies) {
    struct redis_reply *reply = NULL;
    cr_assert_eq(redis_command(client, &reply, TEXT("HSET"), TEXT("h"), TEXT("one"), TEXT("1"),
                               TEXT("two"), TEXT("-22")),
                 STATUS_OK);
    cr_assert_eq(redis_reply_type(reply), REDIS_INTEGER);
    cr_assert_eq(redis_reply_integer(reply), 2);
    redis_reply_destroy(&reply);
    cr_assert_eq(redis_command(client, &reply, TEXT("HGETALL"), TEXT("h")), STATUS_OK);
    cr_assert_eq(redis_reply_count(reply), 4);
    cr_assert_eq(redis_reply_integer(redis_reply_field(reply, "two")), -22);
    cr_assert_eq(redis_reply_type(redis_reply_field(reply, "three")), REDIS_NIL);
    cr_assert_eq(redis_reply_integer(redis_reply_at(reply, 0)), 0, "a word is no number");
    redis_reply_destroy(&reply);
    cr_assert_eq(redis_command(client, &reply, TEXT("GET"), TEXT("absent")), STATUS_OK);
    cr_assert_eq(redis_reply_type(reply), REDIS_NIL);
    redis_reply_destroy(&reply);
    cr_assert_eq(redis_command(client, &reply, TEXT("GET"), TEXT("h")), STATUS_REFUSED);
    cr_assert(strncmp(redis_client_error(client), "WRONGTYPE", 9) == 0);
    cr_assert_null(reply);
    expect_echo("still connected");
}

Test(redis_client, a_late_reply_is_never_taken_for_anothers) {
    redis_client_destroy(&client);
    client = redis_client_new(redis.url, 1000, 1500);
    struct redis_reply *reply = NULL;
    expect_echo("first");
    cr_assert_eq(redis_command(client, &reply, TEXT("BLPOP"), TEXT("none"), TEXT("3")),
                 STATUS_TIMEOUT);
    for (int i = 0; i < 100; i++) {
        char word[16];
        snprintf(word, sizeof(word), "word %d", i);
        expect_echo(word);
    }
}

Test(redis_client, pipelines_keep_their_order_and_show_errors_in_place) {
    enum { COMMANDS = 1000 };
    for (int i = 0; i < COMMANDS; i++) {
        struct text command[] = {i == 500 ? TEXT("NOSUCHCOMMAND") : TEXT("INCR"), TEXT("n")};
        cr_assert_eq(redis_client_append(client, 2, command), STATUS_OK);
    }
    for (int i = 0; i < COMMANDS; i++) {
        struct redis_reply *reply = NULL;
        cr_assert_eq(redis_client_read(client, &reply), STATUS_OK);
        if (i == 500)
            cr_assert_eq(redis_reply_type(reply), REDIS_ERROR);
        else
            cr_assert_eq(redis_reply_integer(reply), i < 500 ? i + 1 : i);
        redis_reply_destroy(&reply);
    }
}

Test(redis_client, a_pipeline_larger_than_all_socket_buffers_does_not_lock_up) {
    enum { COMMANDS = 64, SIZE = 1024 * 1024 };
    char *word = calloc(1, SIZE);
    memset(word, 'x', SIZE);
    for (int i = 0; i < COMMANDS; i++)
        cr_assert_eq(redis_client_append(client, 2, (struct text[]){TEXT("ECHO"), {word, SIZE}}),
                     STATUS_OK);
    for (int i = 0; i < COMMANDS; i++) {
        struct redis_reply *reply = NULL;
        cr_assert_eq(redis_client_read(client, &reply), STATUS_OK);
        cr_assert_eq(redis_reply_text(reply).length, SIZE);
        redis_reply_destroy(&reply);
    }
    free(word);
}

Test(redis_client, a_restarted_redis_is_found_again) {
    struct redis_reply *reply = NULL;
    expect_echo("before");
    redis_fixture_kill(&redis);
    cr_assert_eq(redis_command(client, &reply, TEXT("PING")), STATUS_UNAVAILABLE);
    cr_assert_eq(redis_command(client, &reply, TEXT("PING")), STATUS_UNAVAILABLE);
    redis_fixture_restart(&redis);
    expect_echo("after");
}

/* After a failover the same address leads to another Redis. */
Test(redis_client, a_redis_that_became_a_replica_is_left) {
    struct redis_client *other = redis_client_new(redis.url, 1000, 5000);
    struct redis_reply *reply = NULL;
    struct mono_time start = clock_mono();
    cr_assert_eq(redis_command(client, &reply, TEXT("SET"), TEXT("key"), TEXT("1")), STATUS_OK);
    redis_reply_destroy(&reply);
    cr_assert_eq(redis_command(other, &reply, TEXT("REPLICAOF"), TEXT("127.0.0.1"), TEXT("1")),
                 STATUS_OK);
    redis_reply_destroy(&reply);
    cr_expect_eq(redis_command(client, &reply, TEXT("SET"), TEXT("key"), TEXT("2")),
                 STATUS_UNAVAILABLE);
    cr_expect_eq(redis_client_fd(client), -1);
    cr_expect_not_null(strstr(redis_client_error(client), "READONLY"));
    cr_assert_eq(redis_command(other, &reply, TEXT("REPLICAOF"), TEXT("NO"), TEXT("ONE")),
                 STATUS_OK);
    redis_reply_destroy(&reply);
    while (redis_command(client, &reply, TEXT("SET"), TEXT("key"), TEXT("3")) != STATUS_OK)
        cr_assert_lt(clock_elapsed_ms(start), DEADLINE_MS);
    redis_reply_destroy(&reply);
    redis_client_destroy(&other);
}

Test(redis_client, an_idle_connection_that_redis_closed_costs_no_command) {
    struct redis_reply *reply = NULL;
    expect_echo("before");
    struct mono_time connected = clock_mono();
    redis_fixture_kill(&redis);
    redis_fixture_restart(&redis);
    while (clock_elapsed_ms(connected) < 110) /* it connects again at most every 100 ms */
        poll(NULL, 0, 5);
    cr_assert_eq(redis_command(client, &reply, TEXT("PING")), STATUS_OK);
    redis_reply_destroy(&reply);
}

Test(redis_client, replies_lost_with_the_connection_are_all_reported) {
    struct redis_reply *reply = NULL;
    expect_echo("before");
    for (int i = 0; i < 3; i++)
        cr_assert_eq(redis_client_append(client, 1, (struct text[]){TEXT("PING")}), STATUS_OK);
    redis_fixture_kill(&redis);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(redis_client_read(client, &reply), STATUS_UNAVAILABLE);
    cr_assert_null(reply);
}

/* What was begun is not sent again by the read. */
Test(redis_client, commands_begin_before_the_read) {
    struct redis_reply *reply = NULL;
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(redis_client_append(client, 2, (struct text[]){TEXT("INCR"), TEXT("n")}),
                     STATUS_OK);
        if (i != 1)
            cr_assert_eq(redis_client_begin(client), STATUS_OK);
    }
    for (int i = 1; i <= 3; i++) {
        cr_assert_eq(redis_client_read(client, &reply), STATUS_OK);
        cr_assert_eq(redis_reply_integer(reply), i);
        redis_reply_destroy(&reply);
    }
    expect_echo("after");
}

/* Waits until the connection has something to read or takes more. */
static void await_ready(void) {
    struct pollfd waiting = {.fd = redis_client_fd(client), .events = POLLIN};
    if (redis_client_is_sending(client))
        waiting.events |= POLLOUT;
    cr_assert_eq(poll(&waiting, 1, DEADLINE_MS), 1);
}

/* A pipeline larger than what the sockets hold goes out and comes back without a call that waits;
 * elements can be taken out of a reply. */
Test(redis_client, reads_without_waiting) {
    enum { COMMANDS = 64, SIZE = 100000 };
    static char value[SIZE];
    const struct text arguments[] = {
        TEXT("EVAL"), TEXT("return {ARGV[1], 7}"), TEXT("0"), {value, SIZE}};
    struct redis_reply *reply = NULL;
    memset(value, 'v', sizeof(value));
    cr_assert_eq(redis_client_fd(client), -1);
    for (int i = 0; i < COMMANDS; i++)
        cr_assert_eq(redis_client_append(client, 4, arguments), STATUS_OK);
    cr_assert_eq(redis_client_begin(client), STATUS_OK);
    cr_expect(redis_client_is_sending(client));
    for (int i = 0; i < COMMANDS; i++) {
        enum status status = redis_client_try_read(client, &reply);
        for (; status == STATUS_AGAIN; status = redis_client_try_read(client, &reply))
            await_ready();
        cr_assert_eq(status, STATUS_OK);
        struct redis_reply *taken = redis_reply_take(reply, 0);
        cr_expect_eq(redis_reply_text(taken).length, SIZE);
        cr_expect_eq(redis_reply_type(redis_reply_at(reply, 0)), REDIS_NIL);
        cr_expect_eq(redis_reply_integer(redis_reply_at(reply, 1)), 7);
        redis_reply_destroy(&taken);
        redis_reply_destroy(&reply);
    }
    cr_expect_not(redis_client_is_sending(client));
    expect_echo("after");
}

/* The end of an idle connection is seen when it is looked at. */
Test(redis_client, a_look_sees_the_end) {
    expect_echo("before");
    redis_client_look(client);
    cr_assert_geq(redis_client_fd(client), 0);
    redis_fixture_kill(&redis);
    await_ready();
    redis_client_look(client);
    cr_assert_eq(redis_client_fd(client), -1);
}

Test(redis_client, a_redis_that_refuses_us_counts_as_away) {
    struct redis_reply *reply = NULL;
    expect_echo("before");
    redis_fixture_stop(&redis);
    redis_fixture_start(&redis, "secret");
    redis_client_destroy(&client);
    client = redis_client_new(redis.url, 1000, 1000); /* no password */
    cr_assert_eq(redis_command(client, &reply, TEXT("PING")), STATUS_UNAVAILABLE);
    cr_assert(strncmp(redis_client_error(client), "NOAUTH", 6) == 0);
}

static struct redis_script *new_script(void) {
    return redis_script_new(TEXT("return {KEYS[1], ARGV[1], #ARGV}"));
}

static struct redis_script *new_library(void) {
    return redis_script_new_library(TEXT("#!lua name=library\n"
                                         "redis.register_function('tells', function(keys, words)\n"
                                         "    return {keys[1], words[1], #words}\nend)"),
                                    TEXT("tells"));
}

static void expect_script_result(struct redis_reply *reply) {
    cr_assert(text_is(redis_reply_text(redis_reply_at(reply, 0)), "k"));
    cr_assert(text_is(redis_reply_text(redis_reply_at(reply, 1)), "a"));
    cr_assert_eq(redis_reply_integer(redis_reply_at(reply, 2)), 2);
    redis_reply_destroy(&reply);
}

/* Runs it before and after Redis forgets it. */
static void expect_healing(struct redis_script *script, struct text kind) {
    struct redis_reply *reply = NULL;
    struct text arguments[] = {TEXT("a"), TEXT("b")};
    for (int round = 0; round < 2; round++) {
        cr_assert_eq(redis_script_run(client, script, TEXT("k"), 2, arguments, &reply), STATUS_OK);
        expect_script_result(reply);
        cr_assert_eq(redis_command(client, &reply, kind, TEXT("FLUSH")), STATUS_OK);
        redis_reply_destroy(&reply);
    }
    cr_assert_eq(redis_script_append(client, script, TEXT("k"), 2, arguments), STATUS_OK);
    cr_assert_eq(redis_client_read(client, &reply), STATUS_OK);
    cr_assert(redis_reply_is_noscript(reply));
    redis_reply_destroy(&reply);
    cr_assert_eq(redis_script_load(client, script), STATUS_OK);
    cr_assert_eq(redis_script_append(client, script, TEXT("k"), 2, arguments), STATUS_OK);
    cr_assert_eq(redis_client_read(client, &reply), STATUS_OK);
    expect_script_result(reply);
    redis_script_destroy(&script);
}

Test(redis_client, a_flushed_script_heals) {
    expect_healing(new_script(), TEXT("SCRIPT"));
}

Test(redis_client, a_flushed_library_heals) {
    expect_healing(new_library(), TEXT("FUNCTION"));
}

Test(redis_client, a_script_that_does_not_compile_is_refused) {
    struct redis_script *script = redis_script_new(TEXT("return ("));
    struct redis_reply *reply = NULL;
    cr_assert_eq(redis_script_run(client, script, TEXT("k"), 0, NULL, &reply), STATUS_REFUSED);
    redis_script_destroy(&script);
}

/* A peer that greets like Redis and then says whatever the test wants. */
struct impostor {
    int listener;
    struct sockaddr_un address;
    struct bytes speech;
    size_t repeat; /* the speech is said so many times */
    int pause_ms;  /* between two times */
    bool was_left; /* the client hung up */
    pthread_t thread;
};

static void *run_impostor(void *argument) {
    struct impostor *impostor = argument;
    char request[4096];
    int fd = accept(impostor->listener, NULL, NULL);
    const struct timeval patience = {.tv_sec = DEADLINE_MS / 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    bool good = recv(fd, request, sizeof(request), 0) > 0 &&
                send(fd, "+PONG\r\n", 7, MSG_NOSIGNAL) == 7 &&
                recv(fd, request, sizeof(request), 0) > 0;
    for (size_t i = 0; good && i < impostor->repeat; i++) {
        good = send(fd, impostor->speech.data, impostor->speech.length, MSG_NOSIGNAL) > 0;
        if (impostor->pause_ms > 0)
            good = good &&
                   poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, impostor->pause_ms) == 0;
    }
    ssize_t length = 0;
    while (good && (length = recv(fd, request, sizeof(request), 0)) > 0)
        continue;
    impostor->was_left = !good || length == 0 || errno == ECONNRESET;
    close(fd);
    return NULL;
}

static void start_impostor(struct impostor *impostor, struct text speech, size_t repeat) {
    impostor->speech = (struct bytes){(const uint8_t *)speech.data, speech.length};
    impostor->repeat = repeat;
    impostor->address = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(impostor->address.sun_path, sizeof(impostor->address.sun_path), "%s/impostor",
             redis.directory);
    impostor->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(
        bind(impostor->listener, (struct sockaddr *)&impostor->address, sizeof(impostor->address)),
        0);
    cr_assert_eq(listen(impostor->listener, 1), 0);
    cr_assert_eq(pthread_create(&impostor->thread, NULL, run_impostor, impostor), 0);
    char url[128];
    snprintf(url, sizeof(url), "unix://%s", impostor->address.sun_path);
    redis_client_destroy(&client);
    client = redis_client_new(url, 1000, impostor->pause_ms > 0 ? 1000 : DEADLINE_MS);
}

static void stop_impostor(struct impostor *impostor) {
    pthread_join(impostor->thread, NULL);
    redis_client_destroy(&client);
    close(impostor->listener);
    unlink(impostor->address.sun_path);
}

static void expect_given_up(struct text speech, size_t repeat, enum status expected) {
    struct impostor impostor = {.pause_ms = expected == STATUS_TIMEOUT ? DRIBBLE_MS : 0};
    struct redis_reply *reply = NULL;
    start_impostor(&impostor, speech, repeat);
    cr_expect_eq(redis_command(client, &reply, TEXT("PING")), expected, "%.20s: %s", speech.data,
                 redis_client_error(client));
    cr_expect_null(reply);
    stop_impostor(&impostor);
    cr_expect(impostor.was_left, "%.20s: the connection is still there", speech.data);
}

Test(redis_client, a_peer_that_does_not_speak_redis_is_given_up) {
    expect_given_up(TEXT("HTTP/1.1 400 Bad Request\r\n\r\n"), 1, STATUS_UNAVAILABLE);
    expect_given_up(TEXT("*-7\r\n"), 1, STATUS_UNAVAILABLE);
}

Test(redis_client, a_count_alone_reserves_no_memory) {
    expect_given_up(TEXT("*2000000000\r\n"), 1, STATUS_UNAVAILABLE);
    expect_given_up(TEXT("*4\r\n*4000000\r\n*4000000\r\n"), 1, STATUS_UNAVAILABLE);
}

Test(redis_client, a_reply_above_its_bound_is_given_up) {
    size_t size = 1024 * 1024;
    char *piece = malloc(size);
    memset(piece, 'x', size);
    memcpy(piece, "$999999999\r\n", 12);
    expect_given_up((struct text){piece, size}, 80, STATUS_UNAVAILABLE);
    free(piece);
}

Test(redis_client, a_peer_that_dribbles_does_not_hold_the_caller) {
    struct mono_time begun = clock_mono();
    expect_given_up(TEXT("$9\r\n\r\n"), 1, STATUS_TIMEOUT);
    expect_given_up(TEXT("-1"), DRIBBLES, STATUS_TIMEOUT);
    cr_assert_lt(clock_elapsed_ms(begun), DRIBBLE_MS * DRIBBLES / 2);
}

Test(redis_client, words_nobody_asked_for_are_not_a_reply) {
    struct impostor impostor = {.pause_ms = 0};
    struct redis_reply *reply = NULL;
    start_impostor(&impostor, TEXT("+mine\r\n+stray\r\n"), 1);
    cr_assert_eq(redis_command(client, &reply, TEXT("PING")), STATUS_OK);
    cr_assert(text_is(redis_reply_text(reply), "mine"));
    redis_reply_destroy(&reply);
    enum status status = redis_command(client, &reply, TEXT("PING"));
    cr_assert_neq(status, STATUS_OK, "took a stray reply");
    stop_impostor(&impostor);
}

/* Addresses of a Redis, good and malformed. */
struct url_case {
    const char *url;
    enum status status;
    struct redis_url want;
};

#define WANT(...) ((struct redis_url){__VA_ARGS__})
static char any_host[] = "redis", local_host[] = "127.0.0.1", v6_host[] = "::1";
static char password[] = "p@ss:w/rd", socket_path[] = "/run/redis.sock";

static bool same(const char *a, const char *b) {
    return text_equal(text_of(a), text_of(b));
}

Test(redis_url, table) {
    const struct url_case cases[] = {
        {"redis://redis", STATUS_OK, WANT(.host = any_host, .port = 6379)},
        {"redis://127.0.0.1:1", STATUS_OK, WANT(.host = local_host, .port = 1)},
        {"redis://127.0.0.1:65535/", STATUS_OK, WANT(.host = local_host, .port = 65535)},
        {"redis://[::1]:7000/3", STATUS_OK, WANT(.host = v6_host, .port = 7000, .database = 3)},
        {"redis://:p%40ss:w%2Frd@redis:6379", STATUS_OK,
         WANT(.host = any_host, .port = 6379, .password = password)},
        {"unix:///run/redis.sock", STATUS_OK, WANT(.path = socket_path, .port = 6379)},
        {"", STATUS_BAD_SYNTAX, WANT(0)},
        {"redis", STATUS_BAD_SYNTAX, WANT(0)},
        {"redis://", STATUS_BAD_SYNTAX, WANT(0)},
        {"redis://redis:0", STATUS_BAD_SYNTAX, WANT(0)},
        {"redis://redis:65536", STATUS_BAD_SYNTAX, WANT(0)},
        {"redis://redis:63x", STATUS_BAD_SYNTAX, WANT(0)},
        {"redis://redis:", STATUS_BAD_SYNTAX, WANT(0)},
        {"redis://redis/db", STATUS_BAD_SYNTAX, WANT(0)},
        {"redis://[::1", STATUS_BAD_SYNTAX, WANT(0)},
        {"redis://[::1]7000", STATUS_BAD_SYNTAX, WANT(0)},
        {"redis://user:word@redis", STATUS_BAD_SYNTAX, WANT(0)},
        {"redis://:100%@redis", STATUS_BAD_SYNTAX, WANT(0)},
        {"unix://run/redis.sock", STATUS_BAD_SYNTAX, WANT(0)},
        {"unix:///", STATUS_BAD_SYNTAX, WANT(0)},
        {"http://redis:6379", STATUS_BAD_SYNTAX, WANT(0)},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct redis_url url = {.port = 0};
        const struct redis_url *want = &cases[i].want;
        cr_expect_eq(redis_url_parse(cases[i].url, &url), cases[i].status, "%s", cases[i].url);
        cr_expect(same(url.path, want->path) && same(url.host, want->host) &&
                      same(url.password, want->password) && url.database == want->database,
                  "%s", cases[i].url);
        if (cases[i].status == STATUS_OK)
            cr_expect_eq(url.port, want->port, "%s", cases[i].url);
        redis_url_fini(&url);
    }
}

Test(redis_url, a_malformed_url_stops_the_start) {
    cr_assert_null(redis_client_new("redis:127.0.0.1", 100, 100));
}
