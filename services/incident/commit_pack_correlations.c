/* commit_pack_correlations.c: a batch's contributions to correlations, for correlation.lua.
 *
 * Layout: false when there are none, else [definitions, groups, items, events, followers]:
 *
 * - definitions: of each, as bytes that the script knows again: [identity, kind, timespan,
 *   lateness, waits, raises, comparisons: [operator, number, ...], expression, in order,
 *   percentile, rule count, quantum, depth, severity, event type, title, title's name, rule as
 *   JSON, rules as in a threat's message, topic, rule id]
 * - groups: [[place, definition, field, episode, details, address, user, parents: [group, rule,
 *   value, ...]], ...], without those that only followers are of
 * - items: [event, group, rule, value, marks, ...]
 * - events: [index, time, count, id, quarters of an hour its zone is ahead, ...]
 * - followers: [[definition, newest time, list, places, prefixes], ...]
 *
 * Places count from 1, as Lua counts; what is absent is false. Followers are contributions of rules
 * behind the first of an order: most are of groups that never see the first one, so the script is
 * given them as texts, which it keeps as they are or reads one by one. `list` has FOLLOWER_SIZE
 * bytes of each: field, time (f64), weight (u32), rule (u8), zone (i8), marks (u8), little-endian;
 * `places` its event's index and its group's place (u32 each), `prefixes` the first four bytes of
 * its field (u32).
 */
#include "services/incident/commit_pack_parts.h"

#include "common/counters.h"
#include "services/incident/correlations.h"
#include "services/incident/threat_message.h"

#include <inttypes.h>
#include <stdio.h>
#include <xxhash.h>

#define DEFINITION_PARTS 21
#define GROUP_PARTS 8
#define ITEM_PARTS 5
#define EVENT_PARTS 5
#define FOLLOWER_SIZE 31
#define FIELD_PREFIX_SIZE 4
#define QUARTER_MS 900000

/* A contribution counts for so many at most, so that sums of them stay exact. */
#define WEIGHT_MAX (UINT64_C(1) << 31)

/* Marks, as correlation.lua knows them. */
enum { MARK_OWN = 1, MARK_SAME = 2 };

static void pack_switch(bool value, msgpack_packer *out) {
    if (value)
        msgpack_pack_true(out);
    else
        msgpack_pack_false(out);
}

static void pack_optional(struct text text, msgpack_packer *out) {
    if (text.data == NULL)
        msgpack_pack_false(out);
    else
        msgpack_pack_text(out, text);
}

static void pack_comparisons(const struct correlation_comparisons *comparisons,
                             msgpack_packer *out) {
    static const char *const names[] = {"lt", "lte", "gt", "gte", "eq", "neq"};
    msgpack_pack_array(out, (size_t)comparisons->count * 2);
    for (uint32_t i = 0; i < comparisons->count; i++) {
        msgpack_pack_text(out, text_of(names[comparisons->items[i].operator_]));
        msgpack_pack_double(out, comparisons->items[i].number);
    }
}

static void pack_expression(const struct correlation_expression *expression, msgpack_packer *out) {
    msgpack_pack_array(out, expression->count);
    for (uint32_t i = 0; i < expression->count; i++)
        msgpack_pack_uint8(out, expression->items[i]);
}

/* How the window is measured. */
static void pack_window(const struct correlation *correlation, int64_t lateness_ms,
                        msgpack_packer *out) {
    char identity[17];
    snprintf(identity, sizeof identity, "%016" PRIx64, correlation->identity);
    msgpack_pack_text(out, text_of(identity));
    msgpack_pack_text(out, text_of(correlation_type_text(correlation->kind)));
    msgpack_pack_uint64(out, correlation->timespan_ms);
    msgpack_pack_int64(out, lateness_ms * correlation->late_by);
    pack_switch(correlation->waits, out);
    pack_switch(correlation_is_raising(correlation), out);
    pack_comparisons(&correlation->comparisons, out);
    pack_expression(&correlation->expression, out);
    msgpack_pack_uint32(out, correlation->in_order);
    msgpack_pack_double(out, correlation->percentile);
    msgpack_pack_uint32(out, correlation->rule_count);
    msgpack_pack_uint64(out, correlation->quantum_ms);
    msgpack_pack_uint32(out, correlation->depth);
}

