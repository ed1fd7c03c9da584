/* http_client.h: requests to the REST API over one kept-alive connection; the only file that sees
 * libcurl.
 *
 * Owner: new/destroy; a reply's body is the caller's buffer. Threads: one at a time per client,
 * several clients in several threads. Errors: UNAVAILABLE (nothing was sent), TIMEOUT and IO_ERROR
 * (it may have arrived), TOO_LARGE; the words are in the reply. Any HTTP status is STATUS_OK here.
 * Limits: connecting 3 s, a request 30 s, a body of HTTP_CLIENT_BODY_MAX. Source: libcurl 7.88.
 */
#ifndef SIEM_SIEMCTL_HTTP_CLIENT_H
#define SIEM_SIEMCTL_HTTP_CLIENT_H

#include "common/buffer.h"
#include "common/status.h"

#define HTTP_CLIENT_BODY_MAX (64 * 1024 * 1024)
#define HTTP_CLIENT_ERROR_SIZE 256

struct http_client;

struct http_client_request {
    const char *method;
    const char *path;         /* with its query */
    const char *content_type; /* of the body; NULL: application/json */
    const char *header;       /* one more header line, e.g. "If-Match: 3"; NULL: none */
    struct bytes body;        /* data NULL: none */
};

struct http_client_reply {
    int code;
    int64_t retry_after_ms; /* -1 when the reply has none */
    struct buffer body;
    char error[HTTP_CLIENT_ERROR_SIZE]; /* in words, when the status is not OK */
};

/* Makes a client of the API at `url`; `api_key` may be "". `ca_file` is what https trusts, "" the
 * system's authorities. Copies all. Call the first one before threads start. */
struct http_client *http_client_new(const char *url, const char *api_key, const char *ca_file);

/* Closes the connection and frees it. */
void http_client_destroy(struct http_client **client);

/* Makes a reply empty, with room for HTTP_CLIENT_BODY_MAX. */
void http_client_reply_init(struct http_client_reply *reply);

/* Frees its body. */
void http_client_reply_fini(struct http_client_reply *reply);

/* Sends and waits. The reply is overwritten. */
MUST_CHECK enum status http_client_send(struct http_client *client,
                                        const struct http_client_request *request,
                                        struct http_client_reply *reply);

/* Appends a query's value, percent-encoded. */
void http_client_encode(struct buffer *out, const char *value);

#endif
