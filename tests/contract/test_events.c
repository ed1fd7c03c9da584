/* test_events.c: what ingest and detectors say to each other: events, batches, deliveries. */
#include "golden.h"
#include "samples.h"

#include <criterion/criterion.h>

static struct msgpack_frame frame;

static void open_frame(void) {
    msgpack_frame_init(&frame);
}

static void close_frame(void) {
    msgpack_frame_fini(&frame);
}

TestSuite(events, .init = open_frame, .fini = close_frame);

/* Encodes the event and compares with the golden frame. */
static void expect_encoding(const struct event *event, const char *name) {
    struct buffer out;
    buffer_init(&out, EVENT_SIZE_MAX);
    event_encode(event, &out);
    golden_expect(name, buffer_bytes(&out));
    buffer_fini(&out);
}

/* Decodes the golden frame and compares with the event. */
static void expect_decoding(const char *name, const struct event *expected) {
    struct buffer golden = golden_load(name);
    struct event event;
    cr_assert_eq(event_decode(golden_bin_content(buffer_bytes(&golden)), &frame, &event),
                 STATUS_OK);
    sample_expect_event(&event, expected);
    buffer_fini(&golden);
}

Test(events, event_is_encoded_as_golden) {
    expect_encoding(&sample_event, "event");
    expect_encoding(&sample_event_minimal, "event_minimal");
}

Test(events, golden_event_is_decoded) {
    expect_decoding("event", &sample_event);
    expect_decoding("event_minimal", &sample_event_minimal);
}

Test(events, newer_event_is_read_without_its_new_fields) {
    expect_decoding("event_newer", &sample_event);
}

Test(events, older_event_leaves_the_missing_fields_null) {
    struct event expected = sample_event_minimal;
    expected.received_ms = sample_event.received_ms;
    expected.event_type = sample_event.event_type;
    expected.count = sample_event.count;
    expected.source_ip = sample_event.source_ip;
    expect_decoding("event_older", &expected);
}

Test(events, metadata_unpacks_when_asked_for) {
    event_metadata_unpack(&sample_event, &frame);
    uint64_t value = 0;
    cr_assert_eq(msgpack_read_u64(msgpack_member(&frame.root, "port"), &value), STATUS_OK);
    cr_assert_eq(value, 22);
    event_metadata_unpack(&sample_event_minimal, &frame);
    cr_assert_eq(frame.root.type, MSGPACK_OBJECT_NIL);
}

Test(events, time_is_peeked_without_the_rest) {
    struct buffer golden = golden_load("event");
    int64_t time_ms = 0;
    cr_assert_eq(event_peek_time(golden_bin_content(buffer_bytes(&golden)), &time_ms), STATUS_OK);
    cr_assert_eq(time_ms, sample_event.time_ms);
    buffer_fini(&golden);
}

/* Expects the two events and the head of the golden batch. */
static void expect_batch(const char *name) {
    struct buffer golden = golden_load(name);
    struct batch_view view;
    cr_assert_eq(batch_open(buffer_bytes(&golden), &view), STATUS_OK);
#define FIELD(field, type, unit, meaning) cr_assert_eq(view.head.field, sample_batch_head.field);
#include "proto/batch.def"
#undef FIELD
    cr_assert_eq(view.head.count, 2);
    struct event event;
    cr_assert_eq(event_decode(view.events[0], &frame, &event), STATUS_OK);
    sample_expect_event(&event, &sample_event);
    cr_assert_eq(event_decode(view.events[1], &frame, &event), STATUS_OK);
    sample_expect_event(&event, &sample_event_minimal);
    struct batch_head head;
    cr_assert_eq(batch_peek_head(buffer_bytes(&golden), &head), STATUS_OK);
    cr_assert_eq(head.seq, sample_batch_head.seq);
    buffer_fini(&golden);
}

Test(events, batch_is_encoded_as_golden) {
    struct buffer out;
    buffer_init(&out, BATCH_SIZE_MAX);
    batch_encode_head(&sample_batch_head, &out);
    event_encode(&sample_event, &out);
    event_encode(&sample_event_minimal, &out);
    golden_expect("batch", buffer_bytes(&out));
    buffer_fini(&out);
}

Test(events, golden_batch_is_opened) {
    expect_batch("batch");
}

Test(events, newer_batch_is_opened_without_its_new_fields) {
    expect_batch("batch_newer");
}

static void expect_delivery(const char *name) {
    struct buffer golden = golden_load(name);
    struct delivery delivery;
    cr_assert_eq(delivery_decode(buffer_bytes(&golden), &delivery), STATUS_OK);
    cr_assert_eq(delivery.attempt, 2);
    cr_assert_eq(delivery.skip_count, 2);
    cr_assert_eq(delivery.skip[0], 1);
    cr_assert_eq(delivery.skip[1], 200);
    buffer_fini(&golden);
}

Test(events, delivery_is_encoded_as_golden) {
    struct buffer out;
    buffer_init(&out, 1024);
    delivery_encode(&sample_delivery, &out);
    golden_expect("delivery", buffer_bytes(&out));
    buffer_fini(&out);
}

Test(events, golden_delivery_is_decoded) {
    expect_delivery("delivery");
    expect_delivery("delivery_newer");
}

Test(events, event_id_is_written_for_people) {
    char id[EVENT_ID_SIZE];
    cr_assert_str_eq(event_id_format(&sample_batch_head, 0, id), "0123456789abcdef-3-4000000000.0");
    struct batch_head last = {.producer = UINT64_MAX, .epoch = UINT32_MAX, .seq = UINT64_MAX};
    cr_assert_str_eq(event_id_format(&last, 255, id),
                     "ffffffffffffffff-4294967295-18446744073709551615.255");
}
