/* rules_reload.c: siemctl rules reload: asks all detectors, through Redis, to load their rules, and
 * waits until each has told in its heartbeat what came of it. */
#include "services/siemctl/rules.h"

#include "common/redis_client.h"
#include "common/scoped.h"
#include "proto/keys.h"
#include "services/siemctl/processes.h"
#include "services/siemctl/terminal.h"

#include <time.h>

#define TIMEOUT_MS 3000
#define LOOK_MS 200

/* Counts the requests up; 0 after words on stderr. */
static int64_t ask_all(const char *redis_url) {
    SCOPED(redis_reply)
    struct redis_reply *reply = NULL;
    SCOPED(redis_client)
    struct redis_client *redis = redis_client_new(redis_url, TIMEOUT_MS, TIMEOUT_MS);
    struct key_name key = key_name(KEY_RULES_RELOAD);
    if (redis != NULL && redis_command(redis, &reply, TEXT("INCR"), key_text(&key)) == STATUS_OK)
        return redis_reply_integer(reply);
    fprintf(stderr, "siemctl: Redis at %s: %s. Is it right (--redis-url, SIEM_REDIS_URL)?\n",
            redis_url, redis == NULL ? "malformed URL" : redis_client_error(redis));
    return 0;
}

static bool is_detector(const struct process_row *row) {
    return row->fresh && !row->draining && text_is(row->service, "detector");
}

static bool has_answered(const struct process_row *row, int64_t request) {
    const struct json_node *rules = json_node_member(row->root, "rules");
    return rules != NULL && json_node_integer(json_node_member(rules, "request")) >= request;
}

/* True when every live detector has answered; false too while there is none. */
static bool all_answered(const struct processes *processes, int64_t request) {
    size_t count = 0;
    for (size_t i = 0; i < processes->count; i++) {
        const struct process_row *row = &processes->rows[i];
        if (!is_detector(row))
            continue;
        if (!has_answered(row, request))
            return false;
        count++;
    }
    return count > 0;
}

/* One row; true when the detector took its rules. */
static bool add_row(struct table *table, const struct process_row *row, int64_t request) {
    const struct json_node *rules = json_node_member(row->root, "rules");
    bool answered = has_answered(row, request);
    bool kept = answered && json_node_is_true(json_node_member(rules, "kept"));
    table_add(table, row->instance);
    table_add(table, !answered ? TEXT("no answer") : kept ? TEXT("kept the old") : TEXT("loaded"));
    table_add(table, json_node_member_text(rules, "generation"));
    table_add(table, json_node_member_text(rules, "loaded"));
    table_add(table, json_node_member_text(rules, "refused"));
    table_add(table, json_node_member_text(rules, "reason"));
    return answered && !kept;
}

static bool print_answers(const struct processes *processes, int64_t request) {
    static const char *const heads[] = {"DETECTOR", "OUTCOME", "GENERATION",
                                        "RULES",    "REFUSED", "REASON"};
    struct table table;
    size_t count = 0, good = 0;
    table_init(&table, sizeof heads / sizeof *heads, heads);
    for (size_t i = 0; i < processes->count; i++) {
        if (!is_detector(&processes->rows[i]))
            continue;
        good += add_row(&table, &processes->rows[i], request);
        count++;
    }
    table_print(&table, stdout);
    table_fini(&table);
    if (count == 0)
        fprintf(stderr, "siemctl: no detector is running.\n");
    return count > 0 && good == count;
}

int rules_reload(const struct rules_arguments *arguments, const struct siemctl_config *config) {
    const struct timespec pause = {0, LOOK_MS * 1000000};
    int64_t request = ask_all(config->redis_url);
    if (request == 0)
        return EXIT_FAILED;
    struct mono_time begun = clock_mono();
    for (;;) {
        SCOPED(processes)
        struct processes *processes = processes_read(config->redis_url);
        if (processes == NULL)
            return EXIT_FAILED;
        bool is_late = clock_elapsed_ms(begun) >= arguments->wait_ms;
        if (is_late || !processes_has(processes, "detector") || all_answered(processes, request))
            return print_answers(processes, request) ? EXIT_DONE : EXIT_FAILED;
        nanosleep(&pause, NULL);
    }
}
