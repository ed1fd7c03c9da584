/* batch.h: the batch and its parts, expanded from batch.def, and the delivery frame before it.
 *
 * EVENTS is two frames: the delivery [version, attempt, skip: [index, ...]], which may differ each
 * time, and the batch, which never does. Owner: a view borrows the frame's bytes. Errors: of
 * msgpack_frame.h and BAD_TYPE, BAD_VALUE, BAD_VERSION. Threads: pure functions. Limits:
 * BATCH_EVENTS_MAX events, BATCH_SIZE_MAX bytes.
 */
#ifndef SIEM_PROTO_BATCH_H
#define SIEM_PROTO_BATCH_H

#include "proto/event.h"
#include "proto/frame.h"

#define BATCH_EVENTS_MAX 256
#define BATCH_SIZE_MAX (256 * 1024)
#define BATCH_WANTS_VERDICTS 1u

#define BATCH_C_U64 uint64_t
#define BATCH_C_U32 uint32_t

struct batch_head {
#define FIELD(name, type, unit, meaning) BATCH_C_##type name;
#include "proto/batch.def"
#undef FIELD
    uint32_t count; /* events */
};

/* A batch that was checked: its head, and the events one behind the other. */
struct batch_view {
    struct batch_head head;
    struct bytes events[BATCH_EVENTS_MAX]; /* contents of the bins; borrowed */
};

/* Appends everything up to the events; the encoded events (event_encode) follow as they are. */
void batch_encode_head(const struct batch_head *head, struct buffer *out);

/* Checks the frame's outside (not the insides of the events) and finds every event. */
MUST_CHECK enum status batch_open(struct bytes frame, struct batch_view *ret_view);

/* Reads only the head. */
MUST_CHECK enum status batch_peek_head(struct bytes frame, struct batch_head *ret_head);

struct delivery {
    uint32_t attempt; /* 1 at the first send */
    uint32_t skip_count;
    uint16_t skip[BATCH_EVENTS_MAX]; /* indices to quarantine unread, ascending */
};

/* Appends the frame that goes before the batch. */
void delivery_encode(const struct delivery *delivery, struct buffer *out);

/* Reads it; on failure the output is as before. */
MUST_CHECK enum status delivery_decode(struct bytes frame, struct delivery *ret_delivery);

/* Room for "0123456789abcdef-4294967295-18446744073709551615.255" and its NUL. */
#define EVENT_ID_SIZE 56

/* Writes the event's id as shown to people; returns `out`. */
const char *event_id_format(const struct batch_head *head, uint32_t index, char out[EVENT_ID_SIZE]);

#endif
