/* msgpack_cursor.h: reads MessagePack from a peer value by value, checking as it goes, without
 * memory.
 *
 * A cursor never passes its end: a declared length or count that cannot fit what is left is
 * TRUNCATED, EXT types and the reserved 0xc1 are BAD_TYPE, a str that is not UTF-8 is BAD_TEXT.
 * Frames whose shape a table fixes are read this way; free-form values go to msgpack_frame.h.
 * Owner: texts and bytes borrow from the frame. Errors: a failed take leaves the output untouched
 * and the cursor anywhere: give the frame up. Threads: a cursor is a plain value. Limits: nesting
 * of MSGPACK_DEPTH_LIMIT. Source: the MessagePack specification.
 */
#ifndef SIEM_COMMON_MSGPACK_CURSOR_H
#define SIEM_COMMON_MSGPACK_CURSOR_H

#include "common/bytes.h"
#include "common/status.h"

/* The deepest nesting any caller may allow. */
#define MSGPACK_DEPTH_LIMIT 64

struct msgpack_cursor {
    const uint8_t *at;
    const uint8_t *end;
};

/* A cursor at the start of the bytes. */
static inline struct msgpack_cursor msgpack_cursor_of(struct bytes bytes) {
    return (struct msgpack_cursor){bytes.data, bytes.data ? bytes.data + bytes.length : NULL};
}

/* True when nothing is left. */
static inline bool msgpack_cursor_is_at_end(const struct msgpack_cursor *cursor) {
    return cursor->at == cursor->end;
}

/* True when nil comes next. */
static inline bool msgpack_cursor_is_at_nil(const struct msgpack_cursor *cursor) {
    return cursor->at != cursor->end && *cursor->at == 0xc0;
}

/* The head of an array; its elements come next. */
MUST_CHECK enum status msgpack_take_array(struct msgpack_cursor *cursor, uint32_t *ret_count);

/* A number that is not negative, in any encoding. */
MUST_CHECK enum status msgpack_take_u64(struct msgpack_cursor *cursor, uint64_t *ret_value);

/* A finite number: a float 64, or one that take_u64 takes. */
MUST_CHECK enum status msgpack_take_real(struct msgpack_cursor *cursor, double *ret_value);

/* True or false; nil is neither. */
MUST_CHECK enum status msgpack_take_bool(struct msgpack_cursor *cursor, bool *ret_value);

/* A bin, borrowed from the frame. */
MUST_CHECK enum status msgpack_take_bin(struct msgpack_cursor *cursor, struct bytes *ret_bytes);

/* As take_u64, for fields with a bound: BAD_VALUE above `highest`. */
MUST_CHECK enum status msgpack_take_u32(struct msgpack_cursor *cursor, uint32_t highest,
                                        uint32_t *ret_value);

/* A str; or nil, which gives the null text. */
MUST_CHECK enum status msgpack_take_text(struct msgpack_cursor *cursor, struct text *ret_text);

/* A whole map with string keys, raw; or nil, which gives NULL. */
MUST_CHECK enum status msgpack_take_map(struct msgpack_cursor *cursor, int depth_max,
                                        struct bytes *ret_map);

/* Walks over `count` values of any kind; containers may nest `depth_max` deep and the keys of maps
 * are strings, else TOO_DEEP, BAD_TYPE. */
MUST_CHECK enum status msgpack_take_any(struct msgpack_cursor *cursor, uint32_t count,
                                        int depth_max);

#endif
