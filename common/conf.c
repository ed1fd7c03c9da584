/* conf.c: fills option structs from the command line, the environment, `.env` and the defaults. */
#include "common/conf.h"

#include "common/conf_value.h"
#include "common/env_file.h"
#include "common/nearest_name.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

extern char **environ;

#define NAME_SIZE_MAX 64

/* Every SIEM_* name of every service; made by cmake/known_options.cmake. */
static const char *const known_names[] = {
#include "known_options.inc"
};

/* Values point into it, so it lives as long as the process. */
static struct env_file env_file;

/* What is being filled, and how many mistakes were reported. */
struct load {
    const struct conf_section *sections;
    size_t count;
    int mistakes;
};

__attribute__((format(printf, 2, 3))) static void report(struct load *load, const char *format,
                                                         ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    load->mistakes++;
}

bool conf_is_argument_only(const struct conf_option *option) {
    return islower((unsigned char)option->name[0]);
}

const char *conf_flag_name(const struct conf_option *option, char *out, size_t size) {
    const char *name = option->name;
    if (strncmp(name, "SIEM_", 5) == 0)
        name += 5;
    snprintf(out, size, "--%s", name);
    for (char *at = out + 2; *at != '\0'; at++)
        *at = *at == '_' ? '-' : (char)tolower((unsigned char)*at);
    return out;
}

static bool name_is_known(const char *name) {
    for (size_t i = 0; i < sizeof known_names / sizeof *known_names; i++)
        if (strcmp(known_names[i], name) == 0)
            return true;
    return false;
}

/* Reports a SIEM_* name that no service knows. */
static void check_name(struct load *load, const char *name, const char *source) {
    if (strncmp(name, "SIEM_", 5) != 0 || name_is_known(name))
        return;
    struct nearest_name nearest;
    nearest_name_init(&nearest, name);
    for (size_t i = 0; i < sizeof known_names / sizeof *known_names; i++)
        nearest_name_consider(&nearest, known_names[i]);
    report(load, "%s in %s is no setting%s; correct or remove it", name, source, nearest.hint);
}

/* Reports every unknown SIEM_* name in the environment and in `.env`. */
static void check_names(struct load *load) {
    for (char **variable = environ; *variable != NULL; variable++) {
        size_t length = strcspn(*variable, "=");
        char name[256];
        if (length >= sizeof name || strncmp(*variable, "SIEM_", 5) != 0)
            continue;
        memcpy(name, *variable, length);
        name[length] = '\0';
        check_name(load, name, "the environment");
    }
    for (size_t i = 0; i < env_file.count; i++)
        check_name(load, env_file.entries[i].name, ".env");
}

/* Stores a value, or reports what is wrong with it and what would be right. */
static void store(struct load *load, const struct conf_option *option, void *config,
                  const char *value, const char *source) {
    enum status status = conf_store(option, value, config);
    if (status == STATUS_OK)
        return;
    char low[CONF_NUMBER_SIZE], high[CONF_NUMBER_SIZE], flag[NAME_SIZE_MAX], shown[80] = "";
    if (option->type != CONF_SECRET)
        snprintf(shown, sizeof shown, "=%.64s", value);
    if (status == STATUS_TOO_LARGE)
        report(load, "%s%s (%s) is longer than %d bytes; shorten it", option->name, shown, source,
               CONF_VALUE_SIZE_MAX);
    else if (status == STATUS_BAD_VALUE && option->max != 0)
        report(load, "%s%s (%s) is out of range; it must be %s to %s", option->name, shown, source,
               conf_format_number(option->type, option->min, low),
               conf_format_number(option->type, option->max, high));
    else
        report(load, "%s%s (%s) is no %s such as %s; see %s in --help", option->name, shown, source,
               conf_type_name(option->type), conf_type_example(option->type),
               conf_flag_name(option, flag, sizeof flag));
}

static bool is_text(const struct conf_option *option) {
    return option->type == CONF_TEXT || option->type == CONF_SECRET;
}

/* True when a variable's value says something: an empty text does, an empty number does not. */
static bool is_set(const struct conf_option *option, const char *value) {
    return value != NULL && (value[0] != '\0' || is_text(option));
}

