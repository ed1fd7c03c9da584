/* test_conf.c: options come from the right place, and mistakes are named with their remedy. */
#include "common/conf.h"

#include "common/env_file.h"
#include "common/scoped.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct sample {
    const char *text;
    const char *secret;
    int64_t number;
    int64_t size;
    int64_t duration;
    bool on;
    bool json;
};

#define CONF_STRUCT struct sample
/* clang-format off */
static const struct conf_option options[] = {
    CONF_ROW(text, SIEM_STATE_DIR, TEXT, "there", 0, 0, "a text")
    CONF_ROW(secret, API_KEY, SECRET, "", 0, 0, "a secret")
    CONF_ROW(number, SIEM_HTTP_WORKERS, NUMBER, "2", 1, 64, "a number")
    CONF_ROW(size, SIEM_QUEUE_BYTES, SIZE, "64M", 0, 0, "a size")
    CONF_ROW(duration, SIEM_VERDICT_TIMEOUT, DURATION, "2s", 10, 60000, "a duration")
    CONF_ROW(on, DEBUG, SWITCH, "0", 0, 0, "a switch")
    CONF_ROW(json, json, SWITCH, "0", 0, 0, "an argument")
};
/* clang-format on */

#define ARGUMENTS_MAX 8

/* Loads with these arguments, in an empty directory with this `.env` (NULL: none). */
static enum status load(struct sample *sample, const char *env, const char *const *arguments) {
    char directory[] = "/tmp/test-conf-XXXXXX";
    char name[] = "test", *argv[ARGUMENTS_MAX] = {name};
    static char copies[ARGUMENTS_MAX][64]; /* what was loaded borrows from them */
    int argc = 1;
    for (; arguments != NULL && arguments[argc - 1] != NULL; argc++) {
        snprintf(copies[argc], sizeof copies[argc], "%s", arguments[argc - 1]);
        argv[argc] = copies[argc];
    }
    cr_assert_not_null(mkdtemp(directory));
    cr_assert_eq(chdir(directory), 0);
    if (env != NULL) {
        FILE *file = fopen(".env", "w");
        cr_assert_not_null(file);
        fputs(env, file);
        fclose(file);
    }
    enum status status = conf_load(options, sizeof options / sizeof *options, sample, argc, argv);
    unlink(".env");
    cr_assert_eq(chdir("/"), 0);
    rmdir(directory);
    return status;
}

/* Reads what the test wrote to its redirected stderr. */
static const char *errors(void) {
    static char text[4096];
    FILE *stream = cr_get_redirected_stderr();
    size_t length = fread(text, 1, sizeof text - 1, stream);
    text[length] = '\0';
    return text;
}

static void redirect(void) {
    cr_redirect_stderr();
    cr_redirect_stdout();
}

Test(conf, defaults_fill_what_nobody_set) {
    struct sample sample;
    cr_assert_eq(load(&sample, NULL, NULL), STATUS_OK);
    cr_expect_str_eq(sample.text, "there");
    cr_expect_str_eq(sample.secret, "");
    cr_expect_eq(sample.number, 2);
    cr_expect_eq(sample.size, 64 << 20);
    cr_expect_eq(sample.duration, 2000);
    cr_expect_not(sample.on);
}

Test(conf, command_line_beats_environment_beats_file_beats_default) {
    struct sample sample;
    const char *env = "SIEM_STATE_DIR=file\nSIEM_HTTP_WORKERS=3\nSIEM_QUEUE_BYTES=1K\n";
    const char *arguments[] = {"--state-dir=line", NULL};
    setenv("SIEM_HTTP_WORKERS", "4", 1);
    setenv("SIEM_STATE_DIR", "environment", 1);
    cr_assert_eq(load(&sample, env, arguments), STATUS_OK);
    cr_expect_str_eq(sample.text, "line");
    cr_expect_eq(sample.number, 4);
    cr_expect_eq(sample.size, 1024);
    cr_expect_eq(sample.duration, 2000);
}

Test(conf, command_line_takes_every_form) {
    struct sample sample;
    const char *arguments[] = {"--http-workers", "5", "--debug", "--verdict-timeout", "1m",
                               "--json=no",      NULL};
    cr_assert_eq(load(&sample, NULL, arguments), STATUS_OK);
    cr_expect_eq(sample.number, 5);
    cr_expect_eq(sample.duration, 60000);
    cr_expect(sample.on);
    cr_expect_not(sample.json);
}

