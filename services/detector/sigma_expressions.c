/* sigma_expressions.c: globs and cased literals between anchors, regular expressions as they are.
 */
#include "services/detector/sigma_expressions.h"

#include "services/detector/reduced_text.h"

/* Bytes one byte of a literal may take: \xhh. */
#define ESCAPE_SIZE 4

static bool glob_suits(const struct sigma_glob *glob) {
    for (size_t i = 0; i < glob->count; i++)
        if (!text_is_ascii(glob->pieces[i].text))
            return false;
    return true;
}

static bool literal_suits(struct text literal) {
    return literal.length > 0 && text_is_ascii(literal);
}

bool sigma_expression_suits(const struct sigma_pattern *pattern) {
    switch (pattern->kind) {
    case SIGMA_PATTERN_EXACT:
    case SIGMA_PATTERN_PREFIX:
    case SIGMA_PATTERN_SUFFIX:
    case SIGMA_PATTERN_CONTAINS:
        return literal_suits(pattern->literal);
    case SIGMA_PATTERN_GLOB:
        return glob_suits(&pattern->glob);
    case SIGMA_PATTERN_REGEX:
        return reduced_text_suits(pattern->expression);
    default:
        return false;
    }
}

static bool is_word(char byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '_' || byte == ' ';
}

static char *write_string(char *out, const char *string) {
    size_t length = strlen(string);
    memcpy(out, string, length);
    return out + length;
}

/* Writes a byte that stands for itself. */
static char *write_byte(char *out, char byte) {
    static const char digits[] = "0123456789abcdef";
    if ((unsigned char)byte < ' ' || byte == 0x7f) {
        out = write_string(out, "\\x");
        *out++ = digits[byte >> 4];
        *out++ = digits[byte & 0x0f];
        return out;
    }
    if (!is_word(byte))
        *out++ = '\\';
    *out++ = byte;
    return out;
}

/* Writes a text; `marks` (or NULL) says which of its bytes are any one character. */
static char *write_text(char *out, struct text text, const uint8_t *marks) {
    for (size_t i = 0; i < text.length; i++)
        out = marks != NULL && marks[i] == SIGMA_MARK_ONE ? write_string(out, ".")
                                                          : write_byte(out, text.data[i]);
    return out;
}

static struct text finish(struct arena *arena, char *start, char *end) {
    *end = '\0';
    size_t length = (size_t)(end - start);
    arena_trim(arena, start, length + 1);
    return (struct text){start, length};
}

static struct text express_literal(const struct sigma_pattern *pattern, struct arena *arena) {
    bool at_start = pattern->kind == SIGMA_PATTERN_EXACT || pattern->kind == SIGMA_PATTERN_PREFIX;
    bool at_end = pattern->kind == SIGMA_PATTERN_EXACT || pattern->kind == SIGMA_PATTERN_SUFFIX;
    char *start = arena_alloc(arena, ESCAPE_SIZE * pattern->literal.length + 8);
    char *out = write_string(start, at_start ? "\\A" : "");
    out = write_text(out, pattern->literal, NULL);
    out = write_string(out, at_end ? "\\z" : "");
    return finish(arena, start, out);
}

static struct text express_glob(const struct sigma_glob *glob, struct arena *arena) {
    size_t size = 16;
    for (size_t i = 0; i < glob->count; i++)
        size += ESCAPE_SIZE * glob->pieces[i].text.length + 2;
    char *start = arena_alloc(arena, size);
    char *out = write_string(start, glob->any_first ? "" : "\\A");
    for (size_t i = 0; i < glob->count; i++) {
        out = write_string(out, i > 0 ? ".*" : "");
        out = write_text(out, glob->pieces[i].text, glob->pieces[i].marks);
    }
    out = write_string(out, glob->any_last ? "" : "\\z");
    return finish(arena, start, out);
}

struct database_pattern sigma_expression_make(const struct sigma_pattern *pattern, uint32_t number,
                                              struct arena *arena) {
    struct database_pattern made = {.number = number};
    if (pattern->kind == SIGMA_PATTERN_REGEX) {
        made.text = pattern->expression;
        made.ignore_case = pattern->flags.ignore_case;
        made.multi_line = pattern->flags.multi_line;
        made.dot_all = pattern->flags.dot_all;
    } else if (pattern->kind == SIGMA_PATTERN_GLOB) {
        made.text = express_glob(&pattern->glob, arena);
        made.ignore_case = !pattern->cased;
        made.dot_all = true;
    } else {
        made.text = express_literal(pattern, arena);
    }
    return made;
}
