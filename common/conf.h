/* conf.h: a process's options, from the environment, a `.env` file and the command line.
 *
 * Each service lists its options in services/NAME/options.def (and all have common/options.def),
 * one row OPTION(field, NAME, TYPE, "default", min, max, "help"); the row makes the struct's field
 * and the table's entry. Precedence: command line (--name=value or --name value), environment,
 * `.env` in the working directory, default. SIEM_SPOOL_DIR is --spool-dir on the command line. A
 * SIEM_* name that is in no options.def (the build collects them all), or a value out of range,
 * stops the start with a line that names it and says the remedy; other services' options are passed
 * over, so that one `.env` serves all. An empty value of a number, size, duration or switch in the
 * environment or `.env` means "not set". A switch alone on the command line (--name) is on. A row
 * whose NAME is in lower case is for the command line only (siemctl's commands).
 * `.env` lines: NAME=VALUE, after an optional `export`; 'as it is', "with \n \t \" \\ escapes", or
 * bare up to " #"; # begins a comment; the last line of a name counts. Owner: texts live as long as
 * the process. Threads: read-only after start. Limits: a `.env` file of 64 KiB, a value of 4 KiB.
 * Source: OpenBSD's parse.y files; twelve-factor III.
 */
#ifndef SIEM_COMMON_CONF_H
#define SIEM_COMMON_CONF_H

#include "common/buffer.h"
#include "common/status.h"

/* Types of options, and the C type of their field. */
#define CONF_C_TEXT const char *   /* never NULL; "" when unset */
#define CONF_C_SECRET const char * /* the same, never printed */
#define CONF_C_NUMBER int64_t
#define CONF_C_SIZE int64_t     /* bytes; accepts K, M, G suffixes (powers of 1024) */
#define CONF_C_DURATION int64_t /* ms; accepts ms, s, m, h, d suffixes; a bare number is ms */
#define CONF_C_SWITCH bool      /* 1/0, true/false, yes/no, on/off */

enum conf_type {
    CONF_TEXT,
    CONF_SECRET,
    CONF_NUMBER,
    CONF_SIZE,
    CONF_DURATION,
    CONF_SWITCH,
};

struct conf_option {
    const char *name; /* environment name: SIEM_..., or API_KEY, SLACK_WEBHOOK_URL, DEBUG */
    enum conf_type type;
    size_t offset;        /* offsetof in the service's struct */
    const char *fallback; /* default, as the user would write it */
    int64_t min, max;     /* for the numeric types; both 0: any */
    const char *help;     /* one line, with the unit */
};

/* Expands a row into a struct field, or into a conf_option of `CONF_STRUCT`:
 *   struct detector_config {
 *   #define OPTION CONF_FIELD
 *   #include "services/detector/options.def"
 *   #undef OPTION
 *   };
 *   #define CONF_STRUCT struct detector_config
 *   static const struct conf_option options[] = {
 *   #define OPTION CONF_ROW
 *   #include "services/detector/options.def"
 *   #undef OPTION
 *   };
 */
#define CONF_FIELD(field, name, type, fallback, min, max, help) CONF_C_##type field;
#define CONF_ROW(field, name, type, fallback, min, max, help)                                      \
    {#name, CONF_##type, offsetof(CONF_STRUCT, field), (fallback), (min), (max), (help)},

/* Fills `config` from everything above. On an error prints what is wrong and the remedy on stderr
 * and returns STATUS_BAD_VALUE. */
MUST_CHECK enum status conf_load(const struct conf_option *options, size_t count, void *config,
                                 int argc, char **argv);

/* A table and the struct it fills; a process may have several. */
struct conf_section {
    const struct conf_option *options;
    size_t count;
    void *config;
};

/* The same for several tables. Takes the options out of `argv` and leaves the operands (what is no
 * option, "-", and all behind "--") in argv[1..*argc - 1], followed by NULL. */
MUST_CHECK enum status conf_load_sections(const struct conf_section *sections, size_t count,
                                          int *argc, char **argv);

/* Prints the table for --help: name, type, default, help. `markdown` prints the rows of README's
 * table: | `NAME` | type | `default` | help |. */
void conf_print_help(const struct conf_option *options, size_t count, bool markdown);

/* Value readers, also for tests: each reads all of `text`. */
MUST_CHECK enum status conf_parse_size(struct text text, int64_t *ret_bytes);

/* Milliseconds, from "250", "10s", "2h". */
MUST_CHECK enum status conf_parse_duration(struct text text, int64_t *ret_ms);

#endif
