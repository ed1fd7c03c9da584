/* commit_pack.c: puts a batch into the MessagePack array that commit.lua reads.
 *
 * Layout (lists of fields or names and their amounts stand side by side):
 *
 *   [lane, seq, now_ms, accepted, seq_known, kept_from, was_sent, ledger fields, ledger amounts,
 *    days: [[day, expire_at, fields, amounts, types, amounts, addresses, amounts, users, amounts],
 * ...], rule ids, rule hits, quarantined: [[event id, bytes], ...], rules: [JSON, ...], threats:
 * [[...], ...], contributions (commit_pack_correlations.c), long texts: how many]
 *
 * Behind the array stand the long texts; in it a long text may be its number, from 1.
 */
#include "services/incident/commit_pack.h"

#include "proto/receipt.h"
#include "services/incident/commit_pack_parts.h"
#include "services/incident/floors.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define BATCH_PARTS 17
#define EMPTY_LISTS 7 /* of them when there is no batch: sums, quarantined, rules */
#define LIMITS_PARTS 8
#define LIMITS_SIZE_MAX 1024

struct commit_packer {
    struct commit_limits limits;
    struct buffer packed_limits;
    struct buffer packed;
    size_t ends[PACKED_PARTS_MAX];
    struct pack_scratch scratch;
};

static void pack_limits(struct commit_packer *packer) {
    msgpack_packer out;
    msgpack_packer_to_buffer(&out, &packer->packed_limits);
    msgpack_pack_array(&out, LIMITS_PARTS);
    msgpack_pack_text(&out, text_of(packer->limits.publisher));
    msgpack_pack_int64(&out, packer->limits.window_ms);
    msgpack_pack_int64(&out, packer->limits.lateness_ms);
    msgpack_pack_int64(&out, packer->limits.incidents_max);
    msgpack_pack_int64(&out, packer->limits.threats_kept);
    msgpack_pack_int64(&out, packer->limits.names_max);
    msgpack_pack_int64(&out, packer->limits.statistics_days);
    msgpack_pack_int64(&out, packer->limits.correlation_groups_max);
    assert(buffer_is_whole(&packer->packed_limits));
}

struct commit_packer *commit_packer_new(const struct commit_limits *limits) {
    struct commit_packer *packer = calloc(1, sizeof(*packer));
    if (packer == NULL)
        abort();
    packer->limits = *limits;
    buffer_init(&packer->packed_limits, LIMITS_SIZE_MAX);
    buffer_init(&packer->packed, PACKED_SIZE_MAX);
    buffer_init(&packer->scratch.text, PACKED_SIZE_MAX);
    buffer_init(&packer->scratch.list, PACKED_SIZE_MAX);
    buffer_init(&packer->scratch.places, PACKED_SIZE_MAX);
    buffer_init(&packer->scratch.prefixes, PACKED_SIZE_MAX);
    buffer_init(&packer->scratch.definition, PACKED_SIZE_MAX);
    buffer_init(&packer->scratch.long_texts, PACKED_SIZE_MAX);
    msgpack_frame_init(&packer->scratch.frame);
    pack_limits(packer);
    return packer;
}

void commit_packer_destroy(struct commit_packer **packer) {
    if (*packer == NULL)
        return;
    buffer_fini(&(*packer)->packed_limits);
    buffer_fini(&(*packer)->packed);
    buffer_fini(&(*packer)->scratch.text);
    buffer_fini(&(*packer)->scratch.list);
    buffer_fini(&(*packer)->scratch.places);
    buffer_fini(&(*packer)->scratch.prefixes);
    buffer_fini(&(*packer)->scratch.definition);
    buffer_fini(&(*packer)->scratch.long_texts);
    msgpack_frame_fini(&(*packer)->scratch.frame);
    free(*packer);
    *packer = NULL;
}

struct text commit_pack_limits(const struct commit_packer *packer) {
    return buffer_text(&packer->packed_limits);
}

