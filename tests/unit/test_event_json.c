/* test_event_json.c: which documents are events, what is read from them, and what is said of the
 * others. */
#include "services/ingest/event_json.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static struct event_json *parser;
static struct event_input input;

static void setup(void) {
    parser = event_json_new();
}

static void teardown(void) {
    event_json_destroy(&parser);
    cr_assert_null(parser);
}

TestSuite(event_json, .init = setup, .fini = teardown);

static enum status parse(struct text document) {
    return event_json_parse(parser, (struct bytes){(const uint8_t *)document.data, document.length},
                            &input);
}

#define RAW(text)                                                                                  \
    { text, sizeof(text) - 1 }
#define EVENT(members) RAW("{\"event_type\":\"x\"," members "}")

/* A document and what is wrong with it: a field and a type per error. */
struct refusal {
    struct text document;
    enum status status;
    const char *errors; /* "field:type field:type", in order; "-" for the document itself */
};

Test(event_json, lists_every_field_that_does_not_fit) {
    static const struct refusal refusals[] = {
        {RAW("{}"), STATUS_BAD_VALUE, "event_type:missing "},
        {RAW("{\"event_type\":null}"), STATUS_BAD_VALUE, "event_type:string_type "},
        {RAW("{\"event_type\":5,\"count\":0,\"metadata\":[],\"username\":7,\"timestamp\":\"x\"}"),
         STATUS_BAD_VALUE,
         "event_type:string_type count:greater_than_equal metadata:dict_type username:string_type "
         "timestamp:datetime_parsing "},
        {EVENT("\"count\":\"abc\""), STATUS_BAD_VALUE, "count:int_parsing "},
        {EVENT("\"count\":\"\""), STATUS_BAD_VALUE, "count:int_parsing "},
        {EVENT("\"count\":1.5"), STATUS_BAD_VALUE, "count:int_from_float "},
        {EVENT("\"count\":null"), STATUS_BAD_VALUE, "count:int_type "},
        {EVENT("\"count\":true"), STATUS_BAD_VALUE, "count:int_type "},
        {EVENT("\"count\":{}"), STATUS_BAD_VALUE, "count:int_type "},
        {EVENT("\"count\":-3"), STATUS_BAD_VALUE, "count:greater_than_equal "},
        {EVENT("\"count\":1000000000001"), STATUS_BAD_VALUE, "count:less_than_equal "},
        {EVENT("\"count\":1e300"), STATUS_BAD_VALUE, "count:less_than_equal "},
        {EVENT("\"metadata\":null"), STATUS_BAD_VALUE, "metadata:dict_type "},
        {EVENT("\"metadata\":\"x\""), STATUS_BAD_VALUE, "metadata:dict_type "},
        {EVENT("\"source_ip\":[],\"raw_log\":{},\"description\":false,\"destination_ip\":1"),
         STATUS_BAD_VALUE,
         "source_ip:string_type raw_log:string_type description:string_type "
         "destination_ip:string_type "},
        {EVENT("\"timestamp\":\"2026-02-30T00:00:00Z\""), STATUS_BAD_VALUE,
         "timestamp:datetime_parsing "},
        {EVENT("\"timestamp\":1700000000"), STATUS_BAD_VALUE, "timestamp:string_type "},
        {RAW("[]"), STATUS_BAD_VALUE, "-:model_attributes_type "},
        {RAW("[{\"event_type\":\"x\"}]"), STATUS_BAD_VALUE, "-:model_attributes_type "},
        {RAW("\"x\""), STATUS_BAD_VALUE, "-:model_attributes_type "},
        {RAW("12"), STATUS_BAD_VALUE, "-:model_attributes_type "},
        {RAW("null"), STATUS_BAD_VALUE, "-:model_attributes_type "},
        {EVENT("\"event_type\":\"y\""), STATUS_BAD_VALUE, "-:json_invalid "},
        {EVENT("\"a\":1,\"a\":2"), STATUS_BAD_VALUE, "-:json_invalid "},
        {EVENT("\"metadata\":{\"a\":1,\"\\u0061\":2}"), STATUS_BAD_VALUE, "-:json_invalid "},
        {EVENT("\"metadata\":{\"b\":[{\"a\":1,\"a\":2}]}"), STATUS_BAD_VALUE, "-:json_invalid "},
        {EVENT("\"metadata\":{\"a\":1e400}"), STATUS_BAD_VALUE, "-:json_invalid "},
        {EVENT("\"username\":\"\\ud800\""), STATUS_BAD_TEXT, "-:json_invalid "},
        {EVENT("\"username\":\"\\udc00\\ud800\""), STATUS_BAD_TEXT, "-:json_invalid "},
        {EVENT("\"username\":\"\\ud83d\\u0041\""), STATUS_BAD_TEXT, "-:json_invalid "},
        {EVENT("\"username\":\"\xc0\x80\""), STATUS_BAD_TEXT, "-:json_invalid "},
        {EVENT("\"username\":\"\xed\xa0\x80\""), STATUS_BAD_TEXT, "-:json_invalid "},
        {EVENT("\"username\":\"\xff\""), STATUS_BAD_TEXT, "-:json_invalid "},
        {EVENT("\f\"username\":\"\""), STATUS_BAD_TEXT, "-:json_invalid "},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const struct refusal *refusal = &refusals[i];
        const struct input_error *errors = NULL;
        char said[512] = "";
        enum status status = parse(refusal->document);
        size_t count = event_json_errors(parser, &errors);
        for (size_t j = 0; j < count; j++) {
            size_t length = strlen(said);
            snprintf(said + length, sizeof said - length, "%s:%s ",
                     errors[j].field != NULL ? errors[j].field : "-", errors[j].type);
        }
        cr_expect_eq(status, refusal->status, "%.*s: %s", TEXT_ARG(refusal->document),
                     status_reason(status));
        cr_expect_str_eq(said, refusal->errors, "%.*s", TEXT_ARG(refusal->document));
    }
}

