/* http_cors.c: which pages of other origins may use the API from a browser. Off unless origins are
 * set. A key goes in a header that a page must put there itself, so credentials (cookies) are never
 * allowed, and `*` is safe. Answers that depend on the origin say so (Vary), the others' too.
 * Source: the Fetch standard, "CORS protocol". */
#include "common/http_private.h"

#include "common/log.h"

#include <ctype.h>
#include <stdlib.h>

#define PREFLIGHT_SECONDS "600" /* a browser keeps the permission this long */
#define LISTS_MAX 512           /* of methods and headers together: they go into one answer */
#define EXPOSED                                                                                    \
    "Retry-After, Location, ETag, Preference-Applied, Idempotent-Replayed, RateLimit-Limit, "      \
    "RateLimit-Remaining, RateLimit-Reset, RateLimit-Policy"

/* The next item of a list with commas; false at its end. */
static bool take_item(struct text *list, struct text *ret_item) {
    if (list->length == 0)
        return false;
    const char *comma = memchr(list->data, ',', list->length);
    size_t length = comma != NULL ? (size_t)(comma - list->data) : list->length;
    size_t behind = comma != NULL ? length + 1 : length;
    *ret_item = text_trim_spaces((struct text){list->data, length});
    *list = (struct text){list->data + behind, list->length - behind};
    return true;
}

/* scheme://host or scheme://host:port, in lower case, as browsers send it; or * for all. Not null,
 * which every page can be in a frame of its own: that is * under another name. */
static bool is_origin(struct text item) {
    const char *slashes = item.length > 0 ? memmem(item.data, item.length, "://", 3) : NULL;
    if (slashes == NULL || slashes == item.data || slashes + 3 == item.data + item.length)
        return text_is(item, "*");
    for (size_t i = 0; i < item.length; i++) {
        char c = item.data[i];
        bool in_scheme = item.data + i < slashes + 3;
        if (c <= ' ' || c >= 0x7f || c == '*' || isupper((unsigned char)c) ||
            (!in_scheme && strchr("/?#@,\"\\", c) != NULL))
            return false;
    }
    return true;
}

static bool is_token(struct text item) {
    return http_guard_is_token(item.data, item.length);
}

/* Whether all items of a list pass; says what is wrong with the first that does not. */
static bool check_list(const char *list, const char *option, bool (*is_good)(struct text),
                       const char *remedy) {
    struct text rest = text_of(list), item;
    while (take_item(&rest, &item)) {
        if (is_good(item))
            continue;
        log_error("an option of CORS is wrong", LOG_STRING("option", option),
                  LOG_TEXT("value", item), LOG_STRING("remedy", remedy));
        return false;
    }
    return true;
}

/* Whether * stands beside something: then somebody meant less. */
static bool names_all_and_others(const char *origins) {
    struct text rest = text_of(origins), item;
    size_t count = 0;
    bool any = false;
    for (; take_item(&rest, &item); count++)
        any |= text_is(item, "*");
    return any && count > 1;
}

enum status http_cors_check(const struct http_cors *cors) {
    if (strlen(cors->methods) + strlen(cors->headers) > LISTS_MAX) {
        log_error("SIEM_CORS_METHODS and SIEM_CORS_HEADERS are too long",
                  LOG_INT("bytes_at_most", LISTS_MAX));
        return STATUS_BAD_VALUE;
    }
    if (names_all_and_others(cors->origins)) {
        log_error("SIEM_CORS_ORIGINS names all origins and others",
                  LOG_STRING("value", cors->origins),
                  LOG_STRING("remedy", "write either * or the origins"));
        return STATUS_BAD_VALUE;
    }
    bool good =
        check_list(cors->origins, "SIEM_CORS_ORIGINS", is_origin,
                   "write scheme://host or scheme://host:port in lower case, without a path; "
                   "or * for all") &&
        check_list(cors->methods, "SIEM_CORS_METHODS", is_token, "write e.g. GET, POST") &&
        check_list(cors->headers, "SIEM_CORS_HEADERS", is_token,
                   "write e.g. Content-Type, X-API-Key");
    return good ? STATUS_OK : STATUS_BAD_VALUE;
}

/* Whether the list names the origin; `ret_any`: because it names all. */
static bool is_allowed(const struct http_cors *cors, struct text origin, bool *ret_any) {
    struct text rest = text_of(cors->origins), item;
    *ret_any = false;
    while (take_item(&rest, &item)) {
        *ret_any |= text_is(item, "*");
        if (*ret_any || text_equal(item, origin))
            return true;
    }
    return false;
}

bool http_cors_preflight(struct http_request *request) {
    const struct http_cors *cors = &request->worker->server->options.cors;
    struct text origin = http_header(request, "Origin");
    bool any = false;
    if (!text_is(request->method, "OPTIONS") || origin.data == NULL ||
        http_header(request, "Access-Control-Request-Method").data == NULL)
        return false;
    if (!is_allowed(cors, origin, &any)) {
        http_handler_fail(request, 403, "This origin may not use the API");
        return true;
    }
    struct buffer empty;
    buffer_init(&empty, 0);
    http_answer_header(request, "Access-Control-Allow-Methods", cors->methods);
    http_answer_header(request, "Access-Control-Allow-Headers", cors->headers);
    http_answer_header(request, "Access-Control-Max-Age", PREFLIGHT_SECONDS);
    http_answer(request, 204, NULL, &empty);
    return true;
}

void http_cors_mark(const struct http_request *request, struct MHD_Response *response) {
    const struct http_cors *cors = &request->worker->server->options.cors;
    struct text origin = http_header(request, "Origin");
    bool any = false;
    bool allowed = is_allowed(cors, origin, &any);
    if (!any)
        MHD_add_response_header(response, "Vary", "Origin");
    if (!allowed || origin.data == NULL)
        return;
    char *name = any ? strdup("*") : strndup(origin.data, origin.length);
    if (name == NULL)
        abort();
    MHD_add_response_header(response, "Access-Control-Allow-Origin", name);
    free(name);
    MHD_add_response_header(response, "Access-Control-Expose-Headers", EXPOSED);
}
