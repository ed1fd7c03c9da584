/* json_text.c: UTF-8 and surrogate escapes of a JSON document. */
#include "services/ingest/json_text.h"

#include "common/utf8.h"

/* Where ill-formed UTF-8 starts, character by character. */
static size_t find_ill_formed(struct bytes document) {
    size_t good = 0;
    size_t length = 1;
    while (good + length <= document.length && length <= 4) {
        if (utf8_is_valid(document.data + good, length)) {
            good += length;
            length = 1;
        } else {
            length++;
        }
    }
    return good;
}

static int hex_value(uint8_t c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The number of "\uXXXX" at `at`, or -1 when that is something else. */
static int escape_value(const uint8_t *at, const uint8_t *end) {
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
        return -1;
    int value = 0;
    for (int i = 2; i < 6; i++) {
        int digit = hex_value(at[i]);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* The escape after `at`, or NULL when the one at `at` is half a pair. */
static const uint8_t *pass_escape(const uint8_t *at, const uint8_t *end) {
    int value = escape_value(at, end);
    if (value < 0xd800 || value > 0xdfff)
        return end - at < 2 ? end : at + 2;
    int low = value < 0xdc00 ? escape_value(at + 6, end) : -1;
    return low >= 0xdc00 && low <= 0xdfff ? at + 12 : NULL;
}

/* The first vertical tab or form feed, which JSON allows nowhere unescaped; the length when there
 * is none. */
static size_t find_odd_space(struct bytes document) {
    const uint8_t *tab = memchr(document.data, '\v', document.length);
    size_t length = tab != NULL ? (size_t)(tab - document.data) : document.length;
    const uint8_t *feed = memchr(document.data, '\f', length);
    return feed != NULL ? (size_t)(feed - document.data) : length;
}

const char *json_text_fault(struct bytes document, size_t *ret_position) {
    if (document.length == 0)
        return NULL;
    if (!utf8_is_valid(document.data, document.length)) {
        *ret_position = find_ill_formed(document);
        return "invalid UTF-8";
    }
    *ret_position = find_odd_space(document);
    if (*ret_position < document.length)
        return "invalid white space";
    const uint8_t *at = document.data;
    const uint8_t *end = document.data + document.length;
    while (at < end && (at = memchr(at, '\\', (size_t)(end - at))) != NULL) {
        const uint8_t *next = pass_escape(at, end);
        if (next == NULL) {
            *ret_position = (size_t)(at - document.data);
            return "lone surrogate in an escape";
        }
        at = next;
    }
    return NULL;
}
