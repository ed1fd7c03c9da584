/* terminal.h: output for people: columns, colours on a terminal, and nothing a sender wrote that
 * could command the terminal.
 *
 * Owner: a table copies its cells; init/fini on the caller's struct. Threads: the main thread.
 * Limits: TABLE_COLUMNS_MAX columns; rows as memory allows (callers bound them).
 */
#ifndef SIEM_SIEMCTL_TERMINAL_H
#define SIEM_SIEMCTL_TERMINAL_H

#include "common/bytes.h"

#include <stdio.h>

#define TABLE_COLUMNS_MAX 12

/* Prints a text with its control characters (utf8_is_control) as "?"; a null text prints "-". */
void terminal_print(FILE *stream, struct text text);

/* Prints a severity, coloured when the stream is a terminal, padded to `width`. */
void terminal_print_severity(FILE *stream, struct text severity, int width);

/* "3m 20s" for a span of time; returns `out`. */
const char *terminal_format_age(int64_t ms, char out[32]);

/* Columns as wide as their widest cell. */
struct table {
    int columns;
    const char *const *heads;
    size_t count, capacity; /* cells */
    char **cells;
};

/* Makes an empty table; borrows the heads. */
void table_init(struct table *table, int columns, const char *const *heads);

/* Frees the cells. */
void table_fini(struct table *table);

/* Adds the next cell of the row being filled; a null text is "-". */
void table_add(struct table *table, struct text cell);

/* Prints the heads and all rows. A column named SEVERITY is coloured on a terminal. */
void table_print(const struct table *table, FILE *stream);

#endif
