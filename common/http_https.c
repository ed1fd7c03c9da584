/* http_https.c: sends who comes without TLS to where there is TLS, and tells browsers to stay there
 * (HSTS). The code is 308, which keeps method and body. The new address is made from the host the
 * client asked for and from the target as it was understood, encoded again.
 * Source: RFC 9110 §15.4.9, RFC 6797. */
#include "common/http_private.h"

#include <ctype.h>
#include <stdio.h>

#define HTTPS_PORT 443

/* The host without its port; null when it is none that may be copied. */
static struct text host_name(struct text host) {
    size_t length = 0;
    if (host.length > 0 && host.data[0] == '[') {
        const char *end = memchr(host.data, ']', host.length);
        length = end != NULL ? (size_t)(end - host.data) + 1 : 0;
    } else {
        while (length < host.length && host.data[length] != ':')
            length++;
    }
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)host.data[i]) && strchr(".-_:[]", host.data[i]) == NULL)
            return (struct text){NULL, 0};
    }
    return length > 0 ? (struct text){host.data, length} : (struct text){NULL, 0};
}

/* https://host:port/path?query; false when there is no host. */
static bool write_location(const struct http_request *request, struct buffer *out) {
    int port = request->worker->server->options.https_port;
    struct text host = host_name(http_header(request, "Host"));
    if (host.data == NULL)
        return false;
    buffer_printf(out, "https://%.*s", TEXT_ARG(host));
    if (port != 0 && port != HTTPS_PORT)
        buffer_printf(out, ":%d", port);
    http_location_append(request, request->path, out);
    return true;
}

bool http_https_redirect(struct http_request *request) {
    const struct http_options *options = &request->worker->server->options;
    if (!options->redirect && !(options->https_only && request->came_plain))
        return false;
    struct buffer location;
    buffer_init(&location, HTTP_ANSWER_HEADERS_SIZE - sizeof "Location" - 1);
    bool has_host = write_location(request, &location);
    buffer_append(&location, "", 1);
    if (!has_host) {
        http_handler_fail(request, 400, "Missing or malformed Host");
    } else if (!buffer_is_whole(&location)) {
        http_handler_fail(request, 414, "Too long to be redirected to https");
    } else {
        http_answer_header(request, "Location", (const char *)location.data);
        http_handler_fail(request, 308, "Use https");
    }
    buffer_fini(&location);
    return true;
}

void http_https_prepare(struct http_server *server) {
    int64_t seconds = server->options.hsts_ms / 1000;
    if (seconds > 0)
        snprintf(server->hsts, sizeof server->hsts, "max-age=%lld", (long long)seconds);
}
