/* utf8.c: well-formed UTF-8, with a fast way through ASCII. */
#include "common/utf8.h"

#define HIGH_BITS UINT64_C(0x8080808080808080)

/* The 8 bytes at `at`, in any order. */
static inline uint64_t load_8(const uint8_t *at) {
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* True for a byte 10xxxxxx. */
static inline bool is_continuation(uint8_t byte) {
    return (byte & 0xc0) == 0x80;
}

/* Length of the character of more than one byte at `at`, 0 when it is not well-formed. The second
 * byte's range depends on the first (table 3-7). */
static size_t multibyte_length(const uint8_t *at, size_t left) {
    uint8_t lead = at[0];
    size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || left < length)
        return 0;
    uint8_t lowest = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    uint8_t highest = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (at[1] < lowest || at[1] > highest)
        return 0;
    for (size_t i = 2; i < length; i++)
        if (!is_continuation(at[i]))
            return 0;
    return length;
}

/* How many bytes at the start are ASCII for certain: whole words only. */
static inline size_t ascii_words(const uint8_t *data, size_t length) {
    size_t at = 0;
    while (length - at >= 16 && ((load_8(data + at) | load_8(data + at + 8)) & HIGH_BITS) == 0)
        at += 16;
    if (length - at >= 8 && (load_8(data + at) & HIGH_BITS) == 0)
        at += 8;
    return at;
}

bool utf8_is_valid(const uint8_t *data, size_t length) {
    size_t at = 0;
    while (at < length) {
        at += ascii_words(data + at, length - at);
        while (at < length && data[at] < 0x80)
            at++;
        while (at < length && data[at] >= 0x80) {
            size_t step = multibyte_length(data + at, length - at);
            if (step == 0)
                return false;
            at += step;
        }
    }
    return true;
}

size_t utf8_character_length(const char *data, size_t length) {
    if (length == 0)
        return 0;
    const uint8_t *at = (const uint8_t *)data;
    return at[0] < 0x80 ? 1 : multibyte_length(at, length);
}

uint32_t utf8_code_point(const char *data, size_t length) {
    static const uint8_t lead_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    const uint8_t *at = (const uint8_t *)data;
    uint32_t code_point = at[0] & lead_bits[length];
    for (size_t i = 1; i < length; i++)
        code_point = code_point << 6 | (at[i] & 0x3fU);
    return code_point;
}

bool utf8_is_control(uint32_t code_point) {
    static const struct {
        uint32_t first, last;
    } ranges[] = {{0, 0x1f},        {0x7f, 0x9f},     {0x61c, 0x61c},
                  {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2066, 0x2069}};
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (code_point >= ranges[i].first && code_point <= ranges[i].last)
            return true;
    return false;
}

struct text utf8_cut(struct text text, size_t limit) {
    if (text.data == NULL || text.length <= limit)
        return text;
    while (limit > 0 && is_continuation((uint8_t)text.data[limit]))
        limit--;
    return (struct text){text.data, limit};
}
