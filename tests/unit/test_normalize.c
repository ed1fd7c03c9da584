/* test_normalize.c: event types, addresses and times; the answer of POST /log; API keys. */
#include "services/ingest/home_key.h"
#include "services/ingest/log_answer.h"
#include "services/ingest/normalize.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define RAW(text)                                                                                  \
    { text, sizeof(text) - 1 }

static const struct normalize_limits limits = {300000, INT64_C(86400000)};
static const struct wall_time now = {INT64_C(1800000000000)}; /* 2027-01-15T08:00:00Z */

static struct event_json *parser;
static struct event_input input;
static struct normalized normalized;

static void setup(void) {
    parser = event_json_new();
}

static void teardown(void) {
    event_json_destroy(&parser);
}

TestSuite(normalize, .init = setup, .fini = teardown);

static void read_event(const char *document) {
    struct bytes bytes = {(const uint8_t *)document, strlen(document)};
    cr_assert_eq(event_json_parse(parser, bytes, &input), STATUS_OK, "%s", document);
    cr_assert_eq(normalize_event(&input, &limits, now, &normalized), STATUS_OK, "%s", document);
}

Test(normalize, knows_types_however_they_are_written) {
    static const struct {
        const char *text;
        enum event_type type;
        bool known;
    } cases[] = {
        {"login_failed", EVENT_TYPE_LOGIN_FAILED, true},
        {"LOGIN_FAILED", EVENT_TYPE_LOGIN_FAILED, true},
        {"Login Failed", EVENT_TYPE_LOGIN_FAILED, true},
        {"login-failed", EVENT_TYPE_LOGIN_FAILED, true},
        {"SQL-Injection", EVENT_TYPE_SQL_INJECTION, true},
        {"unknown", EVENT_TYPE_UNKNOWN, true},
        {"loginfailed", EVENT_TYPE_UNKNOWN, false},
        {"", EVENT_TYPE_UNKNOWN, false},
        {"login_failed_login_failed_login_failed_login_failed_login_failed_x", EVENT_TYPE_UNKNOWN,
         false},
        {"login\tfailed", EVENT_TYPE_UNKNOWN, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum event_type type = EVENT_TYPE_UNKNOWN;
        cr_expect_eq(normalize_event_type(text_of(cases[i].text), &type), cases[i].known, "%s",
                     cases[i].text);
        cr_expect_eq(type, cases[i].type, "%s", cases[i].text);
    }
}

Test(normalize, writes_addresses_canonically_and_keeps_what_is_none) {
    static const char *const cases[][2] = {
        {"192.0.2.1", "192.0.2.1"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"::FFFF:c000:0201", "192.0.2.1"},
        {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
        {"::1", "::1"},
        {"010.1.1.1", "010.1.1.1"},
        {"1.2.3", "1.2.3"},
        {"1.2.3.256", "1.2.3.256"},
        {"1.2.3.4.5", "1.2.3.4.5"},
        {"1..2.3", "1..2.3"},
        {"host:80", "host:80"},
        {"fe80::1%eth0", "fe80::1%eth0"},
        {"not an address", "not an address"},
        {"", ""},
        {"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa",
         "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa"},
    };
    char room[INET6_ADDRSTRLEN];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect(text_is(normalize_address(text_of(cases[i][0]), room), cases[i][1]), "%s",
                  cases[i][0]);
    cr_expect_null(normalize_address((struct text){NULL, 0}, room).data);
    cr_expect(text_equal(normalize_address(TEXT("::1\0x"), room), TEXT("::1\0x")));
}

Test(normalize, clamps_clocks_and_keeps_what_they_said) {
    static const struct {
        const char *said;
        int64_t time_ms;
        bool kept;
    } cases[] = {
        {"2027-01-15T08:00:00Z", INT64_C(1800000000000), false},
        {"2027-01-15T09:05:00+01:00", INT64_C(1800000300000), false},
        {"2027-01-15T08:05:00.001Z", INT64_C(1800000000000), true},
        {"2027-01-14T08:00:00Z", INT64_C(1799913600000), false},
        {"2027-01-14T07:59:59.999Z", INT64_C(1800000000000), true},
        {"0001-01-01T00:00:00Z", INT64_C(1800000000000), true},
        {"9999-12-31T23:59:59Z", INT64_C(1800000000000), true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char document[128];
        snprintf(document, sizeof document, "{\"event_type\":\"unknown\",\"timestamp\":\"%s\"}",
                 cases[i].said);
        read_event(document);
        cr_expect_eq(normalized.event.time_ms, cases[i].time_ms, "%s", cases[i].said);
        cr_expect_eq(normalized.event.received_ms, now.ms);
        cr_expect_eq(normalized.event.metadata.data != NULL, cases[i].kept, "%s", cases[i].said);
        cr_expect_eq(normalized.adds_timestamp, cases[i].kept);
    }
    read_event("{\"event_type\":\"login_failed\"}");
    cr_expect_eq(normalized.event.time_ms, now.ms);
    cr_expect_null(normalized.event.metadata.data);
}

/* What is encoded is what a detector reads. */
Test(normalize, makes_events_that_decode) {
    struct buffer out;
    struct event event;
    struct msgpack_frame frame;
    buffer_init(&out, 1 << 20);
    msgpack_frame_init(&frame);
    read_event("{\"event_type\":\"strange\",\"source_ip\":\"::ffff:1.2.3.4\",\"username\":\"u\","
               "\"count\":3,\"metadata\":{\"a\":{\"b\":[1,2.5,null]}}}");
    event_encode(&normalized.event, &out);
    cr_assert_eq(event_decode((struct bytes){out.data + 5, out.length - 5}, &frame, &event),
                 STATUS_OK);
    cr_expect_eq(event.event_type, EVENT_TYPE_UNKNOWN);
    cr_expect(text_is(event.source_ip, "1.2.3.4"));
    cr_expect(text_is(event.username, "u"));
    cr_expect_null(event.raw_log.data);
    cr_expect_eq(event.count, 3);
    event_metadata_unpack(&event, &frame);
    cr_assert_eq(frame.root.via.map.size, 2);
    cr_expect_eq(memcmp(frame.root.via.map.ptr[1].val.via.str.ptr, "strange", 7), 0);
    msgpack_frame_fini(&frame);
    buffer_fini(&out);
}

static const char *answer_of(const char *document, const struct verdict *verdict) {
    static struct buffer out;
    struct log_answer answer;
    if (out.limit == 0)
        buffer_init(&out, LOG_ANSWER_MAX);
    log_answer_init(&answer);
    read_event(document);
    log_answer_prepare(&answer, &input, &normalized);
    buffer_reset(&out);
    log_answer_finish(&answer, "p-1-2.3", verdict, &out);
    buffer_append(&out, "", 1);
    log_answer_fini(&answer);
    return (const char *)out.data;
}

Test(normalize, answers_as_the_api_says) {
    cr_expect_str_eq(
        answer_of("{\"event_type\":\"login_success\"}", NULL),
        "{\"status\":\"ok\",\"log\":{\"timestamp\":\"2027-01-15T08:00:00Z\","
        "\"event_type\":\"login_success\",\"severity\":\"info\",\"source_ip\":null,"
        "\"destination_ip\":null,\"username\":null,\"count\":1,"
        "\"description\":\"login_success event detected\",\"raw_log\":null,\"metadata\":{},"
        "\"is_threat\":false,\"threat_details\":null,\"id\":\"p-1-2.3\",\"rules\":[]},"
        "\"alert_sent\":false}");
    const struct finding finding = {.rule_id = TEXT("r"),
                                    .rule_title = TEXT("a \"rule\""),
                                    .level = SEVERITY_HIGH,
                                    .tags = {2, {TEXT("t1"), TEXT("t2")}}};
    struct verdict verdict = {.severity = SEVERITY_HIGH,
                              .incident_id = TEXT("INC-1"),
                              .alert_queued = true,
                              .details = TEXT("a | b\n"),
                              .finding_count = 1,
                              .findings = &finding};
    cr_expect_str_eq(
        answer_of("{\"event_type\":\"odd\\u0001\",\"metadata\":{ \"k\" : 1.50 },"
                  "\"timestamp\":\"2001-01-01T00:00:00Z\",\"raw_log\":\"\\u0000\\\\\\\"\\u001f\"}",
                  &verdict),
        "{\"status\":\"threat_detected\",\"log\":{\"timestamp\":\"2027-01-15T08:00:00Z\","
        "\"event_type\":\"unknown\",\"severity\":\"high\",\"source_ip\":null,"
        "\"destination_ip\":null,\"username\":null,\"count\":1,"
        "\"description\":\"unknown event detected\",\"raw_log\":\"\\u0000\\\\\\\"\\u001f\","
        "\"metadata\":{\"original_event_type\":\"odd\\u0001\","
        "\"original_timestamp\":\"2001-01-01T00:00:00Z\", \"k\" : 1.50 },"
        "\"is_threat\":true,\"threat_details\":\"a | b\\n\",\"id\":\"p-1-2.3\","
        "\"rules\":[{\"id\":\"r\",\"title\":\"a \\\"rule\\\"\",\"level\":\"high\","
        "\"tags\":[\"t1\",\"t2\"]}]},\"incident_id\":\"INC-1\",\"alert_sent\":true}");
    verdict.incident_id = (struct text){NULL, 0};
    verdict.severity = SEVERITY_INFO;
    const char *harmless = answer_of("{\"event_type\":\"x\",\"metadata\":{}}", &verdict);
    cr_expect_eq(strncmp(harmless, "{\"status\":\"ok\"", 14), 0);
    cr_expect_not_null(strstr(harmless, "\"metadata\":{\"original_event_type\":\"x\"}"));
    cr_expect_not_null(strstr(harmless, "\"threat_details\":\"a | b\\n\""));
    cr_expect_not_null(strstr(harmless, "\"alert_sent\":false"));
}

Test(normalize, makes_one_key_and_keeps_it) {
    char directory[] = "/tmp/siem-access-XXXXXX";
    char path[64];
    char key[128] = "";
    struct stat status;
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/api_key", directory);
    struct home_key *access = home_key_new("", directory);
    cr_assert_not_null(access);
    cr_assert_eq(stat(path, &status), 0);
    cr_expect_eq(status.st_mode & 0777, 0600);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    cr_assert_not_null(fgets(key, sizeof key, file));
    fclose(file);
    key[strcspn(key, "\n")] = '\0';
    cr_expect_geq(strlen(key), 64);
    cr_expect(home_key_is(access, text_of(key)));
    struct home_key *again = home_key_new("", directory);
    cr_expect(home_key_is(again, text_of(key)));
    struct home_key *given = home_key_new(" mine\t", directory); /* no header carries the blanks */
    cr_expect_null(home_key_new("  ", directory));
    cr_expect(home_key_is(given, TEXT("mine")));
    static const struct text wrong[] = {RAW(""), RAW("min"), RAW("mine "), RAW("MINE"), {NULL, 0}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        cr_expect_not(home_key_is(given, wrong[i]));
    cr_expect_not(home_key_is(access, TEXT("mine")));
    home_key_destroy(&access);
    home_key_destroy(&again);
    home_key_destroy(&given);
    file = fopen(path, "w");
    cr_assert_not_null(file);
    fclose(file);
    cr_expect_null(home_key_new("", directory), "an empty key lets nobody in");
    unlink(path);
    rmdir(directory);
}
