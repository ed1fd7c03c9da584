/* test_openapi.c: the API's document and the table of routes name the same operations, with the
 * same access. */
#include "services/ingest/docs_files.h"
#include "services/ingest/in_http.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <yajl/yajl_tree.h>

static yajl_val document;

static void setup(void) {
    for (size_t i = 0; i < docs_files_count && document == NULL; i++) {
        if (strcmp(docs_files[i].path, "/openapi.json") != 0)
            continue;
        struct bytes plain = docs_files[i].plain;
        char error[200] = "";
        char *text = strndup((const char *)plain.data, plain.length);
        document = yajl_tree_parse(text, error, sizeof error);
        free(text);
        cr_assert_not_null(document, "openapi.json is no JSON: %s", error);
    }
    cr_assert_not_null(document, "openapi.json is not among the files");
}

static void teardown(void) {
    yajl_tree_free(document);
    document = NULL;
}

TestSuite(openapi, .init = setup, .fini = teardown, .timeout = 30);

static yajl_val get(yajl_val from, const char *name, yajl_type type) {
    const char *path[] = {name, NULL};
    return yajl_tree_get(from, path, type);
}

/* The operation of a route in the document; NULL when it has none. */
static yajl_val operation_of(const struct http_route *route) {
    char method[16] = "";
    for (size_t i = 0; route->method[i] != '\0' && i + 1 < sizeof method; i++)
        method[i] = (char)tolower((unsigned char)route->method[i]);
    const char *path[] = {"paths", route->path, method, NULL};
    return yajl_tree_get(document, path, yajl_t_object);
}

static const struct http_route *route_of(const char *path, const char *method) {
    size_t count = 0;
    const struct http_route *routes = in_http_routes(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(routes[i].path, path) == 0 && strcasecmp(routes[i].method, method) == 0)
            return &routes[i];
    }
    return NULL;
}

Test(openapi, every_route_is_in_the_document) {
    size_t count = 0;
    const struct http_route *routes = in_http_routes(&count);
    for (size_t i = 0; i < count; i++)
        cr_expect_not_null(operation_of(&routes[i]), "openapi.yaml lacks %s %s", routes[i].method,
                           routes[i].path);
}

Test(openapi, every_operation_of_the_document_is_a_route) {
    yajl_val paths = get(document, "paths", yajl_t_object);
    cr_assert_not_null(paths);
    for (size_t i = 0; i < YAJL_GET_OBJECT(paths)->len; i++) {
        const char *path = YAJL_GET_OBJECT(paths)->keys[i];
        yajl_val item = YAJL_GET_OBJECT(paths)->values[i];
        for (size_t j = 0; j < YAJL_GET_OBJECT(item)->len; j++) {
            const char *method = YAJL_GET_OBJECT(item)->keys[j];
            if (strcmp(method, "parameters") != 0)
                cr_expect_not_null(route_of(path, method), "no route for %s %s of openapi.yaml",
                                   method, path);
        }
    }
}

/* The scope of a route's access, as the document names it; NULL: no key is asked for. */
static const char *scope_of(enum http_access access) {
    static const char *const scopes[] = {
        [HTTP_READ] = "read", [HTTP_WRITE] = "ingest", [HTTP_ADMIN] = "admin"};
    return scopes[access];
}

/* One way of access, {} or {scheme: [scope]}: true when it is for everybody. */
static bool check_way(const struct http_route *route, yajl_val way) {
    if (YAJL_GET_OBJECT(way)->len == 0)
        return true;
    yajl_val scopes = YAJL_GET_OBJECT(way)->values[0];
    cr_assert_eq(YAJL_GET_ARRAY(scopes)->len, 1, "%s %s", route->method, route->path);
    const char *scope = YAJL_GET_STRING(YAJL_GET_ARRAY(scopes)->values[0]);
    cr_assert_not_null(scope_of(route->access), "%s %s: a key?", route->method, route->path);
    cr_expect_str_eq(scope, scope_of(route->access), "%s %s", route->method, route->path);
    return false;
}

/* Reads are open, or not, as configured: the document names both ways. */
Test(openapi, access_is_that_of_the_route) {
    size_t count = 0;
    const struct http_route *routes = in_http_routes(&count);
    for (size_t i = 0; i < count; i++) {
        yajl_val security = get(operation_of(&routes[i]), "security", yajl_t_array);
        cr_assert_not_null(security, "%s %s says nothing of security", routes[i].method,
                           routes[i].path);
        size_t ways = YAJL_GET_ARRAY(security)->len;
        bool anybody = ways == 0;
        for (size_t j = 0; j < ways; j++)
            anybody |= check_way(&routes[i], YAJL_GET_ARRAY(security)->values[j]);
        cr_expect_eq(anybody, routes[i].access == HTTP_OPEN || routes[i].access == HTTP_READ,
                     "%s %s: without a key?", routes[i].method, routes[i].path);
        cr_expect_eq(ways == 0, routes[i].access == HTTP_OPEN, "%s %s: with a key?",
                     routes[i].method, routes[i].path);
    }
}
