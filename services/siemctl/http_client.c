/* http_client.c: one libcurl easy handle per client. */
#include "services/siemctl/http_client.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define CONNECT_TIMEOUT_MS 3000L
#define REQUEST_TIMEOUT_MS 30000L
#define RETRY_AFTER_MAX_S 3600

struct http_client {
    CURL *curl;
    char *url;
    char *key_header; /* NULL without a key */
    char *ca_file;    /* "": the system's */
};

struct http_client *http_client_new(const char *url, const char *api_key, const char *ca_file) {
    struct http_client *client = calloc(1, sizeof *client);
    if (client == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        abort();
    client->curl = curl_easy_init();
    client->url = strdup(url);
    client->ca_file = strdup(ca_file);
    if (client->curl == NULL || client->url == NULL || client->ca_file == NULL)
        abort();
    for (size_t length = strlen(client->url); length > 0 && client->url[length - 1] == '/';)
        client->url[--length] = '\0';
    if (api_key[0] != '\0' && asprintf(&client->key_header, "X-API-Key: %s", api_key) < 0)
        abort();
    return client;
}

void http_client_destroy(struct http_client **client) {
    if (*client == NULL)
        return;
    curl_easy_cleanup((*client)->curl);
    free((*client)->url);
    free((*client)->key_header);
    free((*client)->ca_file);
    free(*client);
    *client = NULL;
    curl_global_cleanup();
}

void http_client_reply_init(struct http_client_reply *reply) {
    *reply = (struct http_client_reply){.retry_after_ms = -1};
    buffer_init(&reply->body, HTTP_CLIENT_BODY_MAX);
}

void http_client_reply_fini(struct http_client_reply *reply) {
    buffer_fini(&reply->body);
}

/* libcurl gives the body in pieces; a short count makes it stop. */
static size_t on_body(char *data, size_t size, size_t count, void *context) {
    struct buffer *body = context;
    buffer_append(body, data, size * count);
    return buffer_is_whole(body) ? size * count : 0;
}

/* Picks Retry-After, in seconds; the date form is not used by the API. */
static size_t on_header(char *data, size_t size, size_t count, void *context) {
    static const char name[] = "retry-after:";
    struct http_client_reply *reply = context;
    char line[64];
    size_t length = size * count;
    if (length < sizeof line && length > sizeof name - 1 &&
        strncasecmp(data, name, sizeof name - 1) == 0) {
        memcpy(line, data, length);
        line[length] = '\0';
        long seconds = strtol(line + sizeof name - 1, NULL, 10);
        seconds = seconds < 0 ? 0 : seconds > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : seconds;
        reply->retry_after_ms = seconds * 1000;
    }
    return length;
}

static struct curl_slist *add_header(struct curl_slist *list, const char *line) {
    struct curl_slist *longer = curl_slist_append(list, line);
    if (longer == NULL)
        abort();
    return longer;
}

/* The request's own headers; the caller frees them. */
static struct curl_slist *make_headers(const struct http_client *client,
                                       const struct http_client_request *request) {
    struct curl_slist *headers = add_header(NULL, "Expect:"); /* no waiting for 100 */
    char line[128];
    snprintf(line, sizeof line, "Content-Type: %s",
             request->content_type ? request->content_type : "application/json");
    if (request->body.data != NULL)
        headers = add_header(headers, line);
    if (request->header != NULL)
        headers = add_header(headers, request->header);
    if (client->key_header != NULL)
        headers = add_header(headers, client->key_header);
    return headers;
}

static void set_options(CURL *curl, const struct http_client_request *request,
                        struct http_client_reply *reply) {
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, REQUEST_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reply->error);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &reply->body);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, reply);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    if (request->body.data != NULL) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, (const char *)request->body.data);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.length);
    }
}

/* What an error means for "may it have arrived?". */
static enum status status_of(CURLcode code) {
    switch (code) {
    case CURLE_OK:
        return STATUS_OK;
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
        return STATUS_UNAVAILABLE;
    case CURLE_OPERATION_TIMEDOUT:
        return STATUS_TIMEOUT;
    case CURLE_WRITE_ERROR:
        return STATUS_TOO_LARGE;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return STATUS_BAD_SYNTAX;
    default:
        return STATUS_IO_ERROR;
    }
}

enum status http_client_send(struct http_client *client, const struct http_client_request *request,
                             struct http_client_reply *reply) {
    char url[4096];
    reply->code = 0;
    reply->retry_after_ms = -1;
    reply->error[0] = '\0';
    buffer_reset(&reply->body);
    if (snprintf(url, sizeof url, "%s%s", client->url, request->path) >= (int)sizeof url)
        return STATUS_TOO_LARGE;
    curl_easy_reset(client->curl); /* keeps the connection */
    set_options(client->curl, request, reply);
    struct curl_slist *headers = make_headers(client, request);
    curl_easy_setopt(client->curl, CURLOPT_URL, url);
    if (client->ca_file[0] != '\0')
        curl_easy_setopt(client->curl, CURLOPT_CAINFO, client->ca_file);
    curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, headers);
    CURLcode result = curl_easy_perform(client->curl);
    curl_slist_free_all(headers);
    long code = 0;
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &code);
    reply->code = (int)code;
    if (result != CURLE_OK && reply->error[0] == '\0')
        snprintf(reply->error, sizeof reply->error, "%s", curl_easy_strerror(result));
    return status_of(result);
}

void http_client_encode(struct buffer *out, const char *value) {
    for (; *value != '\0'; value++) {
        unsigned char byte = (unsigned char)*value;
        if (isalnum(byte) || strchr("-._~", byte) != NULL)
            buffer_append(out, value, 1);
        else
            buffer_printf(out, "%%%02X", byte);
    }
}
