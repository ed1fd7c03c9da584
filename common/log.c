/* log.c: builds one JSON line on the stack and writes it with one write(2). */
#include "common/log.h"

#include "common/clock.h"
#include "common/counters.h"
#include "common/utf8.h"

#include <stdio.h>
#include <unistd.h>

#define LINE_SIZE 8192
#define LINE_CLOSING 8 /* room for the "…", quote, brace and newline that end a full line */

struct line {
    char data[LINE_SIZE];
    size_t length;
};

static const char *const level_names[] = {"debug", "info", "warning", "error"};
static const char *service_name = "siem";
static enum log_level lowest_level = LOG_LEVEL_INFO;
static struct counter *lines_written[sizeof level_names / sizeof *level_names];

/* The counters are made here, since the registry itself may log while it is locked. */
void log_init(const char *service, enum log_level lowest) {
    service_name = service;
    lowest_level = lowest;
    for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++) {
        char labels[32];
        snprintf(labels, sizeof labels, "level=\"%s\"", level_names[i]);
        lines_written[i] = counter_new("siem_log_lines_total", labels, "Lines logged, by level");
    }
}

bool log_level_parse(struct text text, enum log_level *ret_level) {
    for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++) {
        if (text_is(text, level_names[i])) {
            *ret_level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

bool log_is_on(enum log_level level) {
    return level >= lowest_level;
}

/* Appends when it fits and leaves room for the closing. */
static bool line_append(struct line *line, const char *data, size_t length) {
    if (length > LINE_SIZE - LINE_CLOSING - line->length)
        return false;
    memcpy(line->data + line->length, data, length);
    line->length += length;
    return true;
}

/* Appends into the room kept for the closing. */
static void line_close(struct line *line, const char *data) {
    size_t length = strlen(data);
    memcpy(line->data + line->length, data, length);
    line->length += length;
}

/* The escaped form of the character at `data`, `*length` bytes of it; gives how many bytes it
 * stands for. */
static size_t escape_character(struct text rest, char room[8], struct text *ret_escaped) {
    const void *bytes = rest.data;
    unsigned char first = (unsigned char)rest.data[0];
    size_t count = utf8_character_length(bytes, rest.length);
    if (count == 0) {
        *ret_escaped = TEXT("\xef\xbf\xbd"); /* U+FFFD for each byte that is no UTF-8 */
        return 1;
    }
    uint32_t code_point = utf8_code_point(bytes, count);
    if (first == '"' || first == '\\')
        *ret_escaped = (struct text){room, (size_t)snprintf(room, 8, "\\%c", first)};
    else if (utf8_is_control(code_point))
        *ret_escaped =
            (struct text){room, (size_t)snprintf(room, 8, "\\u%04x", code_point & 0xffffU)};
    else
        *ret_escaped = (struct text){rest.data, count};
    return count;
}

/* Appends a quoted value, cut with "…" where the line is full; false when it was. */
static bool line_append_value(struct line *line, struct text value) {
    if (!line_append(line, "\"", 1))
        return false;
    size_t at = 0;
    while (at < value.length) {
        char room[8];
        struct text escaped;
        struct text rest = {value.data + at, value.length - at};
        size_t count = escape_character(rest, room, &escaped);
        if (!line_append(line, escaped.data, escaped.length)) {
            line_close(line, "\xe2\x80\xa6\"");
            return false;
        }
        at += count;
    }
    line_close(line, "\"");
    return line->length < LINE_SIZE - LINE_CLOSING;
}

/* Appends ,"name": when name and a short value surely fit. */
static bool line_append_name(struct line *line, const char *name) {
    size_t length = strlen(name);
    if (length + 32 > LINE_SIZE - LINE_CLOSING - line->length)
        return false;
    return line_append(line, ",\"", 2) && line_append(line, name, length) &&
           line_append(line, "\":", 2);
}

static bool line_append_field(struct line *line, const struct log_field *field) {
    if (!line_append_name(line, field->name))
        return false;
    if (field->kind == LOG_KIND_TEXT && field->text.data != NULL)
        return line_append_value(line, field->text);
    char number[24];
    int length = field->kind == LOG_KIND_TEXT
                     ? snprintf(number, sizeof number, "null")
                     : snprintf(number, sizeof number, "%lld", (long long)field->number);
    return line_append(line, number, (size_t)length);
}

void log_write(enum log_level level, const char *message, const struct log_field *fields) {
    struct line line;
    char time[CLOCK_RFC3339_SIZE];
    line.length = (size_t)snprintf(line.data, LINE_SIZE - LINE_CLOSING,
                                   "{\"timestamp\":\"%s\",\"level\":\"%s\",\"service\":\"%.64s\"",
                                   clock_format_rfc3339(clock_wall(), time), level_names[level],
                                   service_name);
    bool room = line_append_field(&line, &LOG_STRING("message", message));
    for (; room && fields->name != NULL; fields++)
        room = line_append_field(&line, fields);
    line_close(&line, "}\n");
    ssize_t written = write(STDERR_FILENO, line.data, line.length);
    (void)written; /* a line that cannot be written is lost */
    if (lines_written[level] != NULL)
        counter_add(lines_written[level], 1);
}
