/* frame.h: what every frame of ours begins and ends with: an array whose first element is the
 * version, whose unknown trailing elements are passed over, and after which nothing follows.
 *
 * Threads: pure functions. Errors: of msgpack_cursor.h, BAD_VERSION, TRAILING; BAD_VALUE when a
 * required element is missing.
 */
#ifndef SIEM_PROTO_FRAME_H
#define SIEM_PROTO_FRAME_H

#include "common/msgpack_cursor.h"
#include "common/msgpack_frame.h"

/* The major version of every frame. It changes when an old reader would misunderstand a new frame;
 * a field added at the end does not change it. */
#define PROTO_VERSION 1

/* Takes the frame's array and its version; `*ret_left` elements follow. */
static inline enum status frame_begin(struct msgpack_cursor *cursor, uint32_t *ret_left) {
    uint32_t count = 0;
    uint64_t version = 0;
    enum status status = msgpack_take_array(cursor, &count);
    if (status == STATUS_OK && count == 0)
        status = STATUS_BAD_VALUE;
    if (status == STATUS_OK)
        status = msgpack_take_u64(cursor, &version);
    if (status == STATUS_OK && version != PROTO_VERSION)
        status = STATUS_BAD_VERSION;
    if (status == STATUS_OK)
        *ret_left = count - 1;
    return status;
}

/* Takes an inner array of at least `least` elements; `*ret_left` follow. */
static inline enum status frame_take_tuple(struct msgpack_cursor *cursor, uint32_t least,
                                           uint32_t *ret_left) {
    uint32_t count = 0;
    enum status status = msgpack_take_array(cursor, &count);
    if (status == STATUS_OK && count < least)
        status = STATUS_BAD_VALUE;
    if (status == STATUS_OK)
        *ret_left = count;
    return status;
}

/* Takes an inner array of at most `most` elements. */
static inline enum status frame_take_list(struct msgpack_cursor *cursor, uint32_t most,
                                          uint32_t *ret_count) {
    uint32_t count = 0;
    enum status status = msgpack_take_array(cursor, &count);
    if (status == STATUS_OK && count > most)
        status = STATUS_TOO_LARGE;
    if (status == STATUS_OK)
        *ret_count = count;
    return status;
}

/* Takes a list of indices below `bound`, ascending; `indices` has room for `bound`. */
static inline enum status frame_take_indices(struct msgpack_cursor *cursor, uint32_t bound,
                                             uint16_t *indices, uint32_t *ret_count) {
    uint32_t count = 0;
    enum status status = frame_take_list(cursor, bound, &count);
    for (uint32_t i = 0; status == STATUS_OK && i < count; i++) {
        uint32_t index = 0;
        status = msgpack_take_u32(cursor, bound - 1, &index);
        if (status == STATUS_OK && i > 0 && index <= indices[i - 1])
            status = STATUS_BAD_VALUE;
        indices[i] = (uint16_t)index;
    }
    if (status == STATUS_OK)
        *ret_count = count;
    return status;
}

/* Passes over `left` elements a newer peer has added. */
static inline enum status frame_pass_over(struct msgpack_cursor *cursor, uint32_t left) {
    return left == 0 ? STATUS_OK : msgpack_take_any(cursor, left, MSGPACK_DEPTH_MAX);
}

/* Passes over them, and sees that the frame ends there. */
static inline enum status frame_end(struct msgpack_cursor *cursor, uint32_t left) {
    enum status status = frame_pass_over(cursor, left);
    if (status == STATUS_OK && !msgpack_cursor_is_at_end(cursor))
        status = STATUS_TRAILING;
    return status;
}

#endif