/* What its incidents and threats say. */
static void pack_words(struct pack_scratch *scratch, const struct correlation *correlation,
                       msgpack_packer *out) {
    const struct finding finding =
        correlation_finding(correlation, &(struct correlation_group){.correlation = 0});
    const struct event_findings alone = {.count = 1, .findings = &finding};
    const struct incident_title *title = incident_title_of(correlation->event_type);
    char topic[THREAT_TOPIC_SIZE];
    msgpack_packer packer;
    msgpack_pack_text(out, text_of(severity_text(correlation->level)));
    msgpack_pack_text(out, text_of(event_type_text(correlation->event_type)));
    msgpack_pack_text(out, text_of(title->prefix));
    msgpack_pack_text(out, text_of(title->name));
    buffer_reset(&scratch->text);
    pack_write_rule(&finding, &scratch->text);
    msgpack_pack_text(out, buffer_text(&scratch->text));
    buffer_reset(&scratch->text);
    msgpack_packer_to_buffer(&packer, &scratch->text);
    threat_message_rules(&packer, &alone);
    pack_bytes(buffer_bytes(&scratch->text), out);
    msgpack_pack_text(out,
                      text_of(threat_topic(correlation->level, correlation->event_type, topic)));
    msgpack_pack_text(out, correlation->rule_id);
}

static void pack_definitions(struct pack_scratch *scratch, const struct contributions *all,
                             int64_t lateness_ms, msgpack_packer *out) {
    msgpack_pack_array(out, all->correlation_count);
    for (uint32_t i = 0; i < all->correlation_count; i++) {
        msgpack_packer packer;
        buffer_reset(&scratch->definition);
        msgpack_packer_to_buffer(&packer, &scratch->definition);
        msgpack_pack_array(&packer, DEFINITION_PARTS);
        pack_window(&all->correlations[i], lateness_ms, &packer);
        pack_words(scratch, &all->correlations[i], &packer);
        pack_bytes(buffer_bytes(&scratch->definition), out);
    }
}

static void episode_hash(const struct contributions *all, const struct correlation_group *group,
                         char out[EPISODE_HASH_SIZE]) {
    const struct correlation *correlation = &all->correlations[group->correlation];
    const struct finding finding = correlation_finding(correlation, group);
    incident_episode_hash(&finding, correlation->event_type, out);
}

/* Its window's field is a hash of its key. */
static void pack_group(const struct contributions *all, uint32_t place, msgpack_packer *out) {
    const struct correlation_group *group = &all->groups[place];
    XXH128_canonical_t field;
    char episode[EPISODE_HASH_SIZE];
    XXH128_canonicalFromHash(&field, XXH3_128bits(group->key.data, group->key.length));
    episode_hash(all, group, episode);
    msgpack_pack_array(out, GROUP_PARTS);
    msgpack_pack_uint32(out, place + 1);
    msgpack_pack_uint32(out, group->correlation + 1);
    pack_bytes((struct bytes){field.digest, sizeof field.digest}, out);
    msgpack_pack_text(out, text_of(episode));
    msgpack_pack_text(out, group->details);
    pack_optional(incident_name(group->address), out);
    pack_optional(incident_name(group->user), out);
    msgpack_pack_array(out, (size_t)group->parent_count * 3);
    for (uint32_t i = 0; i < group->parent_count; i++) {
        msgpack_pack_uint32(out, group->parents[i].group + 1);
        msgpack_pack_uint32(out, group->parents[i].rule);
        msgpack_pack_double(out, group->parents[i].value);
    }
}

static void pack_groups(const struct pack_scratch *scratch, const struct contributions *all,
                        msgpack_packer *out) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < all->group_count; i++)
        count += scratch->needs_group[i];
    msgpack_pack_array(out, count);
    for (uint32_t i = 0; i < all->group_count; i++) {
        if (scratch->needs_group[i])
            pack_group(all, i, out);
    }
}

/* What the event is without the correlation: NULL when that is no threat. Both lists ascend, so the
 * search goes on where it stopped. */
static const struct judgement *find_threat(const struct commit *commit, uint32_t index,
                                           uint32_t *next) {
    while (*next < commit->judgement_count && commit->judgements[*next].index < index)
        ++*next;
    if (*next == commit->judgement_count)
        return NULL;
    const struct judgement *judgement = &commit->judgements[*next];
    return judgement->index == index && judgement_is_threat(judgement) ? judgement : NULL;
}

