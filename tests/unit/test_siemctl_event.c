/* test_siemctl_event.c: siemctl send turns arguments into the event that was meant, or refuses
 * them. */
#include "common/scoped.h"
#include "services/siemctl/event_json.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define ARGUMENTS_MAX 6

/* Builds from up to ARGUMENTS_MAX - 1 arguments, ended by NULL. */
static enum status build(const char *const *arguments, struct buffer *out, struct buffer *error) {
    char copies[ARGUMENTS_MAX][128];
    char *pointers[ARGUMENTS_MAX];
    int count = 0;
    for (; arguments[count] != NULL; count++) {
        snprintf(copies[count], sizeof copies[count], "%s", arguments[count]);
        pointers[count] = copies[count];
    }
    buffer_init(out, 4096);
    buffer_init(error, 1024);
    return event_json_build("login_failed", count, pointers, out, error);
}

Test(siemctl_event, arguments_become_the_event) {
    static const struct {
        const char *arguments[ARGUMENTS_MAX];
        const char *expected;
    } cases[] = {
        {{NULL}, "{\"event_type\":\"login_failed\"}"},
        {{"source_ip=1.2.3.4", "count=8", NULL},
         "{\"event_type\":\"login_failed\",\"source_ip\":\"1.2.3.4\",\"count\":8}"},
        {{"username=123", NULL}, "{\"event_type\":\"login_failed\",\"username\":\"123\"}"},
        {{"count=abc", NULL}, "{\"event_type\":\"login_failed\",\"count\":\"abc\"}"},
        {{"raw_log=a=b\"c", NULL}, "{\"event_type\":\"login_failed\",\"raw_log\":\"a=b\\\"c\"}"},
        {{"username=", NULL}, "{\"event_type\":\"login_failed\",\"username\":\"\"}"},
        {{"metadata.a=3", "metadata.b=3x", "metadata.c=true", "metadata.d=null",
          "metadata.e=-1.5e3"},
         "{\"event_type\":\"login_failed\",\"metadata\":{\"a\":3,\"b\":\"3x\",\"c\":true,\"d\":"
         "null,"
         "\"e\":-1.5e3}}"},
        {{"metadata.x.y=1", "count=2", "metadata.x.z=tea", NULL},
         "{\"event_type\":\"login_failed\",\"metadata\":{\"x\":{\"y\":1,\"z\":\"tea\"}},\"count\":"
         "2}"},
        {{"metadata:={\"a\":[1,\"b\"]}", NULL},
         "{\"event_type\":\"login_failed\",\"metadata\":{\"a\":[1,\"b\"]}}"},
        {{"metadata.a:=\"3\"", NULL},
         "{\"event_type\":\"login_failed\",\"metadata\":{\"a\":\"3\"}}"},
        {{"username:=null", NULL}, "{\"event_type\":\"login_failed\",\"username\":null}"},
        {{"timestamp=2026-01-01T00:00:00Z", NULL},
         "{\"event_type\":\"login_failed\",\"timestamp\":\"2026-01-01T00:00:00Z\"}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *arguments[ARGUMENTS_MAX + 1] = {NULL};
        memcpy(arguments, cases[i].arguments, sizeof cases[i].arguments);
        SCOPED_FINI(buffer) struct buffer out, error;
        cr_expect_eq(build(arguments, &out, &error), STATUS_OK, "case %zu: %.*s", i,
                     TEXT_ARG(buffer_text(&error)));
        cr_expect(text_is(buffer_text(&out), cases[i].expected), "case %zu: %.*s", i,
                  TEXT_ARG(buffer_text(&out)));
    }
}

Test(siemctl_event, mistakes_are_refused_in_words) {
    static const struct {
        const char *arguments[ARGUMENTS_MAX];
        const char *expected;
    } cases[] = {
        {{"souce_ip=1", NULL}, "did you mean source_ip?"},
        {{"source_ip", NULL}, "a field is name=value"},
        {{"=1", NULL}, "a field is name=value"},
        {{"received_ms=1", NULL}, "an event has no field received_ms"},
        {{"event_type=x", NULL}, "an event has no field event_type"},
        {{"username.a=1", NULL}, "only metadata has members"},
        {{"metadata=1", NULL}, "give metadata as"},
        {{"metadata:={", NULL}, "no JSON after :="},
        {{"metadata:=1 2", NULL}, "no JSON after :="},
        {{"metadata..a=1", NULL}, "a name is missing"},
        {{"metadata.a.=1", NULL}, "a name is missing"},
        {{"count=1", "count=2", NULL}, "given twice"},
        {{"metadata.a=1", "metadata.a.b=2", NULL}, "given twice"},
        {{"username=\xff", NULL}, "not UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        SCOPED_FINI(buffer) struct buffer out, error;
        cr_expect_eq(build(cases[i].arguments, &out, &error), STATUS_BAD_VALUE, "case %zu", i);
        cr_expect_eq(out.length, 0, "case %zu: nothing is appended", i);
        buffer_append(&error, "", 1);
        cr_expect_not_null(strstr(buffer_text(&error).data, cases[i].expected), "case %zu: %s", i,
                           buffer_text(&error).data);
    }
}
