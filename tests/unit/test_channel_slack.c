/* test_channel_slack.c: what Slack is told, and that no sender's words can act there. */
#include "services/alerter/channel.h"

#include "common/utf8.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <yajl/yajl_parse.h>

static struct alert plain_alert(void) {
    return (struct alert){
        .id = "1767225600000-0",
        .kind = TEXT("opened"),
        .incident_id = TEXT("INC-20260101-0001"),
        .severity = TEXT("critical"),
        .event_type = TEXT("sql_injection"),
        .source_ip = TEXT("203.0.113.9"),
        .user = TEXT("alice"),
        .title = TEXT("SQL Injection Attempt from 203.0.113.9"),
        .details = TEXT("SQL in a login form"),
        .event_id = TEXT("0123456789abcdef-1-7.0"),
        .time_ms = TEXT("1767225600000"),
    };
}

/* The message, checked to be JSON; valid until the next call. */
static const char *build(const struct alert *alert) {
    static struct buffer body;
    buffer_fini(&body);
    buffer_init(&body, CHANNEL_BODY_MAX);
    channel_slack_build(alert, &body);
    cr_assert(buffer_is_whole(&body));
    yajl_handle parser = yajl_alloc(NULL, NULL, NULL);
    cr_assert_eq(yajl_parse(parser, body.data, body.length), yajl_status_ok);
    cr_assert_eq(yajl_complete_parse(parser), yajl_status_ok);
    yajl_free(parser);
    buffer_append(&body, "", 1);
    return (const char *)body.data;
}

static bool has(const char *message, const char *part) {
    return strstr(message, part) != NULL;
}

Test(channel_slack, tells_what_happened) {
    struct alert alert = plain_alert();
    const char *message = build(&alert);
    const char *parts[] = {
        "\"text\":\"[CRITICAL] SQL Injection Attempt from 203.0.113.9 (INC-20260101-0001)\"",
        "*Severity*\\ncritical",
        "*Type*\\nsql_injection",
        "*Source IP*\\n203.0.113.9",
        "*User*\\nalice",
        "*Incident*\\nINC-20260101-0001",
        "*Time*\\n2026-01-01T00:00:00Z",
        "SQL in a login form",
        "Incident opened",
        "0123456789abcdef-1-7.0",
        "\"color\":\"#b71c1c\"",
        "\"unfurl_links\":false",
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        cr_expect(has(message, parts[i]), "%s in %s", parts[i], message);
}

Test(channel_slack, leaves_out_what_is_not_known) {
    struct alert alert = plain_alert();
    alert.source_ip = alert.user = (struct text){NULL, 0};
    alert.kind = TEXT("escalated");
    const char *message = build(&alert);
    cr_expect_not(has(message, "Source IP"));
    cr_expect_not(has(message, "*User*"));
    cr_expect(has(message, "Incident escalated"));
}

Test(channel_slack, severities_have_colours) {
    const char *severities[] = {"critical", "high", "medium", "low", "info"};
    const char *colours[] = {"#b71c1c", "#e65100", "#f9a825", "#1565c0", "#616161"};
    for (size_t i = 0; i < 5; i++) {
        struct alert alert = plain_alert();
        alert.severity = text_of(severities[i]);
        cr_expect(has(build(&alert), colours[i]), "%s", severities[i]);
    }
}

Test(channel_slack, nothing_a_sender_writes_can_act) {
    static const struct {
        const char *sent, *shown;
    } cases[] = {
        {"<!channel>", "&lt;!channel&gt;"},
        {"<@U012345>", "&lt;@U012345&gt;"},
        {"<http://evil.example|click>", "&lt;http://evil.example|click&gt;"},
        {"a & b", "a &amp; b"},
        {"&lt;!here&gt;", "&amp;lt;!here&amp;gt;"},
        {"\"}],\"text\":\"x", "\\\"}],\\\"text\\\":\\\"x"},
        {"a\nb\x01", "a\\nb\\u0001"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct alert alert = plain_alert();
        alert.user = alert.details = alert.title = alert.source_ip = text_of(cases[i].sent);
        alert.severity = alert.event_type = alert.incident_id = text_of(cases[i].sent);
        const char *message = build(&alert);
        cr_expect(has(message, cases[i].shown), "%s in %s", cases[i].shown, message);
        cr_expect_null(strpbrk(message, "<>"), "%s", message);
    }
    struct alert alert = plain_alert();
    const char *message = build(&alert);
    for (const char *at = message; (at = strstr(at, "\"mrkdwn\"")) != NULL; at++)
        cr_expect(has(at, "\"verbatim\":true"));
}

/* The longest run of `letter`s. */
static size_t longest_run(const char *message, char letter) {
    size_t longest = 0, run = 0;
    for (; *message != '\0'; message++) {
        run = *message == letter ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    return longest;
}

Test(channel_slack, long_texts_are_cut_between_characters) {
    size_t length = 100000;
    char *words = malloc(length * 2);
    memset(words, 'x', length);
    struct alert alert = plain_alert();
    alert.details = alert.user = alert.title = (struct text){words, length};
    const char *message = build(&alert);
    cr_expect_leq(longest_run(message, 'x'), 3000);
    cr_expect_lt(strlen(message), 8000);
    cr_expect(has(message, "x…"));
    for (size_t i = 0; i < length; i++)
        memcpy(words + 2 * i, "ä", 2);
    for (size_t offset = 0; offset < 2; offset++) { /* the cut meets both halves of a character */
        alert.details = (struct text){words, length * 2};
        memcpy(words, offset ? "ab" : "ä", 2);
        message = build(&alert);
        cr_expect(utf8_is_valid((const uint8_t *)message, strlen(message)));
    }
    memset(words, '<', length);
    alert.details = (struct text){words, length};
    message = build(&alert);
    cr_expect(has(message, "&lt;…"), "no escape is cut");
    free(words);
}
