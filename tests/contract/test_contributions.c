/* test_contributions.c: what events contribute to correlations, at the end of a findings frame. */
#include "golden.h"
#include "samples.h"

#include "proto/contribution.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static const struct correlation correlations[] = {
    {
        .rule_id = TEXT_CONSTANT("d2a4f7c2-9a51-4b8e-8a3d-1d5c0f6a7b10"),
        .rule_title = TEXT_CONSTANT("Five failures"),
        .level = SEVERITY_HIGH,
        .tags = {1, {TEXT_CONSTANT("attack.t1110")}},
        .incident = TEXT_CONSTANT("brute_force"),
        .event_type = EVENT_TYPE_LOGIN_FAILED,
        .kind = CORRELATION_EVENT_COUNT,
        .timespan_ms = 300000,
        .rule_count = 1,
        .comparisons = {2, {{CORRELATION_GTE, 5}, {CORRELATION_LT, 100.5}}},
        .raises = true,
        .waits = true,
        .late_by = 1,
    },
    {
        .rule_id = TEXT_CONSTANT("5f0c3a6e-2d0b-4c9f-9b1e-7a8d9c0b1e2f"),
        .rule_title = TEXT_CONSTANT("Guessed"),
        .level = SEVERITY_CRITICAL,
        .incident = TEXT_CONSTANT("guessed"),
        .kind = CORRELATION_TEMPORAL_ORDERED,
        .timespan_ms = 600000,
        .rule_count = 3,
        .in_order = 2,
        .comparisons = {1, {{CORRELATION_GTE, 2}}},
        .expression = {4, {1, 3, EXPRESSION_NOT, EXPRESSION_AND}},
        .quantum_ms = 1000,
        .percentile = 50,
        .raises = true,
        .depth = 1,
        .late_by = 2,
    },
};

static const struct correlation_group groups[] = {
    {.correlation = 0,
     .key = TEXT_CONSTANT("12:login_failed,9:192.0.2.7"),
     .details = TEXT_CONSTANT("failures from 192.0.2.7"),
     .address = TEXT_CONSTANT("192.0.2.7"),
     .parent_count = 1,
     .parents = {{1, 2, 7}}},
    {.correlation = 1,
     .key = TEXT_CONSTANT("7:unknown,5:alice"),
     .details = TEXT_CONSTANT(""),
     .user = TEXT_CONSTANT("alice")},
};

static const struct contribution items[] = {{0, 0, 1, 0}, {0, 1, 3, -2.5}, {255, 0, 1, 1048576}};

static const struct contributions sample = {2, correlations, 2, groups, 3, items};

static void encode(const struct contributions *contributions, struct buffer *out) {
    struct findings_encoder encoder;
    findings_encoder_init(&encoder);
    findings_encoder_begin(&encoder);
    findings_encoder_contribute(&encoder, contributions);
    struct bytes frame = findings_encoder_end(&encoder, &sample_findings_head);
    buffer_append(out, frame.data, frame.length);
    findings_encoder_fini(&encoder);
}

Test(contributions, are_encoded_as_golden) {
    struct buffer out;
    buffer_init(&out, FINDINGS_SIZE_MAX);
    encode(&sample, &out);
    golden_expect("findings_contributions", buffer_bytes(&out));
    buffer_fini(&out);
}

Test(contributions, none_leave_no_trace) {
    struct buffer out;
    buffer_init(&out, FINDINGS_SIZE_MAX);
    encode(&(struct contributions){.count = 0}, &out);
    golden_expect("findings_none", buffer_bytes(&out));
    buffer_fini(&out);
}

static void expect_correlation(const struct correlation *actual,
                               const struct correlation *expected) {
    cr_assert(text_equal(actual->rule_id, expected->rule_id));
    cr_assert(text_equal(actual->rule_title, expected->rule_title));
    cr_assert(text_equal(actual->incident, expected->incident));
    cr_assert_eq(actual->tags.count, expected->tags.count);
    cr_assert_eq(actual->level, expected->level);
    cr_assert_eq(actual->event_type, expected->event_type);
    cr_assert_eq(actual->kind, expected->kind);
    cr_assert_eq(actual->timespan_ms, expected->timespan_ms);
    cr_assert_eq(actual->rule_count, expected->rule_count);
    cr_assert_eq(actual->in_order, expected->in_order);
    cr_assert_eq(actual->quantum_ms, expected->quantum_ms);
    cr_assert_eq(actual->percentile, expected->percentile);
    cr_assert_eq(actual->raises, expected->raises);
    cr_assert_eq(actual->waits, expected->waits);
    cr_assert_eq(actual->depth, expected->depth);
    cr_assert_eq(actual->late_by, expected->late_by);
    cr_assert_eq(actual->expression.count, expected->expression.count);
    for (uint32_t i = 0; i < expected->expression.count; i++)
        cr_assert_eq(actual->expression.items[i], expected->expression.items[i]);
    cr_assert_eq(actual->comparisons.count, expected->comparisons.count);
    for (uint32_t i = 0; i < expected->comparisons.count; i++) {
        cr_assert_eq(actual->comparisons.items[i].operator_,
                     expected->comparisons.items[i].operator_);
        cr_assert_eq(actual->comparisons.items[i].number, expected->comparisons.items[i].number);
    }
}

