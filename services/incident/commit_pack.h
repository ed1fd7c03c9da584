/* commit_pack.h: puts a batch into the MessagePack array that commit.lua reads: its sums, its
 * quarantined events, its rules, its threats. Lua hashes every byte of every string it makes, so
 * long texts stand beside the array, as arguments of their own: inside they would be made twice.
 *
 * Owner: new/destroy; one packer serves all commits, one at a time. Errors: an event that cannot be
 * read is quarantined (commit_quarantine); nothing else fails. Threads: one at a time. Limits:
 * texts of events in a threat's message DETAILS_SIZE_MAX, counts LUA_INTEGER_MAX; the whole is a
 * small multiple of WIRE_FRAME_SIZE_MAX, so PACKED_SIZE_MAX is never met.
 */
#ifndef SIEM_INCIDENT_COMMIT_PACK_H
#define SIEM_INCIDENT_COMMIT_PACK_H

#include "common/time_zone.h"
#include "services/incident/commit.h"

#define PACKED_SIZE_MAX (32 * 1024 * 1024)
#define PACKED_PARTS_MAX 64

/* What an operator can set of the commit, and who publishes. */
struct commit_limits {
    int64_t window_ms;
    int64_t lateness_ms;
    int64_t incidents_max;
    int64_t threats_kept;
    int64_t names_max;
    int64_t statistics_days;
    int64_t correlation_groups_max;
    int64_t set_aside_after_ms;   /* of failing, for a batch that others are committed beside */
    const struct time_zone *zone; /* of the statistics' days; lives as long as the packer */
    const char *publisher;        /* the same */
};

/* A batch as arguments of the script: the array, and long texts it names by number. */
struct packed_batch {
    struct text bytes;  /* of all parts, one behind the other */
    const size_t *ends; /* where each of them ends */
    size_t count;
};

struct commit_packer;

/* Makes a packer. */
struct commit_packer *commit_packer_new(const struct commit_limits *limits);

/* Frees it, and what it packed last. */
void commit_packer_destroy(struct commit_packer **packer);

/* The batch for the script; borrowed until the next call. `seq_known`: last number this publisher
 * used. */
struct packed_batch commit_pack(struct commit_packer *packer, struct commit *commit,
                                struct wall_time now, uint64_t seq_known);

/* Which groups are judged, of those that have waited long enough, by how long. */
struct settle_range {
    uint32_t skip; /* so many of the first */
    uint32_t count;
};

/* In place of a batch: that correlations which waited until `now` are judged; borrowed likewise. */
struct packed_batch commit_pack_settle(struct commit_packer *packer, struct wall_time now,
                                       struct settle_range range, uint64_t seq_known);

/* The limits for the script; borrowed, always the same. */
struct text commit_pack_limits(const struct commit_packer *packer);

#endif
