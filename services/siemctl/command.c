/* command.c: what every subcommand says when it is used wrongly. */
#include "services/siemctl/command.h"

#include <stdarg.h>
#include <stdio.h>

int command_usage_error(const struct command *command, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "siemctl %s: ", command->name);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\nSee \"siemctl %s --help\".\n", command->name);
    va_end(arguments);
    return EXIT_USAGE;
}
