/* event.h: the normalised event, expanded from event.def, and its codec.
 *
 * Owner: a decoded event borrows from the bytes (and, for metadata, keeps raw MessagePack). Errors:
 * of msgpack_frame.h, and BAD_TYPE/BAD_VALUE/BAD_VERSION for a field that does not fit its row;
 * nothing of *ret is written then. Threads: one decoder per thread. Limits: an encoded event of
 * EVENT_SIZE_MAX; metadata nested EVENT_METADATA_DEPTH_MAX deep.
 */
#ifndef SIEM_PROTO_EVENT_H
#define SIEM_PROTO_EVENT_H

#include "common/msgpack_frame.h"
#include "proto/vocabulary.h"

/* 64 KiB of JSON can grow a little in MessagePack (numbers); nothing larger is accepted. */
#define EVENT_SIZE_MAX (96 * 1024)

/* Containers within containers in metadata, itself counted; as deep as msgpack-c unpacks. */
#define EVENT_METADATA_DEPTH_MAX 32

/* The last millisecond that RFC 3339 can write: 9999-12-31T23:59:59.999Z. */
#define EVENT_TIME_MAX INT64_C(253402300799999)

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

/* Appends the event, wrapped as a MessagePack bin, ready to stand in a batch. An event larger than
 * EVENT_SIZE_MAX is not appended: the buffer is marked as overflown instead (buffer_is_whole). */
void event_encode(const struct event *event, struct buffer *out);

/* How many bytes of a run of encoded events the first one takes. */
size_t event_encoded_size(struct bytes events);

/* Reads an event (the content of the bin), all of it checked, metadata's inside too, but metadata
 * not unpacked: few events are asked for it. `frame` drops what it held and is ready for that. */
MUST_CHECK enum status event_decode(struct bytes bytes, struct msgpack_frame *frame,
                                    struct event *ret_event);

/* Unpacks the metadata of a decoded event into frame->root, as a map object; nil when it has none.
 */
void event_metadata_unpack(const struct event *event, struct msgpack_frame *frame);

/* Reads only time_ms, without unpacking: what statistics need of every event. */
MUST_CHECK enum status event_peek_time(struct bytes bytes, int64_t *ret_time_ms);

#endif
