/* decoders.c: decodes, then touches all that was decoded. */
#include "decoders.h"

#include "common/utf8.h"
#include "proto/batch.h"
#include "proto/contribution.h"
#include "proto/finding.h"
#include "proto/receipt.h"

#include <assert.h>

static struct msgpack_frame *frame_of_process(void) {
    static struct msgpack_frame frame;
    static bool is_open;
    if (!is_open)
        msgpack_frame_init(&frame);
    is_open = true;
    return &frame;
}

/* Reads all its bytes; a decoded text is UTF-8. */
static void touch_text(struct text text) {
    assert(text.data == NULL || utf8_is_valid((const uint8_t *)text.data, text.length));
}

static void touch_event(const struct event *event) {
    touch_text(event->source_ip);
    touch_text(event->destination_ip);
    touch_text(event->username);
    touch_text(event->description);
    touch_text(event->raw_log);
    assert(event->event_type < EVENT_TYPE_COUNT_ && event->count > 0);
    assert(event->time_ms >= 0 && event->time_ms <= EVENT_TIME_MAX);
}

/* Encodes what was decoded: it decodes to the same. */
static void touch_event_again(const struct event *event, struct msgpack_frame *frame) {
    struct buffer out;
    buffer_init(&out, 2 * EVENT_SIZE_MAX);
    event_encode(event, &out);
    if (buffer_is_whole(&out)) {
        struct event again;
        enum status status =
            event_decode((struct bytes){out.data + 5, out.length - 5}, frame, &again);
        assert(status == STATUS_OK && again.time_ms == event->time_ms);
        assert(text_equal(again.raw_log, event->raw_log));
        assert(again.metadata.length == event->metadata.length);
    }
    buffer_fini(&out);
}

enum status decode_event(struct bytes bytes) {
    struct msgpack_frame *frame = frame_of_process();
    struct event event;
    enum status status = event_decode(bytes, frame, &event);
    int64_t time_ms = 0;
    enum status peeked = event_peek_time(bytes, &time_ms);
    if (status != STATUS_OK)
        return status;
    assert(peeked == STATUS_OK && time_ms == event.time_ms);
    touch_event(&event);
    touch_event_again(&event, frame);
    event_metadata_unpack(&event, frame);
    return STATUS_OK;
}

enum status decode_batch(struct bytes bytes) {
    static struct batch_view view;
    struct batch_head head;
    enum status peeked = batch_peek_head(bytes, &head);
    enum status status = batch_open(bytes, &view);
    if (status != STATUS_OK)
        return status;
    assert(peeked == STATUS_OK && head.count == view.head.count);
    for (uint32_t i = 0; i < view.head.count; i++) {
        enum status inner = decode_event(view.events[i]);
        (void)inner; /* an event may be refused in a batch that is sound */
    }
    return STATUS_OK;
}

enum status decode_delivery(struct bytes bytes) {
    struct delivery delivery;
    enum status status = delivery_decode(bytes, &delivery);
    if (status == STATUS_OK)
        for (uint32_t i = 0; i < delivery.skip_count; i++)
            assert(delivery.skip[i] < BATCH_EVENTS_MAX);
    return status;
}

static void touch_findings(const struct finding *findings, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        assert(findings[i].rule_id.data != NULL && findings[i].level < SEVERITY_COUNT_);
        touch_text(findings[i].rule_id);
        touch_text(findings[i].rule_title);
        touch_text(findings[i].details);
        touch_text(findings[i].incident);
        touch_text(findings[i].group_key);
        for (uint32_t j = 0; j < findings[i].tags.count; j++)
            touch_text(findings[i].tags.items[j]);
    }
}

static void touch_contributions(const struct contributions *all) {
    for (uint32_t i = 0; i < all->correlation_count; i++) {
        touch_text(all->correlations[i].rule_id);
        touch_text(all->correlations[i].rule_title);
        touch_text(all->correlations[i].incident);
    }
    for (uint32_t i = 0; i < all->group_count; i++) {
        assert(all->groups[i].correlation < all->correlation_count);
        touch_text(all->groups[i].key);
        touch_text(all->groups[i].details);
        touch_text(all->groups[i].address);
        touch_text(all->groups[i].user);
        for (uint32_t j = 0; j < all->groups[i].parent_count; j++)
            assert(all->groups[i].parents[j].group < all->group_count);
    }
    for (uint32_t i = 0; i < all->count; i++)
        assert(all->items[i].group < all->group_count && all->items[i].event < BATCH_EVENTS_MAX);
}

enum status decode_findings(struct bytes bytes) {
    struct findings_view view;
    enum status status = findings_decode(bytes, frame_of_process(), &view);
    if (status != STATUS_OK)
        return status;
    touch_text(view.head.detector);
    for (uint32_t i = 0; i < view.entry_count; i++) {
        assert(view.entries[i].index < BATCH_EVENTS_MAX);
        touch_findings(view.entries[i].findings, view.entries[i].count);
    }
    if (view.contributions != NULL)
        touch_contributions(view.contributions);
    return STATUS_OK;
}

enum status decode_crash_report(struct bytes bytes) {
    struct crash_report report;
    enum status status = crash_report_decode(bytes, &report);
    assert(status != STATUS_OK || report.index < BATCH_EVENTS_MAX);
    return status;
}

static void touch_verdicts(const struct batch_verdicts *batch) {
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct verdict *verdict = &batch->verdicts[i];
        assert(verdict->index < BATCH_EVENTS_MAX && verdict->severity < SEVERITY_COUNT_);
        touch_text(verdict->incident_id);
        touch_text(verdict->details);
        touch_findings(verdict->findings, verdict->finding_count);
    }
}

enum status decode_receipt(struct bytes bytes) {
    struct receipt receipt;
    enum status status = receipt_decode(bytes, frame_of_process(), &receipt);
    if (status != STATUS_OK)
        return status;
    for (uint32_t i = 0; i < receipt.range_count; i++)
        assert(receipt.ranges[i].from <= receipt.ranges[i].to);
    for (uint32_t i = 0; i < receipt.batch_count; i++)
        touch_verdicts(&receipt.batches[i]);
    for (uint32_t i = 0; i < receipt.crash_count; i++)
        assert(receipt.crashes[i].index < BATCH_EVENTS_MAX);
    return STATUS_OK;
}

enum status decode_free_form(struct bytes bytes) {
    return msgpack_frame_unpack(frame_of_process(), bytes, MSGPACK_DEPTH_MAX);
}
