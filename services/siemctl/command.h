/* command.h: a subcommand of siemctl: one row of the table in main.c, one file cmd_NAME.c.
 *
 * Errors: run returns the exit status; 0 done, 1 it failed, 2 wrong usage. What went wrong is on
 * stderr, results are on stdout. Threads: the main thread.
 */
#ifndef SIEM_SIEMCTL_COMMAND_H
#define SIEM_SIEMCTL_COMMAND_H

#include "services/siemctl/config.h"

enum exit_status { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct command {
    const char *name;
    const char *summary;               /* one line for siemctl --help */
    const char *usage;                 /* what stands behind "siemctl NAME" */
    const char *examples;              /* whole lines */
    const struct conf_option *options; /* of this command alone */
    size_t options_count;
    void *arguments; /* the struct those options fill */
    /* Runs it; operands are the arguments that are no options. */
    int (*run)(const struct siemctl_config *config, int count, char **operands);
};

/* The rows. */
extern const struct command command_send;
extern const struct command command_tail;
extern const struct command command_incidents;
extern const struct command command_status;
extern const struct command command_replay;
extern const struct command command_keys;
extern const struct command command_rules;
extern const struct command command_quarantine;

/* Prints a complaint and how to get help; EXIT_USAGE. */
int command_usage_error(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
