/* service_private.h: a running service, shared by the files of the skeleton (service*.c,
 * heartbeat.c).
 *
 * Owner: service_main. Threads: written by the loop's thread; what other threads read is atomic or
 * set before they start.
 */
#ifndef SIEM_COMMON_SERVICE_PRIVATE_H
#define SIEM_COMMON_SERVICE_PRIVATE_H

#include "common/clock.h"
#include "common/service.h"

#include <stdatomic.h>

#define SERVICE_INSTANCE_SIZE 160
#define SERVICE_HOST_SIZE 128

struct heartbeat;
struct http_server;

struct service {
    const struct service_spec *spec;
    struct service_common common;
    char host[SERVICE_HOST_SIZE];
    char instance[SERVICE_INSTANCE_SIZE];
    struct wall_time started;
    zloop_t *loop;
    int signal_fd;
    struct mono_time drain_since;
    atomic_bool draining;
    atomic_int_fast64_t loop_turned_ns; /* monotonic time of the loop's last tick */
    struct http_server *http;
    struct heartbeat *heartbeat;
};

/* Prints --help, --help-markdown or --version if asked for; true when it did. */
bool service_help_print(const struct service_spec *spec, int argc, char **argv);

/* The table of common/options.def, to be filled into `common`. */
struct conf_section service_common_section(struct service_common *common);

/* Blocks the stop and reload signals for all threads to come and hooks them into the loop. */
MUST_CHECK enum status service_signals_open(struct service *service);

/* Closes the signals' descriptor; they stay blocked. */
void service_signals_close(struct service *service);

/* Starts /healthz, /readyz and /metrics unless the service has its own or none is wanted. */
MUST_CHECK enum status service_http_open(struct service *service);

/* Starts the thread that writes the heartbeat. NULL: none is wanted, or the Redis URL is wrong
 * (logged). */
struct heartbeat *heartbeat_new(struct service *service);

/* Takes the heartbeat out of Redis and joins the thread; waits at most HEARTBEAT_TIMEOUT_MS twice.
 */
void heartbeat_destroy(struct heartbeat **heartbeat);

#endif
