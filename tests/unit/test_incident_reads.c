/* test_incident_reads.c: what the API reads from Redis, and the script that changes an incident's
 * status. */
#include "../support/redis_fixture.h"
#include "common/scoped.h"
#include "proto/keys.h"
#include "services/ingest/incident_list.h"
#include "services/ingest/incident_store.h"
#include "services/ingest/ledger.h"
#include "services/ingest/status_script.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define INCIDENTS 60
#define NOW "1800000000000"

static struct redis_fixture server;
static struct redis_client *redis;

static void run(size_t count, const struct text *arguments) {
    struct redis_reply *reply = NULL;
    cr_assert_eq(redis_client_command(redis, count, arguments, &reply), STATUS_OK, "%s",
                 redis_client_error(redis));
    redis_reply_destroy(&reply);
}

#define RUN(...)                                                                                   \
    run(sizeof((struct text[]){__VA_ARGS__}) / sizeof(struct text), (struct text[]){__VA_ARGS__})

/* Incident n: status and severity go round, addresses too. */
static void put_incident(int number) {
    const char *status = incident_status_text((enum incident_status)(number % 5));
    const char *severity = severity_text((enum severity)(1 + number % 4));
    char id[32], digits[16], address[32];
    snprintf(id, sizeof id, "INC-20270115-%04d", number);
    snprintf(digits, sizeof digits, "%d", number);
    snprintf(address, sizeof address, "10.0.0.%d", number % 3);
    struct key_name incident = key_name(KEY_INCIDENT, id);
    struct key_name all = key_name(KEY_INCIDENTS);
    struct key_name some = key_name(KEY_INCIDENTS_BY, status, severity);
    RUN(TEXT("HSET"), key_text(&incident), TEXT("id"), text_of(id), TEXT("number"), text_of(digits),
        TEXT("timestamp"), TEXT(NOW), TEXT("event_type"), TEXT("login_failed"), TEXT("severity"),
        text_of(severity), TEXT("status"), text_of(status), TEXT("title"), TEXT("A Title"),
        TEXT("description"), text_of(number == 7 ? "needle \"in\"" : "hay"), TEXT("description_at"),
        TEXT(NOW), TEXT("source_ip"), text_of(address), TEXT("detection_count"), TEXT("5"),
        TEXT("first_seen"), TEXT(NOW), TEXT("day"), TEXT("20270115"), TEXT("last_seen"), TEXT(NOW),
        TEXT("rules"), TEXT("[{\"id\":\"r\"}]"), TEXT("tags"), TEXT("[\"t\"]"), TEXT("revision"),
        TEXT("1"), TEXT("alert"), TEXT("queued"));
    RUN(TEXT("ZADD"), key_text(&all), text_of(digits), text_of(id));
    RUN(TEXT("ZADD"), key_text(&some), text_of(digits), text_of(id));
}

static void setup(void) {
    redis_fixture_start(&server, NULL);
    redis = redis_client_new(server.url, 5000, 10000);
    cr_assert_not_null(redis);
    for (int i = 0; i < INCIDENTS; i++)
        put_incident(i);
}

static void teardown(void) {
    redis_client_destroy(&redis);
    redis_fixture_stop(&server);
}

TestSuite(incident_reads, .init = setup, .fini = teardown, .timeout = 300);

/* The numbers of a page, as "59,58,..."; the page's cursor. */
static uint64_t list(const struct incident_query *query, struct buffer *numbers) {
    struct incident_page page;
    struct buffer body;
    struct json_writer json;
    buffer_init(&body, 1 << 20);
    json_writer_init(&json, &body);
    cr_assert_eq(incident_list_write(redis, query, &json, &page), STATUS_OK);
    json_writer_fini(&json);
    buffer_append(&body, "", 1);
    const char *at = (const char *)body.data;
    size_t count = 0;
    while ((at = strstr(at, "INC-20270115-")) != NULL) {
        at += 13;
        buffer_printf(numbers, "%ld,", strtol(at, NULL, 10));
        count++;
    }
    cr_expect_eq(count, page.count);
    buffer_fini(&body);
    return page.next;
}

/* What a filter should give: all that fit, newest first. */
static void expect(const struct incident_query *query, struct buffer *numbers) {
    for (int i = INCIDENTS - 1; i >= 0; i--) {
        char address[32];
        snprintf(address, sizeof address, "10.0.0.%d", i % 3);
        bool fits = (query->any_status || (int)query->status == i % 5) &&
                    (query->any_severity || (int)query->severity == 1 + i % 4) &&
                    (query->source_ip.data == NULL || text_is(query->source_ip, address)) &&
                    (query->q.data == NULL || i == 7);
        if (fits)
            buffer_printf(numbers, "%d,", i);
    }
}

