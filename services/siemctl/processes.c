/* processes.c: HGETALL of the heartbeats, parsed and ordered. */
#include "services/siemctl/processes.h"

#include "common/redis_client.h"
#include "common/scoped.h"
#include "proto/keys.h"

#include <stdio.h>
#include <stdlib.h>

#define TIMEOUT_MS 3000

/* Milliseconds since the time a member names; a far past when it names none. */
static int64_t member_age_ms(const struct json_node *root, const char *name, struct wall_time now) {
    struct wall_time time;
    if (clock_parse_rfc3339(json_node_member_text(root, name), &time) != STATUS_OK)
        return INT64_MAX / 2;
    return now.ms - time.ms;
}

/* Reads one row; false when it is no heartbeat. */
static bool read_row(struct text json, struct wall_time now, struct process_row *row) {
    char error[JSON_TREE_ERROR_SIZE];
    struct json_node *root = NULL;
    if (json_tree_parse(json, &root, error) != STATUS_OK)
        return false;
    row->root = root;
    row->service = json_node_member_text(root, "service");
    row->instance = json_node_member_text(root, "instance");
    row->age_ms = member_age_ms(root, "time", now);
    row->uptime_ms = member_age_ms(root, "started", now);
    row->fresh = row->age_ms <= PROCESS_FRESH_MS;
    row->draining = json_node_is_true(json_node_member(root, "draining"));
    if (row->service.data != NULL && row->instance.data != NULL)
        return true;
    json_node_destroy(&row->root);
    return false;
}

static int compare_rows(const void *left, const void *right) {
    const struct process_row *a = left, *b = right;
    int order = text_compare(a->service, b->service);
    return order != 0 ? order : text_compare(a->instance, b->instance);
}

/* Deletes the row of a process that died long ago; if that fails, the next reader does it. */
static void forget(struct redis_client *redis, struct text field) {
    SCOPED(redis_reply)
    struct redis_reply *reply = NULL;
    struct key_name key = key_name(KEY_PROCESSES);
    enum status status = redis_command(redis, &reply, TEXT("HDEL"), key_text(&key), field);
    (void)status;
}

/* Takes a field of the hash into the list. */
static void take_field(struct processes *processes, struct redis_client *redis, struct text field,
                       struct text value) {
    struct process_row row;
    if (!read_row(value, clock_wall(), &row))
        return;
    bool full = processes->count == PROCESSES_MAX;
    if (row.age_ms > PROCESS_FORGOTTEN_MS)
        forget(redis, field);
    else if (full)
        processes->left_out++;
    else
        processes->rows[processes->count++] = row;
    if (full || row.age_ms > PROCESS_FORGOTTEN_MS)
        json_node_destroy(&row.root);
}

struct processes *processes_read(const char *redis_url) {
    SCOPED(redis_reply)
    struct redis_reply *reply = NULL;
    SCOPED(redis_client)
    struct redis_client *redis = redis_client_new(redis_url, TIMEOUT_MS, TIMEOUT_MS);
    struct key_name key = key_name(KEY_PROCESSES);
    if (redis == NULL ||
        redis_command(redis, &reply, TEXT("HGETALL"), key_text(&key)) != STATUS_OK) {
        fprintf(stderr, "siemctl: Redis at %s: %s. Is it right (--redis-url, SIEM_REDIS_URL)?\n",
                redis_url, redis == NULL ? "malformed URL" : redis_client_error(redis));
        return NULL;
    }
    struct processes *processes = calloc(1, sizeof *processes);
    if (processes == NULL)
        abort();
    for (size_t i = 0; i + 1 < redis_reply_count(reply); i += 2)
        take_field(processes, redis, redis_reply_text(redis_reply_at(reply, i)),
                   redis_reply_text(redis_reply_at(reply, i + 1)));
    qsort(processes->rows, processes->count, sizeof *processes->rows, compare_rows);
    return processes;
}

void processes_destroy(struct processes **processes) {
    if (*processes == NULL)
        return;
    for (size_t i = 0; i < (*processes)->count; i++)
        json_node_destroy(&(*processes)->rows[i].root);
    free(*processes);
    *processes = NULL;
}

bool processes_has(const struct processes *processes, const char *service) {
    for (size_t i = 0; i < processes->count; i++)
        if (processes->rows[i].fresh && text_is(processes->rows[i].service, service))
            return true;
    return false;
}
