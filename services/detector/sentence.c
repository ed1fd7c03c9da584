/* sentence.c: %field% in the details of findings. */
#include "services/detector/sentence.h"

#include "common/utf8.h"

#define ELLIPSIS "\u2026"
#define ELLIPSIS_SIZE (sizeof ELLIPSIS - 1)

struct parts {
    struct sentence_part *items;
    size_t count;
};

static void add_words(struct parts *parts, struct arena *arena, struct text words) {
    if (words.length > 0)
        parts->items[parts->count++] = (struct sentence_part){.words = arena_text(arena, words)};
}

/* Reads "%%" or "%field%" at the start of `text`; its length. */
static enum status add_percent(struct parts *parts, struct arena *arena, struct field_names *names,
                               struct text text, size_t *ret_length) {
    const char *end = text.length > 1 ? memchr(text.data + 1, '%', text.length - 1) : NULL;
    if (end == NULL)
        return STATUS_BAD_SYNTAX;
    struct text name = {text.data + 1, (size_t)(end - text.data) - 1};
    *ret_length = name.length + 2;
    if (name.length == 0) {
        add_words(parts, arena, TEXT("%"));
        return STATUS_OK;
    }
    struct sentence_part *part = &parts->items[parts->count++];
    return field_names_intern(names, name, &part->field);
}

enum status sentence_compile(struct text text, struct arena *arena, struct field_names *names,
                             struct sentence *ret_sentence) {
    struct parts parts = {arena_zalloc(arena, text.length + 1, sizeof *parts.items), 0};
    while (text.length > 0) {
        const char *percent = memchr(text.data, '%', text.length);
        size_t words = percent != NULL ? (size_t)(percent - text.data) : text.length;
        size_t length = 0;
        add_words(&parts, arena, (struct text){text.data, words});
        text = (struct text){text.data + words, text.length - words};
        if (text.length == 0)
            break;
        enum status status = add_percent(&parts, arena, names, text, &length);
        if (status != STATUS_OK)
            return status;
        text = (struct text){text.data + length, text.length - length};
    }
    *ret_sentence = (struct sentence){parts.count, parts.items};
    return STATUS_OK;
}

struct sentence sentence_of_words(struct text words, struct arena *arena) {
    struct parts parts = {arena_zalloc(arena, 1, sizeof *parts.items), 0};
    add_words(&parts, arena, words);
    return (struct sentence){parts.count, parts.items};
}

bool sentence_is_constant(const struct sentence *sentence) {
    for (size_t i = 0; i < sentence->count; i++)
        if (sentence->parts[i].words.data == NULL)
            return false;
    return true;
}

/* Appends a text, cut at `limit` bytes; true when it was cut. */
static bool append_cut(char *out, size_t *length, struct text text, size_t limit) {
    struct text cut = utf8_cut(text, limit);
    memcpy(out + *length, cut.data, cut.length);
    *length += cut.length;
    if (cut.length == text.length)
        return false;
    memcpy(out + *length, ELLIPSIS, ELLIPSIS_SIZE);
    *length += ELLIPSIS_SIZE;
    return true;
}

static struct text value_of(const struct sentence_part *part, const struct fields *fields) {
    if (part->words.data != NULL)
        return part->words;
    const struct value *value = fields_first(fields, part->field);
    bool has_text = value != NULL && value->text.data != NULL && value->text.length > 0;
    return has_text ? value->text : TEXT("unknown");
}

struct text sentence_fill(const struct sentence *sentence, const struct fields *fields,
                          struct arena *arena) {
    char *out = arena_alloc(arena, SENTENCE_SIZE_MAX + 2 * ELLIPSIS_SIZE);
    size_t length = 0;
    for (size_t i = 0; i < sentence->count && length < SENTENCE_SIZE_MAX; i++) {
        struct text text = value_of(&sentence->parts[i], fields);
        size_t room = SENTENCE_SIZE_MAX - length;
        bool is_value = sentence->parts[i].words.data == NULL;
        bool is_full = !is_value || room < SENTENCE_VALUE_MAX;
        if (append_cut(out, &length, text, is_full ? room : SENTENCE_VALUE_MAX) && is_full)
            break;
    }
    arena_trim(arena, out, length);
    return (struct text){out, length};
}