Test(conf, an_empty_number_is_not_set_but_an_empty_text_is) {
    struct sample sample;
    setenv("SIEM_HTTP_WORKERS", "", 1);
    setenv("SIEM_STATE_DIR", "", 1);
    cr_assert_eq(load(&sample, NULL, NULL), STATUS_OK);
    cr_expect_eq(sample.number, 2);
    cr_expect_str_eq(sample.text, "");
}

Test(conf, mistakes_stop_and_say_the_remedy, .init = redirect) {
    static const struct {
        const char *env;
        const char *argument;
        const char *expected;
    } cases[] = {
        {"SIEM_HTTP_WORKER=3\n", NULL, "did you mean SIEM_HTTP_WORKERS?"},
        {"SIEM_HTTP_WORKERS=65\n", NULL, "out of range; it must be 1 to 64"},
        {"SIEM_VERDICT_TIMEOUT=5m\n", NULL, "out of range; it must be 10ms to 1m"},
        {"SIEM_QUEUE_BYTES=lots\n", NULL, "SIEM_QUEUE_BYTES=lots (.env) is no size"},
        {"DEBUG=perhaps\n", NULL, "is no switch"},
        {"this is no setting\n", NULL, ".env: line 1 is not NAME=VALUE"},
        {NULL, "--http-wokers=2", "did you mean --http-workers?"},
        {NULL, "--foo", "--foo is no option; see --help"},
        {"SIEM_FOO=1\n", NULL, "SIEM_FOO in .env is no setting; correct or remove it"},
        {NULL, "--state-dir", "--state-dir needs a value"},
        {NULL, "operand", "\"operand\" is not understood"},
    };
    struct sample sample;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *arguments[] = {cases[i].argument, NULL};
        cr_expect_eq(load(&sample, cases[i].env, arguments), STATUS_BAD_VALUE, "case %zu", i);
    }
    fflush(stderr);
    const char *text = errors();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_not_null(strstr(text, cases[i].expected), "%s in:\n%s", cases[i].expected, text);
}

Test(conf, other_services_options_are_passed_over) {
    struct sample sample;
    cr_expect_eq(load(&sample, "SIEM_GROUPING_WINDOW=1m\nOTHER=x\n", NULL), STATUS_OK);
}

Test(conf, a_secret_is_never_shown, .init = redirect) {
    static char secret[8192];
    memset(secret, 'S', sizeof secret - 1);
    struct sample sample;
    setenv("API_KEY", secret, 1);
    cr_expect_eq(load(&sample, NULL, NULL), STATUS_BAD_VALUE);
    fflush(stderr);
    const char *text = errors();
    cr_expect_not_null(strstr(text, "API_KEY (environment) is longer than"), "%s", text);
    cr_expect_null(strstr(text, "SSSS"));
}

Test(conf, operands_are_left_in_order) {
    struct sample sample;
    char text[7][16] = {"test", "one", "--json", "two", "--", "--three", "-"};
    char *argv[8];
    int argc = 7;
    for (int i = 0; i < argc; i++)
        argv[i] = text[i];
    argv[7] = NULL;
    struct conf_section section = {options, sizeof options / sizeof *options, &sample};
    cr_assert_eq(conf_load_sections(&section, 1, &argc, argv), STATUS_OK);
    cr_assert_eq(argc, 5);
    cr_expect_str_eq(argv[1], "one");
    cr_expect_str_eq(argv[2], "two");
    cr_expect_str_eq(argv[3], "--three");
    cr_expect_str_eq(argv[4], "-");
    cr_expect_null(argv[5]);
    cr_expect(sample.json);
}

Test(conf, help_lists_every_option_and_markdown_a_row_each, .init = redirect) {
    conf_print_help(options, sizeof options / sizeof *options, false);
    conf_print_help(options, sizeof options / sizeof *options, true);
    fflush(stdout);
    char text[8192];
    FILE *stream = cr_get_redirected_stdout();
    size_t length = fread(text, 1, sizeof text - 1, stream);
    text[length] = '\0';
    cr_expect_not_null(strstr(text, "--http-workers NUMBER"));
    cr_expect_not_null(strstr(text, "| `SIEM_HTTP_WORKERS` | number | `2` | a number (1 to 64) |"));
    cr_expect_not_null(strstr(text, "| `API_KEY` | secret |  | a secret |"));
    cr_expect_null(strstr(text, "| `json`"));
}

