/* commit.c: a batch on its way through the commit: opened, judged, answered, let go. */
#include "services/incident/commit.h"

#include "common/counters.h"
#include "proto/contribution.h"

#include <assert.h>

/* Details of a whole findings frame, and the separators. */
#define JOINED_MAX (2 * WIRE_FRAME_SIZE_MAX)

/* The script's answer: see commit.lua. */
#define ANSWER_THREATS 3
#define ANSWER_THREAT_PARTS 5
#define ANSWER_CORRELATED 4
#define ANSWER_CORRELATED_PARTS 4

void commit_init(struct commit *commit) {
    memset(commit, 0, sizeof(*commit));
    msgpack_frame_init(&commit->frame);
    buffer_init(&commit->joined, JOINED_MAX);
}

void commit_release(struct commit *commit) {
    wire_message_close(&commit->message);
    redis_reply_destroy(&commit->reply);
    buffer_reset(&commit->joined);
    memset(commit->quarantined, 0, sizeof(commit->quarantined));
    commit->quarantined_count = commit->set_aside_count = 0;
    commit->judgement_count = 0;
    commit->state = COMMIT_OPEN;
    commit->has_floor = false;
    commit->floor = 0;
    commit->was_sent = false;
}

void commit_fini(struct commit *commit) {
    commit_release(commit);
    msgpack_frame_fini(&commit->frame);
    buffer_fini(&commit->joined);
}

static enum status open_message(struct commit *commit) {
    if (commit->message.count != 2)
        return STATUS_BAD_FRAMES;
    struct bytes findings = wire_frame_bytes(&commit->message.frames[0]);
    enum status status = findings_decode(findings, &commit->frame, &commit->findings);
    if (status != STATUS_OK)
        return status;
    return batch_open(wire_frame_bytes(&commit->message.frames[1]), &commit->batch);
}

static bool is_complete(const struct finding *finding) {
    return finding->rule_id.data != NULL && finding->rule_title.data != NULL &&
           finding->details.data != NULL && finding->incident.data != NULL &&
           finding->group_key.data != NULL;
}

/* What the codecs leave open: that an event with findings or contributions is one of the
 * batch, and that the required texts of a finding are there. */
static bool is_entry_sound(const struct event_findings *entry, uint32_t event_count) {
    for (uint32_t i = 0; i < entry->count; i++) {
        if (!is_complete(&entry->findings[i]))
            return false;
    }
    return entry->index < event_count;
}

static enum status check(const struct commit *commit) {
    const struct findings_view *findings = &commit->findings;
    const struct batch_head *head = &commit->batch.head;
    if (head->seq > LUA_INTEGER_MAX)
        return STATUS_BAD_VALUE;
    for (uint32_t i = 0; i < findings->entry_count; i++) {
        if (!is_entry_sound(&findings->entries[i], head->count))
            return STATUS_BAD_VALUE;
    }
    for (uint32_t i = 0; i < findings->quarantined_count; i++) {
        if (findings->quarantined[i] >= head->count)
            return STATUS_BAD_VALUE;
    }
    const struct contributions *all = findings->contributions;
    if (all != NULL && all->count > 0 && all->items[all->count - 1].event >= head->count)
        return STATUS_BAD_VALUE; /* they ascend */
    return STATUS_OK;
}

static void judge(struct commit *commit) {
    const struct findings_view *findings = &commit->findings;
    size_t room = 0;
    for (uint32_t i = 0; i < findings->entry_count; i++)
        room += incident_joined_size(&findings->entries[i]);
    uint8_t *reserved = buffer_reserve(&commit->joined, room);
    assert(room == 0 || reserved != NULL); /* a frame's details always fit */
    (void)reserved;
    for (uint32_t i = 0; i < findings->entry_count; i++) {
        const struct event_findings *entry = &findings->entries[i];
        if (entry->count > 0 && !commit->quarantined[entry->index])
            commit->judgements[commit->judgement_count++] = incident_judge(entry, &commit->joined);
    }
}

enum status commit_take(struct commit *commit, struct wire_message *message) {
    assert(commit->message.count == 0);
    commit->message = *message;
    message->count = 0;
    enum status status = open_message(commit);
    if (status == STATUS_OK)
        status = check(commit);
    if (status != STATUS_OK) {
        commit_release(commit);
        return status;
    }
    for (uint32_t i = 0; i < commit->findings.quarantined_count; i++)
        commit->quarantined[commit->findings.quarantined[i]] = true;
    commit->quarantined_count = commit->findings.quarantined_count;
    judge(commit);
    return STATUS_OK;
}

/* Quarantines an event; false when it was. */
static bool quarantine(struct commit *commit, uint32_t index) {
    assert(index < commit->batch.head.count);
    if (commit->quarantined[index])
        return false;
    commit->quarantined[index] = true;
    commit->quarantined_count++;
    return true;
}

void commit_quarantine(struct commit *commit, uint32_t index, enum status reason) {
    if (quarantine(commit, index))
        count_drop(reason);
}

void commit_set_aside(struct commit *commit, bool all) {
    const struct contributions *contributions = commit->findings.contributions;
    uint32_t contributed = contributions != NULL ? contributions->count : 0;
    for (uint32_t i = 0; i < commit->findings.entry_count; i++)
        commit->set_aside_count += quarantine(commit, commit->findings.entries[i].index);
    for (uint32_t i = 0; i < contributed; i++)
        commit->set_aside_count += quarantine(commit, contributions->items[i].event);
    if (!all && commit->findings.entry_count + contributed > 0)
        return;
    for (uint32_t i = 0; i < commit->batch.head.count; i++)
        commit->set_aside_count += quarantine(commit, i);
    commit->findings.shadows = NULL;
}

bool commit_has_verdicts(const struct commit *commit) {
    return commit->state == COMMIT_DONE || commit->reply != NULL;
}

bool commit_threat(const struct commit *commit, size_t position,
                   struct committed_threat *ret_threat) {
    if (redis_reply_count(commit->reply) <= ANSWER_THREATS)
        return false;
    const struct redis_reply *list = redis_reply_at(commit->reply, ANSWER_THREATS);
    size_t at = position * ANSWER_THREAT_PARTS;
    if (at + ANSWER_THREAT_PARTS > redis_reply_count(list))
        return false;
    *ret_threat = (struct committed_threat){
        .index = (uint32_t)redis_reply_integer(redis_reply_at(list, at)),
        .incident_id = redis_reply_text(redis_reply_at(list, at + 1)),
        .alert_queued = redis_reply_integer(redis_reply_at(list, at + 2)) != 0,
        .topic = redis_reply_text(redis_reply_at(list, at + 3)),
        .body = redis_reply_text(redis_reply_at(list, at + 4)),
    };
    return true;
}

bool commit_correlated(const struct commit *commit, size_t position,
                       struct correlated_event *ret_event) {
    if (redis_reply_count(commit->reply) <= ANSWER_CORRELATED)
        return false;
    const struct redis_reply *list = redis_reply_at(commit->reply, ANSWER_CORRELATED);
    size_t at = position * ANSWER_CORRELATED_PARTS;
    if (at + ANSWER_CORRELATED_PARTS > redis_reply_count(list))
        return false;
    *ret_event = (struct correlated_event){
        .index = (uint32_t)redis_reply_integer(redis_reply_at(list, at)),
        .group =
            (uint32_t)redis_reply_integer(redis_reply_at(list, at + 1)) - 1, /* as Lua counts */
        .incident_id = redis_reply_text(redis_reply_at(list, at + 2)),
        .alert_queued = redis_reply_integer(redis_reply_at(list, at + 3)) != 0,
    };
    return true;
}
