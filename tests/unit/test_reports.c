/* test_reports.c: the parts of the reports: the top sources of several days, threats as they are
 * kept, the choice between HTML and JSON. */
#include "../support/redis_fixture.h"
#include "common/buffer.h"
#include "proto/keys.h"
#include "services/ingest/accept.h"
#include "services/ingest/report.h"
#include "services/ingest/threat_entry.h"
#include "services/ingest/top_sources.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define DAYS 7
#define NAMES 6000
#define NAMES_AT_ONCE 500

static struct redis_fixture server;
static struct redis_client *redis;
static struct report_day days[DAYS];
static int64_t numbers[DAYS][NAMES]; /* of name "a<i>" on that day; 0: not met */

static void start(void) {
    redis_fixture_start(&server, NULL);
    redis = redis_client_new(server.url, 5000, 10000);
    cr_assert_not_null(redis);
    for (int day = 0; day < DAYS; day++)
        snprintf(days[day].key, sizeof days[day].key, "2026110%d", day + 1);
}

static void stop(void) {
    redis_client_destroy(&redis);
    redis_fixture_stop(&server);
}

TestSuite(top_sources, .init = start, .fini = stop, .timeout = 60);

static void run(size_t count, const struct text *arguments) {
    struct redis_reply *reply = NULL;
    cr_assert_eq(redis_client_command(redis, count, arguments, &reply), STATUS_OK);
    redis_reply_destroy(&reply);
}

/* Stores some names of a day, from `first` on. */
static void store_some(const struct key_name *key, const int64_t *day, size_t first) {
    static char texts[2 * NAMES_AT_ONCE][24];
    struct text arguments[2 + 2 * NAMES_AT_ONCE] = {TEXT("ZADD"), key_text(key)};
    size_t count = 2;
    for (size_t i = first; i < first + NAMES_AT_ONCE; i++) {
        if (day[i] == 0)
            continue;
        snprintf(texts[count - 2], sizeof texts[0], "%lld", (long long)day[i]);
        snprintf(texts[count - 1], sizeof texts[0], "a%zu", i);
        arguments[count] = text_of(texts[count - 2]);
        arguments[count + 1] = text_of(texts[count - 1]);
        count += 2;
    }
    if (count > 2)
        run(count, arguments);
}

static void store(void) {
    run(2, (struct text[]){TEXT("FLUSHALL"), TEXT("SYNC")});
    for (int day = 0; day < DAYS; day++) {
        struct key_name key = key_name(KEY_DAY_ADDRESSES, days[day].key);
        for (size_t first = 0; first < NAMES; first += NAMES_AT_ONCE)
            store_some(&key, numbers[day], first);
    }
}

static int64_t sum_of(size_t name) {
    int64_t sum = 0;
    for (int day = 0; day < DAYS; day++)
        sum += numbers[day][name];
    return sum;
}

static int descending(const void *a, const void *b) {
    int64_t first = *(const int64_t *)a, second = *(const int64_t *)b;
    return (first < second) - (first > second);
}

/* The numbers are those of the first, each name has its own, and none stands twice. */
static void expect_exact(const char *what) {
    static int64_t sums[NAMES];
    struct top_sources top;
    size_t met = 0;
    for (size_t i = 0; i < NAMES; i++) {
        sums[i] = sum_of(i);
        met += sums[i] > 0;
    }
    qsort(sums, NAMES, sizeof sums[0], descending);
    store();
    cr_assert_eq(top_sources_read(redis, days, DAYS, &top), STATUS_OK);
    cr_assert_eq(top.count, met < TOP_SOURCES_MAX ? met : TOP_SOURCES_MAX, "%s", what);
    for (size_t i = 0; i < top.count; i++) {
        const struct top_source *source = &top.sources[i];
        cr_expect_eq(source->threats, sums[i], "%s: place %zu", what, i);
        cr_expect_eq(source->threats, sum_of(strtoull(source->name + 1, NULL, 10)), "%s: %s", what,
                     source->name);
        for (size_t j = 0; j < i; j++)
            cr_expect_str_neq(source->name, top.sources[j].name, "%s", what);
    }
}

/* A generator of its own, so that a run means the same on every machine. */
static uint32_t roll(uint32_t bound) {
    static uint64_t state = 7;
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(state >> 33) % bound;
}

/* Exact whether the first names of each day decide, or all have to be read. */
Test(top_sources, are_exact) {
    memset(numbers, 0, sizeof numbers);
    expect_exact("nothing at all");
    numbers[3][9] = 5;
    expect_exact("one name");
    for (size_t i = 0; i < NAMES * DAYS; i++)
        numbers[i % DAYS][i / DAYS] = 1 + (int64_t)(100000 / (1 + i / DAYS) + roll(50));
    expect_exact("few have nearly all");
    for (size_t i = 0; i < NAMES * DAYS; i++)
        numbers[i % DAYS][i / DAYS] = 1 + roll(100);
    expect_exact("all have about the same");
    for (size_t i = 0; i < NAMES * DAYS; i++)
        numbers[i % DAYS][i / DAYS] = i / DAYS % DAYS == i % DAYS ? 1 : 0;
    expect_exact("each on one day, once");
}

