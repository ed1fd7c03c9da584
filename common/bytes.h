/* bytes.h: borrowed runs of bytes and of UTF-8 text, never NUL-terminated by contract.
 *
 * Owner: whoever owns the memory they point into; these are plain values. data == NULL is "null",
 * which differs from empty. Units: length in bytes. Threads: pure functions.
 */
#ifndef SIEM_COMMON_BYTES_H
#define SIEM_COMMON_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Any bytes. */
struct bytes {
    const uint8_t *data;
    size_t length;
};

/* Valid UTF-8, checked where it entered the process. */
struct text {
    const char *data;
    size_t length;
};

/* A text from a string literal. */
#define TEXT(literal) ((struct text){(literal), sizeof(literal) - 1})

/* The same as an initialiser of static data. */
#define TEXT_CONSTANT(literal)                                                                     \
    { (literal), sizeof(literal) - 1 }

/* For printf("%.*s"): the two arguments of a text. */
#define TEXT_ARG(text) (int)(text).length, (text).data ? (text).data : ""

/* The text of a C string; NULL gives null. Borrows. */
static inline struct text text_of(const char *string) {
    return (struct text){string, string ? strlen(string) : 0};
}

/* True when both are null, or both hold the same bytes. */
static inline bool text_equal(struct text a, struct text b) {
    if (a.data == NULL || b.data == NULL)
        return a.data == b.data;
    return a.length == b.length && memcmp(a.data, b.data, a.length) == 0;
}

/* True when the text holds exactly this C string. */
static inline bool text_is(struct text a, const char *string) {
    return text_equal(a, text_of(string));
}

/* Orders by bytes, null first. */
static inline int text_compare(struct text a, struct text b) {
    if (a.data == NULL || b.data == NULL)
        return (a.data != NULL) - (b.data != NULL);
    int order = memcmp(a.data, b.data, a.length < b.length ? a.length : b.length);
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

/* The text without the spaces around it, as parts of a list with commas have them; other white
 * space stays. Borrows. */
static inline struct text text_trim_spaces(struct text text) {
    while (text.length > 0 && text.data[0] == ' ')
        text = (struct text){text.data + 1, text.length - 1};
    while (text.length > 0 && text.data[text.length - 1] == ' ')
        text.length--;
    return text;
}

/* The text without the spaces and tabulators around it, which are no part of a header's value (RFC
 * 9110 §5.6.3). Borrows. */
static inline struct text text_trim_blanks(struct text text) {
    while (text.length > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = (struct text){text.data + 1, text.length - 1};
    while (text.length > 0 &&
           (text.data[text.length - 1] == ' ' || text.data[text.length - 1] == '\t'))
        text.length--;
    return text;
}

/* Takes the part before the next `separator`, without blanks around it, from the rest of a list.
 * Borrows. */
static inline struct text text_take_part(struct text *rest, char separator) {
    const char *end = memchr(rest->data, separator, rest->length);
    struct text part = {rest->data, end != NULL ? (size_t)(end - rest->data) : rest->length};
    size_t taken = part.length + (end != NULL);
    *rest = (struct text){rest->data + taken, rest->length - taken};
    return text_trim_blanks(part);
}

/* Digits of the largest number. */
#define DECIMAL_DIGITS_MAX 20

/* Writes the number in decimal digits, without a NUL; returns where it ends. snprintf takes ten
 * times as long. */
static inline char *text_put_decimal(char *at, uint64_t number) {
    char digits[DECIMAL_DIGITS_MAX];
    size_t from = sizeof digits;
    do {
        digits[--from] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    memcpy(at, digits + from, sizeof digits - from);
    return at + (sizeof digits - from);
}

#endif
