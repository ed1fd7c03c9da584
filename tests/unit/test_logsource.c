/* test_logsource.c: where events come from, by what they look like, and which rules that leaves
 * out.
 */
#include "tests/support/rule_bench.h"

#include <criterion/criterion.h>

struct route_case {
    const char *rule;     /* its logsource */
    const char *metadata; /* the event's */
    bool is_tried;
};

/* Every rule here matches every event it is tried on. */
static void check(const struct route_case *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char rule[1024], document[4096];
        snprintf(rule, sizeof rule,
                 "title: T\nlogsource: {%s}\ndetection: {s: {event_type: unknown}, condition: s}\n",
                 cases[i].rule);
        snprintf(document, sizeof document, "{\"event_type\":\"unknown\",\"metadata\":%s}",
                 cases[i].metadata);
        struct rule_verdict verdict = rule_bench_judge(rule, document);
        cr_expect_not(verdict.refused, "%s", verdict.reason);
        cr_expect_eq(verdict.found, (size_t)cases[i].is_tried, "{%s} with %s", cases[i].rule,
                     cases[i].metadata);
    }
}

#define CHECK(cases) check(cases, sizeof cases / sizeof cases[0])
#define GIVEN "{\"logsource\":{\"product\":\"windows\",\"category\":\"process_creation\"}}"
#define SYSMON(id) "{\"Channel\":\"Microsoft-Windows-Sysmon/Operational\",\"EventID\":" id "}"

Test(logsource, only_a_conflict_leaves_a_rule_out) {
    static const struct route_case cases[] = {
        {"product: windows", GIVEN, true},
        {"product: Windows", GIVEN, true},
        {"product: linux", GIVEN, false},
        {"category: process_creation", GIVEN, true},
        {"category: file_event", GIVEN, false},
        {"service: sysmon", GIVEN, true}, /* the event does not say */
        {"product: windows, category: file_event", GIVEN, false},
        {"category: file_event", "{\"a\":1}", true}, /* nothing is known of it */
        {"category: file_event", "{\"logsource\":{\"category\":\"\"}}", true},
        {"category: file_event", "{\"logsource\":\"windows\"}", true},
        {"product: mini-siem, category: webserver", GIVEN, true}, /* about our own event */
    };
    CHECK(cases);
}

Test(logsource, events_of_windows_tell_by_channel_and_number) {
    static const struct route_case cases[] = {
        {"product: windows, category: process_creation", SYSMON("1"), true},
        {"product: windows, category: process_creation", SYSMON("\"1\""), true},
        {"product: windows, category: process_creation", SYSMON("11"), false},
        {"product: windows, service: sysmon", SYSMON("11"), true},
        {"product: windows, service: security", SYSMON("1"), false},
        {"product: windows, category: registry_set", SYSMON("13"), true},
        {"product: windows, category: registry_event", SYSMON("13"), true}, /* the wider kind */
        {"product: windows, category: registry_delete", SYSMON("12"), true},
        {"product: windows, category: registry_add", SYSMON("12"), true},
        {"product: windows, category: registry_event", SYSMON("12"), true},
        {"product: windows, category: registry_set", SYSMON("12"), false},
        {"product: windows, category: file_delete", SYSMON("26"), true},
        {"product: linux", SYSMON("1"), false},
        {"product: windows, category: anything", SYSMON("99"), true}, /* no row */
        {"product: windows, category: process_creation",
         "{\"Channel\":\"Security\",\"EventID\":4688}", true},
        {"product: windows, category: ps_script",
         "{\"winlog\":{\"channel\":\"Microsoft-Windows-PowerShell/"
         "Operational\",\"event_id\":4104}}",
         true},
        {"product: windows, category: ps_module",
         "{\"winlog\":{\"channel\":\"Microsoft-Windows-PowerShell/"
         "Operational\",\"event_id\":4104}}",
         false},
        {"product: windows, service: security",
         "{\"Event\":{\"System\":{\"Channel\":\"Security\",\"EventID\":4624}}}", true},
        {"product: windows, service: sysmon",
         "{\"Provider_Name\":\"Microsoft-Windows-Sysmon\",\"EventID\":3}", true},
        {"product: windows, category: process_creation",
         "{\"Provider_Name\":\"Microsoft-Windows-Sysmon\",\"EventID\":3}", false},
        {"product: linux, category: process_creation",
         "{\"Channel\":\"Linux-Sysmon/Operational\",\"EventID\":1}", true},
    };
    CHECK(cases);
}

Test(logsource, other_events_tell_by_their_members) {
    static const struct route_case cases[] = {
        {"product: aws, service: cloudtrail", "{\"awsRegion\":\"eu-1\"}", true},
        {"product: azure", "{\"awsRegion\":\"eu-1\"}", false},
        {"product: zeek, service: dns", "{\"_path\":\"dns\"}", true},
        {"product: zeek, service: http", "{\"_path\":\"dns\"}", false},
        {"product: azure, service: signinlogs", "{\"category\":\"SignInLogs\"}", true},
        {"product: windows", "{\"category\":\"process_creation\"}", true},
    };
    CHECK(cases);
}

Test(logsource, a_category_can_exclude_products) {
    static const struct route_case cases[] = {
        {"product: zeek, service: rdp", "{\"logsource\":{\"category\":\"webserver\"}}", false},
        {"product: my-shop", "{\"logsource\":{\"category\":\"webserver\"}}", true},
        {"service: nginx", "{\"logsource\":{\"category\":\"webserver\"}}", true},
        {"product: zeek", "{\"logsource\":{\"category\":\"webserver\",\"product\":\"zeek\"}}",
         true},
        {"product: zeek", "{\"logsource\":{\"category\":\"proxy\"}}", true},
    };
    CHECK(cases);
}

Test(logsource, what_the_event_says_itself_stands_above) {
    static const struct route_case cases[] = {
        {"product: windows", "{\"Channel\":\"Security\",\"logsource\":{\"product\":\"linux\"}}",
         false},
        {"product: linux, service: sshd", "{\"logsource\":{\"service\":\"sshd\"}}", true},
        {"product: linux, service: auth", "{\"logsource\":{\"service\":\"sshd\"}}", true},
        {"product: linux, service: syslog", "{\"logsource\":{\"service\":\"sudo\"}}", true},
        {"product: linux, service: cron", "{\"logsource\":{\"service\":\"sudo\"}}", false},
    };
    CHECK(cases);
}
