/* main.c: siemctl, the tool for people: sends events, watches threats, shows incidents and
 * processes, keeps the keys.
 *
 *   arguments -> a row of the table -> cmd_NAME.c -> HTTP (send, incidents, status, replay)
 *                                                 -> THREATS and Redis (tail, status)
 *                                                 -> Redis (keys, quarantine)
 *                                                 -> the detector's library (rules: offline)
 * State: none. Exit status: 0 done, 1 failed, 2 wrong usage.
 */
#include "common/log.h"
#include "services/siemctl/command.h"

#include <signal.h>
#include <stdio.h>

static const struct command *const commands[] = {
    &command_send,   &command_tail, &command_incidents, &command_status,
    &command_replay, &command_keys, &command_rules,     &command_quarantine};
#define COMMANDS (sizeof commands / sizeof *commands)

static struct siemctl_config config;
static const struct conf_option options[] = {
#define CONF_STRUCT struct siemctl_config
#define OPTION CONF_ROW
#include "services/siemctl/options.def"
#undef OPTION
};
#define OPTIONS (sizeof options / sizeof *options)

static void print_help(void) {
    printf("Usage: siemctl COMMAND [ARGUMENT]... [--OPTION VALUE]...\n\nCommands:\n");
    for (size_t i = 0; i < COMMANDS; i++)
        printf("  %-10s %s\n", commands[i]->name, commands[i]->summary);
    printf("\n\"siemctl COMMAND --help\" tells more of a command.\n\n"
           "Options of every command, from the command line, the environment or .env:\n\n");
    conf_print_help(options, OPTIONS, false);
    printf("\nExit status: 0 done, 1 failed, 2 wrong usage.\n");
}

static void print_markdown(void) {
    printf("| name | type | default | meaning |\n|---|---|---|---|\n");
    conf_print_help(options, OPTIONS, true);
}

static void print_command_help(const struct command *command) {
    printf("Usage: siemctl %s%s%s\n%s\n\nOptions:\n\n", command->name,
           command->usage[0] != '\0' ? " " : "", command->usage, command->summary);
    conf_print_help(command->options, command->options_count, false);
    printf("\nExamples:\n%s\n\"siemctl --help\" lists the options of every command.\n",
           command->examples);
}

/* True when one of the arguments before "--" is `flag`. */
static bool has_flag(char **argv, const char *flag) {
    for (int i = 1; argv[i] != NULL && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], flag) == 0)
            return true;
    return false;
}

/* The command of this name, taken out of the arguments; NULL when there is none. */
static const struct command *take_command(int *argc, char **argv) {
    for (size_t i = 0; *argc > 1 && i < COMMANDS; i++) {
        if (strcmp(commands[i]->name, argv[1]) != 0)
            continue;
        for (int j = 1; j < *argc; j++)
            argv[j] = argv[j + 1];
        (*argc)--;
        return commands[i];
    }
    return NULL;
}

/* Answers --help and the like, without a command or for one; true when it did. */
static bool print_wanted(const struct command *command, char **argv) {
    if (has_flag(argv, "--help") || has_flag(argv, "-h")) {
        if (command != NULL)
            print_command_help(command);
        else
            print_help();
        return true;
    }
    if (has_flag(argv, "--help-markdown"))
        return print_markdown(), true;
    if (has_flag(argv, "--version"))
        return printf("siemctl %s\n", SIEM_VERSION), true;
    return false;
}

int main(int argc, char **argv) {
    const struct command *command = take_command(&argc, argv);
    if (print_wanted(command, argv))
        return EXIT_DONE;
    if (command == NULL) {
        fprintf(stderr, argc > 1 ? "siemctl: \"%s\" is no command%s.\n" : "siemctl: no command.\n",
                argv[1], argc > 1 && argv[1][0] == '-' ? "; options stand behind it" : "");
        fprintf(stderr, "See \"siemctl --help\".\n");
        return EXIT_USAGE;
    }
    const struct conf_section sections[] = {
        {options, OPTIONS, &config},
        {command->options, command->options_count, command->arguments},
    };
    if (conf_load_sections(sections, 2, &argc, argv) != STATUS_OK)
        return EXIT_USAGE;
    log_init("siemctl", LOG_LEVEL_ERROR);
    signal(SIGPIPE, SIG_IGN);
    return command->run(&config, argc - 1, argv + 1);
}