/* Never among the first of a day, and yet the most frequent of the week. */
Test(top_sources, finds_who_is_never_first) {
    memset(numbers, 0, sizeof numbers);
    for (size_t i = 0; i < 700; i++)
        numbers[i % DAYS][i] = 1000 + (int64_t)i;
    for (int day = 0; day < DAYS; day++)
        numbers[day][5000] = 900;
    expect_exact("a quiet one");
}

struct accept_case {
    const char *accept;
    bool html;
};

/* A browser is sent to the pages, and nobody else. */
Test(accept, who_prefers_html) {
    static const struct accept_case cases[] = {
        {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true},
        {"TEXT/HTML", true},
        {"text/*", true},
        {"text/html;level=1;q=0.5", true},
        {"application/json;q=0.4, text/html;q=0.5", true},
        {" text/html ; q=0.5 , */*;q=0.4", true},
        {"*/*", false},
        {"", false},
        {"application/json", false},
        {"application/json, text/html;q=0.9", false},
        {"text/html;q=0", false},
        {"text/html;q=0.0, */*", false},
        {"*/*, text/html;q=0.1", false},
        {"text/html;q=0.8, */*;q=0.8", false},
        {"text/plain", false},
        {"text/html;q=x", false},
        {",,;;,", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_eq(accept_prefers_html(text_of(cases[i].accept)), cases[i].html, "%s",
                     cases[i].accept);
    cr_expect_not(accept_prefers_html((struct text){NULL, 0}));
}

/* Packs a threat's message with these texts; NULL: absent. */
static void make_member(const char *user, const char *description, struct buffer *out) {
    msgpack_packer packer;
    buffer_append_text(out, TEXT("001785585600000 00c0ffee00c0ffee-1-0.7 "));
    msgpack_packer_to_buffer(&packer, out);
    msgpack_pack_map(&packer, 3u + (user != NULL) + (description != NULL));
    msgpack_pack_key(&packer, "event_type");
    msgpack_pack_text(&packer, TEXT("login_failed"));
    msgpack_pack_key(&packer, "severity");
    msgpack_pack_text(&packer, TEXT("high"));
    msgpack_pack_key(&packer, "timestamp");
    msgpack_pack_text(&packer, TEXT("2026-08-01T12:00:00Z"));
    if (user != NULL) {
        msgpack_pack_key(&packer, "username");
        msgpack_pack_text(&packer, text_of(user));
    }
    if (description != NULL) {
        msgpack_pack_key(&packer, "description");
        msgpack_pack_text(&packer, text_of(description));
    }
}

static struct buffer json_of(struct text member, bool with_user, enum status *ret_status) {
    struct msgpack_frame frame;
    struct json_writer json;
    struct buffer out;
    buffer_init(&out, 65536);
    msgpack_frame_init(&frame);
    json_writer_init(&json, &out);
    json_array_begin(&json);
    *ret_status = threat_entry_write(member, with_user, &frame, &json);
    json_array_end(&json);
    json_writer_fini(&json);
    msgpack_frame_fini(&frame);
    return out;
}

Test(threat_entry, members_of_the_api) {
    static const struct {
        const char *user, *description, *json;
        bool with_user;
    } cases[] = {
        {"ann", "a \"word\"",
         "[{\"timestamp\":\"2026-08-01T12:00:00Z\",\"event_type\":\"login_failed\",\"severity\":"
         "\"high\","
         "\"source_ip\":null,\"username\":\"ann\",\"description\":\"a \\\"word\\\"\","
         "\"threat_details\":null}]",
         true},
        {"ann", NULL,
         "[{\"timestamp\":\"2026-08-01T12:00:00Z\",\"event_type\":\"login_failed\",\"severity\":"
         "\"high\","
         "\"source_ip\":null,\"description\":\"login_failed event "
         "detected\",\"threat_details\":null}]",
         false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer member;
        enum status status;
        buffer_init(&member, 4096);
        make_member(cases[i].user, cases[i].description, &member);
        struct buffer json = json_of(buffer_text(&member), cases[i].with_user, &status);
        cr_expect_eq(status, STATUS_OK);
        cr_expect(text_is(buffer_text(&json), cases[i].json), "%.*s", TEXT_ARG(buffer_text(&json)));
        buffer_fini(&json);
        buffer_fini(&member);
    }
}

/* What is none of ours writes nothing, so that the list stays well-formed. */
Test(threat_entry, refuses_what_is_none) {
    static const struct text wrong[] = {
        TEXT_CONSTANT(""),
        TEXT_CONSTANT("x"),
        TEXT_CONSTANT("001785585600000"),
        TEXT_CONSTANT("001785585600000 "),
        TEXT_CONSTANT("001785585600000 id"),
        TEXT_CONSTANT("001785585600000 id "),
        TEXT_CONSTANT("001785585600000 id \x91\x01"),
        TEXT_CONSTANT("001785585600000 id \xdf\xff\xff\xff\xff"),
        TEXT_CONSTANT("001785585600000 id \x81\xa1x\x01trailing"),
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        enum status status;
        struct buffer json = json_of(wrong[i], true, &status);
        cr_expect_neq(status, STATUS_OK, "%zu", i);
        cr_expect(text_is(buffer_text(&json), "[]"), "%zu", i);
        buffer_fini(&json);
    }
}
