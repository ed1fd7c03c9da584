/* http_request.c: a request's memory, what a route may ask of it, and its answer. */
#include "common/http_private.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <strings.h>

/* Everything a next request must not see goes; memory worth keeping stays. */
static void request_reset(struct http_request *request) {
    struct buffer body = request->body;
    struct buffer answer = request->answer;
    struct http_worker *worker = request->worker;
    if (body.capacity > HTTP_KEEP_BYTES)
        buffer_fini(&body);
    buffer_fini(&answer);
    memset(request, 0, offsetof(struct http_request, headers));
    buffer_reset(&body);
    request->worker = worker;
    request->body = body;
    request->headers_length = 0;
}

/* Takes back what other threads released. */
static void worker_collect(struct http_worker *worker) {
    struct http_request *list = atomic_exchange(&worker->returned, NULL);
    while (list != NULL) {
        struct http_request *next = list->next;
        list->next = worker->free_requests;
        worker->free_requests = list;
        worker->free_count++;
        list = next;
    }
}

static void request_free(struct http_server *server, struct http_request *request) {
    buffer_fini(&request->body);
    free(request);
    http_server_release(server);
}

void http_request_free_list(struct http_server *server, struct http_request *list) {
    while (list != NULL) {
        struct http_request *next = list->next;
        request_free(server, list);
        list = next;
    }
}

struct http_request *http_request_new(struct http_worker *worker) {
    if (worker->free_requests == NULL)
        worker_collect(worker);
    struct http_request *request = worker->free_requests;
    if (request != NULL) {
        worker->free_requests = request->next;
        worker->free_count--;
        request->next = NULL;
    } else {
        request = calloc(1, sizeof *request);
        if (request == NULL)
            abort();
        request->worker = worker;
        atomic_fetch_add(&worker->server->references, 1);
    }
    atomic_store_explicit(&request->references, 1, memory_order_relaxed);
    return request;
}

/* The last reference is gone. */
static void request_retire(struct http_request *request) {
    struct http_worker *worker = request->worker;
    struct http_server *server = worker->server;
    if (request->state_destroy != NULL)
        request->state_destroy(request->state);
    request_reset(request);
    if (http_worker_is_current(worker)) {
        if (worker->free_count >= HTTP_FREE_MAX) {
            request_free(server, request);
            return;
        }
        request->next = worker->free_requests;
        worker->free_requests = request;
        worker->free_count++;
        return;
    }
    request->next = atomic_load(&worker->returned);
    while (!atomic_compare_exchange_weak(&worker->returned, &request->next, request))
        continue;
    if (atomic_load(&server->closed))
        http_request_free_list(server, atomic_exchange(&worker->returned, NULL));
}

void http_mark_late(struct http_request *request) {
    request->is_late = true;
}

void http_release(struct http_request *request) {
    if (atomic_fetch_sub(&request->references, 1) == 1)
        request_retire(request);
}

void http_defer(struct http_request *request, int64_t deadline_ms,
                void (*on_deadline)(struct http_request *request)) {
    assert(!request->deferred && on_deadline != NULL);
    request->deferred = true;
    request->deadline = clock_mono_add_ms(clock_mono(), deadline_ms);
    request->on_deadline = on_deadline;
    /* Headers may have been added; who answers is open again. */
    atomic_store(&request->claim, 0);
    atomic_fetch_add(&request->references, 1);
}

/* True for the first thread that begins to answer, and only for it: an answer and the deadline's
 * own may come at the same time. */
static bool request_claim(struct http_request *request) {
    static _Thread_local char mark;
    uintptr_t self = (uintptr_t)&mark;
    uintptr_t nobody = 0;
    return atomic_compare_exchange_strong(&request->claim, &nobody, self) || nobody == self;
}

void http_answer_header(struct http_request *request, const char *name, const char *value) {
    size_t name_size = strlen(name) + 1;
    size_t value_size = strlen(value) + 1;
    if (!request_claim(request) || atomic_load(&request->answered))
        return;
    assert(name_size + value_size <= sizeof request->headers - request->headers_length);
    memcpy(request->headers + request->headers_length, name, name_size);
    memcpy(request->headers + request->headers_length + name_size, value, value_size);
    request->headers_length += name_size + value_size;
}

/* The answer is whole: hands it over. */
static void request_finish(struct http_request *request, int code, const char *content_type) {
    request->code = code;
    request->content_type = content_type;
    atomic_store(&request->answered, true);
    if (request->deferred)
        http_worker_give_back(request);
}

bool http_answer(struct http_request *request, int code, const char *content_type,
                 struct buffer *body) {
    assert(buffer_is_whole(body));
    if (!request_claim(request) || atomic_load(&request->answered)) {
        buffer_fini(body);
        return false;
    }
    request->answer = *body;
    buffer_init(body, body->limit);
    request_finish(request, code, content_type);
    return true;
}

bool http_answer_constant(struct http_request *request, int code, const char *content_type,
                          struct bytes body) {
    if (!request_claim(request) || atomic_load(&request->answered))
        return false;
    request->constant = body;
    request_finish(request, code, content_type);
    return true;
}

/* The headers of an answer: the route's, and those every answer has. A route of pages has a policy
 * of its own; what is no page may load and run nothing. No cache keeps what a route says
 * nothing of. */