/* Counts every event that can be read; notes the threats for later. */
static void count_events(struct pack_scratch *scratch, struct commit *commit,
                         const struct time_zone *zone) {
    statistics_reset(&scratch->statistics, zone);
    scratch->threat_count = 0;
    scratch->rule_count = 0;
    uint32_t next = 0;
    for (uint32_t i = 0; i < commit->batch.head.count; i++) {
        const struct judgement *judgement = &commit->judgements[next];
        bool is_judged = next < commit->judgement_count && judgement->index == i;
        next += is_judged;
        if (commit->quarantined[i])
            continue;
        if (is_judged) {
            pack_count_judged(scratch, commit, judgement);
            continue;
        }
        int64_t time_ms = 0;
        enum status status = event_peek_time(commit->batch.events[i], &time_ms);
        if (status == STATUS_OK)
            statistics_add_event(&scratch->statistics, time_ms);
        else
            commit_quarantine(commit, i, status);
    }
    /* Behind all findings, whose rules are told by their places. */
    const struct shadow_hits *shadows = commit->findings.shadows;
    for (uint32_t i = 0; shadows != NULL && i < shadows->count; i++)
        statistics_add_shadow(&scratch->statistics, &shadows->items[i]);
}

/* As text, for it is written as it came. */
static void pack_time(struct wall_time now, msgpack_packer *out) {
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, now.ms);
    msgpack_pack_text(out, text_of(text));
}

static void pack_head(const struct commit *commit, struct wall_time now, uint64_t seq_known,
                      msgpack_packer *out) {
    const struct batch_head *head = &commit->batch.head;
    char lane[LANE_SIZE];
    lane_format(head->producer, head->epoch, lane);
    uint64_t accepted = head->accepted_before <= LUA_INTEGER_MAX - BATCH_EVENTS_MAX
                            ? head->accepted_before + head->count
                            : LUA_INTEGER_MAX;
    msgpack_pack_text(out, text_of(lane));
    msgpack_pack_uint64(out, head->seq);
    pack_time(now, out);
    msgpack_pack_uint64(out, accepted);
    msgpack_pack_uint64(out, seq_known);
    msgpack_pack_uint64(out, head->kept_from);
    if (commit->was_sent)
        msgpack_pack_true(out);
    else
        msgpack_pack_false(out);
}

/* The ledger's sums; its first field is no sum (see commit.lua). */
static void pack_ledger(const struct commit *commit, uint32_t threats, msgpack_packer *out) {
    const struct batch_head *head = &commit->batch.head;
    char producer[RECEIPT_TOPIC_SIZE], lane[LANE_SIZE];
    receipt_topic(head->producer, producer);
    lane_format(head->producer, head->epoch, lane);
    uint32_t quarantined = commit->quarantined_count;
    uint32_t committed = head->count - quarantined;
    const struct {
        const char *field, *of;
        uint32_t amount;
    } rows[] = {
        {"accepted:", producer, 0},       {"batches", "", 1},
        {"committed", "", committed},     {"committed:", producer, committed},
        {"counted:", lane, head->count},  {"threats", "", threats},
        {"quarantined", "", quarantined}, {"quarantined:", producer, quarantined},
    };
    /* What adds nothing is left out, behind the rows that are always there. */
    size_t count = quarantined > 0 ? 8 : threats > 0 ? 6 : 5;
    msgpack_pack_array(out, count);
    for (size_t i = 0; i < count; i++) {
        char field[48];
        snprintf(field, sizeof(field), "%s%s", rows[i].field, rows[i].of);
        msgpack_pack_text(out, text_of(field));
    }
    msgpack_pack_array(out, count);
    for (size_t i = 0; i < count; i++)
        msgpack_pack_uint32(out, rows[i].amount);
}

/* Redis' cmsgpack knows no bin; its str, like a Lua string, holds any bytes. */
void pack_bytes(struct bytes bytes, msgpack_packer *out) {
    msgpack_pack_str(out, bytes.length);
    msgpack_pack_str_body(out, bytes.data, bytes.length);
}