/* Fills one field from the environment, `.env` or its default. */
static void load_option(struct load *load, const struct conf_option *option, void *config) {
    const char *from_environment = conf_is_argument_only(option) ? NULL : getenv(option->name);
    const char *from_file =
        conf_is_argument_only(option) ? NULL : env_file_value(&env_file, option->name);
    enum status status = conf_store(option, option->fallback, config);
    if (status != STATUS_OK && (option->fallback[0] != '\0' || is_text(option)))
        report(load, "%s has a wrong default \"%s\"", option->name, option->fallback);
    if (is_set(option, from_environment))
        store(load, option, config, from_environment, "environment");
    else if (is_set(option, from_file))
        store(load, option, config, from_file, ".env");
}

/* An option by the name it has on the command line, `length` bytes of `flag`; NULL when unknown. */
static const struct conf_option *find_flag(const struct load *load, const char *flag, size_t length,
                                           void **ret_config) {
    char name[NAME_SIZE_MAX];
    for (size_t i = 0; i < load->count; i++) {
        const struct conf_section *section = &load->sections[i];
        for (size_t j = 0; j < section->count; j++) {
            conf_flag_name(&section->options[j], name, sizeof name);
            if (strlen(name) == length && strncmp(name, flag, length) == 0) {
                *ret_config = section->config;
                return &section->options[j];
            }
        }
    }
    return NULL;
}

static void report_unknown_flag(struct load *load, const char *argument) {
    char flag[NAME_SIZE_MAX], name[NAME_SIZE_MAX];
    snprintf(flag, sizeof flag, "%.*s", (int)strcspn(argument, "="), argument);
    struct nearest_name nearest;
    nearest_name_init(&nearest, flag);
    nearest_name_consider(&nearest, "--help");
    for (size_t i = 0; i < load->count; i++)
        for (size_t j = 0; j < load->sections[i].count; j++)
            nearest_name_consider(&nearest,
                                  conf_flag_name(&load->sections[i].options[j], name, sizeof name));
    report(load, "%s is no option%s; see --help", flag, nearest.hint);
}

/* Reads the option at argv[at]; gives how many arguments it took. */
static int load_argument(struct load *load, char **argv, int at) {
    const char *argument = argv[at];
    size_t length = strcspn(argument, "=");
    void *config = NULL;
    const struct conf_option *option = find_flag(load, argument, length, &config);
    if (option == NULL) {
        report_unknown_flag(load, argument);
        return 1;
    }
    if (argument[length] == '=') {
        store(load, option, config, argument + length + 1, "command line");
        return 1;
    }
    bool on;
    const char *next = argv[at + 1];
    if (option->type == CONF_SWITCH &&
        (next == NULL || conf_parse_switch(text_of(next), &on) != STATUS_OK)) {
        store(load, option, config, "1", "command line");
        return 1;
    }
    if (next == NULL) {
        report(load, "%s needs a value: %s=VALUE", argument, argument);
        return 1;
    }
    store(load, option, config, next, "command line");
    return 2;
}

/* Reads all options, moving the operands to the front. */
static void load_arguments(struct load *load, int *argc, char **argv) {
    int operands = 1;
    int at = 1;
    while (at < *argc && strcmp(argv[at], "--") != 0) {
        if (strncmp(argv[at], "--", 2) == 0)
            at += load_argument(load, argv, at);
        else
            argv[operands++] = argv[at++];
    }
    for (at++; at < *argc; at++)
        argv[operands++] = argv[at];
    if (operands < *argc)
        argv[operands] = NULL;
    *argc = operands < *argc ? operands : *argc;
}

enum status conf_load_sections(const struct conf_section *sections, size_t count, int *argc,
                               char **argv) {
    struct load load = {sections, count, 0};
    env_file_fini(&env_file);
    if (env_file_read(".env", &env_file) != STATUS_OK)
        report(&load, ".env: %s", env_file.error);
    check_names(&load);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < sections[i].count; j++)
            load_option(&load, &sections[i].options[j], sections[i].config);
    load_arguments(&load, argc, argv);
    return load.mistakes == 0 ? STATUS_OK : STATUS_BAD_VALUE;
}

enum status conf_load(const struct conf_option *options, size_t count, void *config, int argc,
                      char **argv) {
    struct conf_section section = {options, count, config};
    enum status status = conf_load_sections(&section, 1, &argc, argv);
    if (argc <= 1)
        return status;
    fprintf(stderr, "%s: \"%s\" is not understood; see --help\n", program_invocation_short_name,
            argv[1]);
    return STATUS_BAD_VALUE;
}
