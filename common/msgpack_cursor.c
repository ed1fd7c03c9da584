/* msgpack_cursor.c: one tokenizer for everything that reads MessagePack, and the takers built on
 * it. */
#include "common/msgpack_cursor.h"

#include "common/utf8.h"

#include <assert.h>
#include <math.h>

enum token_kind {
    TOKEN_NIL,
    TOKEN_BOOL,
    TOKEN_UNSIGNED, /* any number that is not negative and has no fraction part in its encoding */
    TOKEN_NEGATIVE,
    TOKEN_FLOAT,
    TOKEN_STR,
    TOKEN_BIN,
    TOKEN_ARRAY,
    TOKEN_MAP,
};

struct token {
    enum token_kind kind;
    uint64_t number;     /* value, length of the payload, or count of elements (pairs) */
    const uint8_t *data; /* payload of str and bin */
};

/* The big-endian number of `size` bytes at `at`. */
static inline uint64_t load_big_endian(const uint8_t *at, unsigned size) {
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value = value << 8 | at[i];
    return value;
}

static inline size_t bytes_left(const struct msgpack_cursor *cursor) {
    return (size_t)(cursor->end - cursor->at);
}

/* Takes a number of `size` bytes that follows a lead byte. */
static inline enum status take_number(struct msgpack_cursor *cursor, unsigned size,
                                      uint64_t *ret_number) {
    if (bytes_left(cursor) < size)
        return STATUS_TRUNCATED;
    *ret_number = load_big_endian(cursor->at, size);
    cursor->at += size;
    return STATUS_OK;
}

/* Completes a str or bin whose length is known. */
static inline enum status take_payload(struct msgpack_cursor *cursor, enum token_kind kind,
                                       uint64_t length, struct token *token) {
    if (length > bytes_left(cursor))
        return STATUS_TRUNCATED;
    *token = (struct token){kind, length, cursor->at};
    cursor->at += length;
    if (kind == TOKEN_STR && !utf8_is_valid(token->data, (size_t)length))
        return STATUS_BAD_TEXT;
    return STATUS_OK;
}

/* Completes an array or map whose count is known: every element takes at least a byte. */
static inline enum status take_count(struct msgpack_cursor *cursor, enum token_kind kind,
                                     uint64_t count, struct token *token) {
    if (count > bytes_left(cursor) >> (kind == TOKEN_MAP))
        return STATUS_TRUNCATED;
    *token = (struct token){kind, count, NULL};
    return STATUS_OK;
}

/* Completes a signed number of `size` bytes. */
static enum status take_signed(struct msgpack_cursor *cursor, unsigned size, struct token *token) {
    uint64_t number = 0;
    enum status status = take_number(cursor, size, &number);
    bool negative = (number >> (8 * size - 1) & 1) != 0;
    *token = (struct token){negative ? TOKEN_NEGATIVE : TOKEN_UNSIGNED, number, NULL};
    return status;
}

/* Takes a value whose lead byte, in 0xc0..0xdf, has been taken. */
static enum status take_long_form(struct msgpack_cursor *cursor, uint8_t lead,
                                  struct token *token) {
    uint64_t number = 0;
    enum status status;
    switch (lead) {
    case 0xc0:
        *token = (struct token){TOKEN_NIL, 0, NULL};
        return STATUS_OK;
    case 0xc2:
    case 0xc3:
        *token = (struct token){TOKEN_BOOL, lead & 1, NULL};
        return STATUS_OK;
    case 0xc4: /* bin 8, 16, 32 */
    case 0xc5:
    case 0xc6:
        status = take_number(cursor, 1u << (lead - 0xc4), &number);
        return status ? status : take_payload(cursor, TOKEN_BIN, number, token);
    case 0xca: /* float 32, 64 */
    case 0xcb:
        status = take_number(cursor, 4u << (lead - 0xca), &number);
        *token = (struct token){TOKEN_FLOAT, number, NULL};
        return status;
    case 0xcc: /* uint 8, 16, 32, 64 */
    case 0xcd:
    case 0xce:
    case 0xcf:
        status = take_number(cursor, 1u << (lead - 0xcc), &number);
        *token = (struct token){TOKEN_UNSIGNED, number, NULL};
        return status;
    case 0xd0: /* int 8, 16, 32, 64 */
    case 0xd1:
    case 0xd2:
    case 0xd3:
        return take_signed(cursor, 1u << (lead - 0xd0), token);
    case 0xd9: /* str 8, 16, 32 */
    case 0xda:
    case 0xdb:
        status = take_number(cursor, 1u << (lead - 0xd9), &number);
        return status ? status : take_payload(cursor, TOKEN_STR, number, token);
    case 0xdc: /* array 16, 32 */
    case 0xdd:
        status = take_number(cursor, 2u << (lead - 0xdc), &number);
        return status ? status : take_count(cursor, TOKEN_ARRAY, number, token);
    case 0xde: /* map 16, 32 */
    case 0xdf:
        status = take_number(cursor, 2u << (lead - 0xde), &number);
        return status ? status : take_count(cursor, TOKEN_MAP, number, token);
    default: /* 0xc1 and EXT */
        return STATUS_BAD_TYPE;
    }
}

