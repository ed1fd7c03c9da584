/* test_receipts.c: what incident processes say to ingest: receipts with verdicts. */
#include "golden.h"
#include "samples.h"

#include <criterion/criterion.h>

static void expect_verdict(const struct verdict *actual, const struct verdict *expected) {
    cr_assert_eq(actual->index, expected->index);
    cr_assert_eq(actual->severity, expected->severity);
    cr_assert(text_equal(actual->incident_id, expected->incident_id));
    cr_assert_eq(actual->alert_queued, expected->alert_queued);
    cr_assert(text_equal(actual->details, expected->details));
    cr_assert_eq(actual->finding_count, expected->finding_count);
    for (uint32_t i = 0; i < actual->finding_count; i++)
        sample_expect_finding(&actual->findings[i], &expected->findings[i]);
}

static void expect_lists(const struct receipt *actual, const struct receipt *expected) {
    cr_assert_eq(actual->range_count, expected->range_count);
    for (uint32_t i = 0; i < actual->range_count; i++) {
        cr_assert_eq(actual->ranges[i].from, expected->ranges[i].from);
        cr_assert_eq(actual->ranges[i].to, expected->ranges[i].to);
    }
    cr_assert_eq(actual->batch_count, expected->batch_count);
    for (uint32_t i = 0; i < actual->batch_count; i++) {
        cr_assert_eq(actual->batches[i].seq, expected->batches[i].seq);
        cr_assert_eq(actual->batches[i].count, expected->batches[i].count);
        for (uint32_t j = 0; j < actual->batches[i].count; j++)
            expect_verdict(&actual->batches[i].verdicts[j], &expected->batches[i].verdicts[j]);
    }
    cr_assert_eq(actual->crash_count, expected->crash_count);
    for (uint32_t i = 0; i < actual->crash_count; i++) {
        cr_assert_eq(actual->crashes[i].seq, expected->crashes[i].seq);
        cr_assert_eq(actual->crashes[i].index, expected->crashes[i].index);
    }
}

static void expect_receipt(const char *name, const struct receipt *expected) {
    struct buffer golden = golden_load(name);
    struct msgpack_frame frame;
    msgpack_frame_init(&frame);
    struct receipt receipt;
    cr_assert_eq(receipt_decode(buffer_bytes(&golden), &frame, &receipt), STATUS_OK);
    cr_assert_eq(receipt.producer, expected->producer);
    cr_assert_eq(receipt.epoch, expected->epoch);
    cr_assert_eq(receipt.floor, expected->floor);
    expect_lists(&receipt, expected);
    msgpack_frame_fini(&frame);
    buffer_fini(&golden);
}

Test(receipts, receipt_is_encoded_as_golden) {
    struct buffer out;
    buffer_init(&out, 1024 * 1024);
    receipt_encode(&sample_receipt, &out);
    golden_expect("receipt", buffer_bytes(&out));
    buffer_fini(&out);
}

Test(receipts, golden_receipt_is_decoded) {
    expect_receipt("receipt", &sample_receipt);
}

Test(receipts, newer_receipt_is_read_without_its_new_fields) {
    expect_receipt("receipt_newer", &sample_receipt);
}

Test(receipts, older_receipt_has_empty_lists) {
    struct receipt floor_only = {.producer = sample_receipt.producer, .epoch = 3, .floor = 100};
    expect_receipt("receipt_older", &floor_only);
}

Test(receipts, topic_is_the_producer) {
    char topic[RECEIPT_TOPIC_SIZE];
    cr_assert_str_eq(receipt_topic(0x0123456789abcdef, topic), "0123456789abcdef");
    cr_assert_str_eq(receipt_topic(0, topic), "0000000000000000");
}
