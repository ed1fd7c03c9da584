/* cmd_rules.c: siemctl rules: checks, tries out and watches over rules. */
#include "services/siemctl/rules.h"

static struct rules_arguments arguments;

#define CONF_STRUCT struct rules_arguments
static const struct conf_option options[] = {
#define OPTION CONF_ROW
#include "services/siemctl/rules.def"
#undef OPTION
};
#undef CONF_STRUCT

static int check(const struct siemctl_config *config, char **operands) {
    (void)config;
    return rules_check(&arguments, operands[0]);
}

static int test(const struct siemctl_config *config, char **operands) {
    (void)config;
    return rules_test(&arguments, operands[0], operands[1]);
}

static int backtest(const struct siemctl_config *config, char **operands) {
    (void)config;
    return rules_backtest(&arguments, operands[0], operands[1]);
}

static int list(const struct siemctl_config *config, char **operands) {
    (void)operands;
    return rules_list(&arguments, config);
}

static int reload(const struct siemctl_config *config, char **operands) {
    (void)operands;
    return rules_reload(&arguments, config);
}

static const struct {
    const char *name;
    int operands;
    const char *wants;
    int (*run)(const struct siemctl_config *config, char **operands);
} parts[] = {
    {"check", 1, "check takes a directory of rules", check},
    {"test", 2, "test takes a rule and an event", test},
    {"backtest", 2, "backtest takes a directory of rules and a file of events", backtest},
    {"list", 0, "list takes no arguments", list},
    {"reload", 0, "reload takes no arguments", reload},
};

static int run(const struct siemctl_config *config, int count, char **operands) {
    if (count == 0)
        return command_usage_error(&command_rules,
                                   "give one of check, test, backtest, list, reload");
    const char *word = operands[0];
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (strcmp(parts[i].name, word) != 0)
            continue;
        if (count - 1 != parts[i].operands)
            return command_usage_error(&command_rules, "%s", parts[i].wants);
        return parts[i].run(config, operands + 1);
    }
    return command_usage_error(&command_rules,
                               "\"%s\" is none of check, test, backtest, list, reload", word);
}

const struct command command_rules = {
    .name = "rules",
    .summary = "Checks Sigma rules, tries them on events, lists and reloads those in use.",
    .usage = "check DIR | test RULE EVENT | backtest DIR FILE | list | reload",
    .examples =
        "  siemctl rules check deploy/rules                  0: all load, 1: some are refused\n"
        "  siemctl rules test rule.yml event.json            0: it matches, 1: it does not\n"
        "  siemctl rules test rule.yml '{\"EventID\": 4625}'\n"
        "  siemctl rules backtest deploy/rules old.ndjson    hits by rule and correlation; 0: all "
        "rules and\n"
        "                                                    lines were read, 1: not all\n"
        "  siemctl rules list                                those in use, with their hits\n"
        "  siemctl rules reload                              0: all took theirs, 1: not all\n",
    .options = options,
    .options_count = sizeof options / sizeof *options,
    .arguments = &arguments,
    .run = run,
};
