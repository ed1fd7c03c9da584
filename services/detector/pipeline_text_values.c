/* pipeline_text_values.c: transformations of how texts are written: as a regular expression, and in
 * which case. */
#include "services/detector/pipeline_private.h"

#include "common/utf8.h"

#include <locale.h>
#include <stdlib.h>
#include <wctype.h>

static bool has_text(const struct sigma_item *item) {
    bool found = false;
    for (size_t i = 0; item->comparison == SIGMA_EQUALS && i < item->count; i++)
        found |= item->values[i].strings.count > 0;
    return found;
}

static bool has_placeholder(const struct sigma_item *item) {
    for (size_t i = 0; i < item->count; i++)
        for (size_t k = 0; k < item->values[i].strings.count; k++)
            if (sigma_expand_is_open(item->values[i].strings.items[k]))
                return true;
    return false;
}

/* The expressions pySigma makes of texts match what the texts did, `plain` in their own case and
 * the others in any: so only that is changed. */
enum status pipeline_match_as_regex(struct pipeline_run *run, struct sigma_detection *detection,
                                    bool *ret_changed) {
    struct sigma_item *item = &detection->item;
    if (!has_text(item))
        return STATUS_OK;
    if (has_placeholder(item))
        return sigma_refuse(run->reader->error, STATUS_UNSUPPORTED, item->line,
                            "a placeholder cannot become a regular expression: have a pipeline "
                            "give it values before");
    item->cased = text_is(pipeline_text(run->item->node, "method"), "plain");
    *ret_changed = true;
    return STATUS_OK;
}

/* ---- case ---- */

/* A string being made. */
struct spelling {
    locale_t locale;
    bool is_upper, is_snake;
    struct buffer data;
    struct buffer marks;
};

static void append_byte(struct spelling *spelling, char byte, uint8_t mark) {
    buffer_append(&spelling->data, &byte, 1);
    buffer_append(&spelling->marks, &mark, 1);
}

static void append_code_point(struct spelling *spelling, uint32_t point) {
    if (point < 0x80) {
        append_byte(spelling, (char)point, SIGMA_MARK_LITERAL);
        return;
    }
    int behind = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    static const uint8_t heads[] = {0, 0xc0, 0xe0, 0xf0};
    append_byte(spelling, (char)(heads[behind] | point >> (6 * behind)), SIGMA_MARK_LITERAL);
    while (behind-- > 0)
        append_byte(spelling, (char)(0x80 | (point >> (6 * behind) & 0x3f)), SIGMA_MARK_LITERAL);
}

/* Appends a character that is no wildcard and of no placeholder; `is_first` of its part. */
static void append_character(struct spelling *spelling, const char *data, size_t length,
                             bool is_first) {
    uint32_t point = utf8_code_point(data, length);
    if (spelling->is_snake && !is_first && point >= 'A' && point <= 'Z')
        append_byte(spelling, '_', SIGMA_MARK_LITERAL);
    append_code_point(spelling, spelling->is_upper
                                    ? (uint32_t)towupper_l((wint_t)point, spelling->locale)
                                    : (uint32_t)towlower_l((wint_t)point, spelling->locale));
}

static void append_string(struct spelling *spelling, struct sigma_string string) {
    bool is_first = true;
    for (size_t at = 0, length; at < string.length; at += length) {
        length = utf8_character_length(string.data + at, string.length - at);
        bool is_letter = length > 0 && string.marks[at] == SIGMA_MARK_LITERAL;
        if (is_letter)
            append_character(spelling, string.data + at, length, is_first);
        else
            append_byte(spelling, string.data[at], string.marks[at]);
        length = is_letter ? length : 1;
        is_first = !is_letter;
    }
}

static struct sigma_string respell(struct spelling *spelling, struct arena *arena,
                                   struct sigma_string string) {
    buffer_init(&spelling->data, PIPELINE_FILE_MAX);
    buffer_init(&spelling->marks, PIPELINE_FILE_MAX);
    append_string(spelling, string);
    struct sigma_string made = sigma_string_literal(arena, buffer_text(&spelling->data));
    if (made.length > 0)
        memcpy(made.marks, spelling->marks.data, made.length);
    buffer_fini(&spelling->data);
    buffer_fini(&spelling->marks);
    return made;
}

/* Letters of all scripts, as the C library's "C.UTF-8" knows them; without it, those of ASCII. */
static locale_t open_locale(void) {
    locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    return locale != (locale_t)0 ? locale : newlocale(LC_CTYPE_MASK, "C", (locale_t)0);
}

enum status pipeline_change_case(struct pipeline_run *run, struct sigma_detection *detection,
                                 bool *ret_changed) {
    struct text method = pipeline_text(run->item->node, "method");
    struct sigma_item *item = &detection->item;
    struct spelling spelling = {.locale = open_locale(),
                                .is_upper = text_is(method, "upper"),
                                .is_snake = text_is(method, "snake_case")};
    if (spelling.locale == (locale_t)0)
        abort();
    for (size_t i = 0; item->comparison == SIGMA_EQUALS && i < item->count; i++) {
        struct sigma_value *value = &item->values[i];
        for (size_t k = 0; k < value->strings.count; k++) {
            struct sigma_string *string = &value->strings.items[k];
            *string = respell(&spelling, run->reader->arena, *string);
            value->source = sigma_string_text(*string);
            *ret_changed = true;
        }
    }
    freelocale(spelling.locale);
    return STATUS_OK;
}
