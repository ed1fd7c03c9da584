/* test_incidents.c: judging an event by its findings: primary, details, title, episode; pure
 * functions. */
#include "services/incident/incidents.h"

#include "tests/support/batch_maker.h"

#include <criterion/criterion.h>

/* Judges findings; the details are kept until the next call. */
static struct judgement judge(const struct finding *findings, uint32_t count) {
    static struct buffer joined;
    static struct event_findings entry;
    buffer_fini(&joined);
    buffer_init(&joined, (size_t)1 << 20);
    entry = (struct event_findings){.index = 3, .count = count, .findings = findings};
    buffer_reserve(&joined, incident_joined_size(&entry));
    return incident_judge(&entry, &joined);
}

/* The highest level decides, then the smallest rule id, whatever the order of the findings. */
Test(incidents, primary_finding) {
    const struct finding a = made_finding("a", SEVERITY_HIGH, "one", "g");
    const struct finding b = made_finding("b", SEVERITY_HIGH, "two", "g");
    const struct finding c = made_finding("c", SEVERITY_CRITICAL, "three", "g");
    const struct finding i = made_finding("0", SEVERITY_INFO, "four", "g");
    const struct {
        struct finding findings[3];
        uint32_t count;
        const char *primary;
        enum severity severity;
        const char *details;
    } cases[] = {
        {{a}, 1, "a", SEVERITY_HIGH, "one"},
        {{a, b}, 2, "a", SEVERITY_HIGH, "one | two"},
        {{b, a}, 2, "a", SEVERITY_HIGH, "two | one"},
        {{a, b, c}, 3, "c", SEVERITY_CRITICAL, "one | two | three"},
        {{c, i, a}, 3, "c", SEVERITY_CRITICAL, "three | four | one"},
        {{i}, 1, "0", SEVERITY_INFO, "four"},
    };
    for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
        struct judgement judgement = judge(cases[n].findings, cases[n].count);
        cr_expect(text_is(judgement.primary->rule_id, cases[n].primary), "case %zu", n);
        cr_expect_eq(judgement.severity, cases[n].severity, "case %zu", n);
        cr_expect(text_is(judgement.details, cases[n].details), "case %zu: %.*s", n,
                  TEXT_ARG(judgement.details));
        cr_expect_eq(judgement_is_threat(&judgement), cases[n].severity > SEVERITY_INFO);
        cr_expect_eq(judgement.index, 3);
    }
}

/* Sixteen findings of full length stay within the bound, and are cut between characters. */
Test(incidents, details_are_bounded) {
    static char long_text[769];
    for (size_t i = 0; i + 2 < sizeof(long_text); i += 2)
        memcpy(long_text + i, "\xc3\xa9", 2);
    struct finding findings[FINDINGS_PER_EVENT_MAX];
    for (size_t i = 0; i < FINDINGS_PER_EVENT_MAX; i++)
        findings[i] = made_finding("a", SEVERITY_LOW, long_text, "g");
    struct judgement judgement = judge(findings, FINDINGS_PER_EVENT_MAX);
    cr_expect_leq(judgement.details.length, DETAILS_SIZE_MAX);
    cr_expect_geq(judgement.details.length, DETAILS_SIZE_MAX - 3);
    cr_expect_neq(judgement.details.data[judgement.details.length - 1], '\xc3');
}

/* The API's list of titles. */
Test(incidents, titles) {
    const struct {
        enum event_type type;
        const char *prefix, *name;
    } cases[] = {
        {EVENT_TYPE_LOGIN_FAILED, "Brute Force Attack from ", "address"},
        {EVENT_TYPE_SQL_INJECTION, "SQL Injection Attempt from ", "address"},
        {EVENT_TYPE_PRIVILEGE_ESCALATION, "Privilege Escalation by ", "user"},
        {EVENT_TYPE_BOTNET_ACTIVITY, "Botnet Activity Detected: ", "address"},
        {EVENT_TYPE_SUSPICIOUS_LOGIN, "Suspicious Login from ", "address"},
        {EVENT_TYPE_NETWORK_ANOMALY, "Network Anomaly: ", "address"},
        {EVENT_TYPE_MALWARE_DETECTED, "Malware Detected on ", "address"},
        {EVENT_TYPE_FILE_ACCESS, "Unauthorized File Access by ", "user"},
        {EVENT_TYPE_LOGIN_SUCCESS, "", "rule"},
        {EVENT_TYPE_UNKNOWN, "", "rule"},
    };
    cr_expect_eq(sizeof(cases) / sizeof(cases[0]), EVENT_TYPE_COUNT_);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_expect_str_eq(incident_title_of(cases[i].type)->prefix, cases[i].prefix);
        cr_expect_str_eq(incident_title_of(cases[i].type)->name, cases[i].name);
    }
}

/* Name, type and group tell episodes apart; the rule itself does not. */
Test(incidents, episode_hash) {
    struct finding base = made_finding("a", SEVERITY_LOW, "x", "group");
    struct finding same = made_finding("b", SEVERITY_HIGH, "y", "group");
    struct finding group = made_finding("a", SEVERITY_LOW, "x", "group2");
    struct finding incident = base, shifted = base;
    incident.incident = TEXT("other");
    shifted.incident = TEXT("made-inciden");
    shifted.group_key = TEXT("tgroup");
    char expected[EPISODE_HASH_SIZE], hash[EPISODE_HASH_SIZE];
    incident_episode_hash(&base, EVENT_TYPE_FILE_ACCESS, expected);
    cr_expect_eq(strlen(expected), EPISODE_HASH_SIZE - 1);
    incident_episode_hash(&same, EVENT_TYPE_FILE_ACCESS, hash);
    cr_expect_str_eq(hash, expected);
    const struct finding *const others[] = {&group, &incident, &shifted};
    for (size_t i = 0; i < 3; i++) {
        incident_episode_hash(others[i], EVENT_TYPE_FILE_ACCESS, hash);
        cr_expect_str_neq(hash, expected, "case %zu", i);
    }
    incident_episode_hash(&base, EVENT_TYPE_LOGIN_FAILED, hash);
    cr_expect_str_neq(hash, expected);
}

/* Names are counted under at most NAME_SIZE_MAX bytes; an empty one is none. */
Test(incidents, names) {
    char long_name[NAME_SIZE_MAX + 2];
    memset(long_name, 'a', sizeof(long_name));
    memcpy(long_name + NAME_SIZE_MAX - 1, "\xc3\xa9", 2);
    cr_expect_null(incident_name((struct text){NULL, 0}).data);
    cr_expect_null(incident_name(TEXT("")).data);
    cr_expect(text_is(incident_name(TEXT("root")), "root"));
    cr_expect_eq(incident_name((struct text){long_name, sizeof(long_name)}).length,
                 NAME_SIZE_MAX - 1);
}