static void expect_group(const struct correlation_group *actual,
                         const struct correlation_group *expected) {
    cr_assert_eq(actual->correlation, expected->correlation);
    cr_assert(text_equal(actual->key, expected->key));
    cr_assert(text_equal(actual->details, expected->details));
    cr_assert(text_equal(actual->address, expected->address));
    cr_assert(text_equal(actual->user, expected->user));
    cr_assert_eq(actual->address.data == NULL, expected->address.data == NULL);
    cr_assert_eq(actual->parent_count, expected->parent_count);
    for (uint32_t i = 0; i < expected->parent_count; i++) {
        cr_assert_eq(actual->parents[i].group, expected->parents[i].group);
        cr_assert_eq(actual->parents[i].rule, expected->parents[i].rule);
        cr_assert_eq(actual->parents[i].value, expected->parents[i].value);
    }
}

/* `group_count` and `count`: how much of the sample is expected. */
static void expect_sample(const struct contributions *actual, uint32_t group_count,
                          uint32_t count) {
    cr_assert_not_null(actual);
    cr_assert_eq(actual->correlation_count, 2);
    cr_assert_eq(actual->group_count, group_count);
    cr_assert_eq(actual->count, count);
    for (uint32_t i = 0; i < 2; i++)
        expect_correlation(&actual->correlations[i], &correlations[i]);
    for (uint32_t i = 0; i < group_count; i++)
        expect_group(&actual->groups[i], &groups[i]);
    for (uint32_t i = 0; i < count; i++) {
        cr_assert_eq(actual->items[i].event, items[i].event);
        cr_assert_eq(actual->items[i].group, items[i].group);
        cr_assert_eq(actual->items[i].rule, items[i].rule);
        cr_assert_eq(actual->items[i].value, items[i].value);
    }
}

Test(contributions, golden_ones_are_decoded) {
    struct buffer golden = golden_load("findings_contributions");
    struct msgpack_frame frame;
    struct findings_view view;
    msgpack_frame_init(&frame);
    cr_assert_eq(findings_decode(buffer_bytes(&golden), &frame, &view), STATUS_OK);
    expect_sample(view.contributions, 2, 3);
    cr_assert_neq(view.contributions->correlations[0].identity,
                  view.contributions->correlations[1].identity);
    msgpack_frame_fini(&frame);
    buffer_fini(&golden);
}

Test(contributions, older_detectors_send_none) {
    struct buffer golden = golden_load("findings");
    struct msgpack_frame frame;
    struct findings_view view;
    msgpack_frame_init(&frame);
    cr_assert_eq(findings_decode(buffer_bytes(&golden), &frame, &view), STATUS_OK);
    cr_assert_null(view.contributions);
    msgpack_frame_fini(&frame);
    buffer_fini(&golden);
}

/* Changes one thing in a copy of the sample's lists. */
struct broken {
    struct correlation correlations[2];
    struct correlation_group groups[2];
    struct contribution items[3];
};

static void no_timespan(struct broken *broken) {
    broken->correlations[0].timespan_ms = 0;
}
static void no_rules(struct broken *broken) {
    broken->correlations[0].rule_count = 0;
}
static void expression_without_a_value(struct broken *broken) {
    broken->correlations[1].expression.count = 3;
}
static void expression_of_operators(struct broken *broken) {
    broken->correlations[1].expression.items[0] = EXPRESSION_AND;
}
static void expression_beyond_the_rules(struct broken *broken) {
    broken->correlations[1].expression.items[0] = 4;
}
static void percentile_beyond_all(struct broken *broken) {
    broken->correlations[1].percentile = 101;
}
static void chain_downwards(struct broken *broken) {
    broken->correlations[1].depth = 0;
}
static void parent_without_that_rule(struct broken *broken) {
    broken->groups[0].parents[0].rule = 4;
}
static void rule_zero(struct broken *broken) {
    broken->items[2].rule = 0;
}
static void events_that_descend(struct broken *broken) {
    broken->items[0].event = 1;
}

