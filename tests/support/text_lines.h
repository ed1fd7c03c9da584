/* text_lines.h: lines of text in a buffer, sorted, so that two sets of facts can be compared.
 *
 * Owner: the caller's buffer. Threads: the test's. Limits: TEXT_LINES_MAX lines.
 */
#ifndef SIEM_TESTS_TEXT_LINES_H
#define SIEM_TESTS_TEXT_LINES_H

#include "common/buffer.h"

#define TEXT_LINES_MAX 16384

/* Sorts the lines by bytes; each ends in a newline. */
void text_lines_sort(struct buffer *lines);

/* Fails the test, showing the lines that only one of them has, unless they are equal. */
void text_lines_expect_equal(struct buffer *actual, struct buffer *expected, const char *what);

#endif