/* Decodes the events that contribute; tells of each its place from 1, 0 for one that cannot be. */
static uint32_t read_events(struct pack_scratch *scratch, const struct commit *commit) {
    const struct contributions *all = commit->findings.contributions;
    uint32_t count = 0, next = 0;
    memset(scratch->contributing_of, 0, sizeof scratch->contributing_of);
    for (uint32_t i = 0; i < all->count; i++) {
        uint32_t index = all->items[i].event;
        bool is_next = i == 0 || index != all->items[i - 1].event;
        if (!is_next || commit->quarantined[index])
            continue;
        struct event event;
        enum status status = event_decode(commit->batch.events[index], &scratch->frame, &event);
        if (status != STATUS_OK) {
            count_drop(status);
            continue;
        }
        struct wall_time time = {event.time_ms};
        int64_t ahead_ms = time_zone_local(scratch->statistics.zone, time).ms - time.ms;
        scratch->contributing[count] = (struct contributing_event){
            .index = index,
            .time_ms = event.time_ms,
            .weight = (uint32_t)(event.count < WEIGHT_MAX ? event.count : WEIGHT_MAX),
            .zone = (int8_t)(ahead_ms / QUARTER_MS),
            .judgement = find_threat(commit, index, &next),
        };
        scratch->contributing_of[index] = (uint16_t)++count;
    }
    return count;
}

/* The event of a contribution; NULL when it could not be read. */
static struct contributing_event *event_of(struct pack_scratch *scratch,
                                           const struct contribution *item) {
    uint16_t place = scratch->contributing_of[item->event];
    return place > 0 ? &scratch->contributing[place - 1] : NULL;
}

/* A contribution that means nothing before one of rule 1 has come. Those with groups behind theirs
 * are few, and are listed with them. */
static bool is_follower(const struct contributions *all, const struct contribution *item) {
    const struct correlation_group *group = &all->groups[item->group];
    const struct correlation *correlation = &all->correlations[group->correlation];
    return item->rule > 1 && group->parent_count == 0 && !correlation->waits &&
           correlation->in_order > 1 && correlation->in_order == correlation->rule_count;
}

/* Notes that a group, and the groups behind it, must be listed. */
static void need_group(struct pack_scratch *scratch, const struct contributions *all,
                       uint32_t group) {
    if (scratch->needs_group[group])
        return;
    scratch->needs_group[group] = true;
    for (uint32_t i = 0; i < all->groups[group].parent_count; i++)
        need_group(scratch, all, all->groups[group].parents[i].group);
}

/* Numbers the events that are listed, and notes the groups that are. */
static uint32_t choose_listed(struct pack_scratch *scratch, const struct contributions *all) {
    uint32_t count = 0;
    memset(scratch->needs_group, 0, all->group_count * sizeof scratch->needs_group[0]);
    for (uint32_t i = 0; i < all->count; i++) {
        const struct contribution *item = &all->items[i];
        struct contributing_event *event = event_of(scratch, item);
        if (event == NULL || is_follower(all, item))
            continue;
        need_group(scratch, all, item->group);
        event->listed = event->listed > 0 ? event->listed : ++count;
    }
    return count;
}

/* Whether the event is a threat without the correlation, in the same incident even. */
static uint32_t marks_of(const struct contributing_event *event, const struct commit *commit,
                         const struct correlation_group *group) {
    const struct contributions *all = commit->findings.contributions;
    const struct correlation *correlation = &all->correlations[group->correlation];
    if (event->judgement == NULL)
        return 0;
    const struct finding *primary = event->judgement->primary;
    bool is_same = text_equal(primary->incident, correlation->incident) &&
                   text_equal(primary->group_key, group->key);
    return is_same ? MARK_OWN | MARK_SAME : MARK_OWN;
}

/* Contributions whose events could be read. */
static void pack_items(struct pack_scratch *scratch, const struct commit *commit,
                       msgpack_packer *out) {
    const struct contributions *all = commit->findings.contributions;
    uint32_t count = 0;
    for (uint32_t i = 0; i < all->count; i++)
        count += event_of(scratch, &all->items[i]) != NULL && !is_follower(all, &all->items[i]);
    msgpack_pack_array(out, (size_t)count * ITEM_PARTS);
    for (uint32_t i = 0; i < all->count; i++) {
        const struct contribution *item = &all->items[i];
        const struct contributing_event *event = event_of(scratch, item);
        if (event == NULL || is_follower(all, item))
            continue;
        msgpack_pack_uint32(out, event->listed);
        msgpack_pack_uint32(out, item->group + 1);
        msgpack_pack_uint32(out, item->rule);
        msgpack_pack_double(out, item->value);
        msgpack_pack_uint32(out, marks_of(event, commit, &all->groups[item->group]));
    }
}

static void pack_event(const struct contributing_event *event, const struct commit *commit,
                       msgpack_packer *out) {
    char id[EVENT_ID_SIZE];
    msgpack_pack_uint32(out, event->index);
    msgpack_pack_int64(out, event->time_ms);
    msgpack_pack_uint32(out, event->weight);
    msgpack_pack_text(out, text_of(event_id_format(&commit->batch.head, event->index, id)));
    msgpack_pack_int8(out, event->zone);
}

