/* correlated_verdicts.c: what correlations say of the events of a batch, among the verdicts. */
#include "services/incident/correlated_verdicts.h"

#include "common/counters.h"
#include "common/utf8.h"
#include "services/incident/correlations.h"

#define SEPARATOR TEXT(" | ")

/* The verdict of an event; a new one, that says nothing, in its place when there was none. */
static struct verdict *find_or_insert(struct verdict *verdicts, uint32_t *count, uint32_t index) {
    uint32_t at = *count;
    while (at > 0 && verdicts[at - 1].index > index)
        at--;
    if (at > 0 && verdicts[at - 1].index == index)
        return &verdicts[at - 1];
    memmove(&verdicts[at + 1], &verdicts[at], (*count - at) * sizeof verdicts[0]);
    verdicts[at] = (struct verdict){.index = index, .severity = SEVERITY_INFO};
    ++*count;
    return &verdicts[at];
}

static void add_details(struct msgpack_frame *frame, struct verdict *verdict, struct text more) {
    if (verdict->details.length == 0) {
        verdict->details = utf8_cut(more, DETAILS_SIZE_MAX);
        return;
    }
    struct text before = verdict->details;
    size_t length = before.length + SEPARATOR.length + more.length;
    char *joined = msgpack_frame_allocate(frame, length, 1);
    memcpy(joined, before.data, before.length);
    memcpy(joined + before.length, SEPARATOR.data, SEPARATOR.length);
    memcpy(joined + before.length + SEPARATOR.length, more.data, more.length);
    verdict->details = utf8_cut((struct text){joined, length}, DETAILS_SIZE_MAX);
}

/* Puts the finding behind those that are as grave. */
static void add_finding(struct msgpack_frame *frame, struct verdict *verdict,
                        const struct finding *finding) {
    uint32_t count = verdict->finding_count, at = 0;
    if (count == FINDINGS_PER_EVENT_MAX) {
        count_drop(STATUS_FULL);
        return;
    }
    struct finding *findings = msgpack_frame_allocate(frame, count + 1, sizeof *findings);
    while (at < count && verdict->findings[at].level >= finding->level)
        at++;
    if (count > 0) {
        memcpy(findings, verdict->findings, at * sizeof *findings);
        memcpy(findings + at + 1, verdict->findings + at, (count - at) * sizeof *findings);
    }
    findings[at] = *finding;
    verdict->findings = findings;
    verdict->finding_count = count + 1;
}

static void add_event(struct commit *commit, struct verdict *verdict,
                      const struct correlated_event *event) {
    const struct contributions *all = commit->findings.contributions;
    const struct correlation_group *group = &all->groups[event->group];
    const struct finding finding =
        correlation_finding(&all->correlations[group->correlation], group);
    bool is_graver = verdict->incident_id.data == NULL || finding.level > verdict->severity;
    if (is_graver)
        verdict->incident_id = event->incident_id;
    if (finding.level > verdict->severity)
        verdict->severity = finding.level;
    verdict->alert_queued |= event->alert_queued;
    add_details(&commit->frame, verdict, finding.details);
    add_finding(&commit->frame, verdict, &finding);
}

uint32_t correlated_verdicts_add(struct commit *commit, struct verdict *verdicts, uint32_t count) {
    const struct contributions *all = commit->findings.contributions;
    struct correlated_event event;
    for (size_t i = 0; all != NULL && commit_correlated(commit, i, &event); i++) {
        if (event.index < commit->batch.head.count && event.group < all->group_count)
            add_event(commit, find_or_insert(verdicts, &count, event.index), &event);
    }
    return count;
}
