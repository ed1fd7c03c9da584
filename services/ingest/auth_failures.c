/* auth_failures.c: a bucket of wrong keys for each address that tried one. */
#include "services/ingest/auth_failures.h"

#include "common/counters.h"
#include "common/lru_table.h"
#include "services/ingest/peer_name.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct failure {
    struct lru_entry entry; /* first */
    struct rate_bucket bucket;
};

struct auth_failures {
    struct rate rate;
    pthread_mutex_t lock;
    atomic_bool any; /* somebody failed once */
    struct lru_table table;
    struct counter *evicted, *limited;
};

struct auth_failures *auth_failures_new(struct rate rate) {
    struct auth_failures *failures = calloc(1, sizeof *failures);
    if (failures == NULL)
        abort();
    failures->rate = rate;
    pthread_mutex_init(&failures->lock, NULL);
    lru_table_init(&failures->table, sizeof(struct failure), AUTH_FAILURES_MAX, NULL);
    failures->evicted = counter_new("siem_limits_evicted_total", "table=\"auth_failures\"",
                                    "Addresses and keys a limit forgot to make room for others");
    failures->limited = counter_new("siem_rate_limited_total", "by=\"wrong_keys\"",
                                    "Requests a limit turned away");
    return failures;
}

void auth_failures_destroy(struct auth_failures **failures) {
    struct auth_failures *self = *failures;
    if (self == NULL)
        return;
    lru_table_fini(&self->table);
    pthread_mutex_destroy(&self->lock);
    free(self);
    *failures = NULL;
}

void auth_failures_count(struct auth_failures *failures) {
    counter_add(failures->limited, 1);
}

void auth_failures_note(struct auth_failures *failures, struct text address, struct mono_time now) {
    char room[PEER_NAME_SIZE];
    if (!rate_is_set(&failures->rate))
        return;
    struct text name = peer_name(address, room);
    pthread_mutex_lock(&failures->lock);
    uint64_t evicted = failures->table.evicted;
    struct failure *failure = lru_table_take(&failures->table, name);
    (void)rate_take(&failures->rate, &failure->bucket, now);
    counter_add(failures->evicted, failures->table.evicted - evicted);
    pthread_mutex_unlock(&failures->lock);
    atomic_store(&failures->any, true);
}

int64_t auth_failures_wait_ns(struct auth_failures *failures, struct text address,
                              struct mono_time now) {
    char room[PEER_NAME_SIZE];
    int64_t wait_ns = 0;
    if (!atomic_load_explicit(&failures->any, memory_order_relaxed))
        return 0;
    struct text name = peer_name(address, room);
    pthread_mutex_lock(&failures->lock);
    const struct failure *failure = lru_table_find(&failures->table, name);
    if (failure != NULL)
        wait_ns = rate_wait_ns(&failures->rate, &failure->bucket, now);
    pthread_mutex_unlock(&failures->lock);
    return wait_ns;
}
