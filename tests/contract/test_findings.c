/* test_findings.c: what detectors say to incident processes: findings and crash reports. */
#include "golden.h"
#include "samples.h"
#include "tests/support/pack_findings.h"

#include <criterion/criterion.h>

Test(findings, findings_are_encoded_as_golden) {
    struct findings_encoder encoder;
    struct packed_findings packed;
    findings_encoder_init(&encoder);
    packed_findings_init(&packed);
    for (int round = 0; round < 2; round++) { /* the encoder is as new after each begin */
        findings_encoder_begin(&encoder);
        pack_findings(&packed, sample_findings, 2);
        findings_encoder_add(&encoder, 0, &packed, 2);
        findings_encoder_quarantine(&encoder, 7);
        pack_findings(&packed, &sample_findings[1], 1);
        findings_encoder_add(&encoder, 255, &packed, 1);
        golden_expect("findings", findings_encoder_end(&encoder, &sample_findings_head));
    }
    findings_encoder_begin(&encoder);
    golden_expect("findings_none", findings_encoder_end(&encoder, &sample_findings_head));
    packed_findings_fini(&packed);
    findings_encoder_fini(&encoder);
}

static void expect_findings(const char *name) {
    struct buffer golden = golden_load(name);
    struct msgpack_frame frame;
    msgpack_frame_init(&frame);
    struct findings_view view;
    cr_assert_eq(findings_decode(buffer_bytes(&golden), &frame, &view), STATUS_OK);
    cr_assert_eq(view.head.generation, 42);
    cr_assert(text_is(view.head.detector, "detector-1"));
    cr_assert_eq(view.quarantined_count, 1);
    cr_assert_eq(view.quarantined[0], 7);
    cr_assert_eq(view.entry_count, 2);
    cr_assert_eq(view.entries[0].index, 0);
    cr_assert_eq(view.entries[0].count, 2);
    sample_expect_finding(&view.entries[0].findings[0], &sample_findings[0]);
    sample_expect_finding(&view.entries[0].findings[1], &sample_findings[1]);
    cr_assert_eq(view.entries[1].index, 255);
    cr_assert_eq(view.entries[1].count, 1);
    sample_expect_finding(&view.entries[1].findings[0], &sample_findings[1]);
    msgpack_frame_fini(&frame);
    buffer_fini(&golden);
}

Test(findings, golden_findings_are_decoded) {
    expect_findings("findings");
}

Test(findings, newer_findings_are_read_without_their_new_fields) {
    expect_findings("findings_newer");
}

static const struct shadow_hits shadow = {
    .count = 1,
    .items = {{{"b42ad1c6-0000-4000-8000-00000000000a", 36}, 3}},
};

Test(findings, hits_in_the_shadow_are_encoded_as_golden) {
    struct findings_encoder encoder;
    findings_encoder_init(&encoder);
    findings_encoder_begin(&encoder);
    findings_encoder_shadow(&encoder, &shadow);
    golden_expect("findings_shadow", findings_encoder_end(&encoder, &sample_findings_head));
    findings_encoder_fini(&encoder);
}

Test(findings, hits_in_the_shadow_are_decoded) {
    struct buffer golden = golden_load("findings_shadow");
    struct msgpack_frame frame;
    struct findings_view view;
    msgpack_frame_init(&frame);
    cr_assert_eq(findings_decode(buffer_bytes(&golden), &frame, &view), STATUS_OK);
    cr_assert_eq(view.entry_count, 0);
    cr_assert_null(view.contributions);
    cr_assert_eq(view.shadows->count, 1);
    cr_assert(text_equal(view.shadows->items[0].rule_id, shadow.items[0].rule_id));
    cr_assert_eq(view.shadows->items[0].events, 3);
    msgpack_frame_fini(&frame);
    buffer_fini(&golden);
}

Test(findings, crash_report_is_encoded_as_golden) {
    struct buffer out;
    buffer_init(&out, 1024);
    crash_report_encode(&sample_crash_report, &out);
    golden_expect("crash_report", buffer_bytes(&out));
    buffer_fini(&out);
}

Test(findings, golden_crash_report_is_decoded) {
    const char *const names[] = {"crash_report", "crash_report_newer"};
    for (size_t i = 0; i < 2; i++) {
        struct buffer golden = golden_load(names[i]);
        struct crash_report report;
        cr_assert_eq(crash_report_decode(buffer_bytes(&golden), &report), STATUS_OK);
        cr_assert_eq(report.producer, sample_crash_report.producer);
        cr_assert_eq(report.epoch, sample_crash_report.epoch);
        cr_assert_eq(report.seq, sample_crash_report.seq);
        cr_assert_eq(report.index, sample_crash_report.index);
        buffer_fini(&golden);
    }
}
