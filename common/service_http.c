/* service_http.c: /healthz, /readyz and /metrics of a service without an API of its own. */
#include "common/counters.h"
#include "common/http_server.h"
#include "common/json_writer.h"
#include "common/log.h"
#include "common/scoped.h"
#include "common/service_private.h"

#define PAGE_SIZE_MAX (1024 * 1024)
#define REASON_SIZE_MAX 1024
#define CONNECTIONS_MAX 64
#define REQUEST_TIMEOUT_MS 5000
#define LOOP_STALLED_MS 10000

bool service_is_alive(const struct service *service) {
    struct mono_time turned = {atomic_load(&service->loop_turned_ns)};
    return clock_elapsed_ms(turned) < LOOP_STALLED_MS;
}

/* Asks the service, and knows the skeleton's own reasons. */
static bool ask_ready(struct service *service, struct buffer *why_not) {
    if (service_is_draining(service)) {
        buffer_append_text(why_not, TEXT("stopping"));
        return false;
    }
    if (!service_is_alive(service)) {
        buffer_append_text(why_not, TEXT("the loop does not turn"));
        return false;
    }
    return service->spec->ready == NULL || service->spec->ready(service, why_not);
}

bool service_render_ready(struct service *service, struct buffer *out) {
    SCOPED_FINI(buffer) struct buffer why_not;
    struct json_writer json;
    buffer_init(&why_not, REASON_SIZE_MAX);
    bool ready = ask_ready(service, &why_not);
    json_writer_init(&json, out);
    json_object_begin(&json);
    json_key(&json, "status");
    json_string(&json, ready ? "ready" : "not_ready");
    if (!ready) {
        json_key(&json, "reason");
        json_text(&json, buffer_text(&why_not));
    }
    json_object_end(&json);
    json_writer_fini(&json);
    return ready;
}

void service_render_metrics(struct service *service, struct buffer *out) {
    SCOPED_FINI(buffer) struct buffer why_not;
    buffer_init(&why_not, REASON_SIZE_MAX);
    counters_render_prometheus(out);
    buffer_printf(out,
                  "# HELP siem_ready 1: /readyz says that it can do its work\n"
                  "# TYPE siem_ready gauge\nsiem_ready %d\n",
                  ask_ready(service, &why_not));
}

/* GET /healthz: the process answers and its loop turns. */
static void on_healthz(struct http_request *request) {
    struct buffer body;
    bool alive = service_is_alive(http_context(request));
    buffer_init(&body, PAGE_SIZE_MAX);
    buffer_append_text(&body,
                       alive ? TEXT("{\"status\":\"ok\"}") : TEXT("{\"status\":\"stalled\"}"));
    http_answer(request, alive ? 200 : 503, "application/json", &body);
}

/* GET /readyz: it can do its work. */
static void on_readyz(struct http_request *request) {
    struct buffer body;
    buffer_init(&body, PAGE_SIZE_MAX);
    bool ready = service_render_ready(http_context(request), &body);
    http_answer(request, ready ? 200 : 503, "application/json", &body);
}

/* GET /metrics: the Prometheus text page. */
static void on_metrics(struct http_request *request) {
    struct buffer body;
    buffer_init(&body, PAGE_SIZE_MAX);
    service_render_metrics(http_context(request), &body);
    http_answer(request, 200, SERVICE_METRICS_TYPE, &body);
}

enum status service_http_open(struct service *service) {
    static const struct http_route routes[] = {
        {.method = "GET", .path = "/healthz", .on_complete = on_healthz},
        {.method = "GET", .path = "/readyz", .on_complete = on_readyz},
        {.method = "GET", .path = "/metrics", .on_complete = on_metrics},
    };
    const char *listen = service->common.metrics_listen;
    if (service->spec->own_http || listen[0] == '\0')
        return STATUS_OK;
    service->http = http_server_new(&(struct http_options){
        .listen = listen,
        .workers = 1,
        .connections_max = CONNECTIONS_MAX,
        .request_timeout_ms = REQUEST_TIMEOUT_MS,
        .routes = routes,
        .routes_count = sizeof routes / sizeof *routes,
        .context = service,
    });
    if (service->http == NULL) {
        log_error("no metrics server: set SIEM_METRICS_LISTEN to a free address, or to nothing",
                  LOG_STRING("listen", listen));
        return STATUS_UNAVAILABLE;
    }
    return STATUS_OK;
}
