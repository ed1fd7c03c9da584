/* terminal.c: tables, colours and cleaned text. */
#include "services/siemctl/terminal.h"

#include "common/utf8.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

/* Copies the text with everything dangerous as "?"; gives the characters it shows. The caller
 * frees. */
static char *clean(struct text text, size_t *ret_width) {
    char *copy = malloc(text.length + 2), *out = copy;
    if (copy == NULL)
        abort();
    size_t width = 0;
    for (size_t at = 0; at < text.length; width++) {
        const void *bytes = text.data + at;
        size_t count = utf8_character_length(bytes, text.length - at);
        if (count == 0 || utf8_is_control(utf8_code_point(bytes, count))) {
            *out++ = '?';
            at += count == 0 ? 1 : count;
            continue;
        }
        memcpy(out, bytes, count);
        out += count;
        at += count;
    }
    *out = '\0';
    if (ret_width != NULL)
        *ret_width = width;
    return copy;
}

/* Characters, not bytes, of a cleaned text. */
static size_t width_of(const char *text) {
    size_t width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

void terminal_print(FILE *stream, struct text text) {
    char *copy = clean(text.data == NULL ? TEXT("-") : text, NULL);
    fputs(copy, stream);
    free(copy);
}

/* The escape sequence of a severity's colour; "" when the stream is no terminal. */
static const char *colour_of(FILE *stream, const char *severity) {
    static const struct {
        const char *severity, *colour;
    } colours[] = {{"critical", "\033[1;31m"},
                   {"high", "\033[31m"},
                   {"medium", "\033[33m"},
                   {"low", "\033[36m"},
                   {"info", "\033[2m"}};
    if (!isatty(fileno(stream)) || getenv("NO_COLOR") != NULL)
        return "";
    for (size_t i = 0; i < sizeof colours / sizeof *colours; i++)
        if (strcmp(severity, colours[i].severity) == 0)
            return colours[i].colour;
    return "";
}

/* Prints a cleaned text in its severity's colour, padded. */
static void print_coloured(FILE *stream, const char *text, int width) {
    const char *colour = colour_of(stream, text);
    fprintf(stream, "%s%s%s%*s", colour, text, colour[0] != '\0' ? "\033[0m" : "",
            width > (int)width_of(text) ? width - (int)width_of(text) : 0, "");
}

void terminal_print_severity(FILE *stream, struct text severity, int width) {
    char *copy = clean(severity.data == NULL ? TEXT("-") : severity, NULL);
    print_coloured(stream, copy, width);
    free(copy);
}

const char *terminal_format_age(int64_t ms, char out[32]) {
    long long seconds = (long long)(ms < 0 ? 0 : ms / 1000);
    if (seconds < 60)
        snprintf(out, 32, "%llds", seconds);
    else if (seconds < 3600)
        snprintf(out, 32, "%lldm %llds", seconds / 60, seconds % 60);
    else if (seconds < 86400)
        snprintf(out, 32, "%lldh %lldm", seconds / 3600, seconds / 60 % 60);
    else
        snprintf(out, 32, "%lldd %lldh", seconds / 86400, seconds / 3600 % 24);
    return out;
}

void table_init(struct table *table, int columns, const char *const *heads) {
    assert(columns <= TABLE_COLUMNS_MAX);
    *table = (struct table){.columns = columns, .heads = heads};
}

void table_fini(struct table *table) {
    for (size_t i = 0; i < table->count; i++)
        free(table->cells[i]);
    free(table->cells);
    table->cells = NULL;
    table->count = table->capacity = 0;
}

void table_add(struct table *table, struct text cell) {
    if (table->count == table->capacity) {
        table->capacity = table->capacity == 0 ? 64 : table->capacity * 2;
        table->cells = realloc(table->cells, table->capacity * sizeof *table->cells);
        if (table->cells == NULL)
            abort();
    }
    bool empty = cell.data == NULL || cell.length == 0;
    table->cells[table->count++] = clean(empty ? TEXT("-") : cell, NULL);
}

/* The widths of all columns. */
static void measure(const struct table *table, int widths[TABLE_COLUMNS_MAX]) {
    for (int i = 0; i < table->columns; i++)
        widths[i] = (int)strlen(table->heads[i]);
    for (size_t i = 0; i < table->count; i++) {
        int *width = &widths[i % (size_t)table->columns];
        int needed = (int)width_of(table->cells[i]);
        *width = needed > *width ? needed : *width;
    }
}

void table_print(const struct table *table, FILE *stream) {
    int widths[TABLE_COLUMNS_MAX];
    measure(table, widths);
    int last = table->columns - 1;
    for (int i = 0; i < last; i++)
        fprintf(stream, "%-*s  ", widths[i], table->heads[i]);
    fprintf(stream, "%s\n", table->heads[last]);
    for (size_t i = 0; i < table->count; i++) {
        int column = (int)(i % (size_t)table->columns);
        const char *cell = table->cells[i];
        if (strcmp(table->heads[column], "SEVERITY") == 0)
            print_coloured(stream, cell, widths[column]);
        else
            fprintf(stream, "%s%*s", cell,
                    column == last ? 0 : widths[column] - (int)width_of(cell), "");
        fputs(column == last ? "\n" : "  ", stream);
    }
}
