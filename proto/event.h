/* event.h: the normalised event, expanded from event.def, and its codec.
 *
 * Owner: a decoded event borrows from the bytes (and, for metadata, keeps raw MessagePack). Errors: of
 * msgpack_frame.h, and BAD_TYPE/BAD_VALUE/BAD_VERSION for a field that does not fit its row; nothing of
 * *ret is written then. Threads: one decoder per thread. Limits: an encoded event of EVENT_SIZE_MAX.
 */
#ifndef SIEM_PROTO_EVENT_H
#define SIEM_PROTO_EVENT_H

#include "common/msgpack_frame.h"
#include "proto/vocabulary.h"

/* 64 KiB of JSON can grow a little in MessagePack (numbers); nothing larger is accepted. */
#define EVENT_SIZE_MAX (96 * 1024)

#define EVENT_C_TIME int64_t
#define EVENT_C_COUNT uint64_t
#define EVENT_C_TYPE enum event_type
#define EVENT_C_TEXT struct text
#define EVENT_C_MAP struct bytes /* raw MessagePack map; data == NULL when absent */

struct event {
#define FIELD(name, type, need, unit, meaning) EVENT_C_##type name;
#include "proto/event.def"
#undef FIELD
};

/* Appends the event, wrapped as a MessagePack bin, ready to stand in a batch. */
void event_encode(const struct event *event, struct buffer *out);

/* Reads an event (the content of the bin). `frame` holds the memory of nested values. */
MUST_CHECK enum status event_decode(struct bytes bytes, struct msgpack_frame *frame,
                                    struct event *ret_event);

/* Reads only time_ms, without unpacking: what statistics need of every event. */
MUST_CHECK enum status event_peek_time(struct bytes bytes, int64_t *ret_time_ms);

#endif
