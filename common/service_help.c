/* service_help.c: --help, --help-markdown and --version. */
#include "common/service_private.h"

static const struct conf_option common_options[] = {
#define CONF_STRUCT struct service_common
#define OPTION CONF_ROW
#include "common/options.def"
#undef OPTION
#undef CONF_STRUCT
};

#define COMMON_COUNT (sizeof common_options / sizeof *common_options)

struct conf_section service_common_section(struct service_common *common) {
    return (struct conf_section){common_options, COMMON_COUNT, common};
}

static void print_help(const struct service_spec *spec) {
    printf("Usage: siem-%s [--OPTION VALUE]...\n%s\n\n", spec->name, spec->summary);
    printf("Options come from the command line, the environment, .env, or their defaults, in this "
           "order.\n\n");
    conf_print_help(spec->options, spec->options_count, false);
    conf_print_help(common_options, COMMON_COUNT, false);
    printf("  --check\n      say what is wrong with the options, if anything is, and exit\n"
           "  --help, --help-markdown, --version\n      print this, the table of the manual, the "
           "version, and exit\n\n");
    printf("SIGTERM or SIGINT: finish what is begun and stop; twice: stop at once. SIGHUP: reload "
           "what can be reloaded.\n");
}

static void print_markdown(const struct service_spec *spec) {
    printf("| name | type | default | meaning |\n|---|---|---|---|\n");
    conf_print_help(spec->options, spec->options_count, true);
    conf_print_help(common_options, COMMON_COUNT, true);
}

bool service_help_print(const struct service_spec *spec, int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return print_help(spec), true;
        if (strcmp(argv[i], "--help-markdown") == 0)
            return print_markdown(spec), true;
        if (strcmp(argv[i], "--version") == 0)
            return printf("siem-%s %s\n", spec->name, SIEM_VERSION), true;
    }
    return false;
}