Test(event_json, refuses_what_is_no_json_and_says_where) {
    static const struct {
        struct text document;
        size_t position;
    } cases[] = {
        {RAW(""), 0},
        {RAW(" \n "), 3},
        {RAW("{"), 1},
        {RAW("{\"event_type\":\"x\""), 17},
        {RAW("{\"event_type\":\"x"), 16},
        {RAW("{\"event_type\":tru"), 17},
        {RAW("{\"event_type\":\"x\"} x"), 19},
        {RAW("{\"event_type\":\"x\"}{}"), 18},
        {RAW("{\"event_type\":\"x\",}"), 18},
        {RAW("{\"event_type\":\"x\",\n\n \"a\" \"b\"}"), 27},
        {RAW("{\"event_type\":\"x\",\"username\":\"\\ud800\"}"), 30},
        {RAW("{\"event_type\":\"x\",\"username\":\"a\xff\"}"), 31},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct input_error *errors = NULL;
        enum status status = parse(cases[i].document);
        cr_expect_neq(status, STATUS_OK, "%.*s", TEXT_ARG(cases[i].document));
        cr_assert_eq(event_json_errors(parser, &errors), 1);
        cr_expect_null(errors[0].field);
        cr_expect_eq(errors[0].position, cases[i].position, "%.*s: %zu, %s",
                     TEXT_ARG(cases[i].document), errors[0].position, errors[0].message);
        cr_expect_eq(strncmp(errors[0].message, "JSON decode error: ", 19), 0);
    }
    static const char *const no_json[] = {"{'a':1}",
                                          "{a:1}",
                                          "{\"a\":1,}",
                                          "[1,]",
                                          "{\"a\" 1}",
                                          "{\"a\":01}",
                                          "{\"a\":+1}",
                                          "{\"a\":.5}",
                                          "{\"a\":1.}",
                                          "{\"a\":1e}",
                                          "{\"a\":0x1}",
                                          "{\"a\":NaN}",
                                          "{\"a\":Infinity}",
                                          "{\"a\":\"\t\"}",
                                          "{\"a\":\"\\x\"}",
                                          "{\"a\":\"\\u12\"}",
                                          "{\"a\":1}//",
                                          "/**/{}",
                                          "{\"a\":nul}",
                                          "{\"a\":True}",
                                          "]",
                                          "}",
                                          "{]",
                                          "[}",
                                          ",",
                                          "{,}",
                                          "{\"a\":}",
                                          "\xef\xbb\xbf{}",
                                          "--1",
                                          "{\"a\":1 2}"};
    for (size_t i = 0; i < sizeof no_json / sizeof no_json[0]; i++)
        cr_expect_eq(parse(text_of(no_json[i])), STATUS_BAD_SYNTAX, "%s", no_json[i]);
}

/* An error leaves nothing behind for the next document. */
Test(event_json, reads_on_after_any_error) {
    static const char *const bad[] = {"{",   "{\"a\":\"",  "[[[", "{\"a\":1,\"a\":2}",
                                      "1 2", "\"\\ud800\""};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_expect_neq(parse(text_of(bad[i])), STATUS_OK);
        cr_expect_eq(parse(TEXT("{\"event_type\":\"a\",\"metadata\":{\"k\":1}}")), STATUS_OK, "%s",
                     bad[i]);
        cr_expect(text_is(input.event_type, "a"));
        cr_expect_eq(metadata_finish(input.metadata).length, 4);
    }
}

