/* sql_shape.c: parameters parted, tokens read, a letter written for each. */
#include "services/detector/sql_shape.h"

#include "services/detector/decode_target.h"

#define WORD_SIZE_MAX 32

struct reader {
    const char *start;
    const char *at;
    const char *end;
    char quote; /* the reading's; ':' none */
    char *out;  /* where the next letter goes */
    char last;  /* the letter written last */
};

static const struct {
    struct text word;
    char letter;
} words[] = {
#define SQL_WORD(word, letter) {TEXT_CONSTANT(word), letter},
#include "services/detector/sql_words.def"
#undef SQL_WORD
};

static bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

static bool is_letter(char byte) {
    char low = (char)(byte | 0x20);
    return (low >= 'a' && low <= 'z') || byte == '_' || (byte & 0x80) != 0;
}

static bool is_of_name(char byte) {
    return is_letter(byte) || is_digit(byte) || byte == '$' || byte == '.';
}

/* The letter of a word; 'n' when it is none of SQL's. */
static char letter_of(struct text word) {
    char low[WORD_SIZE_MAX];
    if (word.length > sizeof low)
        return 'n';
    for (size_t i = 0; i < word.length; i++) {
        char byte = word.data[i];
        low[i] = (char)(byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte);
    }
    size_t from = 0, to = sizeof words / sizeof words[0];
    while (from < to) {
        size_t middle = (from + to) / 2, length = words[middle].word.length;
        int order =
            memcmp(low, words[middle].word.data, word.length < length ? word.length : length);
        if (order == 0 && word.length == length)
            return words[middle].letter;
        if (order < 0 || (order == 0 && word.length < length))
            to = middle;
        else
            from = middle + 1;
    }
    return 'n';
}

static void write(struct reader *reader, char letter) {
    *reader->out++ = letter;
    reader->last = letter;
}

/* True where a value is still to come, so that a sign stands before it. */
static bool wants_value(const struct reader *reader) {
    return strchr(":'\"(,&=oECHTWBU;{", reader->last) != NULL;
}

static bool is_quote(const char *at) {
    return *at == '\'' || *at == '"';
}

/* True for what stands alone in quotes behind a blank, as prose has it: cats "and" dogs. */
static bool is_quoted_word(const struct reader *reader, const char *start) {
    return start - reader->start > 1 && is_quote(start - 1) && reader->at < reader->end &&
           *reader->at == start[-1] && (start[-2] == ' ' || start[-2] == '=');
}

/* Writes the letter of an operator that began at `start`. Where a value is to come a sign belongs
 * to that value. */
static void write_operator(struct reader *reader, const char *start, char letter) {
    bool is_sign = letter == 'o' || *start == '!' || is_letter(*start);
    if (is_quoted_word(reader, start))
        write(reader, '?');
    else if (letter == '&' || !wants_value(reader) || (reader->last == ':' && !is_sign))
        write(reader, letter);
}

static void skip_blanks(struct reader *reader) {
    while (reader->at < reader->end && *reader->at == ' ')
        reader->at++;
}

/* Reads what is left of a string behind its opening quote. A doubled quote, or one behind a
 * backslash, is a part of it. */
static void read_string(struct reader *reader, char quote) {
    bool is_own = reader->quote == ':' || reader->quote == quote;
    bool is_empty = reader->at == reader->end;
    while (reader->at < reader->end) {
        char byte = *reader->at++;
        bool is_pair = reader->at < reader->end && byte == quote && *reader->at == quote;
        if ((byte == '\\' && reader->at < reader->end) || is_pair) {
            reader->at++;
        } else if (byte == quote) {
            write(reader, is_own ? 's' : 't');
            return;
        }
    }
    bool is_closed_later = is_own && reader->quote != ':';
    write(reader, !is_closed_later ? 'u' : is_empty ? 'z' : 'e');
}

/* Four quotes in a row and more are no SQL that anyone writes. */
static void read_quotes(struct reader *reader) {
    char quote = *reader->at;
    size_t run = 0, left = (size_t)(reader->end - reader->at);
    while (run < left && reader->at[run] == quote)
        run++;
    if (run >= 4) {
        reader->at += run;
        write(reader, '?');
        return;
    }
    reader->at++;
    read_string(reader, quote);
}

