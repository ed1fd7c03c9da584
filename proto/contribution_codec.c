/* contribution_codec.c: contributions as MessagePack and back.
 *
 * Layout, the sixth element of a findings frame:
 *
 *   93   array correlations: each an array in the order of correlation.def
 *        array groups: 96  uint correlation   str key   str details   str/nil address   str/nil
 * user array parents: 92  uint group   uint rule array contributions: 94  uint event, ascending
 * uint group   uint rule   real value
 *
 * Whoever makes the lists adds correlations and groups when they are first used; so the first so
 * many contributions need only the beginnings of the other lists, and a frame that is too full
 * leaves out ends.
 */
#include "proto/correlation_codec.h"

#include "common/utf8.h"
#include "proto/frame.h"

#define GROUP_PARTS 6
#define PARENT_PARTS 3
#define CONTRIBUTION_PARTS 4

/* The most bytes beside the texts. */
#define GROUP_OVERHEAD (32 + CORRELATION_PARENTS_MAX * 20)
#define CONTRIBUTION_SIZE 24
#define LISTS_OVERHEAD 32

static void pack_group(msgpack_packer *packer, const struct correlation_group *group) {
    msgpack_pack_array(packer, GROUP_PARTS);
    msgpack_pack_uint32(packer, group->correlation);
    msgpack_pack_text(packer, utf8_cut(group->key, FINDING_LIMIT_group_key));
    msgpack_pack_text(packer, utf8_cut(group->details, FINDING_LIMIT_details));
    msgpack_pack_text(packer, group->address);
    msgpack_pack_text(packer, group->user);
    msgpack_pack_array(packer, group->parent_count);
    for (uint32_t i = 0; i < group->parent_count; i++) {
        msgpack_pack_array(packer, PARENT_PARTS);
        msgpack_pack_uint32(packer, group->parents[i].group);
        msgpack_pack_uint32(packer, group->parents[i].rule);
        correlation_pack_real(packer, group->parents[i].value);
    }
}

static void pack_contribution(msgpack_packer *packer, const struct contribution *contribution) {
    msgpack_pack_array(packer, CONTRIBUTION_PARTS);
    msgpack_pack_uint32(packer, contribution->event);
    msgpack_pack_uint32(packer, contribution->group);
    msgpack_pack_uint32(packer, contribution->rule);
    correlation_pack_real(packer, contribution->value);
}

/* How much of each list is packed, and the most bytes that takes. */
struct extent {
    uint32_t correlations;
    uint32_t groups;
    uint32_t items;
    size_t size;
};

static size_t group_size(const struct correlation_group *group) {
    return GROUP_OVERHEAD + group->key.length + group->details.length + group->address.length +
           group->user.length;
}

/* Adds what a group needs: the groups up to it and to its parents, and their correlations. */
static void extend_to_group(const struct contributions *all, uint32_t group,
                            struct extent *extent) {
    uint32_t end = group + 1;
    for (; extent->groups < end; extent->groups++) {
        const struct correlation_group *next = &all->groups[extent->groups];
        extent->size += group_size(next);
        for (uint32_t i = 0; i < next->parent_count; i++) {
            if (next->parents[i].group >= end)
                end = next->parents[i].group + 1;
        }
        for (; extent->correlations <= next->correlation; extent->correlations++)
            extent->size += correlation_packed_max(&all->correlations[extent->correlations]);
    }
}

static struct extent find_extent(const struct contributions *all, size_t room) {
    struct extent fitting = {0, 0, 0, LISTS_OVERHEAD};
    while (fitting.items < all->count) {
        struct extent next = fitting;
        extend_to_group(all, all->items[fitting.items].group, &next);
        next.items++;
        next.size += CONTRIBUTION_SIZE;
        if (next.size > room)
            break;
        fitting = next;
    }
    return fitting;
}

