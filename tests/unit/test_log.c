/* test_log.c: a log line is one line of valid JSON, whatever the values hold. */
#include "common/log.h"

#include "common/utf8.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <unistd.h>
#include <yajl/yajl_parse.h>

/* What was written to stderr since capture_begin. */
struct capture {
    int saved, pipe_read;
    char text[16384];
    size_t length;
};

static void capture_begin(struct capture *capture) {
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    capture->saved = dup(STDERR_FILENO);
    cr_assert_neq(dup2(ends[1], STDERR_FILENO), -1);
    close(ends[1]);
    capture->pipe_read = ends[0];
}

static void capture_end(struct capture *capture) {
    cr_assert_neq(dup2(capture->saved, STDERR_FILENO), -1);
    close(capture->saved);
    ssize_t length = read(capture->pipe_read, capture->text, sizeof capture->text - 1);
    close(capture->pipe_read);
    cr_assert_geq(length, 0);
    capture->length = (size_t)length;
    capture->text[length] = '\0';
}

/* One line, ended by its only newline, that a strict parser takes. */
static void expect_json_line(const struct capture *capture) {
    cr_assert_gt(capture->length, 0);
    cr_assert_eq(strchr(capture->text, '\n'), capture->text + capture->length - 1);
    const void *bytes = capture->text;
    cr_assert(utf8_is_valid(bytes, capture->length));
    yajl_handle parser = yajl_alloc(NULL, NULL, NULL);
    bool valid = yajl_parse(parser, bytes, capture->length) == yajl_status_ok &&
                 yajl_complete_parse(parser) == yajl_status_ok;
    yajl_free(parser);
    cr_assert(valid, "%s", capture->text);
}

Test(log, line_holds_level_service_message_and_fields) {
    struct capture capture;
    log_init("tester", LOG_LEVEL_INFO);
    capture_begin(&capture);
    log_warning("it happened", LOG_STRING("peer", "10.0.0.1"), LOG_INT("count", -3),
                LOG_TEXT("none", ((struct text){NULL, 0})));
    capture_end(&capture);
    expect_json_line(&capture);
    cr_expect(strstr(capture.text, "\"level\":\"warning\",\"service\":\"tester\",\"message\":\"it "
                                   "happened\",\"peer\":\"10.0.0.1\",\"count\":-3,\"none\":null}"),
              "%s", capture.text);
}

Test(log, hostile_values_stay_inside_their_quotes) {
    static const struct {
        const char *value, *expected;
    } cases[] = {
        {"a\"b\\c", "a\\\"b\\\\c"},
        {"a\nb\x01\x7f", "a\\u000ab\\u0001\\u007f"},
        {"\xc2\x80\xc2\x9b\xc2\xa0", "\\u0080\\u009b\xc2\xa0"},
        {"a\xe2\x80\xa8\xe2\x80\xa9z", "a\\u2028\\u2029z"},
        {"\xe2\x80\xae\xe2\x81\xa6\xe2\x80\x8f\xd8\x9c", "\\u202e\\u2066\\u200f\\u061c"},
        {"\xff\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80", "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80"},
        {"cut \xe2\x82", "cut \xef\xbf\xbd\xef\xbf\xbd"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct capture capture;
        capture_begin(&capture);
        log_error("m", LOG_STRING("value", cases[i].value));
        capture_end(&capture);
        expect_json_line(&capture);
        const char *value = strstr(capture.text, "\"value\":\"");
        cr_assert_not_null(value);
        value += sizeof "\"value\":\"" - 1;
        cr_expect_eq(strncmp(value, cases[i].expected, strlen(cases[i].expected)), 0, "%s", value);
    }
}

Test(log, long_values_are_cut_inside_8_kib) {
    static char value[9000];
    for (size_t length = 7800; length < sizeof value; length += 7) {
        memset(value, 'x', length);
        value[length - 1] = '\n'; /* an escape that may straddle the bound */
        value[length] = '\0';
        struct capture capture;
        capture_begin(&capture);
        log_error("m", LOG_STRING("value", value), LOG_STRING("next", "some more text here"),
                  LOG_INT("last", 1));
        capture_end(&capture);
        expect_json_line(&capture);
        cr_assert_leq(capture.length, 8192);
        if (length > 8192)
            cr_assert_not_null(strstr(capture.text, "x\xe2\x80\xa6\"}"));
    }
}

Test(log, levels_below_the_lowest_are_silent) {
    struct capture capture;
    enum log_level level;
    cr_assert(log_level_parse(TEXT("warning"), &level));
    cr_expect_not(log_level_parse(TEXT("loud"), &level));
    log_init("tester", level);
    capture_begin(&capture);
    log_info("quiet");
    log_error("heard");
    capture_end(&capture);
    cr_expect_null(strstr(capture.text, "quiet"));
    cr_expect_not_null(strstr(capture.text, "heard"));
}
