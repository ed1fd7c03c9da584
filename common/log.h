/* log.h: one JSON object a line on stderr: timestamp, level, service, message, then the fields.
 *
 * Threads: any; a line is written with one write(2), so lines never mix. Errors: none; a line that
 * cannot be written is lost. Limits: a line holds 8 KiB; longer values are cut and end in "…".
 * Control characters and invalid UTF-8 never reach the line raw. No line per event above debug;
 * a threat's warning comes once an incident, and when it grows worse.
 */
#ifndef SIEM_COMMON_LOG_H
#define SIEM_COMMON_LOG_H

#include "common/bytes.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };

struct log_field {
    const char *name;
    enum log_field_kind { LOG_KIND_TEXT, LOG_KIND_INT } kind;
    struct text text;
    int64_t number;
};

/* Fields of a line. */
#define LOG_TEXT(name, value) ((struct log_field){(name), LOG_KIND_TEXT, (value), 0})
#define LOG_STRING(name, value) LOG_TEXT(name, text_of(value))
#define LOG_INT(name, value) ((struct log_field){(name), LOG_KIND_INT, {NULL, 0}, (int64_t)(value)})

/* log_info("connected", LOG_STRING("peer", name), LOG_INT("port", port)); fields are optional. */
#define log_debug(...) LOG_AT_(LOG_LEVEL_DEBUG, __VA_ARGS__, LOG_END_)
#define log_info(...) LOG_AT_(LOG_LEVEL_INFO, __VA_ARGS__, LOG_END_)
#define log_warning(...) LOG_AT_(LOG_LEVEL_WARNING, __VA_ARGS__, LOG_END_)
#define log_error(...) LOG_AT_(LOG_LEVEL_ERROR, __VA_ARGS__, LOG_END_)

#define LOG_END_ ((struct log_field){NULL, LOG_KIND_INT, {NULL, 0}, 0})
#define LOG_AT_(level, message, ...)                                                               \
    (log_is_on(level) ? log_write((level), (message), (struct log_field[]){__VA_ARGS__}) : (void)0)

/* Names the process in every line and sets the lowest level written; call once at start. */
void log_init(const char *service, enum log_level lowest);

/* Reads "debug", "info", "warning" or "error"; false otherwise. */
bool log_level_parse(struct text text, enum log_level *ret_level);

/* True when lines of this level are written. */
bool log_is_on(enum log_level level);

/* Writes a line; `fields` ends with one whose name is NULL. Use the macros above. */
void log_write(enum log_level level, const char *message, const struct log_field *fields);

#endif
