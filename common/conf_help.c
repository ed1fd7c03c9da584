/* conf_help.c: the options table for --help and for README. */
#include "common/conf_value.h"

#include <ctype.h>
#include <stdio.h>

/* Prints "spool-dir" for SIEM_SPOOL_DIR. */
static void print_flag(const struct conf_option *option) {
    char flag[64];
    printf("  %s", conf_flag_name(option, flag, sizeof flag));
    if (option->type == CONF_SWITCH)
        return;
    putchar(' ');
    for (const char *at = conf_type_name(option->type); *at != '\0'; at++)
        putchar(toupper((unsigned char)*at));
}

/* Prints ", 1 to 64" for a bounded number. */
static void print_range(const struct conf_option *option, const char *before, const char *after) {
    char low[CONF_NUMBER_SIZE], high[CONF_NUMBER_SIZE];
    bool numeric =
        option->type == CONF_NUMBER || option->type == CONF_SIZE || option->type == CONF_DURATION;
    if (!numeric || (option->min == 0 && option->max == 0))
        return;
    printf("%s%s to %s%s", before, conf_format_number(option->type, option->min, low),
           conf_format_number(option->type, option->max, high), after);
}

static void print_plain(const struct conf_option *option) {
    print_flag(option);
    printf("\n      %s", option->help);
    print_range(option, " (", ")");
    printf("\n");
    if (conf_is_argument_only(option)) {
        if (option->fallback[0] != '\0' && option->type != CONF_SWITCH)
            printf("      default %s\n", option->fallback);
        return;
    }
    printf("      %s, default %s\n", option->name,
           option->fallback[0] != '\0' ? option->fallback : "empty");
}

static void print_markdown(const struct conf_option *option) {
    printf("| `%s` | %s | ", option->name, conf_type_name(option->type));
    if (option->fallback[0] != '\0')
        printf("`%s`", option->fallback);
    printf(" | ");
    for (const char *at = option->help; *at != '\0'; at++)
        printf(*at == '|' ? "\\%c" : "%c", *at);
    print_range(option, " (", ")");
    printf(" |\n");
}

void conf_print_help(const struct conf_option *options, size_t count, bool markdown) {
    for (size_t i = 0; i < count; i++) {
        if (markdown && !conf_is_argument_only(&options[i]))
            print_markdown(&options[i]);
        else if (!markdown)
            print_plain(&options[i]);
    }
}