/* True when the word before a quote only says what kind of string it is: N'', x'', _utf8''. */
static bool is_prefix(const struct reader *reader, struct text word) {
    bool is_before = reader->at < reader->end && is_quote(reader->at);
    bool is_kind =
        word.data[0] == '_' || (word.length == 1 && strchr("nxbequNXBEQU", word.data[0]) != NULL);
    return is_before && is_kind && wants_value(reader);
}

/* Passes over an empty pair of parentheses. */
static bool skip_empty_call(struct reader *reader) {
    const char *at = reader->at + 1;
    while (at < reader->end && *at == ' ')
        at++;
    if (at == reader->end || *at != ')')
        return false;
    reader->at = at + 1;
    return true;
}

/* Writes the letter of a name or a function; one called with nothing is a value. */
static void write_name(struct reader *reader, char letter) {
    bool is_close = reader->at < reader->end && *reader->at == '(';
    skip_blanks(reader);
    bool is_open = reader->at < reader->end && *reader->at == '(';
    bool is_call = letter == 'f' ? is_open : is_close;
    if (is_call && skip_empty_call(reader))
        write(reader, 'v');
    else
        write(reader, !is_call ? 'n' : letter == 'f' ? 'f' : 'g');
}

/* Writes the letter of the word that began at `start`. */
static void write_word(struct reader *reader, const char *start, char letter) {
    if (letter == '=' || letter == 'o' || letter == '&')
        write_operator(reader, start, letter);
    else if (letter == 'Y' && reader->last == 'O')
        reader->out[-1] = reader->last = 'B';
    else if (letter == 'f' || letter == 'n' || letter == 'Y')
        write_name(reader, letter);
    else if (letter != '~')
        write(reader, letter);
}

static void read_word(struct reader *reader) {
    const char *start = reader->at;
    while (reader->at < reader->end && is_of_name(*reader->at))
        reader->at++;
    struct text word = {start, (size_t)(reader->at - start)};
    if (!is_prefix(reader, word))
        write_word(reader, start, letter_of(word));
}

/* Where the digits of a number end: 12, 1.5, 0x1f, 1e5. */
static const char *digits_end(const char *at, const char *end) {
    bool is_hex = end - at > 2 && at[0] == '0' && (at[1] | 0x20) == 'x';
    for (at += is_hex ? 2 : 0; at < end; at++) {
        char low = (char)(*at | 0x20);
        bool is_exponent = !is_hex && low == 'e' && end - at > 1 && is_digit(at[1]);
        if (!is_digit(*at) && *at != '.' && !is_exponent && !(is_hex && low >= 'a' && low <= 'f'))
            break;
    }
    return at;
}

/* Reads a number; digits that go on as a word (8mm) are a name, unless it is SQL's: 1or 2. */
static void read_number(struct reader *reader) {
    const char *digits = digits_end(reader->at, reader->end);
    reader->at = digits;
    while (reader->at < reader->end && is_of_name(*reader->at))
        reader->at++;
    struct text rest = {digits, (size_t)(reader->at - digits)};
    char letter = rest.length > 0 ? letter_of(rest) : '1';
    bool goes_on = letter == '&' || letter == '=' || letter == 'U' || letter == 'B';
    if (goes_on)
        reader->at = digits;
    write(reader, rest.length == 0 || goes_on ? '1' : 'n');
}

/* @name, @@name, @`name`; also a name in square brackets or backticks. */
static void read_variable(struct reader *reader) {
    while (reader->at < reader->end &&
           (is_of_name(*reader->at) || *reader->at == '@' || *reader->at == '`'))
        reader->at++;
    write(reader, 'v');
}

static void read_quoted_name(struct reader *reader) {
    const char *close = memchr(reader->at + 1, '`', (size_t)(reader->end - reader->at) - 1);
    reader->at = close != NULL ? close + 1 : reader->end;
    write(reader, 'n');
}

/* A comment up to the end; one with words in it may be prose. */
static void read_comment(struct reader *reader, size_t sign) {
    size_t letters = 0;
    for (const char *at = reader->at + sign; at < reader->end; at++)
        letters += is_letter(*at);
    write(reader, letters > 2 ? 'k' : 'c');
    reader->at = reader->end;
}

/* The length of a comment's sign at this place; 0: none. Two dashes within a word are no sign. */
static size_t comment_sign(const struct reader *reader) {
    const char *at = reader->at;
    size_t left = (size_t)(reader->end - at);
    char next = left > 1 ? at[1] : '\0', third = left > 2 ? at[2] : ' ';
    if (*at == '#' && !is_of_name(next))
        return 1;
    if (*at == '-' && next == '-' && strchr(" -+'\"&)", third) != NULL)
        return 2;
    return *at == '/' && next == '*' ? 2 : 0;
}

