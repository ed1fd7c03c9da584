/* parse_syslog.c: the program in the head of a syslog line: RFC 3164, RFC 5424, or with an ISO date
 * as today's daemons write it. */
#include "services/detector/raw_log.h"

struct cursor {
    const char *at;
    const char *end;
};

static bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

static struct text take_word(struct cursor *cursor) {
    const char *start = cursor->at;
    while (cursor->at < cursor->end && *cursor->at != ' ')
        cursor->at++;
    struct text word = {start, (size_t)(cursor->at - start)};
    while (cursor->at < cursor->end && *cursor->at == ' ')
        cursor->at++;
    return word;
}

/* Passes over <34>. */
static void skip_priority(struct cursor *cursor) {
    const char *at = cursor->at;
    if (at == cursor->end || *at != '<')
        return;
    for (at++; at < cursor->end && is_digit(*at); at++)
        ;
    if (at < cursor->end && *at == '>')
        cursor->at = at + 1;
}

/* Nov */
static bool is_month(struct text word) {
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (size_t i = 0; word.length == 3 && i < sizeof names - 1; i += 3)
        if (memcmp(word.data, names + i, 3) == 0)
            return true;
    return false;
}

/* 2026-11-28T... */
static bool is_iso_date(struct text word) {
    return word.length >= 19 && is_digit(word.data[0]) && word.data[4] == '-' &&
           word.data[7] == '-' && word.data[10] == 'T';
}

/* Passes over the date; `ret_is_5424` tells the newer form, in which words part by blanks alone. */
static bool skip_date(struct cursor *cursor, bool *ret_is_5424) {
    struct text word = take_word(cursor);
    *ret_is_5424 = text_is(word, "1");
    if (*ret_is_5424)
        word = take_word(cursor);
    if (is_iso_date(word))
        return true;
    if (*ret_is_5424 || !is_month(word))
        return false;
    struct text day = take_word(cursor), clock = take_word(cursor);
    return day.length > 0 && day.length <= 2 && is_digit(day.data[0]) && clock.length >= 8 &&
           clock.data[2] == ':' && clock.data[5] == ':';
}

struct text parse_syslog_program(struct text line) {
    size_t head = line.length < RAW_LOG_HEAD_MAX ? line.length : RAW_LOG_HEAD_MAX;
    struct cursor cursor = {line.data, line.data + head};
    bool is_5424;
    skip_priority(&cursor);
    if (!skip_date(&cursor, &is_5424))
        return (struct text){NULL, 0};
    (void)take_word(&cursor);
    struct text tag = take_word(&cursor);
    size_t length = 0;
    while (length < tag.length && tag.data[length] != '[' && tag.data[length] != ':')
        length++;
    bool is_closed = is_5424 || length < tag.length;
    return is_closed && length > 0 ? (struct text){tag.data, length} : (struct text){NULL, 0};
}
