/* in_http.c: the one table of routes. A new route is a row here, a function in its group's file,
 * an entry in openapi.yaml and a test. */
#include "services/ingest/in_http.h"

#include "common/cpu_latency.h"
#include "common/cpu_quota.h"
#include "common/log.h"
#include "services/ingest/admission.h"
#include "services/ingest/answer.h"
#include "services/ingest/routes.h"

#include <sched.h>
#include <sys/sysinfo.h>

#define REDIRECT_CONNECTIONS_MAX 200
#define CERTIFICATE_CHECK_MS 1000
#define BODY_MAX (EVENT_JSON_MAX + 1024) /* an event, and white space around it */
#define BULK_BODY_MAX (16 * 1024 * 1024)
#define STATUS_BODY_MAX (64 * 1024)

static const struct http_route routes[] = {
    {"POST", "/log", HTTP_WRITE, BODY_MAX, route_log_begin, NULL, route_log},
    {"POST", "/logs", HTTP_WRITE, BULK_BODY_MAX, route_logs_begin, route_logs_body, route_logs},
    {"GET", "/", HTTP_OPEN, 0, NULL, NULL, route_root},
    {"GET", "/dashboard", HTTP_READ, 0, NULL, NULL, route_dashboard},
    {"GET", "/report/daily", HTTP_READ, 0, NULL, NULL, route_report_daily},
    {"GET", "/report/weekly", HTTP_READ, 0, NULL, NULL, route_report_weekly},
    {"GET", "/threats/timeline", HTTP_READ, 0, NULL, NULL, route_timeline},
    {"GET", "/incidents", HTTP_READ, 0, NULL, NULL, route_incidents},
    {"GET", "/incidents/stats", HTTP_READ, 0, NULL, NULL, route_incidents_stats},
    {"GET", "/incidents/{id}", HTTP_READ, 0, NULL, NULL, route_incident},
    {"POST", "/incidents/{id}/status", HTTP_ADMIN, STATUS_BODY_MAX, route_incident_status_begin,
     NULL, route_incident_status},
    {"GET", "/rules", HTTP_READ, 0, NULL, NULL, route_rules},
    {"GET", "/healthz", HTTP_OPEN, 0, NULL, NULL, route_healthz},
    {"GET", "/readyz", HTTP_OPEN, 0, NULL, NULL, route_readyz},
    {"GET", "/metrics", HTTP_READ, 0, NULL, NULL, route_metrics},
    {"GET", "/ledger", HTTP_READ, 0, NULL, NULL, route_ledger},
    {"GET", "/docs", HTTP_OPEN, 0, NULL, NULL, route_docs},
    {"GET", "/docs/{file}", HTTP_OPEN, 0, NULL, NULL, route_docs},
    {"GET", "/redoc", HTTP_OPEN, 0, NULL, NULL, route_docs},
    {"GET", "/openapi.json", HTTP_OPEN, 0, NULL, NULL, route_docs},
};

const struct http_route *in_http_routes(size_t *ret_count) {
    *ret_count = sizeof routes / sizeof routes[0];
    return routes;
}

/* Processors this process may use. */
static int count_processors(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

/* The other processors are for the rest of the pipeline: with as many workers as processors, each
 * verdict costs more wake-ups, and batches are smaller. */
static int count_workers(int64_t configured) {
    int processors = count_processors();
    if (configured > 0)
        return (int)configured;
    return processors < 2 ? 1 : processors < 128 ? processors / 2 : 64;
}

/* One processor is never idle while others wait; and so much time of them is meant to be all. */
static const char *waiting_obstacle(void) {
    if (count_processors() < 2)
        return "there is one processor";
    if (cpu_quota_is_set("/proc/self/cgroup", "/sys/fs/cgroup"))
        return "there is a CPU quota";
    return NULL;
}

/* Who waits awake for answers: all processors, a worker, or nobody. */
static void choose_waiting(const struct ingest_config *config, struct http_options *options) {
    const char *reason = waiting_obstacle();
    options->busy_poll_ms = reason == NULL ? config->busy_poll_ms : 0;
    if (reason != NULL && (config->busy_poll_ms > 0 || config->keep_awake_ms > 0))
        log_info("nothing is kept awake for answers", LOG_STRING("reason", reason));
    if (reason != NULL || config->keep_awake_ms == 0)
        return;
    reason = cpu_latency_obstacle(CPU_LATENCY_STATE, get_nprocs());
    if (reason != NULL) {
        log_info("idle processors are not kept awake", LOG_STRING("reason", reason));
        return;
    }
    options->keep_awake_ms = config->keep_awake_ms;
    options->latency_device = CPU_LATENCY_DEVICE;
}

/* What both servers are told. */
static struct http_options common_options(struct ingest *ingest) {
    const struct ingest_config *config = &ingest->config;
    return (struct http_options){
        .connections_per_address = (int)config->connections_per_address,
        .request_timeout_ms = config->request_timeout_ms,
        .bytes_per_second_min = config->rate_min,
        .trusted_proxies = config->trusted_proxies,
        .https_port = (int)config->https_port,
        .context = ingest,
        .on_error = answer_error,
    };
}

/* The plain port that sends everybody to the API's, when one is wanted. */
static enum status open_redirect(struct ingest *ingest) {
    const struct ingest_config *config = &ingest->config;
    if (config->redirect_listen[0] == '\0')
        return STATUS_OK;
    struct http_options options = common_options(ingest);
    options.listen = config->redirect_listen;
    options.workers = 1;
    options.connections_max = REDIRECT_CONNECTIONS_MAX;
    options.redirect = true;
    if (options.https_port == 0 && config->tls_certificate[0] != '\0')
        options.https_port = http_server_port(ingest->http);
    return http_server_open(&options, &ingest->redirect);
}

static int on_certificate_due(zloop_t *loop, int timer, void *context) {
    (void)loop, (void)timer;
    const struct ingest *ingest = context;
    http_server_check_certificate(ingest->http, false);
    return 0;
}

enum status in_http_open(struct ingest *ingest) {
    const struct ingest_config *config = &ingest->config;
    struct http_options options = common_options(ingest);
    options.listen = config->listen;
    options.workers = count_workers(config->http_workers);
    choose_waiting(config, &options);
    options.connections_max = (int)config->connections_max;
    options.tls_certificate = config->tls_certificate;
    options.tls_key = config->tls_key;
    options.hsts_ms = config->hsts_ms;
    options.https_only = config->https_only;
    options.cors =
        (struct http_cors){config->cors_origins, config->cors_methods, config->cors_headers};
    options.routes = routes;
    options.routes_count = sizeof routes / sizeof routes[0];
    options.authorize = admission_check;
    enum status status = http_server_open(&options, &ingest->http);
    return status == STATUS_OK ? open_redirect(ingest) : status;
}

enum status in_http_start(struct ingest *ingest) {
    enum status status = http_server_start(ingest->http);
    if (status == STATUS_OK && ingest->redirect != NULL)
        status = http_server_start(ingest->redirect);
    zloop_timer(service_loop(ingest->service), CERTIFICATE_CHECK_MS, 0, on_certificate_due, ingest);
    return status;
}