bool contributions_encode(const struct contributions *contributions, size_t room,
                          struct buffer *out, uint32_t *ret_dropped) {
    struct extent extent = find_extent(contributions, room);
    *ret_dropped = contributions->count - extent.items;
    if (extent.items == 0)
        return false;
    msgpack_packer packer;
    msgpack_packer_to_buffer(&packer, out);
    msgpack_pack_array(&packer, 3);
    msgpack_pack_array(&packer, extent.correlations);
    for (uint32_t i = 0; i < extent.correlations; i++)
        correlation_pack(&packer, &contributions->correlations[i]);
    msgpack_pack_array(&packer, extent.groups);
    for (uint32_t i = 0; i < extent.groups; i++)
        pack_group(&packer, &contributions->groups[i]);
    msgpack_pack_array(&packer, extent.items);
    for (uint32_t i = 0; i < extent.items; i++)
        pack_contribution(&packer, &contributions->items[i]);
    return true;
}

static enum status take_parent(struct msgpack_cursor *cursor, struct correlation_parent *parent) {
    uint32_t left = 0;
    enum status status = frame_take_tuple(cursor, PARENT_PARTS, &left);
    if (status == STATUS_OK)
        status = msgpack_take_u32(cursor, CORRELATION_GROUPS_MAX - 1, &parent->group);
    if (status == STATUS_OK)
        status = msgpack_take_u32(cursor, CORRELATION_RULES_MAX, &parent->rule);
    if (status == STATUS_OK)
        status = msgpack_take_real(cursor, &parent->value);
    if (status == STATUS_OK)
        status = frame_pass_over(cursor, left - PARENT_PARTS);
    return status;
}

static enum status take_parents(struct msgpack_cursor *cursor, struct correlation_group *group) {
    enum status status = frame_take_list(cursor, CORRELATION_PARENTS_MAX, &group->parent_count);
    for (uint32_t i = 0; status == STATUS_OK && i < group->parent_count; i++)
        status = take_parent(cursor, &group->parents[i]);
    return status;
}

static enum status take_group(struct msgpack_cursor *cursor, uint32_t correlation_count,
                              struct correlation_group *group) {
    uint32_t left = 0;
    enum status status = frame_take_tuple(cursor, GROUP_PARTS, &left);
    if (status == STATUS_OK)
        status = msgpack_take_u32(cursor, UINT32_MAX, &group->correlation);
    if (status == STATUS_OK && group->correlation >= correlation_count)
        status = STATUS_BAD_VALUE;
    if (status == STATUS_OK)
        status = correlation_take_text(cursor, FINDING_LIMIT_group_key, &group->key);
    if (status == STATUS_OK)
        status = correlation_take_text(cursor, FINDING_LIMIT_details, &group->details);
    if (status == STATUS_OK)
        status = correlation_take_optional(cursor, FINDING_LIMIT_group_key, &group->address);
    if (status == STATUS_OK)
        status = correlation_take_optional(cursor, FINDING_LIMIT_group_key, &group->user);
    if (status == STATUS_OK)
        status = take_parents(cursor, group);
    if (status == STATUS_OK)
        status = frame_pass_over(cursor, left - GROUP_PARTS);
    return status;
}

static enum status take_contribution(struct msgpack_cursor *cursor,
                                     struct contribution *contribution) {
    uint32_t left = 0;
    enum status status = frame_take_tuple(cursor, CONTRIBUTION_PARTS, &left);
    if (status == STATUS_OK)
        status = msgpack_take_u32(cursor, BATCH_EVENTS_MAX - 1, &contribution->event);
    if (status == STATUS_OK)
        status = msgpack_take_u32(cursor, CORRELATION_GROUPS_MAX - 1, &contribution->group);
    if (status == STATUS_OK)
        status = msgpack_take_u32(cursor, CORRELATION_RULES_MAX, &contribution->rule);
    if (status == STATUS_OK)
        status = msgpack_take_real(cursor, &contribution->value);
    if (status == STATUS_OK)
        status = frame_pass_over(cursor, left - CONTRIBUTION_PARTS);
    return status;
}

