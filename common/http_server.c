/* http_server.c: a server's life: listening socket, workers, stop. */
#include "common/http_private.h"

#include "common/log.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

void http_server_release(struct http_server *server) {
    if (atomic_fetch_sub(&server->references, 1) != 1)
        return;
    http_origins_destroy(&server->origins);
    http_tls_context_destroy(&server->tls);
    free(server->workers);
    free(server);
}

/* Stops the workers that run; frees what nobody refers to any more. */
static void server_finish(struct http_server *server) {
    atomic_store(&server->stopping, true);
    for (int i = 0; i < server->options.workers; i++)
        http_worker_wake(&server->workers[i]);
    for (int i = 0; i < server->options.workers; i++)
        http_worker_join(&server->workers[i]);
    for (int i = 0; i < server->options.workers; i++)
        http_worker_close(&server->workers[i]);
    if (server->listen_fd >= 0)
        close(server->listen_fd);
    http_awake_close(server);
    http_metrics_destroy(&server->metrics);
    atomic_store(&server->closed, true);
    for (int i = 0; i < server->options.workers; i++)
        http_request_free_list(server, atomic_exchange(&server->workers[i].returned, NULL));
    http_server_release(server);
}

static void server_init(struct http_server *server, const struct http_options *options) {
    server->options = *options;
    server->listen_fd = -1;
    server->awake.latency_fd = -1;
    atomic_store(&server->references, 1);
    server->metrics = http_metrics_new(options);
    server->connections = http_metrics_connections();
    http_poll_init(server);
    pthread_mutex_init(&server->awake.lock, NULL);
    http_awake_open(server);
    server->origins = http_origins_new((size_t)options->workers);
    http_refusal_init();
    server->workers = calloc((size_t)options->workers, sizeof *server->workers);
    if (server->workers == NULL)
        abort();
    for (int i = 0; i < options->workers; i++) {
        server->workers[i].server = server;
        server->workers[i].index = i;
        server->workers[i].epoll_fd = -1;
        server->workers[i].wake_fd = -1;
    }
}

/* All are open before any runs: the first deals connections to the others. */
static enum status start_workers(struct http_server *server) {
    enum status status = STATUS_OK;
    for (int i = 0; i < server->options.workers && status == STATUS_OK; i++)
        status = http_worker_open(&server->workers[i]);
    for (int i = 0; i < server->options.workers && status == STATUS_OK; i++)
        status = http_worker_start(&server->workers[i]);
    if (status != STATUS_OK)
        log_error("cannot start HTTP workers", LOG_INT("workers", server->options.workers),
                  LOG_STRING("remedy", "raise the limits of processes and open files"));
    return status;
}

/* Reads the options that are text; logs the remedy. */
static enum status read_options(struct http_server *server) {
    const struct http_options *options = &server->options;
    const char *proxies = options->trusted_proxies != NULL ? options->trusted_proxies : "";
    if (networks_parse(text_of(proxies), &server->proxies) != STATUS_OK) {
        log_error("SIEM_TRUSTED_PROXIES is no list of networks", LOG_STRING("value", proxies),
                  LOG_STRING("remedy", "write e.g. 10.1.0.0/16, ::1"));
        return STATUS_BAD_VALUE;
    }
    server->has_cors = options->cors.origins != NULL && options->cors.origins[0] != '\0';
    http_https_prepare(server);
    const char *certificate = options->tls_certificate != NULL ? options->tls_certificate : "";
    const char *key = options->tls_key != NULL ? options->tls_key : "";
    if (certificate[0] != '\0' || key[0] != '\0') {
        server->tls = http_tls_context_new(certificate, key);
        if (server->tls == NULL)
            return STATUS_BAD_VALUE;
    }
    return server->has_cors ? http_cors_check(&options->cors) : STATUS_OK;
}

enum status http_server_open(const struct http_options *options, struct http_server **ret_server) {
    assert(options->workers > 0 && options->connections_max > 0);
    struct http_server *server = calloc(1, sizeof *server);
    if (server == NULL)
        abort();
    server_init(server, options);
    enum status status = read_options(server);
    if (status == STATUS_OK)
        server->listen_fd = http_listen_open(options->listen, &server->port);
    if (status == STATUS_OK && server->listen_fd < 0)
        status = STATUS_IO_ERROR;
    if (status == STATUS_OK)
        *ret_server = server;
    else
        server_finish(server);
    return status;
}

enum status http_server_start(struct http_server *server) {
    enum status status = http_listen_start(server);
    return status == STATUS_OK ? start_workers(server) : status;
}

struct http_server *http_server_new(const struct http_options *options) {
    struct http_server *server = NULL;
    if (http_server_open(options, &server) == STATUS_OK && http_server_start(server) != STATUS_OK)
        http_server_destroy(&server);
    return server;
}

void http_server_destroy(struct http_server **server) {
    if (*server == NULL)
        return;
    server_finish(*server);
    *server = NULL;
}

void http_server_quiesce(struct http_server *server) {
    atomic_store(&server->quiesced, true);
    http_worker_wake(&server->workers[0]);
}

void http_server_check_certificate(struct http_server *server, bool even_if_unchanged) {
    if (server->tls != NULL)
        http_tls_context_check(server->tls, even_if_unchanged);
}

int http_server_port(const struct http_server *server) {
    return server->port;
}
