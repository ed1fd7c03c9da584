/* out_receipts.c: RECEIPTS: tells producers what is committed, once it is, and again every second.
 */
#include "services/incident/out_receipts.h"

#include "common/counters.h"
#include "proto/receipt.h"
#include "proto/wiring.h"
#include "services/incident/committer.h"
#include "services/incident/correlated_verdicts.h"
#include "services/incident/seen_lanes.h"

#include <assert.h>
#include <stdlib.h>

struct out_receipts {
    struct wire *wire;
    struct buffer frame;
    struct seen_lanes seen;
    size_t crash_count;
    struct crash_report crashes[CRASHES_MAX];
    struct verdict verdicts[GROUP_MAX * BATCH_EVENTS_MAX];
};

struct out_receipts *out_receipts_new(const char *endpoint) {
    struct wire *wire = wire_bind(wire_row(WIRE_RECEIPTS), endpoint, true);
    if (wire == NULL)
        return NULL;
    struct out_receipts *receipts = calloc(1, sizeof(*receipts));
    if (receipts == NULL)
        abort();
    receipts->wire = wire;
    buffer_init(&receipts->frame, WIRE_FRAME_SIZE_MAX);
    return receipts;
}

void out_receipts_destroy(struct out_receipts **receipts) {
    if (*receipts == NULL)
        return;
    wire_destroy(&(*receipts)->wire);
    buffer_fini(&(*receipts)->frame);
    free(*receipts);
    *receipts = NULL;
}

const char *out_receipts_endpoint(const struct out_receipts *receipts) {
    return wire_endpoint(receipts->wire);
}

static bool encode(struct out_receipts *receipts, const struct receipt *receipt) {
    buffer_reset(&receipts->frame);
    receipt_encode(receipt, &receipts->frame);
    return buffer_is_whole(&receipts->frame);
}

static void send_frame(struct out_receipts *receipts, uint64_t producer) {
    char topic[RECEIPT_TOPIC_SIZE];
    struct text text = text_of(receipt_topic(producer, topic));
    zmq_msg_t frames[2];
    wire_frame_copy(&frames[0], (struct bytes){(const uint8_t *)text.data, text.length});
    wire_frame_copy(&frames[1], buffer_bytes(&receipts->frame));
    if (wire_send(receipts->wire, frames, 2) == STATUS_OK)
        return;
    zmq_msg_close(&frames[0]);
    zmq_msg_close(&frames[1]);
}

/* Encodes a receipt whose verdicts are of one batch at most; when no frame can hold them, without.
 */
static void encode_one(struct out_receipts *receipts, struct receipt receipt) {
    if (encode(receipts, &receipt))
        return;
    count_drop(STATUS_TOO_LARGE);
    receipt.batch_count = 0;
    bool fits = encode(receipts, &receipt);
    assert(fits);
    (void)fits;
}

/* Sends a receipt; one too large for a frame goes in several, with fewer and fewer batches'
 * verdicts. */
static void publish(struct out_receipts *receipts, struct receipt receipt) {
    uint32_t left = receipt.batch_count;
    uint32_t at_once = left;
    do {
        receipt.batch_count = at_once < left ? at_once : left;
        if (receipt.batch_count <= 1) {
            encode_one(receipts, receipt);
        } else if (!encode(receipts, &receipt)) {
            at_once = receipt.batch_count / 2;
            continue;
        }
        send_frame(receipts, receipt.producer);
        receipt.batches += receipt.batch_count;
        left -= receipt.batch_count;
    } while (left > 0);
}

/* The verdict of one judged event; `threat` is what the script said, NULL when it raised no
 * incident. */
static struct verdict make_verdict(const struct judgement *judgement,
                                   const struct committed_threat *threat) {
    return (struct verdict){
        .index = judgement->index,
        .severity = judgement->severity,
        .incident_id = threat != NULL ? threat->incident_id : (struct text){NULL, 0},
        .alert_queued = threat != NULL && threat->alert_queued,
        .details = judgement->details,
        .finding_count = judgement->findings->count,
        .findings = judgement->findings->findings,
    };
}

/* Writes the verdicts of a batch to `verdicts`. Judgements and threats both ascend. */
static struct batch_verdicts list_verdicts(struct commit *commit, struct verdict *verdicts) {
    struct committed_threat threat = {0};
    size_t position = 0;
    bool has_threat = commit_threat(commit, position, &threat);
    uint32_t count = 0;
    for (uint32_t i = 0; i < commit->judgement_count; i++) {
        const struct judgement *judgement = &commit->judgements[i];
        if (commit->quarantined[judgement->index])
            continue;
        bool is_threat = has_threat && threat.index == judgement->index;
        verdicts[count++] = make_verdict(judgement, is_threat ? &threat : NULL);
        if (is_threat)
            has_threat = commit_threat(commit, ++position, &threat);
    }
    count = correlated_verdicts_add(commit, verdicts, count);
    return (struct batch_verdicts){commit->batch.head.seq, count, verdicts};
}

/* Lists grow in the order of the group. */
struct lane_receipt {
    struct receipt receipt;
    struct receipt_range ranges[GROUP_MAX];
    struct batch_verdicts batches[GROUP_MAX];
};

