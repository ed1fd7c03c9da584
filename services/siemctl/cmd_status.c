/* cmd_status.c: siemctl status: every process, what waits where, and whether the books balance. */
#include "common/scoped.h"
#include "services/siemctl/api.h"
#include "services/siemctl/command.h"
#include "services/siemctl/processes.h"
#include "services/siemctl/status_tables.h"
#include "services/siemctl/terminal.h"

#include <stdio.h>
#include <time.h>

static struct status_arguments {
#define OPTION CONF_FIELD
#include "services/siemctl/status.def"
#undef OPTION
} arguments;

#define CONF_STRUCT struct status_arguments
static const struct conf_option options[] = {
#define OPTION CONF_ROW
#include "services/siemctl/status.def"
#undef OPTION
};
#undef CONF_STRUCT

static const char *const services[] = {"ingest", "detector", "incident", "alerter"};
#define SERVICES (sizeof services / sizeof *services)

#define LOOKS 3
#define LOOK_AGAIN_MS 300

struct report {
    struct processes *processes; /* NULL: Redis does not answer */
    struct json_node *ledger;    /* NULL: the API does not answer */
};

/* The members of /ledger that the books are made of. */
static int64_t book(const struct report *report, const char *name) {
    return json_node_integer(json_node_member(report->ledger, name));
}

/* True while events wait between being accepted and being committed. */
static bool is_in_motion(const struct report *report) {
    return book(report, "spooled") > 0;
}

static bool is_balanced(const struct report *report) {
    int64_t settled = book(report, "committed") + book(report, "quarantined");
    return is_in_motion(report) || book(report, "accepted") == settled;
}

static bool is_well(const struct report *report) {
    if (report->processes == NULL || report->ledger == NULL || !is_balanced(report))
        return false;
    for (size_t i = 0; i < SERVICES; i++)
        if (!processes_has(report->processes, services[i]))
            return false;
    return true;
}

/* The numbers of /ledger as they come, then the judgement. */
static void print_ledger(const struct report *report) {
    static const char *const heads[] = {"LEDGER", "NUMBER"};
    struct table table;
    table_init(&table, 2, heads);
    for (size_t i = 0; i < json_node_count(report->ledger); i++) {
        struct text name = {NULL, 0};
        const struct json_node *value = json_node_member_at(report->ledger, i, &name);
        if (!json_node_is_number(value))
            continue;
        table_add(&table, name);
        table_add(&table, json_node_text(value));
    }
    printf("\n");
    table_print(&table, stdout);
    table_fini(&table);
    if (is_in_motion(report))
        printf("\nThe books: in motion, %lld events between accepted and committed.\n",
               (long long)book(report, "spooled"));
    else
        printf("\nThe books: %s\n", is_balanced(report)
                                        ? "balanced, accepted = committed + quarantined."
                                        : "NOT BALANCED: accepted is not committed + quarantined.");
}

static void print_report(const struct report *report) {
    if (report->processes != NULL) {
        status_print_processes(report->processes);
        status_print_queues(report->processes);
    }
    if (report->ledger != NULL)
        print_ledger(report);
    for (size_t i = 0; report->processes != NULL && i < SERVICES; i++)
        if (!processes_has(report->processes, services[i]))
            printf("MISSING: no %s process is running.\n", services[i]);
}

/* {"ok":..., "processes":[...], "missing":[...], "ledger":{...}}. */
static void print_json(const struct report *report) {
    SCOPED_FINI(buffer) struct buffer out;
    struct json_writer json;
    buffer_init(&out, HTTP_CLIENT_BODY_MAX);
    json_writer_init(&json, &out);
    json_object_begin(&json);
    json_key(&json, "ok");
    json_bool(&json, is_well(report));
    json_key(&json, "processes");
    json_array_begin(&json);
    for (size_t i = 0; report->processes != NULL && i < report->processes->count; i++)
        json_node_write(report->processes->rows[i].root, &json);
    json_array_end(&json);
    json_key(&json, "missing");
    json_array_begin(&json);
    for (size_t i = 0; i < SERVICES; i++)
        if (report->processes == NULL || !processes_has(report->processes, services[i]))
            json_string(&json, services[i]);
    json_array_end(&json);
    json_key(&json, "ledger");
    json_node_write(report->ledger, &json);
    json_object_end(&json);
    json_writer_fini(&json);
    printf("%.*s\n", TEXT_ARG(buffer_text(&out)));
}

/* Reads /ledger, which sums up numbers of several processes: books that seem wrong are looked at
 * again, for something may have moved in between. NULL when the API does not answer. */
static struct json_node *read_ledger(struct http_client *client,
                                     const struct siemctl_config *config,
                                     struct http_client_reply *reply) {
    const struct http_client_request request = {.method = "GET", .path = "/ledger"};
    const struct timespec pause = {0, LOOK_AGAIN_MS * 1000000};
    struct json_node *ledger = NULL;
    for (int looks = 0; looks < LOOKS; looks++) {
        json_node_destroy(&ledger);
        if (!api_call(client, config, &request, reply, &ledger))
            return NULL;
        if (is_balanced(&(struct report){NULL, ledger}))
            return ledger;
        nanosleep(&pause, NULL);
    }
    return ledger;
}

static int run(const struct siemctl_config *config, int count, char **operands) {
    SCOPED(processes)
    struct processes *processes = NULL;
    SCOPED(json_node)
    struct json_node *ledger = NULL;
    SCOPED(http_client)
    struct http_client *client = NULL;
    SCOPED_FINI(http_client_reply) struct http_client_reply reply;
    http_client_reply_init(&reply);
    if (count > 0)
        return command_usage_error(&command_status, "\"%s\" is not understood", operands[0]);
    client = api_open(config);
    ledger = read_ledger(client, config, &reply);
    processes = processes_read(config->redis_url);
    struct report report = {processes, ledger};
    if (arguments.json)
        print_json(&report);
    else
        print_report(&report);
    return is_well(&report) ? EXIT_DONE : EXIT_FAILED;
}

const struct command command_status = {
    .name = "status",
    .summary = "Shows every process, what waits where, and whether the books balance.",
    .usage = "",
    .examples = "  siemctl status\n"
                "  siemctl status --json | jq .ledger\n"
                "  siemctl status >/dev/null || echo \"something is missing\"\n",
    .options = options,
    .options_count = sizeof options / sizeof *options,
    .arguments = &arguments,
    .run = run,
};
