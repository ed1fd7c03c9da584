/* test_vocabulary.c: the closed lists read back what they write, and nothing else; wire numbers
 * stay. */
#include "proto/vocabulary.h"

#include <criterion/criterion.h>

Test(vocabulary, event_types_go_both_ways) {
    for (unsigned i = 0; i < EVENT_TYPE_COUNT_; i++) {
        enum event_type type = EVENT_TYPE_COUNT_;
        cr_assert(event_type_parse(text_of(event_type_text((enum event_type)i)), &type));
        cr_assert_eq(type, i);
    }
    enum event_type type = EVENT_TYPE_FILE_ACCESS;
    cr_assert_not(event_type_parse(TEXT("Login_failed"), &type));
    cr_assert_not(event_type_parse(TEXT("login_faile"), &type));
    cr_assert_not(event_type_parse(TEXT(""), &type));
    cr_assert_not(event_type_parse((struct text){NULL, 0}, &type));
    cr_assert_eq(type, EVENT_TYPE_FILE_ACCESS);
}

Test(vocabulary, severities_go_both_ways_and_are_ordered) {
    for (unsigned i = 0; i < SEVERITY_COUNT_; i++) {
        enum severity severity = SEVERITY_COUNT_;
        cr_assert(severity_parse(text_of(severity_text((enum severity)i)), &severity));
        cr_assert_eq(severity, i);
    }
    cr_assert(SEVERITY_INFO < SEVERITY_LOW && SEVERITY_LOW < SEVERITY_MEDIUM &&
              SEVERITY_MEDIUM < SEVERITY_HIGH && SEVERITY_HIGH < SEVERITY_CRITICAL);
}

Test(vocabulary, sigma_levels_name_severities) {
    enum severity severity = SEVERITY_COUNT_;
    cr_assert(severity_parse_level(TEXT("informational"), &severity));
    cr_assert_eq(severity, SEVERITY_INFO);
    cr_assert(severity_parse_level(TEXT("critical"), &severity));
    cr_assert_eq(severity, SEVERITY_CRITICAL);
    cr_assert_not(severity_parse_level(TEXT("info"), &severity));
}

Test(vocabulary, incident_statuses_go_both_ways) {
    for (unsigned i = 0; i < INCIDENT_STATUS_COUNT_; i++) {
        enum incident_status status = INCIDENT_STATUS_COUNT_;
        const char *text = incident_status_text((enum incident_status)i);
        cr_assert(incident_status_parse(text_of(text), &status));
        cr_assert_eq(status, i);
    }
    cr_assert(incident_status_is_active(INCIDENT_STATUS_DETECTED));
    cr_assert(incident_status_is_active(INCIDENT_STATUS_ANALYZING));
    cr_assert(incident_status_is_active(INCIDENT_STATUS_IN_PROGRESS));
    cr_assert_not(incident_status_is_active(INCIDENT_STATUS_RESOLVED));
    cr_assert_not(incident_status_is_active(INCIDENT_STATUS_FALSE_POSITIVE));
}

Test(vocabulary, wire_numbers_never_change) {
    cr_assert_eq(EVENT_TYPE_UNKNOWN, 0);
    cr_assert_eq(EVENT_TYPE_LOGIN_FAILED, 1);
    cr_assert_eq(EVENT_TYPE_SQL_INJECTION, 4);
    cr_assert_eq(EVENT_TYPE_MALWARE_DETECTED, 9);
    cr_assert_eq(SEVERITY_INFO, 0);
    cr_assert_eq(SEVERITY_CRITICAL, 4);
}
