/* routes_health.c: /healthz, /readyz and /metrics. */
#include "services/ingest/answer.h"
#include "services/ingest/ingest.h"
#include "services/ingest/routes.h"

#define PAGE_MAX (4 * 1024 * 1024)

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