static void response_add_headers(const struct http_request *request,
                                 struct MHD_Response *response) {
    size_t at = 0;
    bool has_policy = false;
    bool has_caching = false;
    while (at < request->headers_length) {
        const char *name = request->headers + at;
        const char *value = name + strlen(name) + 1;
        MHD_add_response_header(response, name, value);
        has_policy |= strcmp(name, "Content-Security-Policy") == 0;
        has_caching |= strcmp(name, "Cache-Control") == 0;
        at = (size_t)(value - request->headers) + strlen(value) + 1;
    }
    if (!has_policy)
        MHD_add_response_header(response, "Content-Security-Policy", HTTP_POLICY_NOTHING);
    if (!has_caching)
        MHD_add_response_header(response, "Cache-Control", "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (request->code == 503)
        MHD_add_response_header(response, "Retry-After", "1");
    const struct http_server *server = request->worker->server;
    if (request->is_secure && server->hsts[0] != '\0')
        MHD_add_response_header(response, "Strict-Transport-Security", server->hsts);
    if (server->has_cors)
        http_cors_mark(request, response);
    if (request->content_type != NULL)
        MHD_add_response_header(response, "Content-Type", request->content_type);
    if (request->close_after)
        MHD_add_response_header(response, "Connection", "close");
}

/* libmicrohttpd only reads the body, whoever owns it. */
static struct MHD_Response *request_response(const struct http_request *request) {
    if (request->constant.length == 0)
        return MHD_create_response_from_buffer(request->answer.length, request->answer.data,
                                               MHD_RESPMEM_PERSISTENT);
    return MHD_create_response_from_buffer(request->constant.length,
                                           (void *)(uintptr_t)request->constant.data,
                                           MHD_RESPMEM_PERSISTENT);
}

enum MHD_Result http_request_send(struct http_request *request) {
    request->phase = HTTP_PHASE_ANSWERED;
    request->close_after |= request->body_length == UINT64_MAX; /* see http_framing.c */
    http_connection_step(request->connection, request->worker->now);
    http_metrics_end(request);
    struct MHD_Response *response = request_response(request);
    if (response == NULL)
        return MHD_NO;
    response_add_headers(request, response);
    enum MHD_Result result = http_refusal_queue(request->mhd, (unsigned)request->code, response);
    MHD_destroy_response(response);
    return result;
}

void *http_context(const struct http_request *request) {
    return request->worker->server->options.context;
}

enum http_access http_access(const struct http_request *request) {
    return request->route->access;
}

struct text http_path(const struct http_request *request) {
    return request->path;
}

struct text http_path_value(const struct http_request *request, const char *name) {
    size_t index = 0;
    size_t length = strlen(name);
    for (const char *at = request->route->path; (at = strchr(at, '{')) != NULL; at++, index++) {
        if (strncmp(at + 1, name, length) == 0 && at[1 + length] == '}')
            return request->path_values[index];
    }
    return (struct text){NULL, 0};
}

/* A header or an argument of the query; a name without a value is empty. */
static struct text request_value(const struct http_request *request, enum MHD_ValueKind kind,
                                 const char *name) {
    const char *value = NULL;
    size_t length = 0;
    if (request->mhd == NULL ||
        MHD_lookup_connection_value_n(request->mhd, kind, name, strlen(name), &value, &length) !=
            MHD_YES)
        return (struct text){NULL, 0};
    return (struct text){value != NULL ? value : "", length};
}

struct text http_query(const struct http_request *request, const char *name) {
    return request_value(request, MHD_GET_ARGUMENT_KIND, name);
}

struct text http_header(const struct http_request *request, const char *name) {
    return text_trim_blanks(request_value(request, MHD_HEADER_KIND, name));
}

/* Who goes over the items of a list header. */
struct item_visit {
    struct text name;
    bool (*visit)(struct text item, void *context);
    void *context;
};

/* Takes the next item off a line; in quotes, which a backslash does not end, a comma is none. */
static struct text take_item(struct text *rest) {
    bool quoted = false;
    size_t length = 0;
    for (; length < rest->length && (quoted || rest->data[length] != ','); length++) {
        if (quoted && rest->data[length] == '\\' && length + 1 < rest->length)
            length++;
        else
            quoted ^= rest->data[length] == '"';
    }
    struct text item = {rest->data, length};
    size_t taken = length + (length < rest->length);
    *rest = (struct text){rest->data + taken, rest->length - taken};
    return text_trim_blanks(item);
}

static enum MHD_Result on_list_header(void *context, enum MHD_ValueKind kind, const char *name,
                                      size_t name_length, const char *value, size_t value_length) {
    (void)kind;
    struct item_visit *visit = context;
    struct text rest = {value, value_length};
    if (name_length != visit->name.length || strncasecmp(name, visit->name.data, name_length) != 0)
        return MHD_YES;
    while (rest.length > 0) {
        struct text item = take_item(&rest);
        if (item.length > 0 && !visit->visit(item, visit->context))
            return MHD_NO;
    }
    return MHD_YES;
}

void http_header_each(const struct http_request *request, const char *name,
                      bool (*visit)(struct text item, void *context), void *context) {
    struct item_visit visits = {text_of(name), visit, context};
    if (request->mhd != NULL)
        MHD_get_connection_values_n(request->mhd, MHD_HEADER_KIND, on_list_header, &visits);
}

/* The search of http_header_any. */
struct item_search {
    bool (*is_it)(struct text item, const void *context);
    const void *context;
    bool found;
};

static bool search_on(struct text item, void *context) {
    struct item_search *search = context;
    search->found = search->is_it(item, search->context);
    return !search->found;
}

bool http_header_any(const struct http_request *request, const char *name,
                     bool (*is_it)(struct text item, const void *context), const void *context) {
    struct item_search search = {is_it, context, false};
    http_header_each(request, name, search_on, &search);
    return search.found;
}

struct bytes http_body(const struct http_request *request) {
    return buffer_bytes(&request->body);
}

struct text http_peer(const struct http_request *request) {
    return text_of(request->peer);
}

void http_state_set(struct http_request *request, void *state, void (*destroy)(void *state)) {
    request->state = state;
    request->state_destroy = destroy;
}

void *http_state(const struct http_request *request) {
    return request->state;
}
