/* batch_maker.c: FINDINGS messages made from a few words. */
#include "tests/support/batch_maker.h"

#include <criterion/criterion.h>

struct made_event made_benign(int64_t time_ms) {
    return (struct made_event){.event = {.time_ms = time_ms,
                                         .received_ms = time_ms,
                                         .event_type = EVENT_TYPE_LOGIN_SUCCESS,
                                         .count = 1,
                                         .source_ip = TEXT("192.0.2.7"),
                                         .username = TEXT("alice"),
                                         .description = TEXT("a login like any other")}};
}

static const char *const rule_ids[SEVERITY_COUNT_] = {
    "rule-info", "rule-low", "rule-medium", "rule-high", "rule-critical",
};

struct finding made_finding(const char *rule_id, enum severity level, const char *details,
                            const char *group_key) {
    return (struct finding){.rule_id = text_of(rule_id),
                            .rule_title = TEXT("Made \"Rule\""),
                            .level = level,
                            .tags = {2, {TEXT("attack.t1110"), TEXT("attack.credential-access")}},
                            .details = text_of(details),
                            .incident = TEXT("made-incident"),
                            .group_key = text_of(group_key)};
}

struct made_event made_threat(int64_t time_ms, enum severity level, const char *group_key) {
    struct made_event made = made_benign(time_ms);
    made.event.event_type = EVENT_TYPE_LOGIN_FAILED;
    made.event.source_ip = text_of(group_key);
    made.finding_count = 1;
    made.findings[0] = made_finding(rule_ids[level], level, "too many failures", group_key);
    return made;
}

void made_batch_init(struct made_batch *batch, uint64_t seq) {
    batch->head = (struct batch_head){.producer = MADE_PRODUCER, .epoch = 1, .seq = seq};
    batch->count = 0;
}

void made_batch_add(struct made_batch *batch, struct made_event event) {
    cr_assert_lt(batch->count, BATCH_EVENTS_MAX);
    batch->events[batch->count++] = event;
}

static void encode_event(const struct made_event *made, struct buffer *out) {
    if (made->is_garbage)
        buffer_append(out,
                      "\xc4\x03"
                      "\x91\xa1x",
                      5);
    else
        event_encode(&made->event, out);
}

static void encode_findings(const struct made_batch *batch, struct buffer *out) {
    struct findings_encoder encoder;
    findings_encoder_init(&encoder);
    findings_encoder_begin(&encoder);
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct made_event *made = &batch->events[i];
        if (made->is_quarantined)
            findings_encoder_quarantine(&encoder, i);
        else if (made->finding_count > 0)
            findings_encoder_add(&encoder, i, made->findings, made->finding_count);
    }
    const struct findings_head head = {.generation = 1, .detector = TEXT("made")};
    findings_encoder_end(&encoder, &head, out);
    findings_encoder_fini(&encoder);
}

struct wire_message made_batch_message(const struct made_batch *batch) {
    struct buffer findings, frame;
    buffer_init(&findings, WIRE_FRAME_SIZE_MAX);
    buffer_init(&frame, WIRE_FRAME_SIZE_MAX);
    encode_findings(batch, &findings);
    struct batch_head head = batch->head;
    head.count = batch->count;
    batch_encode_head(&head, &frame);
    for (uint32_t i = 0; i < batch->count; i++)
        encode_event(&batch->events[i], &frame);
    cr_assert(buffer_is_whole(&findings) && buffer_is_whole(&frame));
    struct wire_message message = {.count = 2};
    wire_frame_copy(&message.frames[0], buffer_bytes(&findings));
    wire_frame_copy(&message.frames[1], buffer_bytes(&frame));
    buffer_fini(&findings);
    buffer_fini(&frame);
    return message;
}
