/* test_codecs.c: the codecs at their bounds: largest events, fullest batches, most findings. */
#include "common/counters.h"
#include "proto/batch.h"
#include "proto/receipt.h"
#include "tests/support/pack_findings.h"

#include <criterion/criterion.h>

#include <stdlib.h>

static struct event plain_event(void) {
    return (struct event){.time_ms = 1, .received_ms = 2, .count = 1};
}

Test(codecs, an_event_too_large_is_not_encoded) {
    struct buffer out;
    buffer_init(&out, 4 * EVENT_SIZE_MAX);
    struct event event = plain_event();
    char *text = calloc(1, EVENT_SIZE_MAX);
    event.raw_log = (struct text){text, EVENT_SIZE_MAX - 64};
    event_encode(&event, &out);
    cr_assert(buffer_is_whole(&out) && out.length > EVENT_SIZE_MAX - 64);
    size_t before = out.length;
    event.raw_log.length = EVENT_SIZE_MAX;
    event_encode(&event, &out);
    cr_assert_not(buffer_is_whole(&out));
    cr_assert_eq(out.length, before, "what stood before stays");
    free(text);
    buffer_fini(&out);
}

Test(codecs, values_out_of_their_range_are_refused) {
    struct msgpack_frame frame;
    msgpack_frame_init(&frame);
    struct {
        const char *name;
        struct text bytes;
        enum status expected;
    } const rows[] = {
        {"no fields", TEXT_CONSTANT("\x90"), STATUS_BAD_VALUE},
        {"required field missing", TEXT_CONSTANT("\x93\x01\x01\x01"), STATUS_BAD_VALUE},
        {"count 0", TEXT_CONSTANT("\x94\x01\x01\x01\x00"), STATUS_BAD_VALUE},
        {"unknown type", TEXT_CONSTANT("\x94\x01\x01\x7f\x01"), STATUS_BAD_VALUE},
        {"time after year 9999",
         TEXT_CONSTANT("\x94\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01\x01"), STATUS_BAD_VALUE},
        {"negative time", TEXT_CONSTANT("\x94\xff\x01\x01\x01"), STATUS_BAD_TYPE},
        {"time as text", TEXT_CONSTANT("\x94\xa1x\x01\x01\x01"), STATUS_BAD_TYPE},
        {"address as number", TEXT_CONSTANT("\x95\x01\x01\x01\x01\x01"), STATUS_BAD_TYPE},
        {"metadata as array", TEXT_CONSTANT("\x9a\x01\x01\x01\x01\xc0\xc0\xc0\xc0\xc0\x90"),
         STATUS_BAD_TYPE},
        {"a map, not an array", TEXT_CONSTANT("\x80"), STATUS_BAD_TYPE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct event event = {.count = 77};
        enum status status =
            event_decode((struct bytes){(const uint8_t *)rows[i].bytes.data, rows[i].bytes.length},
                         &frame, &event);
        cr_assert_eq(status, rows[i].expected, "%s: %s", rows[i].name, status_reason(status));
        cr_assert_eq(event.count, 77, "the output stays as it was after a failure");
    }
    msgpack_frame_fini(&frame);
}

/* An event whose metadata is {"a": {"a": ... }}, `depth` maps. */
static enum status decode_nested(size_t depth) {
    struct buffer metadata;
    buffer_init(&metadata, 1024);
    for (size_t i = 0; i + 1 < depth; i++)
        buffer_append(&metadata,
                      "\x81\xa1"
                      "a",
                      3);
    buffer_append(&metadata, "\x80", 1);
    struct event event = plain_event();
    event.metadata = buffer_bytes(&metadata);
    struct buffer out;
    buffer_init(&out, 4096);
    event_encode(&event, &out);
    struct msgpack_frame frame;
    msgpack_frame_init(&frame);
    struct event decoded;
    enum status status =
        event_decode((struct bytes){out.data + 5, out.length - 5}, &frame, &decoded);
    if (status == STATUS_OK)
        event_metadata_unpack(&decoded, &frame);
    msgpack_frame_fini(&frame);
    buffer_fini(&out);
    buffer_fini(&metadata);
    return status;
}

Test(codecs, metadata_as_deep_as_json_may_be_is_read_and_unpacked) {
    cr_assert_eq(decode_nested(1), STATUS_OK);
    cr_assert_eq(decode_nested(EVENT_METADATA_DEPTH_MAX), STATUS_OK);
    cr_assert_eq(decode_nested(EVENT_METADATA_DEPTH_MAX + 1), STATUS_TOO_DEEP);
}

/* A batch of `count` events of `size` bytes of raw log. */
static struct buffer make_batch(uint32_t count, size_t size) {
    struct buffer out;
    buffer_init(&out, 2 * 1024 * 1024);
    struct batch_head head = {.producer = 1, .epoch = 1, .seq = 0, .count = count};
    batch_encode_head(&head, &out);
    struct event event = plain_event();
    char *text = calloc(1, size + 1);
    event.raw_log = (struct text){text, size};
    for (uint32_t i = 0; i < count; i++)
        event_encode(&event, &out);
    free(text);
    return out;
}

Test(codecs, a_batch_is_bounded_in_events_and_bytes) {
    struct {
        uint32_t count;
        size_t size;
        enum status expected;
    } const rows[] = {
        {0, 0, STATUS_BAD_VALUE},
        {1, 0, STATUS_OK},
        {BATCH_EVENTS_MAX, 900, STATUS_OK},
        {BATCH_EVENTS_MAX + 1, 0, STATUS_TOO_LARGE},
        {BATCH_EVENTS_MAX, 1100, STATUS_TOO_LARGE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buffer batch = make_batch(rows[i].count, rows[i].size);
        cr_assert(buffer_is_whole(&batch));
        static struct batch_view view;
        view.head.count = 9999;
        cr_assert_eq(batch_open(buffer_bytes(&batch), &view), rows[i].expected, "row %zu", i);
        cr_assert_eq(view.head.count, rows[i].expected == STATUS_OK ? rows[i].count : 9999);
        buffer_fini(&batch);
    }
}

Test(codecs, delivery_indices_are_ascending_and_in_the_batch) {
    static const struct {
        struct text bytes;
        enum status expected;
    } rows[] = {
        {TEXT_CONSTANT("\x93\x01\x01\x92\x01\x02"), STATUS_OK},
        {TEXT_CONSTANT("\x93\x01\x01\x92\x02\x02"), STATUS_BAD_VALUE},
        {TEXT_CONSTANT("\x93\x01\x01\x92\x02\x01"), STATUS_BAD_VALUE},
        {TEXT_CONSTANT("\x93\x01\x01\x91\xcd\x01\x00"), STATUS_BAD_VALUE},
        {TEXT_CONSTANT("\x92\x01\x01"), STATUS_BAD_VALUE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct delivery delivery;
        struct bytes bytes = {(const uint8_t *)rows[i].bytes.data, rows[i].bytes.length};
        cr_assert_eq(delivery_decode(bytes, &delivery), rows[i].expected, "row %zu", i);
    }
}

/* A finding whose every text is as long as `size`. */
static struct finding long_finding(const char *text, size_t size) {
    struct text long_text = {text, size};
    struct finding finding = {.rule_id = long_text,
                              .rule_title = long_text,
                              .level = SEVERITY_HIGH,
                              .details = long_text,
                              .incident = long_text,
                              .group_key = long_text,
                              .tags = {.count = FINDING_TAGS_MAX}};
    for (int i = 0; i < FINDING_TAGS_MAX; i++)
        finding.tags.items[i] = long_text;
    return finding;
}

Test(codecs, the_fullest_findings_fit_the_wire_and_lose_no_events_first_finding) {
    size_t size = 64 * 1024;
    char *text = malloc(size);
    memset(text, 'x', size);
    struct finding findings[FINDINGS_PER_EVENT_MAX];
    for (int i = 0; i < FINDINGS_PER_EVENT_MAX; i++)
        findings[i] = long_finding(text, size);
    struct packed_findings packed;
    packed_findings_init(&packed);
    pack_findings(&packed, findings, FINDINGS_PER_EVENT_MAX);
    struct findings_encoder encoder;
    findings_encoder_init(&encoder);
    findings_encoder_begin(&encoder);
    for (uint32_t i = 0; i < BATCH_EVENTS_MAX; i++)
        findings_encoder_add(&encoder, i, &packed, FINDINGS_PER_EVENT_MAX);
    struct findings_head head = {UINT64_MAX, {text, size}};
    struct bytes out = findings_encoder_end(&encoder, &head);
    cr_assert_leq(out.length, FINDINGS_SIZE_MAX);
    struct msgpack_frame frame;
    msgpack_frame_init(&frame);
    struct findings_view view;
    cr_assert_eq(findings_decode(out, &frame, &view), STATUS_OK);
    cr_assert_eq(view.entry_count, BATCH_EVENTS_MAX);
    size_t total = 0;
    for (uint32_t i = 0; i < view.entry_count; i++) {
        cr_assert_geq(view.entries[i].count, 1);
        total += view.entries[i].count;
    }
    cr_assert_eq(view.entries[0].count, FINDINGS_PER_EVENT_MAX);
    cr_assert_eq(view.entries[0].findings[0].details.length, FINDING_LIMIT_details);
    struct counter *dropped = counter_new("siem_drops_total", "reason=\"too_large\"", "");
    cr_assert_eq(counter_read(dropped), BATCH_EVENTS_MAX * FINDINGS_PER_EVENT_MAX - total,
                 "every dropped finding is counted");
    msgpack_frame_fini(&frame);
    findings_encoder_fini(&encoder);
    packed_findings_fini(&packed);
    free(text);
}

/* Whether the details are among what all findings of a rule share is not to be seen. */
Test(codecs, a_finding_is_packed_alike_by_either_form) {
    struct packed_findings packed[2];
    struct finding finding = long_finding("details like these", 18);
    finding.group_key = TEXT("3:key");
    for (int own = 0; own < 2; own++) {
        struct finding_form form;
        struct buffer bytes;
        buffer_init(&bytes, FINDING_PACKED_MAX);
        finding_form_make(&finding, own, &bytes, &form);
        cr_expect_eq(form.has_own_details, own);
        packed_findings_init(&packed[own]);
        packed_findings_add(&packed[own], &form, finding.details, finding.group_key);
        buffer_fini(&bytes);
    }
    struct bytes shared = packed_findings_first(&packed[0], 1);
    struct bytes own = packed_findings_first(&packed[1], 1);
    cr_assert_eq(shared.length, own.length);
    cr_expect_arr_eq(shared.data, own.data, own.length);
    packed_findings_fini(&packed[0]);
    packed_findings_fini(&packed[1]);
}

Test(codecs, receipts_are_bounded_in_ranges) {
    static struct receipt_range ranges[RECEIPT_RANGES_MAX + 1];
    struct receipt receipt = {.range_count = RECEIPT_RANGES_MAX, .ranges = ranges};
    struct buffer out;
    buffer_init(&out, 1024 * 1024);
    struct msgpack_frame frame;
    msgpack_frame_init(&frame);
    struct receipt decoded;
    receipt_encode(&receipt, &out);
    cr_assert_eq(receipt_decode(buffer_bytes(&out), &frame, &decoded), STATUS_OK);
    buffer_reset(&out);
    receipt.range_count = RECEIPT_RANGES_MAX + 1;
    receipt_encode(&receipt, &out);
    cr_assert_eq(receipt_decode(buffer_bytes(&out), &frame, &decoded), STATUS_TOO_LARGE);
    buffer_reset(&out);
    ranges[0] = (struct receipt_range){5, 4};
    receipt.range_count = 1;
    receipt_encode(&receipt, &out);
    cr_assert_eq(receipt_decode(buffer_bytes(&out), &frame, &decoded), STATUS_BAD_VALUE);
    msgpack_frame_fini(&frame);
    buffer_fini(&out);
}

/* A findings frame of one finding whose texts are so long. */
static void pack_long_finding(struct buffer *out, size_t id_length, size_t tag_length) {
    static char text[FINDING_LIMIT_rule_title];
    memset(text, 'x', sizeof text);
    msgpack_packer packer;
    msgpack_packer_to_buffer(&packer, out);
    msgpack_pack_array(&packer, 5);
    msgpack_pack_uint32(&packer, PROTO_VERSION);
    msgpack_pack_uint64(&packer, 1);
    msgpack_pack_text(&packer, TEXT("detector"));
    msgpack_pack_array(&packer, 0);
    msgpack_pack_array(&packer, 1);
    msgpack_pack_array(&packer, 2);
    msgpack_pack_uint32(&packer, 0);
    msgpack_pack_array(&packer, 1);
    msgpack_pack_array(&packer, 7);
    msgpack_pack_text(&packer, (struct text){text, id_length});
    msgpack_pack_text(&packer, TEXT("title"));
    msgpack_pack_uint32(&packer, SEVERITY_LOW);
    msgpack_pack_array(&packer, 1);
    msgpack_pack_text(&packer, (struct text){text, tag_length});
    msgpack_pack_text(&packer, TEXT("details"));
    msgpack_pack_text(&packer, TEXT("incident"));
    msgpack_pack_text(&packer, TEXT("group"));
}

/* P6: a peer cannot make names of Redis' counters and incidents longer than the table says. */
Test(codecs, texts_beyond_their_limits_are_refused) {
    static const struct {
        size_t id, tag;
        enum status status;
    } cases[] = {
        {FINDING_LIMIT_rule_id, FINDING_LIMIT_tags, STATUS_OK},
        {FINDING_LIMIT_rule_id + 1, 1, STATUS_TOO_LARGE},
        {1, FINDING_LIMIT_tags + 1, STATUS_TOO_LARGE},
    };
    struct msgpack_frame frame;
    msgpack_frame_init(&frame);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct findings_view view;
        struct buffer out;
        buffer_init(&out, FINDINGS_SIZE_MAX);
        pack_long_finding(&out, cases[i].id, cases[i].tag);
        cr_expect_eq(findings_decode(buffer_bytes(&out), &frame, &view), cases[i].status,
                     "case %zu", i);
        buffer_fini(&out);
    }
    msgpack_frame_fini(&frame);
}
