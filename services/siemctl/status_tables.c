/* status_tables.c: heartbeats as tables for people. */
#include "services/siemctl/status_tables.h"

#include "services/siemctl/terminal.h"

#include <stdio.h>
#include <stdlib.h>

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
    table_add(table, json_node_member_text(json_node_member(row->root, "rules"), "generation"));
}

void status_print_processes(const struct processes *processes) {
    static const char *const heads[] = {"SERVICE", "INSTANCE", "STATE", "UP",      "BEAT",
                                        "MEMORY",  "CPU",      "PID",   "VERSION", "RULES"};
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
    {"siem_queue_bytes", "bytes waiting for the disk"},
    {"siem_verdict_waiters", "requests waiting for a verdict"},
    {"siem_spooled_events", "events without receipt"},
    {"siem_in_flight_events", "events in flight"},
    {"siem_in_flight_batches", "batches in flight"},
    {"siem_spool_oldest_seconds", "lag: age of the oldest event, s"},
    {"siem_spool_bytes", "bytes in the spool"},
    {"siem_findings_kept", "batches waiting for room on FINDINGS"},
    {"siem_batches_in_hand", "batches waiting for Redis"},
    {"siem_wire_peers{wire=\"EVENTS\"}", "peers on EVENTS"},
    {"siem_wire_peers{wire=\"FINDINGS\"}", "peers on FINDINGS"},
    {"siem_wire_peers{wire=\"RECEIPTS\"}", "peers on RECEIPTS"},
    {"siem_wire_peers{wire=\"THREATS\"}", "peers on THREATS"},
    {"siem_outbox_alerts", "alerts in the outbox"},
    {"siem_alerts_pending", "alerts in hand, retries included"},
    {"siem_alerts_in_flight", "alerts being delivered"},
    {"siem_rules_loaded", "rules loaded"},
    {"siem_rules_refused", "rules refused"},
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

void status_print_queues(const struct processes *processes) {
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
