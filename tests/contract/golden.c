/* golden.c: reads golden frames and compares with them. */
#include "golden.h"

#include <criterion/criterion.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/* Appends one line of hexadecimal digits. */
static void append_line(struct buffer *out, const char *line) {
    for (size_t i = 0; isxdigit((unsigned char)line[i]); i += 2) {
        unsigned byte = 0;
        cr_assert_eq(sscanf(line + i, "%2x", &byte), 1);
        uint8_t octet = (uint8_t)byte;
        buffer_append(out, &octet, 1);
    }
}

struct buffer golden_load(const char *name) {
    char path[512];
    snprintf(path, sizeof path, GOLDEN_DIR "/%s.hex", name);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s is missing", path);
    struct buffer frame;
    buffer_init(&frame, 1024 * 1024);
    char line[256];
    while (fgets(line, sizeof line, file) != NULL)
        if (line[0] != '#')
            append_line(&frame, line);
    fclose(file);
    cr_assert_gt(frame.length, 0, "%s is empty", path);
    return frame;
}

static void print_hex(struct buffer *out, struct bytes bytes) {
    for (size_t i = 0; i < bytes.length; i++)
        buffer_printf(out, i % 32 == 31 ? "%02x\n" : "%02x", bytes.data[i]);
    buffer_append(out, "", 1);
}

void golden_expect(const char *name, struct bytes actual) {
    struct buffer expected = golden_load(name);
    struct buffer shown;
    buffer_init(&shown, 4 * 1024 * 1024);
    print_hex(&shown, actual);
    cr_assert(actual.length == expected.length &&
                  memcmp(actual.data, expected.data, actual.length) == 0,
              "the encoding differs from golden/%s.hex; it is\n%s", name, (char *)shown.data);
    buffer_fini(&shown);
    buffer_fini(&expected);
}

struct bytes golden_bin_content(struct bytes bin) {
    cr_assert(bin.length > 5 && bin.data[0] == 0xc6);
    return (struct bytes){bin.data + 5, bin.length - 5};
}

uint8_t *golden_tight_copy(struct bytes bytes) {
    uint8_t *copy = malloc(bytes.length > 0 ? bytes.length : 1);
    cr_assert_not_null(copy);
    if (bytes.length > 0)
        memcpy(copy, bytes.data, bytes.length);
    return copy;
}