Test(conf, sizes_and_durations_read_their_units) {
    static const struct {
        const char *text;
        enum status size_status;
        int64_t size;
        enum status duration_status;
        int64_t duration;
    } cases[] = {
        {"7", STATUS_OK, 7, STATUS_OK, 7},
        {"2K", STATUS_OK, 2048, STATUS_BAD_SYNTAX, 0},
        {"3m", STATUS_OK, 3 << 20, STATUS_OK, 180000},
        {"1GiB", STATUS_OK, 1 << 30, STATUS_BAD_SYNTAX, 0},
        {"15ms", STATUS_BAD_SYNTAX, 0, STATUS_OK, 15},
        {"2d", STATUS_BAD_SYNTAX, 0, STATUS_OK, 172800000},
        {"", STATUS_BAD_SYNTAX, 0, STATUS_BAD_SYNTAX, 0},
        {"k", STATUS_BAD_SYNTAX, 0, STATUS_BAD_SYNTAX, 0},
        {"1 m", STATUS_BAD_SYNTAX, 0, STATUS_BAD_SYNTAX, 0},
        {"9223372036854775808", STATUS_BAD_VALUE, 0, STATUS_BAD_VALUE, 0},
        {"9223372036854775807m", STATUS_BAD_VALUE, 0, STATUS_BAD_VALUE, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t size = 0, duration = 0;
        struct text text = text_of(cases[i].text);
        cr_expect_eq(conf_parse_size(text, &size), cases[i].size_status, "%s", cases[i].text);
        cr_expect_eq(size, cases[i].size, "%s", cases[i].text);
        cr_expect_eq(conf_parse_duration(text, &duration), cases[i].duration_status, "%s",
                     cases[i].text);
        cr_expect_eq(duration, cases[i].duration, "%s", cases[i].text);
    }
}

Test(env_file, reads_quotes_comments_and_export) {
    static const struct {
        const char *line, *expected;
    } cases[] = {
        {"A=b", "b"},
        {"A=b\n", "b"},
        {"A = b c \t\r\n", "b c"},
        {"A=", ""},
        {"A= # nothing", ""},
        {"A=#b", "#b"},
        {"A=b#c # d", "b#c"},
        {"export A='b # \\n \"'", "b # \\n \""},
        {"\texport\tA=\"b\\n\\t\\\"\\\\\" # comment", "b\n\t\"\\"},
        {"# A=c\n\nA=b\n#", "b"},
        {"A=c\nA=b", "b"},
        {"A=\"\"", ""},
        {"A=http://x/?a=b&c=d", "http://x/?a=b&c=d"},
        {"exportA=x\nA=b", "b"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        SCOPED_FINI(env_file) struct env_file file;
        cr_assert_eq(env_file_parse(text_of(cases[i].line), &file), STATUS_OK, "%s: %s",
                     cases[i].line, file.error);
        cr_assert_not_null(env_file_value(&file, "A"), "%s", cases[i].line);
        cr_expect_str_eq(env_file_value(&file, "A"), cases[i].expected, "%s gave %s", cases[i].line,
                         env_file_value(&file, "A"));
    }
}

Test(env_file, refuses_lines_that_are_no_settings) {
    static const char *const cases[] = {"A",    "A b=c",     "=b",      "1A=b",
                                        "A='b", "A=\"b\\\"", "A='b' c", "A-B=c"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        SCOPED_FINI(env_file) struct env_file file;
        cr_expect_eq(env_file_parse(text_of(cases[i]), &file), STATUS_BAD_SYNTAX, "%s", cases[i]);
    }
}

Test(env_file, its_bounds_hold) {
    static char text[ENV_FILE_ENTRIES_MAX * 8 + 100];
    size_t length = 0;
    for (int i = 0; i <= ENV_FILE_ENTRIES_MAX; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "A=%d\n", i % 10);
    SCOPED_FINI(env_file) struct env_file file;
    cr_expect_eq(env_file_parse((struct text){text, length}, &file), STATUS_TOO_LARGE);
}
