/* text_lines.c: lines of text in a buffer, sorted, so that two sets of facts can be compared. */
#include "tests/support/text_lines.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static int by_bytes(const void *a, const void *b) {
    return text_compare(*(const struct text *)a, *(const struct text *)b);
}

static size_t split(const struct buffer *buffer, struct text *lines) {
    size_t count = 0;
    const char *at = (const char *)buffer->data, *end = at + buffer->length;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        cr_assert(newline != NULL && count < TEXT_LINES_MAX);
        lines[count++] = (struct text){at, (size_t)(newline + 1 - at)};
        at = newline + 1;
    }
    return count;
}

void text_lines_sort(struct buffer *buffer) {
    static struct text lines[TEXT_LINES_MAX];
    size_t count = split(buffer, lines);
    if (count == 0)
        return;
    qsort(lines, count, sizeof(lines[0]), by_bytes);
    struct buffer sorted;
    buffer_init(&sorted, buffer->limit);
    for (size_t i = 0; i < count; i++)
        buffer_append_text(&sorted, lines[i]);
    buffer_fini(buffer);
    *buffer = sorted;
}

static void show(const struct buffer *these, const struct buffer *those, char sign) {
    static struct text a[TEXT_LINES_MAX], b[TEXT_LINES_MAX];
    size_t a_count = split(these, a), b_count = split(those, b);
    for (size_t i = 0; i < a_count; i++) {
        size_t j = 0;
        while (j < b_count && !text_equal(a[i], b[j]))
            j++;
        if (j == b_count)
            fprintf(stderr, "%c %.*s", sign, TEXT_ARG(a[i]));
    }
}

void text_lines_expect_equal(struct buffer *actual, struct buffer *expected, const char *what) {
    text_lines_sort(actual);
    text_lines_sort(expected);
    bool equal = actual->length == expected->length &&
                 (actual->length == 0 || memcmp(actual->data, expected->data, actual->length) == 0);
    if (!equal) {
        show(actual, expected, '+');
        show(expected, actual, '-');
    }
    cr_assert(equal, "%s: what is there (+) is not what must be (-)", what);
}
