/* env_file.c: parses a copy of the text in place. */
#include "common/env_file.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* A line ends here, or the text. */
static bool is_line_end(char character) {
    return character == '\n' || character == '\0';
}

static char *skip_blanks(char *at) {
    while (*at == ' ' || *at == '\t' || *at == '\r')
        at++;
    return at;
}

/* The end of a name: letters, digits and underscores. */
static char *skip_name(char *at) {
    while (isalnum((unsigned char)*at) || *at == '_')
        at++;
    return at;
}

/* What a backslash and this character mean between double quotes. */
static char unescape(char character) {
    return character == 'n' ? '\n' : character == 't' ? '\t' : character;
}

/* Takes a quoted value off `at`, writing it over itself; NULL when the quote never ends on the
 * line. */
static char *take_quoted(char *at, char **ret_value) {
    char quote = *at++;
    char *out = at;
    *ret_value = out;
    for (; !is_line_end(*at); at++) {
        if (*at == quote) {
            *out = '\0';
            return at + 1;
        }
        if (*at == '\\' && quote == '"' && !is_line_end(at[1]))
            *out++ = unescape(*++at);
        else
            *out++ = *at;
    }
    return NULL;
}

/* Takes a bare value: up to the line's end or " #", without blanks around it. */
static char *take_bare(char *at, char **ret_value, char **ret_end) {
    *ret_value = at;
    char *end = at;
    bool blank = isspace((unsigned char)at[-1]); /* there is a name and a "=" before */
    while (!is_line_end(*at) && !(*at == '#' && blank)) {
        blank = isspace((unsigned char)*at);
        at++;
        if (!blank)
            end = at;
    }
    *ret_end = end;
    return at;
}

/* Reads one line that begins at `at`, which is not blank and no comment. Gives the line's end, and
 * where to end the value when that has to wait; NULL on a mistake. */
static char *parse_line(char *at, struct env_entry *entry) {
    if (strncmp(at, "export", 6) == 0 && (at[6] == ' ' || at[6] == '\t'))
        at = skip_blanks(at + 6);
    char *name = at;
    char *name_end = skip_name(at);
    at = skip_blanks(name_end);
    if (name_end == name || isdigit((unsigned char)*name) || *at != '=')
        return NULL;
    at = skip_blanks(at + 1);
    *name_end = '\0';
    char *value, *value_end = NULL;
    if (*at == '"' || *at == '\'')
        at = take_quoted(at, &value);
    else
        at = take_bare(at, &value, &value_end);
    if (at == NULL)
        return NULL;
    at = skip_blanks(at);
    if (*at == '#')
        at += strcspn(at, "\n");
    if (!is_line_end(*at))
        return NULL;
    bool last = *at == '\0';
    if (value_end != NULL)
        *value_end = '\0';
    *entry = (struct env_entry){name, value};
    if (!last)
        *at = '\0';
    return last ? at : at + 1;
}

/* Says what is wrong in words. */
static enum status fail(struct env_file *file, enum status status, const char *what, size_t line) {
    snprintf(file->error, sizeof file->error, "line %zu %s", line, what);
    return status;
}

static enum status parse_lines(struct env_file *file) {
    char *at = file->text;
    for (size_t line = 1; *at != '\0'; line++) {
        at = skip_blanks(at);
        if (*at == '#' || is_line_end(*at)) {
            at += strcspn(at, "\n");
            at += *at == '\n';
            continue;
        }
        if (file->count == ENV_FILE_ENTRIES_MAX)
            return fail(file, STATUS_TOO_LARGE, "is one setting too many (at most 512)", line);
        at = parse_line(at, &file->entries[file->count]);
        if (at == NULL)
            return fail(file, STATUS_BAD_SYNTAX, "is not NAME=VALUE; correct or remove it", line);
        file->count++;
    }
    return STATUS_OK;
}

enum status env_file_parse(struct text text, struct env_file *file) {
    file->count = 0;
    file->error[0] = '\0';
    file->text = strndup(text.data ? text.data : "", text.length);
    if (file->text == NULL)
        abort();
    return parse_lines(file);
}

enum status env_file_read(const char *path, struct env_file *file) {
    char text[ENV_FILE_SIZE_MAX + 1];
    *file = (struct env_file){.count = 0};
    FILE *stream = fopen(path, "re");
    if (stream == NULL && errno == ENOENT)
        return STATUS_OK;
    if (stream == NULL) {
        snprintf(file->error, sizeof file->error, "cannot be read: %s", strerror(errno));
        return STATUS_IO_ERROR;
    }
    size_t length = fread(text, 1, sizeof text, stream);
    fclose(stream);
    if (length <= ENV_FILE_SIZE_MAX)
        return env_file_parse((struct text){text, length}, file);
    snprintf(file->error, sizeof file->error, "is larger than 64 KiB; remove what is no setting");
    return STATUS_TOO_LARGE;
}

void env_file_fini(struct env_file *file) {
    free(file->text);
    file->text = NULL;
    file->count = 0;
}

const char *env_file_value(const struct env_file *file, const char *name) {
    for (size_t i = file->count; i > 0; i--)
        if (strcmp(file->entries[i - 1].name, name) == 0)
            return file->entries[i - 1].value;
    return NULL;
}
