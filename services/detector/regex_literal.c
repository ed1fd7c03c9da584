/* regex_literal.c: one pass over an expression, from one run of literal characters to the next. */
#include "services/detector/regex_literal.h"

struct reader {
    struct text expression;
    size_t at;
    char *run; /* being read */
    size_t length;
    struct text longest;
    struct text *runs; /* those that were read */
    size_t run_count, most;
    bool failed; /* the expression has something that leaves nothing certain */
};

static bool at_end(const struct reader *reader) {
    return reader->at >= reader->expression.length;
}

/* The next byte, or NUL at the end. */
static char peek(const struct reader *reader) {
    return at_end(reader) ? '\0' : reader->expression.data[reader->at];
}

/* Ends the run; the next one starts behind it. */
static void end_run(struct reader *reader) {
    struct text run = {reader->run, reader->length};
    if (run.length > reader->longest.length)
        reader->longest = run;
    if (run.length > 0 && reader->run_count < reader->most)
        reader->runs[reader->run_count++] = run;
    reader->run += reader->length;
    reader->length = 0;
}

static bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

static bool is_letter_or_digit(char byte) {
    return is_digit(byte) || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

/* Passes over [...], of which the bracket was taken. */
static void skip_class(struct reader *reader) {
    if (peek(reader) == '^')
        reader->at++;
    if (peek(reader) == ']')
        reader->at++;
    while (!at_end(reader) && peek(reader) != ']') {
        /* A class within the class: [:alpha:] */
        if (peek(reader) == '[')
            reader->failed = true;
        reader->at += peek(reader) == '\\' ? 2 : 1;
    }
    reader->at++;
}

/* Passes over a group, of which the parenthesis was taken. */
static void skip_group(struct reader *reader) {
    for (size_t depth = 1; depth > 0 && !at_end(reader);) {
        char byte = peek(reader);
        reader->at += byte == '\\' ? 2 : 1;
        if (byte == '[')
            skip_class(reader);
        depth += byte == '(';
        depth -= byte == ')';
    }
}

/* Reads "(", which was taken, and what follows. Options for all that follows, like (?i), are passed
 * over, unless they change how it is read. */
static void read_group(struct reader *reader) {
    end_run(reader);
    if (peek(reader) != '?') {
        reader->failed |= peek(reader) == '*';
        skip_group(reader);
        return;
    }
    size_t at = reader->at + 1;
    while (at < reader->expression.length && memchr("ims", reader->expression.data[at], 3) != NULL)
        at++;
    if (at < reader->expression.length && reader->expression.data[at] == ')') {
        reader->at = at + 1;
        return;
    }
    /* (?:...) is skipped; looking around, comments and other options leave nothing certain. */
    reader->failed |= at >= reader->expression.length || reader->expression.data[at] != ':';
    skip_group(reader);
}

/* Length of {n}, {n,} or {n,m} when that stands here; 0: a brace is a brace. */
static size_t braces_length(const struct reader *reader) {
    size_t at = reader->at + 1;
    const struct text *text = &reader->expression;
    while (at < text->length && (is_digit(text->data[at]) || text->data[at] == ','))
        at++;
    bool is_whole = at < text->length && text->data[at] == '}' && at > reader->at + 1;
    return is_whole ? at + 1 - reader->at : 0;
}

/* True when a quantifier stands here that may take the character before it away; passes over any
 * quantifier, and says whether there was one. */
static bool read_quantifier(struct reader *reader, bool *ret_quantified) {
    char byte = peek(reader);
    size_t length = byte == '*' || byte == '+' || byte == '?' ? 1 : 0;
    if (byte == '{')
        length = braces_length(reader);
    *ret_quantified = length > 0;
    if (length == 0)
        return false;
    const char *start = reader->expression.data + reader->at;
    bool may_be_none =
        byte == '*' || byte == '?' || (byte == '{' && (start[1] == '0' || start[1] == ','));
    reader->at += length;
    if (peek(reader) == '?' || peek(reader) == '+')
        reader->at++;
    return may_be_none;
}

/* Takes a character that stands for itself, with its quantifier. */
static void read_literal(struct reader *reader, char byte) {
    bool quantified;
    if ((unsigned char)byte >= 0x80) {
        end_run(reader);
        (void)read_quantifier(reader, &quantified);
        return;
    }
    bool may_be_none = read_quantifier(reader, &quantified);
    if (!may_be_none)
        reader->run[reader->length++] = byte;
    if (quantified)
        end_run(reader);
}

/* Reads an escape, of which the backslash was taken. */
static void read_escape(struct reader *reader) {
    char byte = peek(reader);
    reader->at++;
    if (!is_letter_or_digit(byte)) {
        read_literal(reader, byte);
        return;
    }
    /* \x41, \o{101}, \p{L}, \k{name}, \Qliteral\E and the like are more than one letter. */
    bool is_one_letter = strchr("dDwWsSbBAzZntrfaeRvVhH", byte) != NULL;
    reader->failed |= !is_one_letter;
    end_run(reader);
}

static void read_one(struct reader *reader) {
    bool quantified;
    char byte = peek(reader);
    reader->at++;
    switch (byte) {
    case '\\':
        read_escape(reader);
        break;
    case '(':
        read_group(reader);
        break;
    case '[':
        end_run(reader);
        skip_class(reader);
        break;
    case '|':
        reader->failed = true;
        break;
    case '.':
    case '^':
    case '$':
        end_run(reader);
        break;
    case '*':
    case '+':
    case '?':
    case '{':
        /* Of what stands before: a class, a group, an escape. */
        reader->at--;
        (void)read_quantifier(reader, &quantified);
        if (quantified) {
            end_run(reader);
        } else {
            reader->at++;
            read_literal(reader, byte);
        }
        break;
    default:
        read_literal(reader, byte);
    }
}

/* Reads the expression; false when nothing is certain. */
static bool read_all(struct reader *reader) {
    while (!at_end(reader) && !reader->failed)
        read_one(reader);
    end_run(reader);
    return !reader->failed;
}

struct text regex_literal_find(struct text expression, char *room) {
    struct reader reader = {.expression = expression, .run = room, .longest = {room, 0}};
    return read_all(&reader) ? reader.longest : (struct text){room, 0};
}

size_t regex_literal_runs(struct text expression, char *room, struct text *ret_runs, size_t most) {
    struct reader reader = {.expression = expression, .run = room, .runs = ret_runs, .most = most};
    return read_all(&reader) ? reader.run_count : 0;
}
