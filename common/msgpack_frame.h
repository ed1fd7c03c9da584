/* msgpack_frame.h: what every frame from a peer goes through before msgpack-c unpacks it, and the
 * glue between msgpack-c and our buffers.
 *
 * msgpack-c reserves memory for a count it has only been told (5 bytes ask for 8 GB).
 * msgpack_frame_check walks the bytes first: declared counts and lengths must fit what is left,
 * depth is bounded, EXT types are refused, every string is UTF-8, the keys of maps are strings, and
 * one value is the whole frame. Frames whose shape a table fixes are read with msgpack_cursor.h,
 * without an object tree. Owner: a msgpack_frame owns its zone; objects point into the zone and
 * into the frame's bytes. Threads: one at a time. Limits: MSGPACK_DEPTH_MAX. Source: the
 * MessagePack specification; msgpack-c's unpack_template.h.
 */
#ifndef SIEM_COMMON_MSGPACK_FRAME_H
#define SIEM_COMMON_MSGPACK_FRAME_H

#include "common/buffer.h"
#include "common/status.h"

#include <msgpack.h>

/* Nesting allowed in a control frame, and in an event's metadata (which JSON bounds at 32). */
#define MSGPACK_DEPTH_MAX 8
#define MSGPACK_DEPTH_EVENT 34

struct msgpack_frame {
    msgpack_zone zone;
    msgpack_object root;
};

/* Makes an empty frame whose zone is reused by every unpack. */
void msgpack_frame_init(struct msgpack_frame *frame);

/* Frees the zone, and with it every object of the frame. */
void msgpack_frame_fini(struct msgpack_frame *frame);

/* Drops what it holds, keeping the zone's first chunk; root is nil. */
void msgpack_frame_clear(struct msgpack_frame *frame);

/* Room for `count` objects of `size` bytes in the zone, until the next clear or unpack; never NULL.
 */
void *msgpack_frame_allocate(struct msgpack_frame *frame, size_t count, size_t size);

/* TRUNCATED, TRAILING, TOO_DEEP, BAD_TYPE (EXT, the reserved 0xc1, a key that is no string) or
 * BAD_TEXT. A scalar has depth 0, an array or map in nothing 1. */
MUST_CHECK enum status msgpack_frame_check(struct bytes bytes, int depth_max);

/* Length of the one value at the start of `bytes`, checked the same way. */
MUST_CHECK enum status msgpack_value_length(struct bytes bytes, int depth_max, size_t *ret_length);

/* Checks, then unpacks into frame->root, dropping what it held. Borrows `bytes` while root is used.
 * msgpack-c itself cannot go deeper than 32: TOO_DEEP there even if `depth_max` is more. */
MUST_CHECK enum status msgpack_frame_unpack(struct msgpack_frame *frame, struct bytes bytes,
                                            int depth_max);

/* The same for bytes that passed the check before, with a depth of at most 32. */
void msgpack_frame_unpack_checked(struct msgpack_frame *frame, struct bytes bytes);

/* A packer that appends to a buffer. */
void msgpack_packer_to_buffer(msgpack_packer *packer, struct buffer *out);

/* Packs a str; a null text packs nil. */
void msgpack_pack_text(msgpack_packer *packer, struct text text);

/* Packs the key of a map's next value. */
void msgpack_pack_key(msgpack_packer *packer, const char *key);

/* BAD_TYPE unless the object is a number that is not negative; NULL is none. */
MUST_CHECK enum status msgpack_read_u64(const msgpack_object *object, uint64_t *ret_value);

/* Nil, and NULL for an absent object, read as a null text; BAD_TYPE for another type. */
MUST_CHECK enum status msgpack_read_text(const msgpack_object *object, struct text *ret_text);

/* The same for a bin. */
MUST_CHECK enum status msgpack_read_bytes(const msgpack_object *object, struct bytes *ret_bytes);

/* The element of an array object, or NULL past its end or when it is no array. */
const msgpack_object *msgpack_element(const msgpack_object *array, size_t index);

/* The value of a map object's key (the first, should it stand twice), or NULL. */
const msgpack_object *msgpack_member(const msgpack_object *map, const char *key);

#endif
