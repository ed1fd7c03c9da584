/* parse_auditd.c: key=value pairs of auditd, quoted, in hexadecimal, or within msg='...'. */
#include "services/detector/raw_log.h"

#include "common/utf8.h"

struct cursor {
    const char *at;
    const char *end;
};

/* What is known of the line, and who takes its pairs. */
struct reading {
    struct arena *arena;
    struct text type;
    size_t left; /* pairs that will still be taken */
    void (*take)(void *context, struct text key, struct text value);
    void *context;
};

/* Between pairs stand blanks, and the sign that parts the raw from the interpreted ones. */
static bool is_space(char byte) {
    return byte == ' ' || byte == '\x1d' || byte == '\n' || byte == '\r';
}

/* Takes a value as it stands: what is between quotes, or up to the next blank. */
static struct text take_value(struct cursor *cursor, char *ret_quote) {
    char quote = cursor->at < cursor->end ? *cursor->at : '\0';
    *ret_quote = quote == '"' || quote == '\'' ? quote : '\0';
    if (*ret_quote != '\0') {
        const char *start = ++cursor->at;
        const char *stop = memchr(start, quote, (size_t)(cursor->end - start));
        cursor->at = stop != NULL ? stop + 1 : cursor->end;
        return (struct text){start, (size_t)((stop != NULL ? stop : cursor->end) - start)};
    }
    const char *start = cursor->at;
    while (cursor->at < cursor->end && !is_space(*cursor->at))
        cursor->at++;
    return (struct text){start, (size_t)(cursor->at - start)};
}

static int digit_of(char byte) {
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    return byte >= 'A' && byte <= 'F' ? byte - 'A' + 10 : -1;
}

/* True for keys whose values the kernel writes in hexadecimal when they hold blanks or quotes. */
static bool is_text_key(const struct reading *reading, struct text key) {
    static const char *const keys[] = {"acct", "cmd",  "comm", "cwd",       "data", "dir",
                                       "exe",  "file", "name", "proctitle", "key",  "grp"};
    if (key.length >= 2 && key.data[0] == 'a' && key.data[1] >= '0' && key.data[1] <= '9')
        return text_is(reading->type, "EXECVE");
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (text_is(key, keys[i]))
            return true;
    return false;
}

/* The text that stands in hexadecimal, its arguments parted by blanks; what is none stays. */
static struct text decode(struct arena *arena, struct text value) {
    if (value.length < 2 || value.length % 2 != 0)
        return value;
    char *out = arena_alloc(arena, value.length / 2 + 1);
    size_t length = 0;
    for (size_t i = 0; i < value.length; i += 2) {
        int high = digit_of(value.data[i]), low = digit_of(value.data[i + 1]);
        if (high < 0 || low < 0) {
            length = 0;
            break;
        }
        char byte = (char)(high << 4 | low);
        out[length++] = byte != '\0' ? byte : ' ';
    }
    arena_trim(arena, out, length);
    bool is_text = length > 0 && utf8_is_valid((const uint8_t *)out, length);
    return is_text ? (struct text){out, length} : value;
}

static void take_pairs(struct reading *reading, struct cursor cursor) {
    while (reading->left > 0 && cursor.at < cursor.end) {
        while (cursor.at < cursor.end && is_space(*cursor.at))
            cursor.at++;
        const char *start = cursor.at;
        while (cursor.at < cursor.end && *cursor.at != '=' && !is_space(*cursor.at))
            cursor.at++;
        struct text key = {start, (size_t)(cursor.at - start)};
        if (cursor.at == cursor.end || *cursor.at != '=')
            continue;
        char quote;
        cursor.at++;
        if (key.length == 0)
            continue;
        struct text value = take_value(&cursor, &quote);
        reading->left--;
        if (quote == '\'') {
            take_pairs(reading, (struct cursor){value.data, value.data + value.length});
            continue;
        }
        if (text_is(key, "type"))
            reading->type = value;
        if (quote == '\0' && is_text_key(reading, key))
            value = decode(reading->arena, value);
        reading->take(reading->context, key, value);
    }
}

/* Finds the `type=` before `msg=audit(`; NULL: this is no line of auditd. */
static const char *find_start(struct text line) {
    static const char mark[] = " msg=audit(";
    size_t head = line.length < RAW_LOG_HEAD_MAX ? line.length : RAW_LOG_HEAD_MAX;
    const char *found = memmem(line.data, head, mark, sizeof mark - 1);
    const char *type = found == NULL ? NULL : memmem(line.data, head, "type=", 5);
    return type != NULL && type < found && (type == line.data || type[-1] == ' ') ? type : NULL;
}

bool parse_auditd(struct text line, struct arena *arena,
                  void (*take)(void *context, struct text key, struct text value), void *context) {
    const char *start = find_start(line);
    if (start == NULL)
        return false;
    struct reading reading = {
        .arena = arena, .left = RAW_LOG_PAIRS_MAX, .take = take, .context = context};
    take_pairs(&reading, (struct cursor){start, line.data + line.length});
    return true;
}
