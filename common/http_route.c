/* http_route.c: which route a method and a path mean. */
#include "common/http_private.h"

#include <stdio.h>

#define ALLOW_SIZE 64

/* Compares a path with a route's, noting the segments that stand for names. */
static bool path_matches(const char *pattern, struct text path, struct text *values) {
    const char *at = path.data;
    const char *end = path.data + path.length;
    size_t count = 0;
    while (*pattern != '\0') {
        if (*pattern != '{') {
            if (at == end || *at++ != *pattern++)
                return false;
            continue;
        }
        const char *start = at;
        while (at < end && *at != '/')
            at++;
        if (at == start || count == HTTP_PATH_VALUES_MAX)
            return false;
        values[count++] = (struct text){start, (size_t)(at - start)};
        pattern = strchr(pattern, '}') + 1;
    }
    return at == end;
}

/* HEAD is GET without the body, which libmicrohttpd leaves out by itself. */
static bool method_matches(const char *method, struct text asked) {
    return text_is(asked, method) || (text_is(asked, "HEAD") && strcmp(method, "GET") == 0);
}

/* Adds a method to the list of Allow, once: several routes may match one path. */
static void allow_method(char allow[ALLOW_SIZE], const char *method) {
    size_t length = strlen(allow);
    if (strstr(allow, method) == NULL)
        snprintf(allow + length, ALLOW_SIZE - length, "%s%s%s", length > 0 ? ", " : "", method,
                 strcmp(method, "GET") == 0 ? ", HEAD" : "");
}

int http_route_find(struct http_request *request) {
    const struct http_options *options = &request->worker->server->options;
    char allow[ALLOW_SIZE] = "";
    for (size_t i = 0; i < options->routes_count; i++) {
        const struct http_route *route = &options->routes[i];
        if (!path_matches(route->path, request->path, request->path_values))
            continue;
        if (method_matches(route->method, request->method)) {
            request->route = route;
            request->route_index = i;
            return 0;
        }
        allow_method(allow, route->method);
    }
    request->route_index = options->routes_count;
    if (allow[0] == '\0')
        return 404;
    http_answer_header(request, "Allow", allow);
    return 405;
}

bool http_route_exists(const struct http_request *request, struct text path) {
    const struct http_options *options = &request->worker->server->options;
    struct text values[HTTP_PATH_VALUES_MAX];
    for (size_t i = 0; i < options->routes_count; i++) {
        if (path_matches(options->routes[i].path, path, values))
            return true;
    }
    return false;
}