Test(incident_reads, pages_through_every_filter_newest_first) {
    static const struct incident_query queries[] = {
        {.any_status = true, .any_severity = true},
        {.status = INCIDENT_STATUS_ANALYZING, .any_severity = true},
        {.any_status = true, .severity = SEVERITY_HIGH},
        {.status = INCIDENT_STATUS_RESOLVED, .severity = SEVERITY_LOW},
        {.status = INCIDENT_STATUS_RESOLVED, .severity = SEVERITY_INFO},
        {.any_status = true, .any_severity = true, .source_ip = {"10.0.0.2", 8}},
        {.any_status = true, .any_severity = true, .q = {"NEEDLE", 6}},
        {.any_status = true, .severity = SEVERITY_CRITICAL, .source_ip = {"10.0.0.1", 8}},
    };
    static const size_t limits[] = {1, 7, 50, 500};
    struct buffer wanted, got;
    buffer_init(&wanted, 1 << 16);
    buffer_init(&got, 1 << 16);
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        for (size_t j = 0; j < sizeof limits / sizeof limits[0]; j++) {
            struct incident_query query = queries[i];
            query.limit = limits[j];
            query.before = UINT64_MAX;
            buffer_reset(&wanted);
            buffer_reset(&got);
            expect(&query, &wanted);
            do {
                query.before = list(&query, &got);
            } while (query.before > 0);
            cr_expect(text_equal(buffer_text(&got), buffer_text(&wanted)),
                      "query %zu limit %zu: %.*s", i, limits[j], TEXT_ARG(buffer_text(&got)));
        }
    }
    buffer_fini(&wanted);
    buffer_fini(&got);
}

Test(incident_reads, follows_merges_and_says_what_is_missing) {
    struct redis_reply *reply = NULL;
    for (int i = 10; i < 15; i++) {
        char from[32], to[32];
        snprintf(from, sizeof from, "INC-20270115-%04d", i);
        snprintf(to, sizeof to, "INC-20270115-%04d", i == 14 ? 12 : i + 1);
        struct key_name name = key_name(KEY_INCIDENT, from);
        if (i != 12)
            RUN(TEXT("HSET"), key_text(&name), TEXT("merged_into"), text_of(to));
    }
    cr_assert_eq(incident_read(redis, TEXT("INC-20270115-0010"), &reply), STATUS_OK);
    cr_expect(text_is(incident_field(reply, 0, INCIDENT_FIELD_id), "INC-20270115-0012"));
    redis_reply_destroy(&reply);
    struct key_name ring = key_name(KEY_INCIDENT, "INC-20270115-0012");
    RUN(TEXT("HSET"), key_text(&ring), TEXT("merged_into"), TEXT("INC-20270115-0013"));
    cr_expect_eq(incident_read(redis, TEXT("INC-20270115-0012"), &reply), STATUS_NOT_FOUND);
    cr_expect_eq(incident_read(redis, TEXT("INC-1"), &reply), STATUS_NOT_FOUND);
    cr_expect_eq(incident_read(redis, TEXT("a/b"), &reply), STATUS_NOT_FOUND);
    cr_expect_null(reply);
}

/* Runs the script; its first word. */
static struct text change(const char *id, const char *status, const char *revision,
                          const char *notes, struct redis_reply **ret_reply) {
    struct buffer source;
    buffer_init(&source, STATUS_SCRIPT_MAX);
    status_script_write(&source);
    SCOPED(redis_script)
    struct redis_script *script = redis_script_new(buffer_text(&source));
    struct key_name slot = key_name(KEY_INCIDENTS);
    struct text arguments[] = {text_of(id),
                               text_of(status),
                               TEXT(NOW),
                               TEXT("default"),
                               text_of(revision),
                               notes != NULL ? TEXT("1") : TEXT("0"),
                               text_of(notes ? notes : ""),
                               TEXT("0"),
                               TEXT(""),
                               TEXT(""),
                               TEXT(""),
                               TEXT("1000"),
                               TEXT("10"),
                               TEXT("1000000")};
    cr_assert_eq(redis_script_run(redis, script, key_text(&slot), STATUS_SCRIPT_ARGUMENTS,
                                  arguments, ret_reply),
                 STATUS_OK, "%s", redis_client_error(redis));
    buffer_fini(&source);
    return redis_reply_text(redis_reply_at(*ret_reply, 0));
}