void pack_long(struct pack_scratch *scratch, struct bytes bytes, msgpack_packer *out) {
    if (bytes.length < LONG_TEXT_MIN || scratch->long_count == LONG_TEXTS_MAX) {
        pack_bytes(bytes, out);
        return;
    }
    buffer_append(&scratch->long_texts, bytes.data, bytes.length);
    scratch->long_ends[scratch->long_count++] = scratch->long_texts.length;
    msgpack_pack_uint32(out, scratch->long_count);
}

static void pack_begin(struct commit_packer *packer, msgpack_packer *out) {
    buffer_reset(&packer->packed);
    buffer_reset(&packer->scratch.long_texts);
    packer->scratch.long_count = 0;
    msgpack_packer_to_buffer(out, &packer->packed);
    msgpack_pack_array(out, BATCH_PARTS);
}

/* The array's last part, and what stands behind it. */
static struct packed_batch pack_end(struct commit_packer *packer, msgpack_packer *out) {
    const struct pack_scratch *scratch = &packer->scratch;
    msgpack_pack_uint32(out, scratch->long_count);
    size_t length = packer->packed.length;
    packer->ends[0] = length;
    for (uint32_t i = 0; i < scratch->long_count; i++)
        packer->ends[1 + i] = length + scratch->long_ends[i];
    buffer_append_text(&packer->packed, buffer_text(&scratch->long_texts));
    assert(buffer_is_whole(&packer->packed));
    return (struct packed_batch){buffer_text(&packer->packed), packer->ends,
                                 1 + scratch->long_count};
}

static void pack_quarantined(const struct commit *commit, msgpack_packer *out) {
    msgpack_pack_array(out, commit->quarantined_count);
    for (uint32_t i = 0; i < commit->batch.head.count; i++) {
        if (!commit->quarantined[i])
            continue;
        char id[EVENT_ID_SIZE];
        struct bytes bytes = commit->batch.events[i];
        msgpack_pack_array(out, 2);
        msgpack_pack_text(out, text_of(event_id_format(&commit->batch.head, i, id)));
        pack_bytes(bytes, out);
    }
}

struct packed_batch commit_pack(struct commit_packer *packer, struct commit *commit,
                                struct wall_time now, uint64_t seq_known) {
    struct pack_scratch *scratch = &packer->scratch;
    count_events(scratch, commit, packer->limits.zone);
    msgpack_packer out;
    pack_begin(packer, &out);
    pack_head(commit, now, seq_known, &out);
    pack_ledger(commit, scratch->threat_count, &out);
    pack_days(&scratch->statistics, packer->limits.statistics_days, &out);
    pack_rule_hits(&scratch->statistics, &out);
    pack_quarantined(commit, &out);
    pack_rules(scratch, &out);
    pack_threats(scratch, commit, packer->limits.publisher, &out);
    pack_contributions(scratch, commit, packer->limits.lateness_ms, &out);
    return pack_end(packer, &out);
}

struct packed_batch commit_pack_settle(struct commit_packer *packer, struct wall_time now,
                                       struct settle_range range, uint64_t seq_known) {
    struct pack_scratch *scratch = &packer->scratch;
    scratch->threat_count = 0;
    msgpack_packer out;
    pack_begin(packer, &out);
    msgpack_pack_false(&out); /* no lane: no batch */
    msgpack_pack_uint32(&out, range.skip);
    pack_time(now, &out);
    msgpack_pack_uint32(&out, range.count);
    msgpack_pack_uint64(&out, seq_known);
    msgpack_pack_uint32(&out, 0);
    msgpack_pack_false(&out);
    for (int i = 0; i < EMPTY_LISTS; i++)
        msgpack_pack_array(&out, 0);
    pack_threats(scratch, NULL, packer->limits.publisher, &out);
    msgpack_pack_false(&out);
    return pack_end(packer, &out);
}