Test(event_json, reads_every_field) {
    cr_assert_eq(
        parse(TEXT(" {\"username\":\"\\u00e9\\ud83d\\ude00\\u0000\\\"\",\"event_type\":\"Login "
                   "Failed\",\"source_ip\":\"1.2.3.4\",\n\"destination_ip\":null,"
                   "\"description\":\"\",\"raw_log\":\"a\\nb\",\"count\":12,"
                   "\"timestamp\":\"2026-01-02T03:04:05.678+01:00\",\"other\":[{\"deep\":1}],"
                   "\"metadata\": { \"a\" : [1] } } ")),
        STATUS_OK);
    cr_expect(text_is(input.event_type, "Login Failed"));
    cr_expect(text_equal(input.username, TEXT("\xc3\xa9\xf0\x9f\x98\x80\0\"")));
    cr_expect(text_is(input.source_ip, "1.2.3.4"));
    cr_expect_null(input.destination_ip.data);
    cr_expect(text_is(input.description, ""));
    cr_expect(text_is(input.raw_log, "a\nb"));
    cr_expect_eq(input.count, 12);
    cr_expect_eq(input.time.ms, INT64_C(1767319445678));
    cr_expect(text_is(input.timestamp, "2026-01-02T03:04:05.678+01:00"));
    cr_expect(text_is(input.metadata_json, "{ \"a\" : [1] }"));
}