static int64_t ask_number(const struct text *arguments, size_t count) {
    struct redis_reply *reply = NULL;
    cr_assert_eq(redis_client_command(redis, count, arguments, &reply), STATUS_OK);
    int64_t number = redis_reply_integer(reply);
    redis_reply_destroy(&reply);
    return number;
}

#define ASK(...)                                                                                   \
    ask_number((struct text[]){__VA_ARGS__},                                                       \
               sizeof((struct text[]){__VA_ARGS__}) / sizeof(struct text))

Test(incident_reads, changes_a_status_with_revision_index_day_and_audit) {
    struct redis_reply *reply = NULL;
    struct key_name day = key_name(KEY_DAY, "20270115");
    struct key_name audit = key_name(KEY_AUDIT);
    struct key_name from = key_name(KEY_INCIDENTS_BY, "detected", "low");
    struct key_name to = key_name(KEY_INCIDENTS_BY, "resolved", "low");
    RUN(TEXT("HSET"), key_text(&day), TEXT("incidents:status:detected"), TEXT("12"));
    cr_expect(text_is(change("INC-20270115-0000", "resolved", "1", "n\"1", &reply), "ok"));
    cr_expect(text_is(incident_field(reply, 1, INCIDENT_FIELD_status), "resolved"));
    cr_expect(text_is(incident_field(reply, 1, INCIDENT_FIELD_revision), "2"));
    cr_expect(text_is(incident_field(reply, 1, INCIDENT_FIELD_analyst_notes), "n\"1"));
    cr_expect_null(incident_field(reply, 1, INCIDENT_FIELD_resolution).data);
    cr_expect(text_is(incident_field(reply, 1, INCIDENT_FIELD_alert), "queued"));
    redis_reply_destroy(&reply);
    cr_expect_eq(ASK(TEXT("ZCARD"), key_text(&from)), 2);
    cr_expect_eq(ASK(TEXT("ZCARD"), key_text(&to)), 4);
    cr_expect_eq(ASK(TEXT("HGET"), key_text(&day), TEXT("incidents:status:detected")), 11);
    cr_expect_eq(ASK(TEXT("HGET"), key_text(&day), TEXT("incidents:status:resolved")), 1);
    cr_expect_eq(ASK(TEXT("XLEN"), key_text(&audit)), 1);
    cr_expect(text_is(change("INC-20270115-0000", "detected", "1", NULL, &reply), "conflict"));
    redis_reply_destroy(&reply);
    cr_expect(text_is(change("INC-20270115-9999", "detected", "", NULL, &reply), "not_found"));
    redis_reply_destroy(&reply);
    cr_expect_eq(ASK(TEXT("XLEN"), key_text(&audit)), 1, "what changes nothing leaves no trace");
    cr_expect(text_is(change("INC-20270115-0000", "resolved", "2", "n\"1", &reply), "ok"));
    cr_expect(text_is(incident_field(reply, 1, INCIDENT_FIELD_revision), "2"));
    redis_reply_destroy(&reply);
    cr_expect_eq(ASK(TEXT("XLEN"), key_text(&audit)), 1, "nor does what stands there already");
    cr_expect(text_is(change("INC-20270115-0000", "resolved", "2", "n2", &reply), "ok"));
    cr_expect(text_is(incident_field(reply, 1, INCIDENT_FIELD_revision), "3"));
    redis_reply_destroy(&reply);
    cr_expect_eq(ASK(TEXT("XLEN"), key_text(&audit)), 2);
    cr_expect_eq(ASK(TEXT("ZCARD"), key_text(&to)), 4);
}

/* A day whose statistics are gone does not come back with negative numbers. */
Test(incident_reads, leaves_days_that_are_gone_alone) {
    struct redis_reply *reply = NULL;
    struct key_name day = key_name(KEY_DAY, "20270115");
    cr_expect(text_is(change("INC-20270115-0001", "resolved", "", NULL, &reply), "ok"));
    redis_reply_destroy(&reply);
    cr_expect_eq(ASK(TEXT("EXISTS"), key_text(&day)), 0);
}

/* Values of another type, as a broken or foreign Redis would hold them, answer an error and no
 * more. */
