/* reduced_text.c: one pass over a text, one over an expression's escapes. */
#include "services/detector/reduced_text.h"

#include "services/detector/text_contains.h"

#define HIGH_BITS 0x8080808080808080ull
#define KELVIN_SIGN "\xe2\x84\xaa"
#define LONG_S "\xc5\xbf"

bool text_is_ascii(struct text text) {
    uint64_t seen = 0, word;
    size_t at = 0;
    for (; at + sizeof word <= text.length; at += sizeof word) {
        memcpy(&word, text.data + at, sizeof word);
        seen |= word;
    }
    for (; at < text.length; at++)
        seen |= (unsigned char)text.data[at];
    return (seen & HIGH_BITS) == 0;
}

static bool has(struct text text, const char *part) {
    return text_contains(text, text_of(part));
}

bool text_folds_into_ascii(struct text text) {
    return text_has_either(text, KELVIN_SIGN[0], LONG_S[0]) &&
           (has(text, KELVIN_SIGN) || has(text, LONG_S));
}

bool reduced_text_make(struct text text, struct buffer *room, struct text *ret_reduced) {
    if (text_is_ascii(text)) {
        *ret_reduced = text;
        return true;
    }
    if (text_folds_into_ascii(text))
        return false;
    buffer_reset(room);
    char *out = (char *)buffer_reserve(room, text.length);
    size_t length = 0;
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        out[length] = byte < 0x80 ? text.data[i] : (char)0xff;
        length += (byte & 0xc0) != 0x80;
    }
    *ret_reduced = (struct text){out, length};
    return true;
}

/* The value of a hexadecimal digit, or 16. */
static unsigned digit_of(char byte) {
    if (byte >= '0' && byte <= '9')
        return (unsigned)(byte - '0');
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? (unsigned)(byte - 'a' + 10) : 16;
}

/* True when what follows "\x" is the number of an ASCII character. */
static bool is_ascii_number(struct text rest) {
    size_t at = rest.length > 0 && rest.data[0] == '{';
    size_t most = at == 0 ? 2 : rest.length;
    unsigned value = 0;
    for (size_t digits = 0; digits < most && at < rest.length; digits++, at++) {
        unsigned digit = digit_of(rest.data[at]);
        if (digit == 16)
            break;
        value = value * 16 + digit;
        if (value > 0x7f)
            return false;
    }
    return true;
}

/* True when the escape, which starts behind its backslash, means the same in bytes. Properties,
 * characters by number beyond ASCII, kinds of white space that have such characters, and back
 * references do not. */
static bool escape_suits(struct text rest) {
    char letter = rest.data[0];
    if (letter == 'x')
        return is_ascii_number((struct text){rest.data + 1, rest.length - 1});
    return (letter < '0' || letter > '9') && strchr("pPXRhHvVNCoukgKG", letter) == NULL;
}

bool reduced_text_suits(struct text expression) {
    bool has_nul = memchr(expression.data, '\0', expression.length) != NULL;
    if (has_nul || !text_is_ascii(expression) || has(expression, "(*"))
        return false;
    for (size_t at = 0; at + 1 < expression.length; at++) {
        if (expression.data[at] != '\\')
            continue;
        at++;
        if (!escape_suits((struct text){expression.data + at, expression.length - at}))
            return false;
    }
    return true;
}
