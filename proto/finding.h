/* finding.h: what a detector says of a batch, expanded from finding.def, and its codec.
 *
 * Owner: decoded texts borrow from the bytes; the lists live in the frame's zone. Errors: as
 * event.h. Threads: one decoder per thread. Limits: FINDINGS_PER_EVENT_MAX findings an event (a
 * detector keeps the highest levels, first, and counts the rest as dropped), FINDING_TAGS_MAX tags
 * each, texts cut to their FINDING_LIMIT_*, a frame of FINDINGS_SIZE_MAX.
 */
#ifndef SIEM_PROTO_FINDING_H
#define SIEM_PROTO_FINDING_H

#include "common/msgpack_frame.h"
#include "proto/batch.h"
#include "proto/vocabulary.h"

#define FINDINGS_PER_EVENT_MAX 16
#define FINDING_TAGS_MAX 16

/* A findings frame is never larger: it must fit the wire. */
#define FINDINGS_SIZE_MAX (1024 * 1024)

/* Bytes of each text of a finding (of each tag); the encoder cuts what is longer,
 * the decoder refuses it. Who makes a group
 * key keeps it within its limit by other means, for two keys cut alike would share an incident. */
#define FINDING_LIMIT_rule_id 64
#define FINDING_LIMIT_rule_title 256
#define FINDING_LIMIT_level 0
#define FINDING_LIMIT_tags 64
#define FINDING_LIMIT_details 1024
#define FINDING_LIMIT_incident 256
#define FINDING_LIMIT_group_key 640

/* Texts in a field of each type. */
#define FINDING_ITEMS_TEXT 1
#define FINDING_ITEMS_LEVEL 1
#define FINDING_ITEMS_LIST FINDING_TAGS_MAX

/* The most bytes of a finding: its texts, cut, and their heads. */
enum {
    FINDING_PACKED_MAX = 16
#define FIELD(name, type, need, unit, meaning)                                                     \
    +((FINDING_LIMIT_##name + 3) * FINDING_ITEMS_##type) + 3
#include "proto/finding.def"
#undef FIELD
};

struct text_list {
    uint32_t count;
    struct text items[FINDING_TAGS_MAX];
};

#define FINDING_C_TEXT struct text
#define FINDING_C_LEVEL enum severity
#define FINDING_C_LIST struct text_list

struct finding {
#define FIELD(name, type, need, unit, meaning) FINDING_C_##type name;
#include "proto/finding.def"
#undef FIELD
};

/* Room for a generation as text, and its NUL. */
#define GENERATION_TEXT_SIZE 17

/* A generation of rules for people: 16 hexadecimal digits. Writes to `out`, which it gives back. */
const char *generation_text(uint64_t generation, char out[GENERATION_TEXT_SIZE]);

/* The head of a findings frame. */
struct findings_head {
    uint64_t generation;  /* of the rule set that judged */
    struct text detector; /* instance name */
};

/* Rules in the shadow in one batch; what comes beyond is dropped and counted. */
#define SHADOW_HITS_MAX 256

struct shadow_hit {
    struct text rule_id;
    uint32_t events; /* that it matched */
};

/* What rules in the shadow matched: counted, and nothing else. */
struct shadow_hits {
    uint32_t count;
    struct shadow_hit items[SHADOW_HITS_MAX];
};

struct contributions;
struct packed_findings;

/* Encoding streams: begin, one call per event with findings (ascending index), end. What stands in
 * front of the entries is written last, into the room that is left there. */
struct findings_encoder {
    struct buffer frame, head;
    uint32_t entry_count;
    uint32_t next_index; /* the lowest index the next entry may have */
    uint16_t quarantined[BATCH_EVENTS_MAX];
    uint32_t quarantined_count;
    const struct contributions *contributions; /* NULL: none */
    const struct shadow_hits *shadows;         /* NULL: none */
};

/* Makes an encoder that is reused batch after batch. */
void findings_encoder_init(struct findings_encoder *encoder);

/* Frees its memory; it is as after init. */
void findings_encoder_fini(struct findings_encoder *encoder);

/* Empties it for the next batch. */
void findings_encoder_begin(struct findings_encoder *encoder);

/* One event's findings (packed_findings.h), the gravest first, the first `count` of them; ones the
 * frame has no room for are dropped and counted, never the first. */
void findings_encoder_add(struct findings_encoder *encoder, uint32_t index,
                          const struct packed_findings *findings, size_t count);

/* One event that was skipped because detectors died over it. */
void findings_encoder_quarantine(struct findings_encoder *encoder, uint32_t index);

/* What the batch's events contribute to correlations (contribution.h); borrowed until the end. What
 * the frame has no room for beside the findings is dropped and counted. */
void findings_encoder_contribute(struct findings_encoder *encoder,
                                 const struct contributions *contributions);

/* What rules in the shadow matched; borrowed until the end. */
void findings_encoder_shadow(struct findings_encoder *encoder, const struct shadow_hits *shadows);

/* The whole frame, until the next begin. */
struct bytes findings_encoder_end(struct findings_encoder *encoder,
                                  const struct findings_head *head);

/* One event's findings, as decoded. */
struct event_findings {
    uint32_t index;
    uint32_t count;
    const struct finding *findings;
};

struct findings_view {
    struct findings_head head;
    uint32_t entry_count;
    const struct event_findings *entries; /* ascending index; in the frame's zone */
    uint32_t quarantined_count;
    uint16_t quarantined[BATCH_EVENTS_MAX];
    const struct contributions *contributions; /* NULL: none; in the frame's zone */
    const struct shadow_hits *shadows;         /* the same */
};

/* shadow_codec.c: appends them, [rule id, events, rule id, ...]. */
void shadow_hits_encode(const struct shadow_hits *hits, struct buffer *out);

/* Reads them. */
MUST_CHECK enum status shadow_hits_take(struct msgpack_cursor *cursor,
                                        struct shadow_hits *ret_hits);

/* Reads a findings frame. `frame` owns the memory until its next unpack or fini. */
MUST_CHECK enum status findings_decode(struct bytes bytes, struct msgpack_frame *frame,
                                       struct findings_view *ret_view);

/* A detector that finds, at start, that its predecessor died over an event sends this single frame
 * on FINDINGS instead: [version, producer, epoch, seq, index]. The incident process passes it on in
 * a receipt's `crashes`. A message of one frame is a crash report, of two frames findings and
 * batch. */
struct crash_report {
    uint64_t producer;
    uint32_t epoch;
    uint64_t seq;
    uint32_t index;
};

/* Appends the single frame. */
void crash_report_encode(const struct crash_report *report, struct buffer *out);

/* Reads it; on failure the output is as before. */
MUST_CHECK enum status crash_report_decode(struct bytes bytes, struct crash_report *ret_report);

#endif