Test(incident_reads, survives_keys_of_another_type) {
    struct redis_reply *reply = NULL;
    struct incident_page page;
    struct buffer body;
    struct json_writer json;
    struct incident_query query = {
        .any_status = true, .any_severity = true, .limit = 5, .before = UINT64_MAX};
    struct key_name all = key_name(KEY_INCIDENTS);
    struct key_name one = key_name(KEY_INCIDENT, "INC-20270115-0001");
    RUN(TEXT("SET"), key_text(&all), TEXT("x"));
    RUN(TEXT("SET"), key_text(&one), TEXT("x"));
    buffer_init(&body, 1 << 16);
    json_writer_init(&json, &body);
    cr_expect_neq(incident_list_write(redis, &query, &json, &page), STATUS_OK);
    json_writer_fini(&json);
    buffer_fini(&body);
    cr_expect_neq(incident_read(redis, TEXT("INC-20270115-0001"), &reply), STATUS_OK);
    cr_expect_eq(incident_read(redis, TEXT("INC-20270115-0002"), &reply), STATUS_OK,
                 "the connection is still in step");
    redis_reply_destroy(&reply);
}

/* The books of three producers: this process, another ingest by its heartbeat, and one that is
 * gone. */
Test(incident_reads, adds_up_the_books_of_all_producers) {
    static struct ledger ledger;
    const struct ledger_books own = {
        .producer = 1, .epoch = 2, .accepted = 100, .spooled = 10, .in_flight_events = 4};
    struct key_name fields = key_name(KEY_LEDGER);
    struct key_name processes = key_name(KEY_PROCESSES);
    char time[CLOCK_RFC3339_SIZE], heartbeat[512];
    clock_format_rfc3339(clock_wall(), time);
    snprintf(heartbeat, sizeof heartbeat,
             "{\"service\":\"ingest\",\"time\":\"%s\",\"counters\":{"
             "\"siem_ledger_accepted{producer=\\\"00000000000000ab\\\",epoch=\\\"7\\\"}\":50,"
             "\"siem_ledger_spooled{producer=\\\"00000000000000ab\\\",epoch=\\\"7\\\"}\":5,"
             "\"siem_ledger_in_flight{producer=\\\"00000000000000ab\\\",epoch=\\\"7\\\"}\":3}}",
             time);
    RUN(TEXT("HSET"), key_text(&processes), TEXT("ingest/a"), text_of(heartbeat),
        TEXT("ingest/old"), TEXT("{\"time\":\"2020-01-01T00:00:00Z\"}"), TEXT("x"), TEXT("junk"));
    RUN(TEXT("HSET"), key_text(&fields), TEXT("committed"), TEXT("164"), TEXT("quarantined"),
        TEXT("1"), TEXT("committed:0000000000000001"), TEXT("89"),
        TEXT("quarantined:0000000000000001"), TEXT("1"), TEXT("accepted:0000000000000001"),
        TEXT("95"), TEXT("committed:00000000000000ab"), TEXT("45"),
        TEXT("committed:00000000000000cd"), TEXT("30"), TEXT("accepted:00000000000000cd"),
        TEXT("30"), TEXT("committed:short"), TEXT("9"), TEXT("threats"), TEXT("3"));
    cr_assert_eq(ledger_read(redis, &own, &ledger), STATUS_OK);
    struct buffer body;
    struct json_writer json;
    buffer_init(&body, 1 << 16);
    json_writer_init(&json, &body);
    ledger_write(&ledger, &json);
    json_writer_fini(&json);
    buffer_append(&body, "", 1);
    const char *text = (const char *)body.data;
    cr_expect_eq(
        strncmp(text,
                "{\"accepted\":180,\"committed\":164,\"quarantined\":1,\"spooled\":15,"
                "\"in_flight\":7,\"difference\":0,\"balanced\":true,",
                strlen("{\"accepted\":180,\"committed\":164,\"quarantined\":1,\"spooled\":15,"
                       "\"in_flight\":7,\"difference\":0,\"balanced\":true,")),
        0, "%s", text);
    cr_expect_not_null(strstr(text,
                              "{\"producer\":\"00000000000000ab\",\"epoch\":7,\"accepted\":50,"
                              "\"committed\":45,\"quarantined\":0,\"spooled\":5,\"alive\":true}"),
                       "%s", text);
    cr_expect_not_null(strstr(text, "{\"producer\":\"00000000000000cd\",\"epoch\":null,"), "%s",
                       text);
    cr_expect_eq(ledger.count, 3);
    buffer_fini(&body);
}
