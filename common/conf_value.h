/* conf_value.h: single option values, for conf.c and conf_help.c.
 *
 * Threads: pure functions. Errors: BAD_SYNTAX (not of its type), BAD_VALUE (out of range),
 * TOO_LARGE. Limits: a text of CONF_VALUE_SIZE_MAX bytes.
 */
#ifndef SIEM_COMMON_CONF_VALUE_H
#define SIEM_COMMON_CONF_VALUE_H

#include "common/conf.h"

#define CONF_VALUE_SIZE_MAX 4096
#define CONF_NUMBER_SIZE 32

/* Each reads all of `text`. */
MUST_CHECK enum status conf_parse_number(struct text text, int64_t *ret_number);

/* 1/0, true/false, yes/no, on/off. */
MUST_CHECK enum status conf_parse_switch(struct text text, bool *ret_on);

/* Reads `value` as the option's type into its field; a text is borrowed for the process's life. */
MUST_CHECK enum status conf_store(const struct conf_option *option, const char *value,
                                  void *config);

/* True when the option can only be given on the command line. */
bool conf_is_argument_only(const struct conf_option *option);

/* The name on the command line: --spool-dir for SIEM_SPOOL_DIR; returns `out`. */
const char *conf_flag_name(const struct conf_option *option, char *out, size_t size);

/* "text", "number", ...; static. */
const char *conf_type_name(enum conf_type type);

/* How a value of the type may look. */
const char *conf_type_example(enum conf_type type);

/* A number as a user would write it, e.g. "64M" or "10s"; returns `out`. */
const char *conf_format_number(enum conf_type type, int64_t value, char out[CONF_NUMBER_SIZE]);

#endif
