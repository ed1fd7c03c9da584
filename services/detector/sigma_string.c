/* sigma_string.c: escapes and wildcards of Sigma strings. */
#include "services/detector/sigma_string.h"

static struct sigma_string new_string(struct arena *arena, size_t capacity) {
    return (struct sigma_string){
        .data = arena_alloc(arena, capacity + 1),
        .marks = arena_zalloc(arena, capacity + 1, 1),
    };
}

static void append(struct sigma_string *string, char byte, enum sigma_mark mark) {
    string->data[string->length] = byte;
    string->marks[string->length++] = (uint8_t)mark;
}

static bool is_escapable(char byte) {
    return byte == '*' || byte == '?' || byte == '\\';
}

static enum sigma_mark mark_of(char byte) {
    return byte == '*' ? SIGMA_MARK_ANY : byte == '?' ? SIGMA_MARK_ONE : SIGMA_MARK_LITERAL;
}

struct sigma_string sigma_string_parse(struct arena *arena, struct text text) {
    struct sigma_string string = new_string(arena, text.length);
    for (size_t i = 0; i < text.length; i++) {
        bool escapes =
            text.data[i] == '\\' && i + 1 < text.length && is_escapable(text.data[i + 1]);
        if (escapes)
            append(&string, text.data[++i], SIGMA_MARK_LITERAL);
        else
            append(&string, text.data[i], mark_of(text.data[i]));
    }
    return string;
}

struct sigma_string sigma_string_literal(struct arena *arena, struct text text) {
    struct sigma_string string = new_string(arena, text.length);
    for (size_t i = 0; i < text.length; i++)
        append(&string, text.data[i], SIGMA_MARK_LITERAL);
    return string;
}

struct sigma_string sigma_string_wrap(struct arena *arena, struct sigma_string string, bool before,
                                      bool after) {
    struct sigma_string wrapped = new_string(arena, string.length + 2);
    bool begins = string.length > 0 && string.marks[0] == SIGMA_MARK_ANY;
    bool ends = string.length > 0 && string.marks[string.length - 1] == SIGMA_MARK_ANY;
    if (before && !begins)
        append(&wrapped, '*', SIGMA_MARK_ANY);
    for (size_t i = 0; i < string.length; i++)
        append(&wrapped, string.data[i], string.marks[i]);
    if (after && !ends)
        append(&wrapped, '*', SIGMA_MARK_ANY);
    return wrapped;
}

bool sigma_string_has_wildcards(struct sigma_string string) {
    for (size_t i = 0; i < string.length; i++)
        if (string.marks[i] != SIGMA_MARK_LITERAL)
            return true;
    return false;
}
