/* receipt.h: what the incident process tells a producer, expanded from receipt.def, and its codec.
 *
 * Owner: decoded lists live in the frame's zone, texts borrow from the bytes. Errors: as event.h.
 * Threads: one decoder per thread. Limits: RECEIPT_RANGES_MAX ranges (what does not fit is said
 * again later), verdicts of at most RECEIPT_BATCHES_MAX batches, 1 MiB a frame.
 */
#ifndef SIEM_PROTO_RECEIPT_H
#define SIEM_PROTO_RECEIPT_H

#include "common/msgpack_frame.h"
#include "proto/finding.h"
#include "proto/vocabulary.h"

#define RECEIPT_RANGES_MAX 64
#define RECEIPT_BATCHES_MAX 64
#define RECEIPT_CRASHES_MAX 16
#define RECEIPT_TOPIC_SIZE 17 /* 16 hexadecimal digits and NUL */

struct receipt_range {
    uint64_t from;
    uint64_t to; /* included */
};

/* The judgement of one event. On the wire: [severity, incident_id, alert_queued, details,
 * findings], findings as in finding.def. */
struct verdict {
    uint32_t index;
    enum severity severity;
    struct text incident_id; /* null when the findings raise no incident */
    bool alert_queued;
    struct text details; /* findings' details joined by " | " */
    uint32_t finding_count;
    const struct finding *findings;
};

struct batch_verdicts {
    uint64_t seq;
    uint32_t count;
    const struct verdict *verdicts; /* ascending index */
};

struct receipt_crash {
    uint64_t seq;
    uint32_t index;
};

struct receipt {
    uint64_t producer;
    uint32_t epoch;
    uint64_t floor;
    uint32_t range_count;
    const struct receipt_range *ranges;
    uint32_t batch_count;
    const struct batch_verdicts *batches;
    uint32_t crash_count;
    const struct receipt_crash *crashes;
};

/* Appends the frame. */
void receipt_encode(const struct receipt *receipt, struct buffer *out);

/* Reads a frame; `frame` owns the lists until its next unpack or fini. */
MUST_CHECK enum status receipt_decode(struct bytes bytes, struct msgpack_frame *frame,
                                      struct receipt *ret_receipt);

/* The topic of a producer's receipts; returns `out`. */
const char *receipt_topic(uint64_t producer, char out[RECEIPT_TOPIC_SIZE]);

#endif
