/* http_location.c: where a client is sent: paths and queries as they were understood, encoded
 * again; and a path with slashes too many to the one without, as FastAPI does it.
 * Source: RFC 9110 §10.2.2, RFC 3986. */
#include "common/http_private.h"

#include <ctype.h>

/* Appends bytes, all but unreserved ones (and those of `also`) as %XX. */
static void append_encoded(struct buffer *out, const char *bytes, size_t length, const char *also) {
    for (size_t i = 0; i < length; i++) {
        char c = bytes[i];
        if (isalnum((unsigned char)c) || (c != '\0' && strchr("-._~", c) != NULL) ||
            (c != '\0' && strchr(also, c) != NULL))
            buffer_append(out, &c, 1);
        else
            buffer_printf(out, "%%%02X", (unsigned char)c);
    }
}

/* A query under way. */
struct query {
    struct buffer *out;
    bool begun;
};

static enum MHD_Result on_argument(void *context, enum MHD_ValueKind kind, const char *name,
                                   size_t name_length, const char *value, size_t value_length) {
    (void)kind;
    struct query *query = context;
    buffer_append(query->out, query->begun ? "&" : "?", 1);
    query->begun = true;
    append_encoded(query->out, name, name_length, "");
    if (value != NULL) {
        buffer_append(query->out, "=", 1);
        append_encoded(query->out, value, value_length, ",:");
    }
    return MHD_YES;
}

void http_location_append(const struct http_request *request, struct text path,
                          struct buffer *out) {
    append_encoded(out, path.data, path.length, "/:@!$&'()*+,;=");
    struct query query = {out, false};
    MHD_get_connection_values_n(request->mhd, MHD_GET_ARGUMENT_KIND, on_argument, &query);
}

bool http_location_trim(struct http_request *request) {
    struct text path = request->path;
    while (path.length > 0 && path.data[path.length - 1] == '/')
        path.length--;
    if (path.length == request->path.length || !http_route_exists(request, path))
        return false;
    struct buffer location;
    buffer_init(&location, HTTP_ANSWER_HEADERS_SIZE - sizeof "Location" - 1);
    http_location_append(request, path, &location);
    buffer_append(&location, "", 1);
    bool fits = buffer_is_whole(&location);
    if (fits) {
        http_answer_header(request, "Location", (const char *)location.data);
        http_handler_fail(request, 307, "The path has a slash too many");
    }
    buffer_fini(&location);
    return fits;
}
