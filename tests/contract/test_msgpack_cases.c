/* test_msgpack_cases.c: every encoding of the MessagePack test suite passes the check and means
 * what the suite says. The cases are shared data beside the source tree; without them the test is
 * skipped. */
#include "common/msgpack_frame.h"

#include <criterion/criterion.h>

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define LINE_MAX_BYTES 8192

static void open_path(char path[512]) {
    const char *shared = getenv("SIEM_SHARED");
    snprintf(path, 512, "%s/data/cases/msgpack.jsonl", shared ? shared : SOURCE_DIR "/../shared");
}

/* Where the text after `"name": ` stands in a line, or NULL. */
static const char *member(const char *line, const char *name) {
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\": ", name);
    const char *at = strstr(line, quoted);
    return at ? at + strlen(quoted) : NULL;
}

/* Reads digits like "c4-01-ff"; returns how many bytes they are. */
static size_t read_hex(const char *text, uint8_t *out) {
    size_t count = 0;
    while (isxdigit((unsigned char)text[0])) {
        unsigned byte = 0;
        cr_assert_eq(sscanf(text, "%2x", &byte), 1);
        out[count++] = (uint8_t)byte;
        text += text[2] == '-' ? 3 : 2;
    }
    return count;
}

/* The numeric value of any number object. */
static long double number_of(const msgpack_object *object) {
    switch ((int)object->type) {
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        return (long double)object->via.u64;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return (long double)object->via.i64;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        return (long double)object->via.f64;
    default:
        return NAN;
    }
}

/* True when the object is the value the line expects. */
static bool is_expected(const msgpack_object *object, const char *line) {
    const char *text;
    if (member(line, "nil") != NULL)
        return object->type == MSGPACK_OBJECT_NIL;
    if ((text = member(line, "bool")) != NULL)
        return object->type == MSGPACK_OBJECT_BOOLEAN && object->via.boolean == (text[0] == 't');
    if ((text = member(line, "binary")) != NULL) {
        uint8_t expected[LINE_MAX_BYTES];
        size_t length = read_hex(text + 1, expected);
        return object->type == MSGPACK_OBJECT_BIN && object->via.bin.size == length &&
               memcmp(object->via.bin.ptr, expected, length) == 0;
    }
    if ((text = member(line, "bignum")) != NULL)
        return number_of(object) == strtold(text + 1, NULL);
    if ((text = member(line, "number")) != NULL)
        return number_of(object) == strtold(text, NULL);
    cr_assert_fail("no kind of value is expected in: %s", line);
    return false;
}

/* Checks every encoding of a line; returns how many there were. */
static size_t check_line(struct msgpack_frame *frame, const char *line) {
    size_t count = 0;
    const char *at = member(line, "input");
    cr_assert_not_null(at);
    for (; at[0] != '\0' && at[0] != ']'; at++) {
        if (at[0] != '"' || !isxdigit((unsigned char)at[1]))
            continue;
        uint8_t bytes[LINE_MAX_BYTES];
        size_t length = read_hex(at + 1, bytes);
        cr_assert_eq(msgpack_frame_unpack(frame, (struct bytes){bytes, length}, 0), STATUS_OK,
                     "%.60s in %s", at, line);
        cr_assert(is_expected(&frame->root, line), "%.60s in %s", at, line);
        count++;
    }
    return count;
}

Test(msgpack_cases, every_encoding_means_what_the_suite_says) {
    char path[512];
    open_path(path);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        cr_skip("%s is not there", path);
    struct msgpack_frame frame;
    msgpack_frame_init(&frame);
    char line[LINE_MAX_BYTES];
    size_t lines = 0, encodings = 0;
    for (; fgets(line, sizeof line, file) != NULL; lines++)
        encodings += check_line(&frame, line);
    cr_assert(lines >= 26 && encodings >= 4 * lines, "%zu encodings in %zu lines", encodings,
              lines);
    msgpack_frame_fini(&frame);
    fclose(file);
}
