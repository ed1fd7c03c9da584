/* processes.h: the heartbeats of all processes, read from Redis (keys.def: PROCESSES).
 *
 * Owner: read gives a list, destroy frees it; rows borrow from it. Threads: one at a time.
 * Errors: those of redis_client.h, told on stderr. Rows older than an hour are deleted in Redis.
 * Limits: PROCESSES_MAX rows are kept, more are counted in `left_out`.
 */
#ifndef SIEM_SIEMCTL_PROCESSES_H
#define SIEM_SIEMCTL_PROCESSES_H

#include "common/clock.h"
#include "services/siemctl/json_tree.h"

#define PROCESSES_MAX 1000
#define PROCESS_FRESH_MS 10000
#define PROCESS_FORGOTTEN_MS 3600000

struct process_row {
    struct json_node *root; /* the whole row */
    struct text service, instance;
    int64_t age_ms;    /* since its last beat */
    int64_t uptime_ms; /* since its start */
    bool fresh;        /* beat in the last PROCESS_FRESH_MS */
    bool draining;
};

struct processes {
    size_t count, left_out;
    struct process_row rows[PROCESSES_MAX];
};

/* Reads all rows, ordered by service and instance. NULL when Redis cannot be asked. */
struct processes *processes_read(const char *redis_url);

/* Frees the list and all rows. */
void processes_destroy(struct processes **processes);

/* True when a process of this service has a fresh row. */
bool processes_has(const struct processes *processes, const char *service);

#endif
