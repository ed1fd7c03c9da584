/* in_http.c: the one table of routes. A new route is a row here, a function in its group's file,
 * an entry in openapi.yaml and a test. */
#include "services/ingest/in_http.h"

#include "services/ingest/admission.h"
#include "services/ingest/answer.h"
#include "services/ingest/routes.h"

#include <unistd.h>

#define REQUEST_TIMEOUT_MS 10000
#define BYTES_PER_SECOND_MIN 32768
#define CONNECTIONS_PER_ADDRESS 500
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

/* The other processors are for the rest of the pipeline: with as many workers as processors, each
 * verdict costs more wake-ups, and batches are smaller. */
static int count_workers(int64_t configured) {
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (configured > 0)
        return (int)configured;
    return processors < 2 ? 1 : processors < 128 ? (int)processors / 2 : 64;
}

enum status in_http_open(struct ingest *ingest) {
    ingest->http = http_server_new(&(struct http_options){
        .listen = ingest->config.listen,
        .workers = count_workers(ingest->config.http_workers),
        .connections_max = (int)ingest->config.connections_max,
        .connections_per_address = CONNECTIONS_PER_ADDRESS,
        .request_timeout_ms = REQUEST_TIMEOUT_MS,
        .bytes_per_second_min = BYTES_PER_SECOND_MIN,
        .routes = routes,
        .routes_count = sizeof routes / sizeof routes[0],
        .context = ingest,
        .authorize = admission_check,
        .on_error = answer_error,
    });
    return ingest->http != NULL ? STATUS_OK : STATUS_UNAVAILABLE;
}
