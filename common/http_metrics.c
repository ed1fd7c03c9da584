/* http_metrics.c: requests by method, route and code, their time and number under way by method and
 * route, and connections.
 *
 * What is answered before there is a request, or around one (http_connection_say), counts apart. A
 * request without a route counts under handler "none" with its method, if it is a usual one: what
 * a peer sends never makes a series of its own. */
#include "common/http_private.h"

#include "common/counters.h"

#include <stdio.h>
#include <stdlib.h>

/* Codes counted one by one; another one is counted with its class, e.g. "4xx". */
static const int codes[] = {200, 202, 204, 304, 307, 308, 400, 401, 403, 404, 405, 406, 408,
                            409, 412, 413, 414, 415, 422, 429, 431, 500, 501, 503, 505};
#define CODES (sizeof codes / sizeof codes[0])
#define CODES_ALL (CODES + 6)

/* Methods of requests without a route. */
static const char *const methods[] = {"GET", "POST",   "HEAD",  "OPTIONS",
                                      "PUT", "DELETE", "PATCH", "other"};
#define METHODS (sizeof methods / sizeof methods[0])

struct http_route_metrics {
    const char *method, *handler;
    _Atomic(struct counter *) by_code[CODES_ALL];
    _Atomic(struct histogram *) seconds;
    _Atomic(struct gauge *) inprogress;
};

/* Makes what counts a route, if it is not there yet. */
static void route_list(struct http_route_metrics *route) {
    char labels[256];
    if (atomic_load_explicit(&route->inprogress, memory_order_acquire) != NULL)
        return;
    snprintf(labels, sizeof labels, "method=\"%s\",handler=\"%s\"", route->method, route->handler);
    atomic_store_explicit(&route->seconds,
                          histogram_new("http_request_duration_seconds", labels,
                                        "Time from a request's headers to its answer",
                                        histogram_latency_bounds),
                          memory_order_release);
    atomic_store_explicit(&route->inprogress,
                          gauge_new("http_requests_inprogress", labels, "Requests being worked on"),
                          memory_order_release);
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

/* By code_place. */
static _Atomic(struct counter *) refusals[CODES_ALL];

static struct counter *refusal_counter(int code) {
    _Atomic(struct counter *) *place = &refusals[code_place(code)];
    struct counter *counter = atomic_load_explicit(place, memory_order_acquire);
    if (counter != NULL)
        return counter;
    char labels[32];
    if (code_place(code) < CODES)
        snprintf(labels, sizeof labels, "status=\"%d\"", code);
    else
        snprintf(labels, sizeof labels, "status=\"%dxx\"", code / 100 % 10);
    counter = counter_new("http_refusals_total", labels,
                          "Answers that end a connection, in place of any of a route: "
                          "malformed, too slow, too large, one connection too many");
    atomic_store_explicit(place, counter, memory_order_release);
    return counter;
}

void http_metrics_refused(int code) {
    counter_add(refusal_counter(code), 1);
}

/* The customary ones stand on the page before they happen. */
static void list_refusals(void) {
    static const int customary[] = {400, 408, 413, 414, 431, 503};
    for (size_t i = 0; i < sizeof customary / sizeof customary[0]; i++)
        (void)refusal_counter(customary[i]);
}

struct http_route_metrics *http_metrics_new(const struct http_options *options) {
    size_t routes = options->routes_count;
    struct http_route_metrics *metrics = calloc(routes + METHODS, sizeof *metrics);
    if (metrics == NULL)
        abort();
    for (size_t i = 0; i < routes; i++) {
        metrics[i].method = options->routes[i].method;
        metrics[i].handler = options->routes[i].path;
        route_list(&metrics[i]);
    }
    for (size_t i = 0; i < METHODS; i++) {
        metrics[routes + i].method = methods[i];
        metrics[routes + i].handler = "none";
    }
    list_refusals();
    return metrics;
}

void http_metrics_destroy(struct http_route_metrics **metrics) {
    free(*metrics);
    *metrics = NULL;
}

/* What counts this request. */
static struct http_route_metrics *metrics_of(const struct http_request *request) {
    const struct http_server *server = request->worker->server;
    if (request->route != NULL)
        return &server->metrics[request->route_index];
    size_t method = 0;
    while (method < METHODS - 1 && !text_is(request->method, methods[method]))
        method++;
    return &server->metrics[server->options.routes_count + method];
}

void http_metrics_begin(const struct http_request *request) {
    struct http_route_metrics *metrics = metrics_of(request);
    route_list(metrics);
    gauge_add(atomic_load_explicit(&metrics->inprogress, memory_order_acquire), 1);
}

static struct counter *code_counter(const struct http_route_metrics *metrics, int code) {
    char labels[256];
    char name[8];
    if (code_place(code) < CODES)
        snprintf(name, sizeof name, "%d", code);
    else
        snprintf(name, sizeof name, "%dxx", code / 100 % 10);
    snprintf(labels, sizeof labels, "method=\"%s\",handler=\"%s\",status=\"%s\"", metrics->method,
             metrics->handler, name);
    return counter_new("http_requests_total", labels, "Requests answered; 0xx: ended unanswered");
}

void http_metrics_end(const struct http_request *request) {
    struct http_route_metrics *metrics = metrics_of(request);
    int code = atomic_load(&request->answered) ? request->code : 0;
    _Atomic(struct counter *) *place = &metrics->by_code[code_place(code)];
    struct counter *counter = atomic_load_explicit(place, memory_order_acquire);
    if (counter == NULL) {
        counter = code_counter(metrics, code);
        atomic_store_explicit(place, counter, memory_order_release);
    }
    counter_add(counter, 1);
    histogram_observe(atomic_load_explicit(&metrics->seconds, memory_order_acquire),
                      clock_mono().ns - request->began_at.ns);
    gauge_add(atomic_load_explicit(&metrics->inprogress, memory_order_acquire), -1);
}

struct gauge *http_metrics_connections(void) {
    return gauge_new("http_connections", NULL, "Connections open");
}
