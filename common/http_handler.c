/* http_handler.c: the way of one request: headers, pieces of the body, its end, its answer. */
#include "common/http_private.h"

#include "common/counters.h"

#include <assert.h>
#include <stdio.h>

void http_handler_fail(struct http_request *request, int code, const char *reason) {
    const struct http_options *options = &request->worker->server->options;
    if (options->on_error != NULL) {
        options->on_error(request, code, reason);
        assert(atomic_load(&request->claim) != 0);
        return;
    }
    struct buffer body;
    buffer_init(&body, 256);
    buffer_printf(&body, "{\"detail\":\"%s\"}", reason);
    http_answer(request, code, "application/json", &body);
}

/* Bytes a request's body may have, kept or not. */
static size_t body_limit(const struct http_request *request) {
    if (request->route == NULL)
        return 0;
    return request->route->body_limit > 0 ? request->route->body_limit : HTTP_IGNORED_MAX;
}

/* Headers are there: framing, route, size, access, the route's own look. Each may answer. */
static void request_begin(struct http_request *request, const char *version) {
    const struct http_options *options = &request->worker->server->options;
    const char *reason = NULL;
    request->route_index = options->routes_count;
    request->is_secure = request->worker->tls != NULL;
    int code = http_guard_check(request, version, &reason);
    if (code != 0) {
        request->close_after = true;
        http_handler_fail(request, code, reason);
        return;
    }
    http_forwarded_read(request);
    if (http_https_redirect(request) ||
        (request->worker->server->has_cors && http_cors_preflight(request)))
        return;
    code = http_route_find(request);
    if (code == 404 && http_location_trim(request))
        return;
    if (code != 0) {
        http_handler_fail(request, code, code == 404 ? "Not Found" : "Method Not Allowed");
        return;
    }
    const struct http_route *route = request->route;
    if (options->authorize != NULL && route->access != HTTP_OPEN &&
        !options->authorize(request, route->access)) {
        assert(atomic_load(&request->answered));
        return;
    }
    if (request->body_length != UINT64_MAX && request->body_length > body_limit(request)) {
        http_handler_fail(request, 413, HTTP_TOO_LARGE);
        return;
    }
    if (route->on_begin != NULL)
        route->on_begin(request);
}

/* An answer given at the headers goes out at once, and ends the connection, when reading the body
 * first would be long or is not safe; else the body is read and dropped, and the connection lives
 * on. */
static bool answers_at_headers(struct http_request *request) {
    if (!atomic_load(&request->answered))
        return false;
    bool is_long = request->body_length != UINT64_MAX && request->body_length > HTTP_SWALLOW_MAX;
    if (request->has_body && (request->expects || is_long))
        request->close_after = true;
    return request->close_after;
}

static enum MHD_Result on_headers(struct http_worker *worker, struct MHD_Connection *mhd,
                                  const char *const *line, void **request_context) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    if (!http_guard_has_room(mhd, line[1], line[2])) {
        count_drop(STATUS_TOO_LARGE);
        http_connection_say(info->socket_context, 431, "Request Header Fields Too Large");
        return MHD_NO;
    }
    struct http_request *request = http_request_new(worker);
    *request_context = request;
    request->mhd = mhd;
    request->connection = info->socket_context;
    request->connection->request = request;
    request->path = text_of(line[0]);
    request->method = text_of(line[1]);
    request->began_at = clock_mono();
    http_connection_step(request->connection, request->began_at);
    memcpy(request->peer, request->connection->peer, sizeof request->peer);
    request_begin(request, line[2]);
    http_metrics_begin(request);
    if (request->route != NULL)
        request->body.limit = request->route->body_limit;
    return answers_at_headers(request) ? http_request_send(request) : MHD_YES;
}

/* A piece of the body. What comes after an answer is dropped; too much of it ends the connection.
 */
static enum MHD_Result on_piece(struct http_request *request, struct bytes piece) {
    request->body_seen += piece.length;
    if (request->body_length == UINT64_MAX && !http_framing_check_piece(piece)) {
        request->close_after = true;
        http_connection_say(request->connection, 400, "Malformed chunk");
        return MHD_NO;
    }
    if (!atomic_load(&request->answered) && request->body_seen > body_limit(request))
        http_handler_fail(request, 413, HTTP_TOO_LARGE);
    if (atomic_load(&request->answered))
        return request->body_seen > body_limit(request) + HTTP_SWALLOW_MAX ? MHD_NO : MHD_YES;
    if (request->route->on_body != NULL)
        request->route->on_body(request, piece);
    else if (request->route->body_limit > 0)
        buffer_append(&request->body, piece.data, piece.length);
    return MHD_YES;
}

/* The request is whole, or was resumed. */
static enum MHD_Result on_whole(struct http_request *request) {
    if (request->phase == HTTP_PHASE_DEFERRED)
        return MHD_YES; /* asked again, before its connection is suspended */
    if (request->worker->winding_up && !atomic_load(&request->answered)) {
        request->close_after = true;
        http_handler_fail(request, 503, "Service is stopping");
    }
    if (http_hold_settle(request))
        return MHD_YES;
    if (request->phase == HTTP_PHASE_BODY && !atomic_load(&request->answered)) {
        request->route->on_complete(request);
        assert(request->deferred || atomic_load(&request->answered));
        if (request->deferred) {
            http_worker_watch(request);
            return MHD_YES;
        }
    }
    assert(atomic_load(&request->answered));
    return http_request_send(request);
}

enum MHD_Result http_handler_access(void *context, struct MHD_Connection *mhd, const char *url,
                                    const char *method, const char *version,
                                    const char *upload_data, size_t *upload_size,
                                    void **request_context) {
    struct http_request *request = *request_context;
    if (request == NULL)
        return on_headers(context, mhd, (const char *const[]){url, method, version},
                          request_context);
    if (*upload_size == 0)
        return on_whole(request);
    struct bytes piece = {(const uint8_t *)upload_data, *upload_size};
    *upload_size = 0;
    return on_piece(request, piece);
}

void http_handler_completed(void *context, struct MHD_Connection *mhd, void **request_context,
                            enum MHD_RequestTerminationCode code) {
    (void)context;
    (void)mhd;
    (void)code;
    struct http_request *request = *request_context;
    if (request == NULL)
        return;
    assert(request->phase != HTTP_PHASE_DEFERRED && request->phase != HTTP_PHASE_SUSPENDED);
    *request_context = NULL;
    if (request->phase != HTTP_PHASE_ANSWERED)
        http_metrics_end(request);
    http_connection_wait(request->connection);
    request->mhd = NULL;
    request->connection = NULL;
    http_release(request);
}
