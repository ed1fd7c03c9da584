/* sigma_encode.c: wide, base64 and base64offset; windash is in sigma_windash.c. */
#include "services/detector/sigma_encode.h"

#include "services/detector/casefold.h"

static void append_unit(struct sigma_string *string, unsigned unit, enum sigma_utf16 form) {
    char low = (char)(unit & 0xff), high = (char)(unit >> 8);
    string->data[string->length++] = form == SIGMA_UTF16_BIG ? high : low;
    string->data[string->length++] = form == SIGMA_UTF16_BIG ? low : high;
}

static void append_code_point(struct sigma_string *string, uint32_t code_point,
                              enum sigma_utf16 form) {
    if (code_point < 0x10000) {
        append_unit(string, code_point, form);
        return;
    }
    code_point -= 0x10000;
    append_unit(string, 0xd800 | code_point >> 10, form);
    append_unit(string, 0xdc00 | (code_point & 0x3ff), form);
}

enum status sigma_encode_utf16(struct arena *arena, struct sigma_string string,
                               enum sigma_utf16 form, struct sigma_string *ret_string) {
    size_t capacity = string.length * 2 + 3;
    struct sigma_string encoded = {arena_alloc(arena, capacity), arena_zalloc(arena, capacity, 1),
                                   0};
    if (form == SIGMA_UTF16_MARKED)
        append_unit(&encoded, 0xfeff, form);
    for (size_t at = 0; at < string.length;) {
        uint32_t code_point;
        if (string.marks[at] != SIGMA_MARK_LITERAL) {
            encoded.data[encoded.length] = string.data[at];
            encoded.marks[encoded.length++] = string.marks[at++];
            continue;
        }
        struct text rest = {string.data + at, string.length - at};
        size_t length = casefold_decode(rest, &code_point);
        if (length == 1 && code_point >= 0x80)
            return STATUS_BAD_VALUE;
        append_code_point(&encoded, code_point, form);
        at += length;
    }
    *ret_string = encoded;
    return STATUS_OK;
}

static struct text base64(struct arena *arena, struct text text) {
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *out = arena_alloc(arena, (text.length + 2) / 3 * 4 + 1);
    size_t length = 0;
    for (size_t i = 0; i < text.length; i += 3) {
        size_t left = text.length - i;
        uint32_t bits = (uint32_t)(unsigned char)text.data[i] << 16;
        bits |= left > 1 ? (uint32_t)(unsigned char)text.data[i + 1] << 8 : 0;
        bits |= left > 2 ? (uint32_t)(unsigned char)text.data[i + 2] : 0;
        out[length++] = alphabet[bits >> 18];
        out[length++] = alphabet[bits >> 12 & 63];
        out[length++] = left > 1 ? alphabet[bits >> 6 & 63] : '=';
        out[length++] = left > 2 ? alphabet[bits & 63] : '=';
    }
    return (struct text){out, length};
}

enum status sigma_encode_base64(struct arena *arena, struct sigma_string string,
                                struct sigma_string *ret_string) {
    if (sigma_string_has_wildcards(string))
        return STATUS_BAD_VALUE;
    *ret_string = sigma_string_literal(arena, base64(arena, sigma_string_text(string)));
    return STATUS_OK;
}

enum status sigma_encode_base64_offset(struct arena *arena, struct sigma_string string,
                                       struct sigma_strings *ret_strings) {
    static const size_t cut_start[] = {0, 2, 3}, cut_end[] = {0, 3, 2};
    if (sigma_string_has_wildcards(string) || string.length == 0)
        return STATUS_BAD_VALUE;
    struct sigma_strings strings = {3, arena_zalloc(arena, 3, sizeof *strings.items)};
    for (size_t shift = 0; shift < 3; shift++) {
        char *padded = arena_alloc(arena, string.length + shift + 1);
        memset(padded, ' ', shift);
        memcpy(padded + shift, string.data, string.length);
        struct text shifted = {padded, string.length + shift};
        struct text whole = base64(arena, shifted);
        size_t cut = cut_start[shift] + cut_end[shifted.length % 3];
        struct text middle = {whole.data + cut_start[shift],
                              whole.length > cut ? whole.length - cut : 0};
        strings.items[shift] = sigma_string_literal(arena, middle);
    }
    *ret_strings = strings;
    return STATUS_OK;
}
