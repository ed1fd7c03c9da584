/* cmd_status.c: siemctl status: every process, what waits where, and whether the books balance. */
#include "common/scoped.h"
#include "services/siemctl/api.h"
#include "services/siemctl/command.h"
#include "services/siemctl/processes.h"
#include "services/siemctl/terminal.h"

#include <stdio.h>
#include <stdlib.h>

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

/* "12.3 MiB" of a number of bytes. */
static const char *format_bytes(int64_t bytes, char out[32]) {
    snprintf(out, 32, "%.1f MiB", (double)bytes / (1024 * 1024));
    return out;
}

static void add_process(struct table *table, const struct process_row *row) {
    const struct json_node *counters = json_node_member(row->root, "counters");
    char text[32];
    table_add(table, row->service);
    table_add(table, row->instance);
    table_add(table, text_of(!row->fresh ? "silent" : row->draining ? "stopping" : "up"));
    table_add(table, text_of(terminal_format_age(row->uptime_ms, text)));
    table_add(table, text_of(terminal_format_age(row->age_ms, text)));
    const struct json_node *memory = json_node_member(counters, "process_resident_memory_bytes");
    table_add(table, text_of(format_bytes(json_node_integer(memory), text)));
    struct text seconds = json_node_member_text(counters, "process_cpu_seconds_total");
    snprintf(text, sizeof text, "%.*s", TEXT_ARG(seconds));
    double cpu = row->uptime_ms > 0 ? 100000 * strtod(text, NULL) / (double)row->uptime_ms : 0;
    snprintf(text, sizeof text, "%.1f %%", cpu);
    table_add(table, text_of(text));
    table_add(table, json_node_member_text(row->root, "pid"));
    table_add(table, json_node_member_text(row->root, "version"));
}

static void print_processes(const struct processes *processes) {
    static const char *const heads[] = {"SERVICE", "INSTANCE", "STATE", "UP",     "BEAT",
                                        "MEMORY",  "CPU",      "PID",   "VERSION"};
    struct table table;
    table_init(&table, sizeof heads / sizeof *heads, heads);
    for (size_t i = 0; i < processes->count; i++)
        add_process(&table, &processes->rows[i]);
    table_print(&table, stdout);
    table_fini(&table);
    if (processes->left_out > 0)
        printf("and %zu more\n", processes->left_out);
}

/* Numbers that tell what waits and how long, where a process has them. */
static const struct {
    const char *counter, *words;
} queue_rows[] = {
    {"siem_spooled_events", "events without receipt"},
    {"siem_in_flight_batches", "batches in flight"},
    {"siem_spool_oldest_seconds", "lag: age of the oldest event, s"},
    {"siem_spool_bytes", "bytes in the spool"},
    {"siem_detectors", "detectors connected"},
    {"siem_batches_in_hand", "batches waiting for Redis"},
    {"siem_findings_peers", "detectors connected"},
    {"siem_alerts_in_flight", "alerts being delivered"},
    {"siem_alerts_waiting", "alerts waiting for a retry"},
};

/* Adds a row of the queues table. */
static void add_number(struct table *table, const struct process_row *row, struct text words,
                       struct text value) {
    table_add(table, row->service);
    table_add(table, row->instance);
    table_add(table, words);
    table_add(table, value);
}

/* The known queues of a process, then everything it dropped. */
static void add_queues(struct table *table, const struct process_row *row) {
    static const char drops[] = "siem_drops_total{reason=";
    const struct json_node *counters = json_node_member(row->root, "counters");
    for (size_t i = 0; i < sizeof queue_rows / sizeof *queue_rows; i++) {
        struct text value = json_node_member_text(counters, queue_rows[i].counter);
        if (value.data != NULL)
            add_number(table, row, text_of(queue_rows[i].words), value);
    }
    for (size_t i = 0; i < json_node_count(counters); i++) {
        struct text name = {NULL, 0};
        const struct json_node *value = json_node_member_at(counters, i, &name);
        bool drop = name.length > sizeof drops && memcmp(name.data, drops, sizeof drops - 1) == 0;
        if (!drop || json_node_integer(value) == 0)
            continue;
        char words[96];
        snprintf(words, sizeof words, "dropped: %.*s", (int)(name.length - sizeof drops - 2),
                 name.data + sizeof drops);
        add_number(table, row, text_of(words), json_node_text(value));
    }
}

static void print_queues(const struct processes *processes) {
    static const char *const heads[] = {"SERVICE", "INSTANCE", "WHAT", "NUMBER"};
    struct table table;
    table_init(&table, sizeof heads / sizeof *heads, heads);
    for (size_t i = 0; i < processes->count; i++)
        if (processes->rows[i].fresh)
            add_queues(&table, &processes->rows[i]);
    printf("\n");
    table_print(&table, stdout);
    table_fini(&table);
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
        print_processes(report->processes);
        print_queues(report->processes);
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
    const struct http_client_request request = {.method = "GET", .path = "/ledger"};
    bool answered = api_call(client, config, &request, &reply, &ledger);
    processes = processes_read(config->redis_url);
    struct report report = {processes, answered ? ledger : NULL};
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