/* True when the group is there and its correlation has that rule. */
static bool leads_to(const struct contributions *all, uint32_t group, uint32_t rule) {
    return group < all->group_count && rule > 0 &&
           rule <= all->correlations[all->groups[group].correlation].rule_count;
}

static uint32_t depth_of(const struct contributions *all, uint32_t group) {
    return all->correlations[all->groups[group].correlation].depth;
}

/* Chains lead upwards, so they end. */
static bool has_sound_parents(const struct contributions *all, uint32_t group) {
    for (uint32_t i = 0; i < all->groups[group].parent_count; i++) {
        const struct correlation_parent *parent = &all->groups[group].parents[i];
        if (!leads_to(all, parent->group, parent->rule) ||
            depth_of(all, parent->group) <= depth_of(all, group))
            return false;
    }
    return true;
}

static bool is_sound(const struct contributions *all) {
    for (uint32_t i = 0; i < all->group_count; i++) {
        if (!has_sound_parents(all, i))
            return false;
    }
    for (uint32_t i = 0; i < all->count; i++) {
        if (!leads_to(all, all->items[i].group, all->items[i].rule) ||
            (i > 0 && all->items[i].event < all->items[i - 1].event))
            return false;
    }
    return true;
}

static enum status take_correlations(struct msgpack_cursor *cursor, struct msgpack_frame *frame,
                                     struct contributions *all) {
    enum status status = frame_take_list(cursor, CORRELATIONS_MAX, &all->correlation_count);
    if (status != STATUS_OK)
        return status;
    struct correlation *list = msgpack_frame_allocate(frame, all->correlation_count, sizeof *list);
    for (uint32_t i = 0; status == STATUS_OK && i < all->correlation_count; i++)
        status = correlation_take(cursor, &list[i]);
    all->correlations = list;
    return status;
}

static enum status take_groups(struct msgpack_cursor *cursor, struct msgpack_frame *frame,
                               struct contributions *all) {
    enum status status = frame_take_list(cursor, CORRELATION_GROUPS_MAX, &all->group_count);
    if (status != STATUS_OK)
        return status;
    struct correlation_group *list = msgpack_frame_allocate(frame, all->group_count, sizeof *list);
    for (uint32_t i = 0; status == STATUS_OK && i < all->group_count; i++)
        status = take_group(cursor, all->correlation_count, &list[i]);
    all->groups = list;
    return status;
}

static enum status take_items(struct msgpack_cursor *cursor, struct msgpack_frame *frame,
                              struct contributions *all) {
    enum status status = frame_take_list(cursor, CONTRIBUTIONS_MAX, &all->count);
    if (status != STATUS_OK)
        return status;
    struct contribution *list = msgpack_frame_allocate(frame, all->count, sizeof *list);
    for (uint32_t i = 0; status == STATUS_OK && i < all->count; i++)
        status = take_contribution(cursor, &list[i]);
    all->items = list;
    return status;
}

enum status contributions_take(struct msgpack_cursor *cursor, struct msgpack_frame *frame,
                               struct contributions *ret_contributions) {
    struct contributions all = {.count = 0};
    uint32_t left = 0;
    enum status status = frame_take_tuple(cursor, 3, &left);
    if (status == STATUS_OK)
        status = take_correlations(cursor, frame, &all);
    if (status == STATUS_OK)
        status = take_groups(cursor, frame, &all);
    if (status == STATUS_OK)
        status = take_items(cursor, frame, &all);
    if (status == STATUS_OK)
        status = frame_pass_over(cursor, left - 3);
    if (status == STATUS_OK && !is_sound(&all))
        status = STATUS_BAD_VALUE;
    if (status == STATUS_OK)
        *ret_contributions = all;
    return status;
}
