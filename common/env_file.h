/* env_file.h: the `.env` file: NAME=VALUE lines.
 *
 * Owner: init by read or parse, freed by fini; entries point into the text. Threads: one at a time.
 * Errors: BAD_SYNTAX names the line, TOO_LARGE the bound, IO_ERROR the reason, all in words in
 * `error`. Limits: ENV_FILE_SIZE_MAX bytes, ENV_FILE_ENTRIES_MAX lines with a value.
 */
#ifndef SIEM_COMMON_ENV_FILE_H
#define SIEM_COMMON_ENV_FILE_H

#include "common/bytes.h"
#include "common/status.h"

#define ENV_FILE_SIZE_MAX (64 * 1024)
#define ENV_FILE_ENTRIES_MAX 512

struct env_file {
    char *text;
    size_t count;
    struct env_entry {
        const char *name, *value;
    } entries[ENV_FILE_ENTRIES_MAX];
    char error[160];
};

/* Reads a file; one that does not exist is empty. */
MUST_CHECK enum status env_file_read(const char *path, struct env_file *file);

/* Reads a text; copies it. */
MUST_CHECK enum status env_file_parse(struct text text, struct env_file *file);

/* Frees what either gave. */
void env_file_fini(struct env_file *file);

/* The value of the last line with this name; NULL when there is none. Borrows. */
const char *env_file_value(const struct env_file *file, const char *name);

#endif
