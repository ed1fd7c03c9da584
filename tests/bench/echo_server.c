/* echo_server.c: the ceiling: libmicrohttpd doing nothing but reading a POST and sending it back.
 *
 * usage: echo_server PORT [THREADS]
 * Its fastest mode below 125 connections a thread is used: internal epoll threads (one by default:
 * on two cores the load generator needs the other). Runs until SIGTERM.
 */
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX (2 * 1024 * 1024)

/* One request's body, as it comes in. */
struct body {
    size_t size;
    size_t capacity;
    char *bytes;
};

static enum MHD_Result append(struct body *body, const char *data, size_t size) {
    if (size > BODY_MAX - body->size)
        return MHD_NO;
    if (body->size + size > body->capacity) {
        size_t capacity = 2 * (body->size + size);
        char *bytes = realloc(body->bytes, capacity);
        if (bytes == NULL)
            return MHD_NO;
        body->bytes = bytes;
        body->capacity = capacity;
    }
    memcpy(body->bytes + body->size, data, size);
    body->size += size;
    return MHD_YES;
}

static enum MHD_Result reply(struct MHD_Connection *connection, struct body *body) {
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body->size, body->bytes, MHD_RESPMEM_MUST_FREE);
    if (response == NULL)
        return MHD_NO;
    body->bytes = NULL;
    enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_size, void **request) {
    (void)context, (void)url, (void)method, (void)version;
    struct body *body = *request;
    if (body == NULL) {
        body = calloc(1, sizeof *body);
        *request = body;
        return body != NULL ? MHD_YES : MHD_NO;
    }
    if (*data_size == 0)
        return reply(connection, body);
    size_t size = *data_size;
    *data_size = 0;
    return append(body, data, size);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **request,
                         enum MHD_RequestTerminationCode code) {
    (void)context, (void)connection, (void)code;
    struct body *body = *request;
    if (body != NULL)
        free(body->bytes);
    free(body);
    *request = NULL;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: echo_server PORT [THREADS]\n");
        return 2;
    }
    long port = strtol(argv[1], NULL, 10);
    long threads = argc > 2 ? strtol(argv[2], NULL, 10) : 1;
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    sigprocmask(SIG_BLOCK, &stop, NULL);
    struct MHD_OptionItem pool[] = {
        {MHD_OPTION_THREAD_POOL_SIZE, threads, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD, (uint16_t)port, NULL, NULL, on_request, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_CONNECTION_LIMIT, 1000u,
        MHD_OPTION_ARRAY, threads > 1 ? pool : &pool[1], MHD_OPTION_END);
    if (daemon == NULL) {
        fprintf(stderr, "echo_server: port %ld cannot be used\n", port);
        return 1;
    }
    int signal_number;
    sigwait(&stop, &signal_number);
    MHD_stop_daemon(daemon);
    return 0;
}
