/* decode_target.c: passes over one copy, each of which makes it no longer. */
#include "services/detector/decode_target.h"

#include "common/utf8.h"

struct work {
    char *data;
    size_t length;
};

static int digit_of(char byte) {
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    char low = (char)(byte | 0x20);
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

/* Reads `count` hexadecimal digits; -1 when they are none. */
static int32_t read_digits(const char *at, const char *end, int count) {
    int32_t number = 0;
    if (end - at < count)
        return -1;
    for (int i = 0; i < count; i++) {
        int digit = digit_of(at[i]);
        if (digit < 0)
            return -1;
        number = number << 4 | digit;
    }
    return number;
}

/* Writes a code point of the basic plane (or above) as UTF-8; where it ends. */
static char *write_code_point(char *out, uint32_t code) {
    if (code < 0x80) {
        *out++ = (char)code;
    } else if (code < 0x800) {
        *out++ = (char)(0xc0 | code >> 6);
        *out++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *out++ = (char)(0xe0 | code >> 12);
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
        *out++ = (char)(0x80 | (code & 0x3f));
    } else {
        *out++ = (char)(0xf0 | code >> 18);
        *out++ = (char)(0x80 | (code >> 12 & 0x3f));
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
        *out++ = (char)(0x80 | (code & 0x3f));
    }
    return out;
}

/* What stands at this place for a byte (%27, \x27) or a code point (%u0027, \u0027); its length. */
static size_t read_escape(const char *at, const char *end, uint32_t *ret_code, bool *ret_is_byte) {
    bool is_percent = *at == '%', is_backslash = *at == '\\';
    if ((!is_percent && !is_backslash) || end - at < 3)
        return 0;
    char kind = (char)(at[1] | 0x20);
    bool is_wide = kind == 'u', is_marked = is_wide || (is_backslash && kind == 'x');
    if (is_backslash && !is_marked)
        return 0;
    int digits = is_wide ? 4 : 2;
    int32_t number = read_digits(at + 1 + is_marked, end, digits);
    if (number < 0)
        return 0;
    *ret_code = (uint32_t)number;
    *ret_is_byte = !is_wide;
    return 1 + is_marked + (size_t)digits;
}

/* %27, %u0027, and the \x27 that servers write into their logs; in the first pass plus signs, too.
 */
static void decode_escapes(struct work *work, bool with_plus) {
    const char *at = work->data, *end = work->data + work->length;
    char *out = work->data;
    while (at < end) {
        uint32_t code = 0;
        bool is_byte = true;
        size_t length = read_escape(at, end, &code, &is_byte);
        if (length == 0)
            *out++ = with_plus && *at == '+' ? ' ' : *at;
        else if (is_byte)
            *out++ = (char)code;
        else
            out = write_code_point(out, code);
        at += length > 0 ? length : 1;
    }
    work->length = (size_t)(out - work->data);
}

/* The ASCII that servers take a sign of another width or a look-alike of a slash for; 0: none. */
static char ascii_of_wide(const unsigned char *at) {
    if (at[0] == 0xef && at[1] == 0xbc && at[2] >= 0x81)
        return (char)(at[2] - 0x60);
    if (at[0] == 0xef && at[1] == 0xbd && at[2] <= 0x9e)
        return (char)(at[2] - 0x20);
    bool is_slash = at[0] == 0xe2 && ((at[1] == 0x88 && at[2] == 0x95) || /* U+2215 */
                                      (at[1] == 0x81 && at[2] == 0x84));  /* U+2044 */
    bool is_backslash = at[0] == 0xe2 && at[1] == 0x88 && at[2] == 0x96;  /* U+2216 */
    return is_slash ? '/' : is_backslash ? '\\' : '\0';
}

/* Copies a sign of UTF-8 to where the text has come to; the length there. */
static size_t copy_sign(char *out, const char *at, size_t length) {
    char ascii = length == 3 ? ascii_of_wide((const unsigned char *)at) : '\0';
    if (ascii == '\0') {
        memmove(out, at, length);
        return length;
    }
    *out = ascii;
    return 1;
}

/* Makes it UTF-8: overlong and wide forms of ASCII are that, a blank of Latin-1 is one, other bytes
 * that are no text are question marks. */
static void make_text(struct work *work) {
    size_t out = 0;
    for (size_t at = 0; at < work->length;) {
        unsigned char lead = (unsigned char)work->data[at];
        size_t left = work->length - at, length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
        bool is_overlong = (lead == 0xc0 || lead == 0xc1) && left > 1 &&
                           ((unsigned char)work->data[at + 1] & 0xc0) == 0x80;
        if (lead < 0x80) {
            work->data[out++] = work->data[at++];
        } else if (is_overlong) {
            work->data[out++] = (char)((lead & 1) << 6 | (work->data[at + 1] & 0x3f));
            at += 2;
        } else if (length <= left && utf8_is_valid((const uint8_t *)work->data + at, length)) {
            out += copy_sign(work->data + out, work->data + at, length);
            at += length;
        } else {
            work->data[out++] = lead == 0xa0 ? ' ' : '?'; /* of Latin-1: no break here */
            at++;
        }
    }
    work->length = out;
}

/* The code point that &#39; &#x27 or &quot; at this place stands for, and its length; 0: none. */
static size_t read_reference(const char *at, const char *end, uint32_t *ret_code) {
    static const struct {
        struct text name;
        uint32_t code;
    } names[] = {{TEXT_CONSTANT("lt;"), '<'},   {TEXT_CONSTANT("gt;"), '>'},
                 {TEXT_CONSTANT("quot;"), '"'}, {TEXT_CONSTANT("apos;"), '\''},
                 {TEXT_CONSTANT("amp;"), '&'},  {TEXT_CONSTANT("colon;"), ':'},
                 {TEXT_CONSTANT("lpar;"), '('}, {TEXT_CONSTANT("rpar;"), ')'},
                 {TEXT_CONSTANT("tab;"), ' '},  {TEXT_CONSTANT("newline;"), ' '},
                 {TEXT_CONSTANT("sol;"), '/'},  {TEXT_CONSTANT("nbsp;"), ' '}};
    size_t left = (size_t)(end - at);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        bool is_name = left > names[i].name.length;
        for (size_t k = 0; is_name && k < names[i].name.length; k++)
            is_name = (at[1 + k] | 0x20) == (names[i].name.data[k] | 0x20);
        if (is_name) {
            *ret_code = names[i].code;
            return names[i].name.length + 1;
        }
    }
    if (left < 3 || at[1] != '#')
        return 0;
    bool is_hex = (at[2] | 0x20) == 'x';
    const char *start = at + (is_hex ? 3 : 2), *digit = start;
    uint32_t code = 0;
    for (; digit < end && digit - start < 8; digit++) {
        int value = digit_of(*digit);
        if (value < 0 || (!is_hex && value > 9))
            break;
        code = code * (is_hex ? 16 : 10) + (uint32_t)value;
    }
    if (digit == start || code == 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 0;
    *ret_code = code;
    return (size_t)(digit - at) + (digit < end && *digit == ';');
}

static void decode_references(struct work *work) {
    const char *at = work->data, *end = work->data + work->length;
    char *out = work->data;
    while (at < end) {
        uint32_t code = 0;
        size_t length = *at == '&' ? read_reference(at, end, &code) : 0;
        if (length > 0)
            out = write_code_point(out, code);
        else
            *out++ = *at;
        at += length > 0 ? length : 1;
    }
    work->length = (size_t)(out - work->data);
}

/* Where what is left of a comment ends, or NULL. What is not there once is not looked for again. */
struct ends {
    bool no_close; /* no more of the sign that closes a comment */
    bool no_line;  /* no more line ends */
};

/* The length of the comment at this place; 0: there is none. MySQL runs what stands in a comment
 * with an exclamation mark, so only its signs go. */
static size_t comment_at(const char *at, const char *end, struct ends *ends) {
    size_t left = (size_t)(end - at);
    if (left < 2)
        return 0;
    if (at[0] == '*' && at[1] == '/')
        return 2;
    if (at[0] == '/' && at[1] == '*' && left > 2 && at[2] == '!') {
        size_t length = 3;
        while (length < left && at[length] >= '0' && at[length] <= '9')
            length++;
        return length;
    }
    if (at[0] == '/' && at[1] == '*' && !ends->no_close) {
        const char *close = memmem(at + 2, left - 2, "*/", 2);
        ends->no_close = close == NULL;
        return close != NULL ? (size_t)(close - at) + 2 : 0;
    }
    if ((at[0] == '#' || (at[0] == '-' && at[1] == '-')) && !ends->no_line) {
        const char *line = memchr(at, '\n', left);
        ends->no_line = line == NULL;
        return line != NULL ? (size_t)(line - at) + 1 : 0;
    }
    return 0;
}

/* The length of white space at this place; 0: there is none. */
static size_t space_at(const char *at, const char *end) {
    bool is_no_break = end - at > 1 && at[0] == '\xc2' && at[1] == '\xa0';
    return is_no_break ? 2 : *at == ' ' || (*at >= '\t' && *at <= '\r') ? 1 : 0;
}

/* Comments and white space become one blank, zero bytes nothing. */
static void collapse(struct work *work) {
    const char *at = work->data, *end = work->data + work->length;
    char *out = work->data;
    struct ends ends = {false, false};
    while (at < end) {
        size_t length = space_at(at, end);
        if (length == 0)
            length = comment_at(at, end, &ends);
        if (length > 0 && (out == work->data || out[-1] != ' '))
            *out++ = ' ';
        else if (length == 0 && *at != '\0')
            *out++ = *at;
        at += length > 0 ? length : 1;
    }
    work->length = (size_t)(out - work->data);
}

struct text decode_target(struct arena *arena, struct text target) {
    struct work work = {arena_alloc(arena, target.length + 1), target.length};
    memcpy(work.data, target.data, target.length);
    decode_escapes(&work, true);
    decode_escapes(&work, false);
    make_text(&work);
    decode_references(&work);
    collapse(&work);
    arena_trim(arena, work.data, work.length);
    return (struct text){work.data, work.length};
}
