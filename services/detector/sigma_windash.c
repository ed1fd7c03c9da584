/* sigma_windash.c: every way an option's dash can be written on Windows. */
#include "services/detector/sigma_encode.h"

static const char *const dashes[] = {"-", "/", "\u2013", "\u2014", "\u2015"};
#define DASHES (sizeof dashes / sizeof dashes[0])
#define DASH_SIZE_MAX 3u

/* A character of a word, as \b sees it. All bytes above ASCII count as such. */
static bool is_word(struct sigma_string string, size_t at) {
    unsigned char byte = (unsigned char)string.data[at];
    return string.marks[at] == SIGMA_MARK_LITERAL &&
           (byte == '_' || byte >= 0x80 || (byte >= '0' && byte <= '9') ||
            (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z'));
}

/* True when \B[-/]\b matches here. */
static bool is_option_dash(struct sigma_string string, size_t at) {
    bool is_dash = string.marks[at] == SIGMA_MARK_LITERAL &&
                   (string.data[at] == '-' || string.data[at] == '/');
    return is_dash && (at == 0 || !is_word(string, at - 1)) && at + 1 < string.length &&
           is_word(string, at + 1);
}

/* The string with its option dashes chosen by the digits of `choice`, in base 5. */
static struct sigma_string spell(struct arena *arena, struct sigma_string string, size_t choice) {
    size_t capacity = string.length + SIGMA_WINDASH_MAX * DASH_SIZE_MAX + 1;
    struct sigma_string spelt = {arena_alloc(arena, capacity), arena_zalloc(arena, capacity, 1), 0};
    for (size_t i = 0; i < string.length; i++) {
        if (is_option_dash(string, i)) {
            const char *dash = dashes[choice % DASHES];
            choice /= DASHES;
            memcpy(spelt.data + spelt.length, dash, strlen(dash));
            spelt.length += strlen(dash);
        } else {
            spelt.data[spelt.length] = string.data[i];
            spelt.marks[spelt.length++] = string.marks[i];
        }
    }
    return spelt;
}

enum status sigma_encode_windash(struct arena *arena, struct sigma_string string,
                                 struct sigma_strings *ret_strings) {
    size_t found = 0, count = 1;
    for (size_t i = 0; i < string.length; i++) {
        if (!is_option_dash(string, i))
            continue;
        if (++found > SIGMA_WINDASH_MAX)
            return STATUS_TOO_LARGE;
        count *= DASHES;
    }
    struct sigma_strings strings = {count, arena_zalloc(arena, count, sizeof *strings.items)};
    for (size_t choice = 0; choice < count; choice++)
        strings.items[choice] = spell(arena, string, choice);
    *ret_strings = strings;
    return STATUS_OK;
}
