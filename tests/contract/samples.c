/* samples.c: the values behind the golden frames. */
#include "samples.h"

#include <criterion/criterion.h>

/* {"port": 22, "note": "grüße", "nested": {"list": [1, -1, null, true, 2.5]}} */
static const uint8_t metadata[] = {
    0x83, 0xa4, 'p',  'o',  'r',  't',  0x16, 0xa4, 'n',  'o', 't', 'e',  0xa7, 'g', 'r', 0xc3,
    0xbc, 0xc3, 0x9f, 'e',  0xa6, 'n',  'e',  's',  't',  'e', 'd', 0x81, 0xa4, 'l', 'i', 's',
    't',  0x95, 0x01, 0xff, 0xc0, 0xc3, 0xcb, 0x40, 0x04, 0,   0,   0,    0,    0,   0};

const struct event sample_event = {
    .time_ms = 1767225600123,
    .received_ms = 1767225600456,
    .event_type = EVENT_TYPE_LOGIN_FAILED,
    .count = 8,
    .source_ip = TEXT_CONSTANT("203.0.113.7"),
    .destination_ip = TEXT_CONSTANT("10.0.0.5"),
    .username = TEXT_CONSTANT("admin"),
    .description = TEXT_CONSTANT("8 failed logins"),
    .raw_log = TEXT_CONSTANT("Failed password for admin"),
    .metadata = {metadata, sizeof metadata},
    .request_tag = TEXT_CONSTANT("00112233445566778899aabbccddeeff.12"),
};

const struct event sample_event_minimal = {
    .time_ms = 1767225600123,
    .received_ms = 1767225600123,
    .event_type = EVENT_TYPE_UNKNOWN,
    .count = 1,
};

const struct batch_head sample_batch_head = {
    .producer = 0x0123456789abcdef,
    .epoch = 3,
    .seq = 4000000000,
    .flags = BATCH_WANTS_VERDICTS,
    .accepted_before = 70000,
    .kept_from = 3999999000,
    .count = 2,
};

const struct delivery sample_delivery = {.attempt = 2, .skip_count = 2, .skip = {1, 200}};

const struct finding sample_findings[2] = {
    {
        .rule_id = TEXT_CONSTANT("d2a4f7c2-9a51-4b8e-8a3d-1d5c0f6a7b10"),
        .rule_title = TEXT_CONSTANT("Brute force"),
        .level = SEVERITY_HIGH,
        .tags = {2, {TEXT_CONSTANT("attack.credential_access"), TEXT_CONSTANT("attack.t1110")}},
        .details = TEXT_CONSTANT("8 failed logins for admin from 203.0.113.7"),
        .incident = TEXT_CONSTANT("brute_force"),
        .group_key = TEXT_CONSTANT("203.0.113.7"),
    },
    {
        .rule_id = TEXT_CONSTANT("5f0c3a6e-2d0b-4c9f-9b1e-7a8d9c0b1e2f"),
        .rule_title = TEXT_CONSTANT("SQL injection"),
        .level = SEVERITY_CRITICAL,
        .details = TEXT_CONSTANT("UNION SELECT in raw_log"),
        .incident = TEXT_CONSTANT("5f0c3a6e-2d0b-4c9f-9b1e-7a8d9c0b1e2f"),
        .group_key = TEXT_CONSTANT(""),
    },
};

const struct findings_head sample_findings_head = {42, TEXT_CONSTANT("detector-1")};

const struct crash_report sample_crash_report = {
    .producer = 0x0123456789abcdef, .epoch = 3, .seq = 4000000000, .index = 17};

static const struct verdict verdicts_of_102[] = {
    {
        .index = 0,
        .severity = SEVERITY_HIGH,
        .incident_id = TEXT_CONSTANT("INC-20260101-0001"),
        .alert_queued = true,
        .details =
            TEXT_CONSTANT("8 failed logins for admin from 203.0.113.7 | UNION SELECT in raw_log"),
        .finding_count = 2,
        .findings = sample_findings,
    },
    {
        .index = 255,
        .severity = SEVERITY_INFO,
        .details = TEXT_CONSTANT("UNION SELECT in raw_log"),
        .finding_count = 1,
        .findings = &sample_findings[1],
    },
};

static const struct batch_verdicts batches[] = {{102, 2, verdicts_of_102}, {103, 0, NULL}};
static const struct receipt_range ranges[] = {{102, 110}, {115, 115}};
static const struct receipt_crash crashes[] = {{120, 17}};

const struct receipt sample_receipt = {
    .producer = 0x0123456789abcdef,
    .epoch = 3,
    .floor = 100,
    .range_count = 2,
    .ranges = ranges,
    .batch_count = 2,
    .batches = batches,
    .crash_count = 1,
    .crashes = crashes,
};

static void expect_text(struct text actual, struct text expected, const char *name) {
    cr_assert(text_equal(actual, expected), "%s is \"%.*s\", not \"%.*s\"", name, TEXT_ARG(actual),
              TEXT_ARG(expected));
}

static void expect_number(uint64_t actual, uint64_t expected, const char *name) {
    cr_assert_eq(actual, expected, "%s is %llu, not %llu", name, (unsigned long long)actual,
                 (unsigned long long)expected);
}

static void expect_texts(const struct text_list *actual, const struct text_list *expected,
                         const char *name) {
    cr_assert_eq(actual->count, expected->count, "%s", name);
    for (uint32_t i = 0; i < actual->count; i++)
        expect_text(actual->items[i], expected->items[i], name);
}

#define EXPECT_TIME(name) expect_number((uint64_t)actual->name, (uint64_t)expected->name, #name);
#define EXPECT_COUNT(name) expect_number(actual->name, expected->name, #name);
#define EXPECT_TYPE(name) expect_number(actual->name, expected->name, #name);
#define EXPECT_LEVEL(name) expect_number(actual->name, expected->name, #name);
#define EXPECT_TEXT(name) expect_text(actual->name, expected->name, #name);
#define EXPECT_LIST(name) expect_texts(&actual->name, &expected->name, #name);
#define EXPECT_MAP(name)                                                                           \
    expect_text((struct text){(const char *)actual->name.data, actual->name.length},               \
                (struct text){(const char *)expected->name.data, expected->name.length}, #name);

void sample_expect_event(const struct event *actual, const struct event *expected) {
#define FIELD(name, type, need, unit, meaning) EXPECT_##type(name)
#include "proto/event.def"
#undef FIELD
}

void sample_expect_finding(const struct finding *actual, const struct finding *expected) {
#define FIELD(name, type, need, unit, meaning) EXPECT_##type(name)
#include "proto/finding.def"
#undef FIELD
}
