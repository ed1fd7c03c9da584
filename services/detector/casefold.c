/* casefold.c: eight ASCII bytes at a time; the rest by a table of ranges. */
#include "services/detector/casefold.h"

struct fold_range {
    uint32_t first;
    uint32_t last;
    uint32_t stride;
    int32_t delta;
};

static const struct fold_range ranges[] = {
#define RANGE(first, last, stride, delta) {first, last, stride, delta},
#include "services/detector/casefold.def"
#undef RANGE
};

#define RANGE(first, last, stride, delta)                                                          \
    _Static_assert((stride) == 1 || (stride) == 2, "a stride less 1 is a mask");
#include "services/detector/casefold.def"
#undef RANGE

#define RANGES (sizeof ranges / sizeof ranges[0])
#define EVERY_BYTE 0x0101010101010101ull

/* Lowers eight ASCII bytes: where a byte is between 'A' and 'Z', its bit 5 is set. */
static uint64_t fold_ascii_word(uint64_t word) {
    uint64_t from_a = word + EVERY_BYTE * (0x80 - 'A');
    uint64_t past_z = word + EVERY_BYTE * (0x7f - 'Z');
    return word | (((from_a & ~past_z) >> 2) & EVERY_BYTE * 0x20);
}

static char fold_ascii(char byte) {
    if (byte >= 'A' && byte <= 'Z')
        byte = (char)(byte | 0x20);
    return byte;
}

/* `last` is the range found last: a text's letters are of few. */
static uint32_t fold_code_point(uint32_t code_point, size_t *last) {
    size_t low = 0, high = RANGES;
    bool is_same = *last < RANGES && code_point <= ranges[*last].last &&
                   (*last == 0 || code_point > ranges[*last - 1].last);
    if (is_same)
        low = high = *last;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (ranges[middle].last < code_point)
            low = middle + 1;
        else
            high = middle;
    }
    *last = low;
    if (low == RANGES || code_point < ranges[low].first ||
        ((code_point - ranges[low].first) & (ranges[low].stride - 1)) != 0)
        return code_point;
    return (uint32_t)((int32_t)code_point + ranges[low].delta);
}

static bool is_continuation(char byte) {
    return ((unsigned char)byte & 0xc0) == 0x80;
}

size_t casefold_decode(struct text text, uint32_t *ret_code_point) {
    unsigned char first = (unsigned char)text.data[0];
    size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 1;
    uint32_t value = length == 1 ? first : first & (0xffu >> (length + 1));
    bool whole = length <= text.length && first < 0xf5;
    for (size_t i = 1; whole && i < length; i++) {
        whole = is_continuation(text.data[i]);
        value = value << 6 | ((unsigned char)text.data[i] & 0x3f);
    }
    *ret_code_point = whole ? value : first;
    return whole ? length : 1;
}

/* Writes a code point that is at least 0x80, or an ASCII one a letter folds to; its length. */
static size_t encode_code_point(uint32_t code_point, char *out) {
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    size_t length = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code_point & 0x3f));
        code_point >>= 6;
    }
    out[0] = (char)((0xf00u >> length & 0xf0) | code_point);
    return length;
}

/* Folds the one character at the start of `text`, which may be of two bytes without more ado; its
 * length. */
static inline size_t fold_character(struct text text, char *out, size_t *last,
                                    size_t *ret_written) {
    unsigned char first = (unsigned char)text.data[0];
    uint32_t code_point;
    size_t length;
    if (first < 0x80) {
        out[0] = fold_ascii(text.data[0]);
        *ret_written = 1;
        return 1;
    }
    if (first >= 0xc2 && first < 0xe0 && text.length >= 2 && is_continuation(text.data[1])) {
        code_point = (first & 0x1fu) << 6 | ((unsigned char)text.data[1] & 0x3f);
        length = 2;
    } else {
        length = casefold_decode(text, &code_point);
    }
    uint32_t folded = length == 1 ? code_point : fold_code_point(code_point, last);
    if (folded == code_point) {
        for (size_t i = 0; i < length; i++)
            out[i] = text.data[i];
        *ret_written = length;
    } else {
        *ret_written = encode_code_point(folded, out);
    }
    return length;
}

/* Folds whole words of ASCII from the front; how many bytes that were. */
static size_t fold_words(struct text text, char *out) {
    size_t at = 0;
    uint64_t word;
    while (text.length - at >= sizeof word) {
        memcpy(&word, text.data + at, sizeof word);
        if (word & EVERY_BYTE * 0x80)
            break;
        word = fold_ascii_word(word);
        memcpy(out + at, &word, sizeof word);
        at += sizeof word;
    }
    return at;
}

/* Folds the last bytes as one word, of which some may be folded already: that changes nothing. */
static bool fold_last_word(struct text text, char *out) {
    uint64_t word;
    if (text.length < sizeof word)
        return false;
    memcpy(&word, text.data + text.length - sizeof word, sizeof word);
    if (word & EVERY_BYTE * 0x80)
        return false;
    word = fold_ascii_word(word);
    memcpy(out + text.length - sizeof word, &word, sizeof word);
    return true;
}

size_t casefold_text(struct text text, char *out) {
    size_t at = fold_words(text, out), written = at, last = 0;
    if (text.length - at < sizeof(uint64_t) && fold_last_word(text, out))
        return text.length;
    while (at < text.length) {
        for (size_t i = 0; i < sizeof(uint64_t) && at < text.length; i++) {
            size_t added;
            at += fold_character((struct text){text.data + at, text.length - at}, out + written,
                                 &last, &added);
            written += added;
        }
        size_t words = fold_words((struct text){text.data + at, text.length - at}, out + written);
        at += words;
        written += words;
    }
    return written;
}