/* Takes the next value; of an array or a map only its head. */
static inline enum status take_token(struct msgpack_cursor *cursor, struct token *token) {
    if (cursor->at == cursor->end)
        return STATUS_TRUNCATED;
    uint8_t lead = *cursor->at++;
    if (lead < 0x80) {
        *token = (struct token){TOKEN_UNSIGNED, lead, NULL};
        return STATUS_OK;
    }
    if (lead >= 0xe0) {
        *token = (struct token){TOKEN_NEGATIVE, (uint64_t)(int8_t)lead, NULL};
        return STATUS_OK;
    }
    if (lead >= 0xc0)
        return take_long_form(cursor, lead, token);
    if (lead >= 0xa0)
        return take_payload(cursor, TOKEN_STR, lead & 0x1f, token);
    return take_count(cursor, lead >= 0x90 ? TOKEN_ARRAY : TOKEN_MAP, lead & 0x0f, token);
}

/* A container the walk is inside of. */
struct level {
    uint64_t
        left; /* values still to come; in a map keys and values, so an even number means a key */
    bool is_map;
};

enum status msgpack_take_any(struct msgpack_cursor *cursor, uint32_t count, int depth_max) {
    assert(depth_max >= 0 && depth_max <= MSGPACK_DEPTH_LIMIT);
    struct level outer[MSGPACK_DEPTH_LIMIT];
    struct level here = {count, false};
    int depth = 0;
    for (;;) {
        while (here.left == 0) {
            if (depth == 0)
                return STATUS_OK;
            here = outer[--depth];
        }
        struct token token;
        enum status status = take_token(cursor, &token);
        if (status != STATUS_OK)
            return status;
        if (here.is_map && (here.left & 1) == 0 && token.kind != TOKEN_STR)
            return STATUS_BAD_TYPE;
        here.left--;
        if (token.kind == TOKEN_ARRAY || token.kind == TOKEN_MAP) {
            if (depth == depth_max)
                return STATUS_TOO_DEEP;
            outer[depth++] = here;
            bool is_map = token.kind == TOKEN_MAP;
            here = (struct level){token.number << is_map, is_map};
        }
    }
}

/* Takes one value that must be of `kind`. */
static inline enum status take_kind(struct msgpack_cursor *cursor, enum token_kind kind,
                                    struct token *token) {
    enum status status = take_token(cursor, token);
    if (status == STATUS_OK && token->kind != kind)
        status = STATUS_BAD_TYPE;
    return status;
}

enum status msgpack_take_array(struct msgpack_cursor *cursor, uint32_t *ret_count) {
    struct token token;
    enum status status = take_kind(cursor, TOKEN_ARRAY, &token);
    if (status == STATUS_OK)
        *ret_count = (uint32_t)token.number;
    return status;
}

enum status msgpack_take_u64(struct msgpack_cursor *cursor, uint64_t *ret_value) {
    struct token token;
    enum status status = take_kind(cursor, TOKEN_UNSIGNED, &token);
    if (status == STATUS_OK)
        *ret_value = token.number;
    return status;
}

enum status msgpack_take_u32(struct msgpack_cursor *cursor, uint32_t highest, uint32_t *ret_value) {
    uint64_t value;
    enum status status = msgpack_take_u64(cursor, &value);
    if (status == STATUS_OK && value > highest)
        status = STATUS_BAD_VALUE;
    if (status == STATUS_OK)
        *ret_value = (uint32_t)value;
    return status;
}

enum status msgpack_take_real(struct msgpack_cursor *cursor, double *ret_value) {
    bool is_float = cursor->at < cursor->end && *cursor->at == 0xcb;
    struct token token;
    enum status status = take_kind(cursor, is_float ? TOKEN_FLOAT : TOKEN_UNSIGNED, &token);
    double value = (double)token.number;
    if (status == STATUS_OK && is_float)
        memcpy(&value, &token.number, sizeof value);
    if (status == STATUS_OK && !isfinite(value))
        status = STATUS_BAD_VALUE;
    if (status == STATUS_OK)
        *ret_value = value;
    return status;
}

enum status msgpack_take_bool(struct msgpack_cursor *cursor, bool *ret_value) {
    struct token token;
    enum status status = take_kind(cursor, TOKEN_BOOL, &token);
    if (status == STATUS_OK)
        *ret_value = token.number != 0;
    return status;
}

enum status msgpack_take_bin(struct msgpack_cursor *cursor, struct bytes *ret_bytes) {
    struct token token;
    enum status status = take_kind(cursor, TOKEN_BIN, &token);
    if (status == STATUS_OK)
        *ret_bytes = (struct bytes){token.data, (size_t)token.number};
    return status;
}

enum status msgpack_take_text(struct msgpack_cursor *cursor, struct text *ret_text) {
    struct token token;
    enum status status = take_token(cursor, &token);
    if (status != STATUS_OK)
        return status;
    if (token.kind == TOKEN_NIL)
        *ret_text = (struct text){NULL, 0};
    else if (token.kind == TOKEN_STR)
        *ret_text = (struct text){(const char *)token.data, (size_t)token.number};
    else
        return STATUS_BAD_TYPE;
    return STATUS_OK;
}

enum status msgpack_take_map(struct msgpack_cursor *cursor, int depth_max, struct bytes *ret_map) {
    struct msgpack_cursor head = *cursor;
    struct token token;
    enum status status = take_token(&head, &token);
    if (status != STATUS_OK)
        return status;
    if (token.kind == TOKEN_NIL) {
        *cursor = head;
        *ret_map = (struct bytes){NULL, 0};
        return STATUS_OK;
    }
    if (token.kind != TOKEN_MAP)
        return STATUS_BAD_TYPE;
    const uint8_t *start = cursor->at;
    status = msgpack_take_any(cursor, 1, depth_max);
    if (status == STATUS_OK)
        *ret_map = (struct bytes){start, (size_t)(cursor->at - start)};
    return status;
}
