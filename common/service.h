/* service.h: the skeleton every service stands on. It owns arguments, options, log, signals, the loop,
 * ticks, the health and metrics server, the heartbeat and the drain on SIGTERM; a service's main.c is a
 * table of options, start, stop and one call.
 *
 * Life: parse options → log → start() → loop → SIGTERM/SIGINT: drain() each tick until it says true or
 * SIEM_DRAIN_TIMEOUT passes → stop() → exit 0. A second signal ends at once. SIGHUP calls reload().
 * Heartbeat: once a second a thread writes field "service/instance" of spec.heartbeat_key: JSON {"service",
 * "instance","pid","host","version","started","time","draining","counters":{...}}, times in RFC 3339; a clean
 * stop removes it. Readers ignore rows older than 10 s and delete rows older than 1 hour.
 * Threads: all callbacks run on the loop's thread, except `ready`, which the health server may call
 * from its own, and `describe` and `beat`, which the heartbeat calls from its own (until `stop`). Errors: a failing start prints the remedy and exits 1.
 * Source: Postfix's single_server/master skeletons.
 */
#ifndef SIEM_COMMON_SERVICE_H
#define SIEM_COMMON_SERVICE_H

#include "common/conf.h"
#include "common/status.h"

#include <czmq.h>

struct service;
struct json_writer;
struct redis_client;

struct service_spec {
    const char *name;    /* "detector" */
    const char *summary; /* one line for --help */
    const struct conf_option *options;
    size_t options_count;
    void *config;        /* the service's struct that options fill */
    enum status (*start)(struct service *service);
    void (*stop)(struct service *service);
    void (*reload)(struct service *service);   /* may be NULL */
    bool (*drained)(struct service *service);  /* may be NULL: nothing to drain */
    bool (*ready)(struct service *service, struct buffer *why_not); /* may be NULL: ready when started */
    bool own_http;       /* the service serves /healthz, /readyz and /metrics itself */
    const char *heartbeat_key; /* Redis hash its row is written to (proto/keys.def: PROCESSES); NULL: none */
    /* Both on the heartbeat's thread, and may be NULL: further members of the row; what else there is to do
     * with Redis, after a beat that was written. */
    void (*describe)(struct service *service, struct json_writer *json);
    void (*beat)(struct service *service, struct redis_client *redis);
};

/* Options that every service has (common/options.def). */
struct service_common {
#define OPTION CONF_FIELD
#include "common/options.def"
#undef OPTION
};

/* Runs a service until it is told to stop; the process's exit status. */
int service_main(int argc, char **argv, const struct service_spec *spec);

/* The loop handlers are added to; borrows. */
zloop_t *service_loop(struct service *service);

/* The common options; borrows. */
const struct service_common *service_common(const struct service *service);

/* The instance's name: SIEM_INSTANCE, or host and pid; borrows. */
const char *service_instance(const struct service *service);

/* True while the loop turns (its last tick is younger than 10 s); from any thread. For /healthz. */
bool service_is_alive(const struct service *service);

/* True once a stop was asked for; input should no longer be taken. */
bool service_is_draining(const struct service *service);

/* Writes /readyz's JSON body; returns whether everything is ready. For services with own_http. */
bool service_render_ready(struct service *service, struct buffer *out);

/* Writes the page of /metrics. For services with own_http. */
void service_render_metrics(struct service *service, struct buffer *out);

/* Its content type. */
#define SERVICE_METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

#endif
