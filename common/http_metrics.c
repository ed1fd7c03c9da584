/* http_metrics.c: counts requests by method, route and code, and their time by route. */
#include "common/http_private.h"

#include "common/counters.h"

#include <stdio.h>
#include <stdlib.h>

/* Codes counted one by one; another one is counted with its class, e.g. "4xx". */
static const int codes[] = {200, 202, 400, 401, 403, 404, 405, 408, 409,
                            412, 413, 415, 422, 429, 431, 500, 503};
#define CODES (sizeof codes / sizeof codes[0])
#define CODES_ALL (CODES + 6)

struct http_route_metrics {
    _Atomic(struct counter *) by_code[CODES_ALL];
    struct histogram *seconds;
    struct gauge *inprogress; /* one for all */
};

struct http_route_metrics *http_metrics_new(const struct http_options *options) {
    struct http_route_metrics *metrics = calloc(options->routes_count + 1, sizeof *metrics);
    if (metrics == NULL)
        abort();
    for (size_t i = 0; i <= options->routes_count; i++) {
        char labels[256];
        bool known = i < options->routes_count;
        snprintf(labels, sizeof labels, "method=\"%s\",handler=\"%s\"",
                 known ? options->routes[i].method : "", known ? options->routes[i].path : "none");
        metrics[i].seconds =
            histogram_new("http_request_duration_seconds", labels,
                          "Time from a request's headers to its answer", histogram_latency_bounds);
        metrics[i].inprogress =
            gauge_new("http_requests_inprogress", NULL, "Requests being worked on");
    }
    return metrics;
}

void http_metrics_destroy(struct http_route_metrics **metrics) {
    free(*metrics);
    *metrics = NULL;
}

void http_metrics_begin(struct http_server *server) {
    gauge_add(server->metrics[0].inprogress, 1);
}

/* The place of a code in by_code. */
static size_t code_place(int code) {
    for (size_t i = 0; i < CODES; i++) {
        if (codes[i] == code)
            return i;
    }
    int class = code / 100;
    return CODES + (size_t)(class >= 1 && class <= 5 ? class : 0);
}

static struct counter *code_counter(const struct http_request *request, int code) {
    const struct http_route *route = request->route;
    char labels[256];
    char name[8];
    if (code_place(code) < CODES)
        snprintf(name, sizeof name, "%d", code);
    else
        snprintf(name, sizeof name, "%dxx", code / 100 % 10);
    snprintf(labels, sizeof labels, "method=\"%s\",handler=\"%s\",status=\"%s\"",
             route != NULL ? route->method : "", route != NULL ? route->path : "none", name);
    return counter_new("http_requests_total", labels, "Requests answered; 0xx: ended unanswered");
}

void http_metrics_end(struct http_request *request) {
    struct http_server *server = request->worker->server;
    struct http_route_metrics *metrics = &server->metrics[request->route_index];
    int code = atomic_load(&request->answered) ? request->code : 0;
    _Atomic(struct counter *) *place = &metrics->by_code[code_place(code)];
    struct counter *counter = atomic_load_explicit(place, memory_order_acquire);
    if (counter == NULL) {
        counter = code_counter(request, code);
        atomic_store_explicit(place, counter, memory_order_release);
    }
    counter_add(counter, 1);
    histogram_observe_ns(metrics->seconds, clock_mono().ns - request->began_at.ns);
    gauge_add(server->metrics[0].inprogress, -1);
}