static void read_sign(struct reader *reader) {
    const char *at = reader->at;
    size_t comment = comment_sign(reader);
    bool is_double = reader->end - at > 1 && at[0] == at[1];
    if (comment > 0) {
        read_comment(reader, comment);
        return;
    }
    if (*at == '\\') {
        bool is_null = reader->end - at > 1 && at[1] == 'N';
        reader->at += is_null ? 2 : 1;
        if (is_null)
            write(reader, '1');
        return;
    }
    reader->at++;
    if ((*at == '|' || *at == '&') && is_double) {
        reader->at++;
        write_operator(reader, at, '&');
    } else if (*at == '*' && strchr("(E", reader->last) != NULL) {
        write(reader, 'n');
    } else if (strchr("=<>!", *at) != NULL) {
        write_operator(reader, at, '=');
    } else if (strchr("-+*/%^|&~", *at) != NULL) {
        write_operator(reader, at, 'o');
    } else {
        write(reader, strchr("(),;{}", *at) != NULL ? *at : '?');
    }
}

static void read_token(struct reader *reader) {
    char byte = *reader->at;
    if (byte == '\'' || byte == '"')
        read_quotes(reader);
    else if (is_digit(byte) ||
             (byte == '.' && reader->end - reader->at > 1 && is_digit(reader->at[1])))
        read_number(reader);
    else if (is_letter(byte))
        read_word(reader);
    else if (byte == '@')
        read_variable(reader);
    else if (byte == '`')
        read_quoted_name(reader);
    else
        read_sign(reader);
}

/* Writes one reading and a blank; takes it back when it says nothing. */
static char *write_reading(char *out, struct text value, char quote) {
    struct reader reader = {value.data, value.data, value.data + value.length, quote, out, quote};
    write(&reader, quote);
    if (quote != ':')
        read_string(&reader, quote);
    for (skip_blanks(&reader); reader.at < reader.end; skip_blanks(&reader))
        read_token(&reader);
    size_t tokens = (size_t)(reader.out - out) - 1;
    if (tokens < 2)
        return out;
    *reader.out++ = ' ';
    return reader.out;
}

/* Most values are a word or a number, which nobody need decode. */
static bool is_plain(struct text value) {
    for (size_t i = 0; i < value.length; i++)
        if (!is_of_name(value.data[i]) && value.data[i] != '-')
            return false;
    return true;
}

static char *write_value(struct arena *arena, char *out, struct text value) {
    if (is_plain(value))
        return out;
    struct text decoded = decode_target(arena, value);
    out = write_reading(out, decoded, ':');
    if (memchr(decoded.data, '\'', decoded.length) != NULL)
        out = write_reading(out, decoded, '\'');
    if (memchr(decoded.data, '"', decoded.length) != NULL)
        out = write_reading(out, decoded, '"');
    return out;
}

/* What of name=value is the value; all of it when the name is none. */
static struct text value_of(struct text pair) {
    const char *equal = memchr(pair.data, '=', pair.length);
    for (size_t i = 0; equal != NULL && pair.data + i < equal; i++) {
        bool is_bracket = pair.data[i] == '%' && pair.data[i + 1] == '5';
        if (!is_of_name(pair.data[i]) && strchr("-[]", pair.data[i]) == NULL && !is_bracket)
            return pair;
    }
    if (equal == NULL)
        return pair;
    size_t before = (size_t)(equal - pair.data) + 1;
    return (struct text){equal + 1, pair.length - before};
}

struct text sql_shape_of_target(struct arena *arena, struct text target) {
    /* three readings, each of no more than a sign, a letter for every byte and one more, a blank */
    char *start = arena_alloc(arena, 6 * (target.length + 1)), *out = start;
    const char *at = target.data, *end = target.data + target.length;
    bool is_query = false;
    while (at < end) {
        const char *stop = at;
        while (stop < end && (is_query ? *stop != '&' : *stop != '/' && *stop != '?'))
            stop++;
        struct text part = {at, (size_t)(stop - at)};
        out = write_value(arena, out, is_query ? value_of(part) : part);
        is_query |= stop < end && *stop == '?';
        at = stop < end ? stop + 1 : end;
    }
    bool is_empty = out == start;
    return is_empty ? (struct text){NULL, 0} : (struct text){start, (size_t)(out - start)};
}
