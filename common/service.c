/* service.c: the life of a service, from its arguments to its exit status. */
#include "common/service.h"

#include "common/counters.h"
#include "common/http_server.h"
#include "common/log.h"
#include "common/service_private.h"

#include <sched.h>
#include <unistd.h>

#define TICK_MS 1000

zloop_t *service_loop(struct service *service) {
    return service->loop;
}

const struct service_common *service_common(const struct service *service) {
    return &service->common;
}

const char *service_instance(const struct service *service) {
    return service->instance;
}

bool service_is_draining(const struct service *service) {
    return atomic_load_explicit(&service->draining, memory_order_relaxed);
}

/* Shows /healthz that the loop turns. */
static int on_tick(zloop_t *loop, int timer, void *context) {
    (void)loop, (void)timer;
    struct service *service = context;
    atomic_store(&service->loop_turned_ns, clock_mono().ns);
    return 0;
}

/* Fills the service's options and the common ones. */
static enum status load_options(struct service *service, int argc, char **argv) {
    const struct service_spec *spec = service->spec;
    const struct conf_section sections[] = {
        {spec->options, spec->options_count, spec->config},
        service_common_section(&service->common),
    };
    if (conf_load_sections(sections, 2, &argc, argv) != STATUS_OK)
        return STATUS_BAD_VALUE;
    if (argc > 1) {
        fprintf(stderr, "siem-%s: \"%s\" is not understood; options are --name VALUE, see --help\n",
                spec->name, argv[1]);
        return STATUS_BAD_VALUE;
    }
    return STATUS_OK;
}

static enum status open_log(const struct service *service) {
    enum log_level level;
    if (!log_level_parse(text_of(service->common.log_level), &level)) {
        fprintf(stderr, "siem-%s: SIEM_LOG_LEVEL is debug, info, warning or error\n",
                service->spec->name);
        return STATUS_BAD_VALUE;
    }
    log_init(service->spec->name, level);
    return STATUS_OK;
}

/* The name in heartbeats: as configured, or host and pid. */
static void name_instance(struct service *service) {
    if (gethostname(service->host, sizeof service->host) != 0)
        snprintf(service->host, sizeof service->host, "unknown");
    service->host[sizeof service->host - 1] = '\0';
    if (service->common.instance[0] != '\0')
        snprintf(service->instance, sizeof service->instance, "%s", service->common.instance);
    else
        snprintf(service->instance, sizeof service->instance, "%s-%ld", service->host,
                 (long)getpid());
}

/* The loop, with signals and the tick; CZMQ's own signal handling is switched off before it starts.
 */
static enum status open_loop(struct service *service) {
    zsys_handler_set(NULL);
    service->loop = zloop_new();
    if (service->loop == NULL)
        abort();
    zloop_set_nonstop(service->loop, true);
    zloop_set_verbose(service->loop, false);
    on_tick(service->loop, 0, service);
    zloop_timer(service->loop, TICK_MS, 0, on_tick, service);
    return service_signals_open(service);
}

/* Starts everything in order; what was begun is ended by close_all. */
static enum status open_all(struct service *service, bool *ret_started) {
    enum status status = open_loop(service);
    if (status != STATUS_OK)
        return status;
    status = service->spec->start(service);
    if (status != STATUS_OK)
        return status;
    *ret_started = true;
    service->heartbeat = heartbeat_new(service);
    if (service->heartbeat == NULL && service->spec->heartbeat_key != NULL)
        return STATUS_BAD_VALUE;
    return service_http_open(service);
}

static void close_all(struct service *service, bool started) {
    http_server_destroy(&service->http);
    heartbeat_destroy(&service->heartbeat);
    if (started)
        service->spec->stop(service);
    zloop_destroy(&service->loop);
    service_signals_close(service);
}

/* Why a service does not start: a value out of range can only be an option's, which was logged. */
static const char *reason_of(enum status status) {
    return status == STATUS_BAD_VALUE ? "an option is wrong" : status_sentence(status);
}

/* Runs from start to stop; the exit status. */
static int run(struct service *service) {
    bool started = false;
    enum status status = open_all(service, &started);
    if (status != STATUS_OK) {
        log_error("not started", LOG_STRING("reason", reason_of(status)));
        close_all(service, started);
        return EXIT_FAILURE;
    }
    log_info("started", LOG_STRING("instance", service->instance),
             LOG_STRING("version", SIEM_VERSION), LOG_INT("pid", getpid()));
    int ended = zloop_start(service->loop);
    close_all(service, started);
    bool asked_for = service_is_draining(service);
    if (asked_for)
        log_info("stopped");
    else
        log_error("the loop ended by itself", LOG_INT("result", ended));
    return asked_for ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* A thread that wakes up does not push aside the one that runs: events come in crowds, and a crowd
 * is cheaper served whole than with two context switches for each of its members (-10 % of CPU per
 * event at 64 connections). All threads inherit it. Refused by the system, nothing is lost. */
static void schedule_as_batch(void) {
    const struct sched_param none = {0};
    (void)sched_setscheduler(0, SCHED_BATCH, &none);
}

/* Takes the flag out of the arguments; whether it was there. */
static bool take_flag(int *argc, char **argv, const char *flag) {
    int kept = 1;
    for (int i = 1; i < *argc; i++)
        if (strcmp(argv[i], flag) != 0)
            argv[kept++] = argv[i];
    bool was_there = kept < *argc;
    *argc = kept;
    argv[kept] = NULL;
    return was_there;
}

int service_main(int argc, char **argv, const struct service_spec *spec) {
    static struct service service;
    if (service_help_print(spec, argc, argv))
        return EXIT_SUCCESS;
    bool is_check = take_flag(&argc, argv, "--check");
    service.spec = spec;
    service.signal_fd = -1;
    service.started = clock_wall();
    if (load_options(&service, argc, argv) != STATUS_OK || open_log(&service) != STATUS_OK)
        return EXIT_FAILURE;
    if (is_check)
        return EXIT_SUCCESS;
    name_instance(&service);
    counters_list_drops();
    schedule_as_batch();
    return run(&service);
}