static void add_range(struct lane_receipt *lane, uint64_t seq) {
    struct receipt *receipt = &lane->receipt;
    if (receipt->range_count > 0 && lane->ranges[receipt->range_count - 1].to + 1 == seq)
        lane->ranges[receipt->range_count - 1].to = seq;
    else
        lane->ranges[receipt->range_count++] = (struct receipt_range){seq, seq};
}

/* Adds what one commit has to say; returns the place behind the verdicts used. */
static struct verdict *add_commit(struct lane_receipt *lane, struct commit *commit,
                                  struct verdict *free_verdicts) {
    const struct batch_head *head = &commit->batch.head;
    lane->receipt.floor = commit->floor;
    if (commit->state == COMMIT_DONE || commit->state == COMMIT_DUPLICATE)
        add_range(lane, head->seq);
    if (!commit_has_verdicts(commit) || (head->flags & BATCH_WANTS_VERDICTS) == 0)
        return free_verdicts;
    struct batch_verdicts batch = list_verdicts(commit, free_verdicts);
    lane->batches[lane->receipt.batch_count++] = batch;
    return free_verdicts + batch.count;
}

static bool is_of_lane(const struct commit *commit, const struct batch_head *head) {
    return commit->has_floor && commit->batch.head.producer == head->producer &&
           commit->batch.head.epoch == head->epoch;
}

/* One receipt for the lane of the commit at `first`, of all its commits from there on. */
static void send_lane(struct out_receipts *receipts, struct commit *const *group, size_t first,
                      size_t count) {
    const struct batch_head *head = &group[first]->batch.head;
    struct lane_receipt lane;
    lane.receipt = (struct receipt){
        .producer = head->producer,
        .epoch = head->epoch,
        .ranges = lane.ranges,
        .batches = lane.batches,
    };
    struct verdict *free_verdicts = receipts->verdicts;
    for (size_t i = first; i < count; i++) {
        if (is_of_lane(group[i], head))
            free_verdicts = add_commit(&lane, group[i], free_verdicts);
    }
    publish(receipts, lane.receipt);
    seen_lanes_note(&receipts->seen, head->producer, head->epoch);
}

void out_receipts_send(struct out_receipts *receipts, struct commit *const *group, size_t count) {
    assert(count <= GROUP_MAX);
    for (size_t i = 0; i < count; i++) {
        bool is_first = group[i]->has_floor;
        for (size_t j = 0; is_first && j < i; j++)
            is_first = !is_of_lane(group[j], &group[i]->batch.head);
        if (is_first)
            send_lane(receipts, group, i, count);
    }
}

void out_receipts_add_crash(struct out_receipts *receipts, const struct crash_report *crash) {
    if (receipts->crash_count == CRASHES_MAX) {
        count_drop(STATUS_FULL);
        return;
    }
    receipts->crashes[receipts->crash_count++] = *crash;
    seen_lanes_note(&receipts->seen, crash->producer, crash->epoch);
}

bool out_receipts_has_crashes(const struct out_receipts *receipts) {
    return receipts->crash_count > 0;
}

/* A receipt of floor and crashes alone; several when there are many crashes. */
static void on_floor(void *context, const struct lane_floor *lane) {
    struct out_receipts *receipts = context;
    struct receipt_crash crashes[RECEIPT_CRASHES_MAX];
    struct receipt receipt = {
        .producer = lane->producer,
        .epoch = lane->epoch,
        .floor = lane->floor,
        .crashes = crashes,
    };
    for (size_t i = 0; i < receipts->crash_count; i++) {
        const struct crash_report *crash = &receipts->crashes[i];
        if (crash->producer != lane->producer || crash->epoch != lane->epoch)
            continue;
        if (receipt.crash_count == RECEIPT_CRASHES_MAX) {
            publish(receipts, receipt);
            receipt.crash_count = 0;
        }
        crashes[receipt.crash_count++] = (struct receipt_crash){crash->seq, crash->index};
    }
    publish(receipts, receipt);
    struct seen_lane *seen = seen_lanes_find(&receipts->seen, lane->producer, lane->epoch);
    if (seen != NULL)
        seen->is_told = true;
}

/* Lanes that Redis did not name: because they are closed, because it has forgotten them, or because
 * it has too many. */
static enum status repeat_seen(struct out_receipts *receipts, struct redis_client *redis) {
    struct lane_floor lanes[SEEN_LANES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < receipts->seen.count; i++) {
        const struct seen_lane *lane = &receipts->seen.lanes[i];
        if (!lane->is_told)
            lanes[count++] = (struct lane_floor){lane->producer, lane->epoch, 0};
    }
    enum status status = floors_read_some(redis, lanes, count);
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        on_floor(receipts, &lanes[i]);
    return status;
}

enum status out_receipts_repeat(struct out_receipts *receipts, struct redis_client *redis) {
    wire_refresh(receipts->wire);
    seen_lanes_begin_round(&receipts->seen);
    enum status status = floors_read_all(redis, on_floor, receipts);
    if (status == STATUS_OK || status == STATUS_TOO_LARGE)
        status = repeat_seen(receipts, redis);
    if (status == STATUS_OK)
        receipts->crash_count = 0;
    return status;
}
