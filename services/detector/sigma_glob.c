/* sigma_glob.c: wildcards: the first and the last piece stand at the ends, those between are found
 * one after the other. */
#include "services/detector/sigma_program.h"

static bool is_continuation(char byte) {
    return ((unsigned char)byte & 0xc0) == 0x80;
}

/* Length of the character at the start of a text that is not empty. */
static size_t character_length(struct text text) {
    size_t length = 1;
    while (length < text.length && is_continuation(text.data[length]))
        length++;
    return length;
}

/* True when the text starts with the piece; the length it takes. */
static bool starts_with(const struct sigma_glob_piece *piece, struct text text,
                        size_t *ret_length) {
    size_t at = 0;
    if (piece->plain) {
        *ret_length = piece->text.length;
        return text.length >= piece->text.length &&
               memcmp(text.data, piece->text.data, piece->text.length) == 0;
    }
    for (size_t i = 0; i < piece->text.length; i++) {
        if (at == text.length)
            return false;
        if (piece->marks[i] == SIGMA_MARK_ONE)
            at += character_length((struct text){text.data + at, text.length - at});
        else if (piece->text.data[i] != text.data[at++])
            return false;
    }
    *ret_length = at;
    return true;
}

/* Finds the piece's first place in the text; where it ends. */
static bool find_piece(const struct sigma_glob_piece *piece, struct text text, size_t *ret_end) {
    if (piece->plain) {
        const char *at = memmem(text.data, text.length, piece->text.data, piece->text.length);
        if (at != NULL)
            *ret_end = (size_t)(at - text.data) + piece->text.length;
        return at != NULL;
    }
    for (size_t at = 0; at < text.length; at++) {
        size_t length;
        if (is_continuation(text.data[at]))
            continue;
        if (starts_with(piece, (struct text){text.data + at, text.length - at}, &length)) {
            *ret_end = at + length;
            return true;
        }
    }
    return false;
}

/* True when the text ends with the piece. */
static bool ends_with(const struct sigma_glob_piece *piece, struct text text) {
    size_t at = text.length;
    for (size_t i = 0; i < piece->characters; i++) {
        if (at == 0)
            return false;
        at--;
        while (at > 0 && is_continuation(text.data[at]))
            at--;
    }
    size_t length;
    struct text end = {text.data + at, text.length - at};
    return starts_with(piece, end, &length) && length == end.length;
}

bool sigma_glob_matches(const struct sigma_glob *glob, struct text text) {
    size_t index = 0, length;
    if (!glob->any_first) {
        if (!starts_with(&glob->pieces[0], text, &length))
            return false;
        text = (struct text){text.data + length, text.length - length};
        if (glob->count == 1 && !glob->any_last)
            return text.length == 0;
        index = 1;
    }
    size_t between = glob->any_last ? glob->count : glob->count - 1;
    for (; index < between; index++) {
        if (!find_piece(&glob->pieces[index], text, &length))
            return false;
        text = (struct text){text.data + length, text.length - length};
    }
    return index == glob->count || ends_with(&glob->pieces[index], text);
}
