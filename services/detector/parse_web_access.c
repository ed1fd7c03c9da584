/* parse_web_access.c: a line of a web server's access log, from its date outwards. */
#include "services/detector/raw_log.h"

/* What is left to read. */
struct cursor {
    const char *at;
    const char *end;
};

static bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

/* True at [10/Oct/2026:13:55:36 +0000] */
static bool is_date(const char *at, const char *end) {
    static const char shape[] = "[dd/aaa/dddd:dd:dd:dd";
    if ((size_t)(end - at) < sizeof shape - 1)
        return false;
    for (size_t i = 0; i < sizeof shape - 1; i++) {
        char byte = at[i];
        bool is_letter = (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
        if (shape[i] == 'd' ? !is_digit(byte) : shape[i] == 'a' ? !is_letter : byte != shape[i])
            return false;
    }
    return true;
}

/* Finds the date near the line's start; NULL. */
static const char *find_date(struct text line) {
    size_t head = line.length < RAW_LOG_HEAD_MAX ? line.length : RAW_LOG_HEAD_MAX;
    const char *end = line.data + line.length, *stop = line.data + head;
    for (const char *at = line.data; (at = memchr(at, '[', (size_t)(stop - at))) != NULL; at++)
        if (is_date(at, end))
            return at;
    return NULL;
}

/* Takes the last word before `*end`, and the blanks behind it. */
static struct text take_last_word(const char *start, const char **end) {
    const char *stop = *end;
    while (stop > start && stop[-1] == ' ')
        stop--;
    const char *from = stop;
    while (from > start && from[-1] != ' ')
        from--;
    *end = from;
    return (struct text){from, (size_t)(stop - from)};
}

/* A word, null for the dash that means none. */
static struct text unless_dash(struct text word) {
    bool is_dash = word.length == 0 || (word.length == 1 && word.data[0] == '-');
    return is_dash ? (struct text){NULL, 0} : word;
}

/* Reads [virtual host] client ident user; what stands before them is a shipper's. */
static void read_head(const char *start, const char *end, struct web_access *access) {
    access->user = unless_dash(take_last_word(start, &end));
    (void)take_last_word(start, &end);
    access->client = unless_dash(take_last_word(start, &end));
    struct text host = take_last_word(start, &end);
    if (end == start && host.length > 0) {
        const char *colon = memchr(host.data, ':', host.length);
        if (colon != NULL)
            host.length = (size_t)(colon - host.data);
        access->virtual_host = host;
    }
}

/* True when a request's closing quote, and a status behind it, stand here. */
static bool closes_request(const char *at, const char *end) {
    return end - at >= 5 && at[0] == '"' && at[1] == ' ' && is_digit(at[2]) && is_digit(at[3]) &&
           is_digit(at[4]) && (end - at == 5 || at[5] == ' ');
}

/* Takes what stands in quotes and is followed by a status: attacks have quotes of their own. */
static bool take_request(struct cursor *cursor, struct text *ret_request) {
    if (cursor->at == cursor->end || *cursor->at != '"')
        return false;
    const char *start = cursor->at + 1;
    for (const char *at = start; at < cursor->end; at++) {
        at = memchr(at, '"', (size_t)(cursor->end - at));
        if (at == NULL)
            return false;
        if (closes_request(at, cursor->end)) {
            *ret_request = (struct text){start, (size_t)(at - start)};
            cursor->at = at + 2;
            return true;
        }
    }
    return false;
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

/* Takes "what stands in quotes", in which \" is no end; null when there is none. */
static struct text take_quoted(struct cursor *cursor) {
    if (cursor->at == cursor->end || *cursor->at != '"')
        return (struct text){NULL, 0};
    const char *start = ++cursor->at;
    while (cursor->at < cursor->end && *cursor->at != '"')
        cursor->at += *cursor->at == '\\' && cursor->end - cursor->at > 1 ? 2 : 1;
    struct text text = {start, (size_t)(cursor->at - start)};
    while (cursor->at < cursor->end && (*cursor->at == '"' || *cursor->at == ' ')) {
        if (*cursor->at++ == ' ')
            break;
    }
    return text;
}

/* Parts METHOD target HTTP/1.1; the target may have blanks. */
static void split_request(struct web_access *access) {
    struct text request = access->request;
    const char *end = request.data + request.length;
    const char *blank = memchr(request.data, ' ', request.length);
    if (blank == NULL)
        return;
    access->method = (struct text){request.data, (size_t)(blank - request.data)};
    const char *start = blank + 1, *before = end;
    struct text last = take_last_word(start, &before);
    bool has_version = last.length > 5 && memcmp(last.data, "HTTP/", 5) == 0;
    if (has_version) {
        access->version = last;
        end = before;
        while (end > start && end[-1] == ' ')
            end--;
    }
    access->target = (struct text){start, (size_t)(end - start)};
}

/* Reads a line that is a request and nothing else: GET /path HTTP/1.1 */
static bool read_request_alone(struct text line, struct web_access *ret_access) {
    struct web_access access = {.request = line};
    size_t length = 0;
    while (length < line.length && line.data[length] >= 'A' && line.data[length] <= 'Z')
        length++;
    if (length < 3 || length == line.length || line.data[length] != ' ')
        return false;
    split_request(&access);
    if (access.version.data == NULL || access.target.length == 0)
        return false;
    *ret_access = access;
    return true;
}

bool parse_web_access(struct text line, struct web_access *ret_access) {
    struct web_access access = {.request = {NULL, 0}};
    const char *date = find_date(line);
    if (date == NULL)
        return read_request_alone(line, ret_access);
    struct cursor cursor = {date, line.data + line.length};
    cursor.at = memchr(date, ']', (size_t)(cursor.end - date));
    if (cursor.at == NULL || cursor.end - cursor.at < 3)
        return false;
    cursor.at += 2;
    if (!take_request(&cursor, &access.request))
        return false;
    read_head(line.data, date, &access);
    split_request(&access);
    access.status = take_word(&cursor);
    access.size = unless_dash(take_word(&cursor));
    access.referer = unless_dash(take_quoted(&cursor));
    access.user_agent = unless_dash(take_quoted(&cursor));
    *ret_access = access;
    return true;
}
