/* batch_maker.c: FINDINGS messages made from a few words. */
#include "tests/support/batch_maker.h"

#include "tests/support/pack_findings.h"

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

/* The lists of a frame, with room for all that events of a batch can add. */
struct lists {
    struct correlation correlations[CORRELATIONS_MAX];
    const struct correlation *known[CORRELATIONS_MAX];
    struct correlation_group groups[CORRELATION_GROUPS_MAX];
    const struct oracle_group *known_groups[CORRELATION_GROUPS_MAX];
    struct contribution items[CONTRIBUTIONS_MAX];
    struct contributions all;
};

static uint32_t list_correlation(struct lists *lists, const struct correlation *correlation) {
    uint32_t at = 0;
    while (at < lists->all.correlation_count && lists->known[at] != correlation)
        at++;
    if (at == lists->all.correlation_count) {
        cr_assert_lt(at, CORRELATIONS_MAX);
        lists->known[at] = correlation;
        lists->correlations[at] = *correlation;
        lists->all.correlation_count++;
    }
    return at;
}

/* A group, and behind it its parents. */
static uint32_t list_group(struct lists *lists, const struct oracle_group *group) {
    uint32_t at = 0;
    while (at < lists->all.group_count && lists->known_groups[at] != group)
        at++;
    if (at < lists->all.group_count)
        return at;
    cr_assert_lt(at, CORRELATION_GROUPS_MAX);
    lists->all.group_count++;
    lists->known_groups[at] = group;
    lists->groups[at] = (struct correlation_group){
        .correlation = list_correlation(lists, group->correlation),
        .key = group->key,
        .details = group->details,
        .address = group->address,
        .user = group->user,
        .parent_count = group->parent_count,
    };
    for (uint32_t i = 0; i < group->parent_count; i++) {
        uint32_t parent = list_group(lists, group->parents[i].group);
        lists->groups[at].parents[i] =
            (struct correlation_parent){parent, group->parents[i].rule, group->parents[i].value};
    }
    return at;
}

static const struct contributions *list_contributions(const struct made_batch *batch) {
    static struct lists lists;
    lists.all = (struct contributions){
        .correlations = lists.correlations, .groups = lists.groups, .items = lists.items};
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct made_event *made = &batch->events[i];
        for (uint32_t j = 0; j < made->contribution_count; j++) {
            const struct made_contribution *contribution = &made->contributions[j];
            lists.items[lists.all.count++] =
                (struct contribution){i, list_group(&lists, contribution->group),
                                      contribution->rule, contribution->value};
        }
    }
    return &lists.all;
}

static void encode_findings(const struct made_batch *batch, struct buffer *out) {
    struct findings_encoder encoder;
    struct packed_findings packed;
    findings_encoder_init(&encoder);
    packed_findings_init(&packed);
    findings_encoder_begin(&encoder);
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct made_event *made = &batch->events[i];
        pack_findings(&packed, made->findings, made->finding_count);
        if (made->is_quarantined)
            findings_encoder_quarantine(&encoder, i);
        else if (made->finding_count > 0)
            findings_encoder_add(&encoder, i, &packed, made->finding_count);
    }
    findings_encoder_contribute(&encoder, list_contributions(batch));
    const struct findings_head head = {.generation = 1, .detector = TEXT("made")};
    struct bytes frame = findings_encoder_end(&encoder, &head);
    buffer_append(out, frame.data, frame.length);
    findings_encoder_fini(&encoder);
    packed_findings_fini(&packed);
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
