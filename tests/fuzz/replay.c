/* replay.c: a main for a fuzz target where there is no libFuzzer: feeds it the files named on the
 * command line and those in the directories named, each whole, cut at every length and with every
 * byte changed.
 *
 * Files named *.hex hold a comment line and hexadecimal digits. Ends with 1 when there was no
 * input.
 */
#include "common/buffer.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Longer inputs are cut and changed at this many places only. */
#define PLACES_MAX 2000
#define INPUT_SIZE_MAX (4 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Feeds the bytes from memory that ends with them. */
static void feed(const uint8_t *data, size_t length) {
    uint8_t *copy = malloc(length > 0 ? length : 1);
    if (copy == NULL)
        abort();
    if (length > 0)
        memcpy(copy, data, length);
    LLVMFuzzerTestOneInput(copy, length);
    free(copy);
}

/* Feeds the input and its neighbours. */
static void feed_all(struct buffer *input) {
    feed(input->data, input->length);
    size_t step = 1 + input->length / PLACES_MAX;
    for (size_t i = 0; i < input->length; i += step) {
        feed(input->data, i);
        uint8_t kept = input->data[i];
        const uint8_t others[] = {0x00, 0x7f, 0x80, 0xff, 0xdd, (uint8_t)(kept + 1)};
        for (size_t j = 0; j < sizeof others; j++) {
            input->data[i] = others[j];
            feed(input->data, input->length);
        }
        input->data[i] = kept;
    }
}

/* Appends the bytes that the digits of a line mean; a comment means none. */
static void append_hex(struct buffer *out, const char *line) {
    unsigned byte;
    for (; line[0] != '#' && isxdigit((unsigned char)line[0]); line += 2) {
        if (sscanf(line, "%2x", &byte) != 1)
            return;
        uint8_t octet = (uint8_t)byte;
        buffer_append(out, &octet, 1);
    }
}

static bool read_input(const char *path, struct buffer *out) {
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    const char *dot = strrchr(path, '.');
    bool is_hex = dot != NULL && strcmp(dot, ".hex") == 0;
    char chunk[4096];
    if (is_hex) {
        while (fgets(chunk, sizeof chunk, file) != NULL)
            append_hex(out, chunk);
    } else {
        for (size_t got; (got = fread(chunk, 1, sizeof chunk, file)) > 0;)
            buffer_append(out, chunk, got);
    }
    fclose(file);
    return true;
}

/* Runs a file; returns how many inputs that were. */
static size_t run_file(const char *path) {
    struct buffer input;
    buffer_init(&input, INPUT_SIZE_MAX);
    bool read = read_input(path, &input);
    if (read)
        feed_all(&input);
    else
        fprintf(stderr, "cannot read %s\n", path);
    buffer_fini(&input);
    return read;
}

static size_t run_path(const char *path) {
    struct stat about;
    if (stat(path, &about) != 0 || !S_ISDIR(about.st_mode))
        return run_file(path);
    DIR *directory = opendir(path);
    size_t count = 0;
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
        char inside[4096];
        snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.')
            count += run_file(inside);
    }
    if (directory != NULL)
        closedir(directory);
    return count;
}

int main(int argc, char **argv) {
    size_t count = 0;
    for (int i = 1; i < argc; i++)
        count += run_path(argv[i]);
    printf("%zu inputs and their neighbours survived\n", count);
    return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
