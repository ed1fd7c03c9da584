/* judge_batch.c: a batch's events through the pure function, its findings into one frame. */
#include "services/detector/judge_batch.h"

#include "common/clock.h"
#include "common/counters.h"
#include "services/detector/rule_counters.h"
#include "services/detector/shadow_counts.h"

#include <assert.h>
#include <stdlib.h>

struct judge_batch {
    struct text detector;
    struct scratch_page *page;
    struct judge *judge;
    const struct sigma_rules *rules;
    const struct enrichments *enrichments;
    struct rule_counters *rule_counters;
    struct shadow_counts *shadows;
    struct msgpack_frame frame;
    struct findings_encoder encoder;
    struct batch_view view;
    uint64_t given_up;             /* already counted */
    uint32_t matched, quarantined; /* of the batch being judged */
    struct counter *events_matched, *events_unmatched, *events_quarantined;
    struct counter *searches_given_up;
    struct histogram *seconds;
};

static struct counter *stage_counter(const char *labels) {
    return counter_new("siem_events_total", labels,
                       "Events by stage of the pipeline and what became of them");
}

static void make_metrics(struct judge_batch *judge) {
    judge->events_matched = stage_counter("stage=\"detect\",outcome=\"matched\"");
    judge->events_unmatched = stage_counter("stage=\"detect\",outcome=\"unmatched\"");
    judge->events_quarantined = stage_counter("stage=\"detect\",outcome=\"quarantined\"");
    judge->searches_given_up =
        counter_new("siem_searches_given_up_total", NULL,
                    "Searches by regular expression that passed a limit and did not match");
    judge->seconds = histogram_new("siem_judge_duration_seconds", NULL, "Time to judge a batch",
                                   histogram_latency_bounds);
}

struct judge_batch *judge_batch_new(struct text detector, struct scratch_page *page) {
    struct judge_batch *judge = calloc(1, sizeof *judge);
    if (judge == NULL)
        abort();
    judge->detector = detector;
    judge->page = page;
    judge->rule_counters = rule_counters_new();
    judge->shadows = shadow_counts_new();
    msgpack_frame_init(&judge->frame);
    findings_encoder_init(&judge->encoder);
    make_metrics(judge);
    return judge;
}

void judge_batch_destroy(struct judge_batch **judge) {
    if (*judge == NULL)
        return;
    judge_destroy(&(*judge)->judge);
    rule_counters_destroy(&(*judge)->rule_counters);
    shadow_counts_destroy(&(*judge)->shadows);
    msgpack_frame_fini(&(*judge)->frame);
    findings_encoder_fini(&(*judge)->encoder);
    free(*judge);
    *judge = NULL;
}

void judge_batch_use(struct judge_batch *judge, const struct sigma_rules *rules,
                     const struct enrichments *enrichments) {
    judge_destroy(&judge->judge);
    judge->judge = judge_new(rules);
    judge->given_up = 0;
    judge->rules = rules;
    judge->enrichments = enrichments;
    rule_counters_use(judge->rule_counters, rules);
    shadow_counts_use(judge->shadows, rules);
}

static_assert(FINDING_PACKED_MAX <= FINDING_SIZE_MAX, "each event has room for a finding");

/* Findings, from the gravest on, that fit into `room`; takes from it what they use. */
static size_t count_fitting(const struct judgement *judgement, size_t *room) {
    size_t count = judgement->count;
    while (count > 0 && packed_findings_first(judgement->findings, count).length > *room)
        count--;
    *room -= packed_findings_first(judgement->findings, count).length;
    return count;
}

/* Adds what was found of an event. `room` is what the frame has for it. */
static void add_findings(struct judge_batch *judge, uint32_t index,
                         const struct judgement *judgement, size_t *room) {
    size_t count = count_fitting(judgement, room);
    uint64_t dropped = judgement->dropped + (judgement->count - count);
    for (size_t i = 0; i < count; i++)
        rule_counters_add(judge->rule_counters, judgement->rules[i]);
    for (uint64_t i = 0; i < dropped; i++)
        count_drop(STATUS_FULL);
    judge->matched++;
    findings_encoder_add(&judge->encoder, index, judgement->findings, count);
}

static void quarantine(struct judge_batch *judge, uint32_t index) {
    judge->quarantined++;
    findings_encoder_quarantine(&judge->encoder, index);
}

/* Counts what rules in the shadow matched. */
static void count_shadows(struct judge_batch *judge, const struct judgement *judgement) {
    for (size_t i = 0; i < judgement->matched_count; i++) {
        uint32_t rule = judgement->matched[i];
        if (judge->rules->rules[rule].mode != SIGMA_MODE_SHADOW)
            continue;
        rule_counters_add(judge->rule_counters, rule);
        shadow_counts_add(judge->shadows, rule);
    }
}

/* Judges one event, or quarantines it when its bytes are none. */
static void judge_one(struct judge_batch *judge, uint32_t index, size_t *room) {
    struct event event;
    enum status status = event_decode(judge->view.events[index], &judge->frame, &event);
    if (status != STATUS_OK) {
        count_drop(status);
        quarantine(judge, index);
        return;
    }
    judge_number_event(judge->judge, index);
    struct judgement judgement = judge_event(judge->judge, judge->enrichments, &event);
    if (judgement.count > 0)
        add_findings(judge, index, &judgement, room);
    if (judge->rules->has_shadows)
        count_shadows(judge, &judgement);
}

/* Judges all events that are not to be skipped. */
static void judge_all(struct judge_batch *judge, const struct delivery *delivery) {
    uint32_t count = judge->view.head.count, skip = 0;
    size_t share = count > 0 ? FINDINGS_BYTES_MAX / count : 0, room = 0;
    judge->matched = judge->quarantined = 0;
    scratch_page_begin(judge->page, &judge->view.head);
    for (uint32_t index = 0; index < count; index++) {
        room += share;
        if (skip < delivery->skip_count && delivery->skip[skip] == index) {
            quarantine(judge, index);
            skip++;
            continue;
        }
        scratch_page_mark(judge->page, index);
        judge_one(judge, index, &room);
    }
    scratch_page_clear(judge->page);
    counter_add(judge->events_matched, judge->matched);
    counter_add(judge->events_quarantined, judge->quarantined);
    counter_add(judge->events_unmatched, count - judge->matched - judge->quarantined);
}

static void count_given_up(struct judge_batch *judge) {
    uint64_t now = judge_searches_given_up(judge->judge);
    counter_add(judge->searches_given_up, now - judge->given_up);
    judge->given_up = now;
}

enum status judge_batch_run(struct judge_batch *judge, const struct delivery *delivery,
                            struct bytes batch, struct bytes *ret_findings) {
    struct mono_time start = clock_mono();
    struct findings_head head = {judge->rules->generation, judge->detector};
    enum status status = batch_open(batch, &judge->view);
    if (status != STATUS_OK) {
        count_drop(status);
        return status;
    }
    findings_encoder_begin(&judge->encoder);
    judge_begin_batch(judge->judge);
    shadow_counts_begin(judge->shadows);
    judge_all(judge, delivery);
    findings_encoder_contribute(&judge->encoder, judge_contributions(judge->judge));
    findings_encoder_shadow(&judge->encoder, shadow_counts_all(judge->shadows));
    struct bytes findings = findings_encoder_end(&judge->encoder, &head);
    count_given_up(judge);
    histogram_observe(judge->seconds, clock_mono().ns - start.ns);
    *ret_findings = findings;
    return STATUS_OK;
}