Test(contributions, what_leads_nowhere_is_refused) {
    static void (*const cases[])(struct broken *) = {
        no_timespan,
        no_rules,
        expression_without_a_value,
        expression_of_operators,
        expression_beyond_the_rules,
        percentile_beyond_all,
        chain_downwards,
        parent_without_that_rule,
        rule_zero,
        events_that_descend,
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct broken broken;
        memcpy(broken.correlations, correlations, sizeof correlations);
        memcpy(broken.groups, groups, sizeof groups);
        memcpy(broken.items, items, sizeof items);
        cases[i](&broken);
        const struct contributions wrong = {2, broken.correlations, 2, broken.groups,
                                            3, broken.items};
        struct buffer out;
        struct msgpack_frame frame;
        struct findings_view view;
        buffer_init(&out, FINDINGS_SIZE_MAX);
        msgpack_frame_init(&frame);
        encode(&wrong, &out);
        cr_expect_eq(findings_decode(buffer_bytes(&out), &frame, &view), STATUS_BAD_VALUE,
                     "case %zu", i);
        msgpack_frame_fini(&frame);
        buffer_fini(&out);
    }
}

/* Finds `from` in the golden frame and puts `to` in its place. */
static void patch(struct buffer *frame, struct bytes from, const uint8_t *to) {
    for (size_t at = 0; at + from.length <= frame->length; at++) {
        if (memcmp(frame->data + at, from.data, from.length) != 0)
            continue;
        memcpy(frame->data + at, to, from.length);
        return;
    }
    cr_assert_fail("the golden frame has changed");
}

/* The encoder sends whatever a number leads to, so the bytes are changed instead. */
Test(contributions, numbers_beyond_the_lists_are_refused) {
    static const struct {
        uint8_t from[4], to[4];
    } cases[] = {
        {{0x96, 0x01, 0xb1, '7'}, {0x96, 0x02, 0xb1, '7'}},   /* a group's correlation */
        {{0x91, 0x93, 0x01, 0x02}, {0x91, 0x93, 0x02, 0x02}}, /* a parent's group */
        {{0x94, 0x00, 0x01, 0x03}, {0x94, 0x00, 0x02, 0x03}}, /* a contribution's group */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer golden = golden_load("findings_contributions");
        struct msgpack_frame frame;
        struct findings_view view;
        msgpack_frame_init(&frame);
        patch(&golden, (struct bytes){cases[i].from, 4}, cases[i].to);
        cr_expect_eq(findings_decode(buffer_bytes(&golden), &frame, &view), STATUS_BAD_VALUE,
                     "case %zu", i);
        msgpack_frame_fini(&frame);
        buffer_fini(&golden);
    }
}

/* A frame is never larger than the wire takes: the last contributions are left out, with the groups
 * only they need. */
Test(contributions, a_full_frame_keeps_the_first_ones) {
    static struct contribution many[CONTRIBUTIONS_MAX];
    static struct correlation_group wide[CONTRIBUTIONS_MAX];
    static char text[1024];
    memset(text, 'x', sizeof text);
    for (uint32_t i = 0; i < CONTRIBUTIONS_MAX; i++) {
        wide[i] = (struct correlation_group){
            .correlation = 0, .key = {text, 600}, .details = {text, 1024}};
        many[i] = (struct contribution){i / CONTRIBUTIONS_PER_EVENT_MAX, i, 1, 0.5};
    }
    const struct contributions all = {2,    correlations,      CONTRIBUTIONS_MAX,
                                      wide, CONTRIBUTIONS_MAX, many};
    struct buffer out;
    struct msgpack_frame frame;
    struct findings_view view;
    buffer_init(&out, FINDINGS_SIZE_MAX);
    msgpack_frame_init(&frame);
    encode(&all, &out);
    cr_assert(buffer_is_whole(&out));
    cr_assert_eq(findings_decode(buffer_bytes(&out), &frame, &view), STATUS_OK);
    cr_assert_eq(view.contributions->count, view.contributions->group_count);
    cr_assert_eq(view.contributions->correlation_count, 1);
    cr_assert_gt(view.contributions->count, 500);
    cr_assert_lt(view.contributions->count, CONTRIBUTIONS_MAX);
    msgpack_frame_fini(&frame);
    buffer_fini(&out);
}
