/* routes_health.c: /, /healthz, /readyz and /metrics. */
#include "common/json_writer.h"
#include "services/ingest/answer.h"
#include "services/ingest/ingest.h"
#include "services/ingest/routes.h"

#define PAGE_MAX (4 * 1024 * 1024)

static void write_string(struct json_writer *json, const char *name, const char *value) {
    json_key(json, name);
    json_string(json, value);
}

void route_root(struct http_request *request) {
    struct json_answer answer;
    struct json_writer *json = answer_begin(&answer);
    char time[CLOCK_RFC3339_SIZE];
    json_object_begin(json);
    write_string(json, "message", "Mini-SIEM API");
    write_string(json, "version", SIEM_VERSION);
    write_string(json, "status", "healthy");
    write_string(json, "timestamp", clock_format_rfc3339(clock_wall(), time));
    json_object_end(json);
    answer_send(&answer, request, 200);
}

/* The process answers, and its loop turns. */
void route_healthz(struct http_request *request) {
    bool alive = service_is_alive(ingest_of(request)->service);
    struct buffer body;
    buffer_init(&body, PAGE_MAX);
    buffer_append_text(&body,
                       alive ? TEXT("{\"status\":\"ok\"}") : TEXT("{\"status\":\"stalled\"}"));
    answer_json(request, alive ? 200 : 503, &body);
}

void route_readyz(struct http_request *request) {
    struct buffer body;
    buffer_init(&body, PAGE_MAX);
    bool ready = service_render_ready(ingest_of(request)->service, &body);
    answer_json(request, ready ? 200 : 503, &body);
}

void route_metrics(struct http_request *request) {
    struct buffer body;
    buffer_init(&body, PAGE_MAX);
    service_render_metrics(ingest_of(request)->service, &body);
    http_answer(request, 200, SERVICE_METRICS_TYPE, &body);
}