static void pack_events(const struct pack_scratch *scratch, const struct commit *commit,
                        uint32_t event_count, uint32_t listed_count, msgpack_packer *out) {
    msgpack_pack_array(out, (size_t)listed_count * EVENT_PARTS);
    for (uint32_t i = 0; i < event_count; i++) {
        if (scratch->contributing[i].listed > 0)
            pack_event(&scratch->contributing[i], commit, out);
    }
}

static void append_number(struct buffer *out, uint64_t number, size_t size) {
    uint8_t bytes[8];
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(number >> 8 * i);
    buffer_append(out, bytes, size);
}

/* What the script keeps of a follower. */
static void list_follower(struct pack_scratch *scratch, const struct commit *commit,
                          const struct contribution *item) {
    const struct correlation_group *group = &commit->findings.contributions->groups[item->group];
    const struct contributing_event *event = event_of(scratch, item);
    double time = (double)event->time_ms;
    uint64_t time_bits;
    XXH128_canonical_t field;
    XXH128_canonicalFromHash(&field, XXH3_128bits(group->key.data, group->key.length));
    memcpy(&time_bits, &time, sizeof time_bits);
    buffer_append(&scratch->list, field.digest, sizeof field.digest);
    append_number(&scratch->list, time_bits, 8);
    append_number(&scratch->list, event->weight, 4);
    append_number(&scratch->list, item->rule, 1);
    append_number(&scratch->list, (uint8_t)event->zone, 1);
    append_number(&scratch->list, marks_of(event, commit, group), 1);
    append_number(&scratch->places, event->index, 4);
    append_number(&scratch->places, item->group + 1, 4);
    buffer_append(&scratch->prefixes, field.digest, FIELD_PREFIX_SIZE);
}

/* The followers of one correlation; false when it has none. */
static bool pack_followers_of(struct pack_scratch *scratch, const struct commit *commit,
                              uint32_t correlation, msgpack_packer *out) {
    const struct contributions *all = commit->findings.contributions;
    int64_t newest_ms = 0;
    buffer_reset(&scratch->list);
    buffer_reset(&scratch->places);
    buffer_reset(&scratch->prefixes);
    for (uint32_t i = 0; i < all->count; i++) {
        const struct contribution *item = &all->items[i];
        const struct contributing_event *event = event_of(scratch, item);
        if (all->groups[item->group].correlation != correlation || event == NULL ||
            !is_follower(all, item))
            continue;
        list_follower(scratch, commit, item);
        newest_ms = event->time_ms > newest_ms ? event->time_ms : newest_ms;
    }
    if (scratch->list.length == 0)
        return false;
    msgpack_pack_array(out, 5);
    msgpack_pack_uint32(out, correlation + 1);
    msgpack_pack_int64(out, newest_ms);
    pack_long(scratch, buffer_bytes(&scratch->list), out);
    pack_long(scratch, buffer_bytes(&scratch->places), out);
    pack_long(scratch, buffer_bytes(&scratch->prefixes), out);
    return true;
}

/* Whether any contribution to a correlation is a follower. */
static bool has_followers(struct pack_scratch *scratch, const struct contributions *all,
                          uint32_t correlation) {
    for (uint32_t i = 0; i < all->count; i++) {
        if (all->groups[all->items[i].group].correlation == correlation &&
            is_follower(all, &all->items[i]) && event_of(scratch, &all->items[i]) != NULL)
            return true;
    }
    return false;
}

static void pack_followers(struct pack_scratch *scratch, const struct commit *commit,
                           msgpack_packer *out) {
    const struct contributions *all = commit->findings.contributions;
    uint32_t count = 0;
    for (uint32_t i = 0; i < all->correlation_count; i++)
        count += has_followers(scratch, all, i);
    msgpack_pack_array(out, count);
    for (uint32_t i = 0; count > 0 && i < all->correlation_count; i++)
        (void)pack_followers_of(scratch, commit, i, out);
}

void pack_contributions(struct pack_scratch *scratch, const struct commit *commit,
                        int64_t lateness_ms, msgpack_packer *out) {
    const struct contributions *all = commit->findings.contributions;
    uint32_t count = all != NULL ? read_events(scratch, commit) : 0;
    if (count == 0) {
        msgpack_pack_false(out);
        return;
    }
    uint32_t listed = choose_listed(scratch, all);
    msgpack_pack_array(out, 5);
    pack_definitions(scratch, all, lateness_ms, out);
    pack_groups(scratch, all, out);
    pack_items(scratch, commit, out);
    pack_events(scratch, commit, count, listed, out);
    pack_followers(scratch, commit, out);
}