Test(event_json, takes_counts_as_the_clients_write_them) {
    static const struct {
        const char *document;
        uint64_t count;
    } cases[] = {
        {"{\"event_type\":\"x\"}", 1},
        {"{\"event_type\":\"x\",\"count\":1}", 1},
        {"{\"event_type\":\"x\",\"count\":\"8\"}", 8},
        {"{\"event_type\":\"x\",\"count\":8.0}", 8},
        {"{\"event_type\":\"x\",\"count\":1e3}", 1000},
        {"{\"event_type\":\"x\",\"count\":1000000000000}", EVENT_COUNT_MAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_expect_eq(parse(text_of(cases[i].document)), STATUS_OK, "%s", cases[i].document);
        cr_expect_eq(input.count, cases[i].count, "%s", cases[i].document);
    }
}

Test(event_json, writes_metadata_as_messagepack) {
    static const struct {
        const char *json;
        struct text packed;
    } cases[] = {
        {"{}", {NULL, 0}},
        {"{\"a\":null}", RAW("\x81\xa1"
                             "a\xc0")},
        {"{\"a\":true,\"b\":false}", RAW("\x82\xa1"
                                         "a\xc3\xa1"
                                         "b\xc2")},
        {"{\"a\":127,\"b\":128,\"c\":-1,\"d\":-33}", RAW("\x84\xa1"
                                                         "a\x7f\xa1"
                                                         "b\xcc\x80\xa1"
                                                         "c\xff\xa1"
                                                         "d\xd0\xdf")},
        {"{\"a\":65536,\"b\":-32769}", RAW("\x82\xa1"
                                           "a\xce\0\1\0\0\xa1"
                                           "b\xd2\xff\xff\x7f\xff")},
        {"{\"a\":18446744073709551615}", RAW("\x81\xa1"
                                             "a\xcf\xff\xff\xff\xff\xff\xff\xff\xff")},
        {"{\"a\":-9223372036854775808}", RAW("\x81\xa1"
                                             "a\xd3\x80\0\0\0\0\0\0\0")},
        {"{\"a\":1.5}", RAW("\x81\xa1"
                            "a\xcb\x3f\xf8\0\0\0\0\0\0")},
        {"{\"a\":1.0}", RAW("\x81\xa1"
                            "a\xcb\x3f\xf0\0\0\0\0\0\0")},
        {"{\"a\":18446744073709551616}", RAW("\x81\xa1"
                                             "a\xcb\x43\xf0\0\0\0\0\0\0")},
        {"{\"a\":[],\"b\":{},\"c\":[1,[2]]}", RAW("\x83\xa1"
                                                  "a\x90\xa1"
                                                  "b\x80\xa1"
                                                  "c\x92\1\x91\2")},
        {"{\"a\":[0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5]}",
         RAW("\x81\xa1"
             "a\xdc\0\x10\0\1\2\3\4\5\6\7\x8\x9\0\1\2\3\4\5")},
        {"{\"\":\"\"}", RAW("\x81\xa0\xa0")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char document[256];
        snprintf(document, sizeof document, "{\"event_type\":\"x\",\"metadata\":%s}",
                 cases[i].json);
        cr_assert_eq(parse(text_of(document)), STATUS_OK, "%s", document);
        struct bytes map = metadata_finish(input.metadata);
        cr_expect(text_equal((struct text){(const char *)map.data, map.length}, cases[i].packed),
                  "%s: %zu bytes", cases[i].json, map.length);
    }
}

/* Maps of every size up to where heads grow, and members added behind the end of the document. */
Test(event_json, patches_heads_of_any_size) {
    struct buffer document;
    buffer_init(&document, EVENT_JSON_MAX);
    static const size_t sizes[] = {0, 1, 14, 15, 16, 17, 300, 4000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        buffer_reset(&document);
        buffer_printf(&document, "{\"event_type\":\"x\",\"metadata\":{\"in\":{");
        for (size_t j = 0; j < sizes[i]; j++)
            buffer_printf(&document, "%s\"k%zu\":0", j > 0 ? "," : "", j);
        buffer_printf(&document, "}}}");
        cr_assert_eq(parse(buffer_text(&document)), STATUS_OK);
        metadata_key(input.metadata, TEXT("added"));
        metadata_text(input.metadata, TEXT("later"));
        struct msgpack_frame frame;
        msgpack_frame_init(&frame);
        cr_assert_eq(msgpack_frame_unpack(&frame, metadata_finish(input.metadata), 8), STATUS_OK);
        cr_expect_eq(frame.root.via.map.size, 2);
        cr_expect_eq(frame.root.via.map.ptr[0].val.via.map.size, sizes[i]);
        msgpack_frame_fini(&frame);
    }
    buffer_fini(&document);
}

static enum status parse_nested(int depth) {
    struct buffer document;
    buffer_init(&document, EVENT_JSON_MAX);
    buffer_printf(&document, "{\"event_type\":\"x\",\"metadata\":{\"a\":");
    for (int i = 2; i < depth; i++)
        buffer_append(&document, "[", 1);
    for (int i = 2; i < depth; i++)
        buffer_append(&document, "]", 1);
    buffer_printf(&document, depth == 2 ? "1}}" : "}}");
    enum status status = parse(buffer_text(&document));
    buffer_fini(&document);
    return status;
}

Test(event_json, bounds_depth_and_size) {
    cr_expect_eq(parse_nested(JSON_DEPTH_MAX), STATUS_OK);
    cr_expect_eq(parse_nested(JSON_DEPTH_MAX + 1), STATUS_BAD_VALUE);
    cr_expect_eq(parse_nested(20000), STATUS_BAD_VALUE);
    for (size_t over = 0; over < 2; over++) {
        size_t length = EVENT_JSON_MAX + over;
        char *document = malloc(length);
        cr_assert_not_null(document);
        memset(document, 'a', length);
        memcpy(document, "{\"event_type\":\"", 15);
        memcpy(document + length - 2, "\"}", 2);
        cr_expect_eq(parse((struct text){document, length}),
                     over == 0 ? STATUS_OK : STATUS_TOO_LARGE);
        free(document);
    }
    struct buffer wide;
    buffer_init(&wide, EVENT_JSON_MAX);
    buffer_printf(&wide, "{\"event_type\":\"x\",\"metadata\":{\"a\":[1e1");
    while (wide.length < EVENT_JSON_MAX - 10)
        buffer_append(&wide, ",1e1", 4);
    buffer_printf(&wide, "]}}");
    cr_expect_eq(parse(buffer_text(&wide)), STATUS_TOO_LARGE);
    buffer_fini(&wide);
}

/* Thousands of names are as cheap as they should be, and a double is found among them. */
Test(event_json, finds_one_double_among_many_names) {
    struct buffer document;
    buffer_init(&document, EVENT_JSON_MAX);
    for (int doubled = 0; doubled < 2; doubled++) {
        buffer_reset(&document);
        buffer_printf(&document, "{\"event_type\":\"x\",\"metadata\":{");
        for (int i = 0; i < 6000; i++)
            buffer_printf(&document, "\"%d\":0,", i);
        buffer_printf(&document, "\"%d\":0}}", doubled ? 4711 : 6000);
        cr_expect_eq(parse(buffer_text(&document)), doubled ? STATUS_BAD_VALUE : STATUS_OK);
    }
    buffer_fini(&document);
}
