/* http_awake.c: while many requests wait for answers, no processor sleeps that is about to be
 * woken.
 *
 * An answer comes from another process, by several steps between threads, and each of them pays for
 * waking a processor that had no work (cpu_latency.h says how much). So when many requests wait,
 * and as many get their answers soon after each other, the kernel is asked to let none of them
 * sleep, until some time after the last. A pipeline that stands still lets processors sleep,
 * however many wait for it: what they are told when their time is over is no answer.
 *
 * It is all workers' requests that are counted, for it is all processors that stay awake. Each
 * worker looks, with every turn, whether something is to be switched; one that saw them kept awake
 * sleeps no longer than that is to last. */
#include "common/http_private.h"

#include "common/counters.h"
#include "common/cpu_latency.h"
#include "common/log.h"

#include <errno.h>
#include <unistd.h>

void http_awake_open(struct http_server *server) {
    struct http_awake *awake = &server->awake;
    const char *device = server->options.latency_device;
    awake->gauge = gauge_new("http_keeping_awake", NULL,
                             "1 while the kernel is asked to let no idle processor sleep");
    if (device == NULL)
        return;
    awake->latency_fd = cpu_latency_open(device);
    if (awake->latency_fd < 0)
        log_info("idle processors are not kept awake", LOG_STRING("device", device),
                 LOG_STRING("reason", strerror(errno)));
    else
        log_info("idle processors are kept awake while many wait", LOG_STRING("device", device));
    atomic_store(&awake->possible, awake->latency_fd >= 0);
}

/* How many requests one counts for: a bulk one for as many as KiB came. */
static size_t weight_of(const struct http_request *request) {
    size_t kib = request->route->on_body == NULL ? 0 : (size_t)(request->body_seen / 1024);
    return kib > 0 ? kib : 1;
}

/* Where nothing can be asked for nothing is counted. */
static bool counts(const struct http_server *server) {
    return server->options.latency_device != NULL;
}

void http_awake_add(const struct http_request *request) {
    if (!counts(request->worker->server))
        return;
    atomic_fetch_add(&request->worker->server->awake.waiting, weight_of(request));
}

size_t http_awake_remove(const struct http_request *request) {
    size_t weight = weight_of(request);
    if (counts(request->worker->server))
        atomic_fetch_sub(&request->worker->server->awake.waiting, weight);
    return weight;
}

size_t http_awake_waiting(const struct http_server *server) {
    return atomic_load(&server->awake.waiting);
}

void http_awake_note_answers(struct http_worker *worker, size_t waited, size_t answered) {
    struct http_server *server = worker->server;
    struct http_awake *awake = &server->awake;
    int64_t keep_ns = server->options.keep_awake_ms * 1000000, now_ns = worker->now.ns;
    if (!atomic_load(&awake->possible))
        return;
    pthread_mutex_lock(&awake->lock);
    if (now_ns - awake->since_ns > keep_ns) {
        awake->since_ns = now_ns;
        awake->answered = awake->waited = 0;
    }
    awake->answered += answered;
    awake->waited = waited > awake->waited ? waited : awake->waited;
    bool many = awake->answered >= HTTP_AWAKE_FROM && awake->waited >= HTTP_AWAKE_FROM;
    if (many && atomic_load(&awake->until_ns) < now_ns + keep_ns)
        atomic_store(&awake->until_ns, now_ns + keep_ns);
    pthread_mutex_unlock(&awake->lock);
}

static bool is_due(const struct http_awake *awake, struct mono_time now) {
    return atomic_load(&awake->possible) && now.ns < atomic_load(&awake->until_ns);
}

static void set(struct http_awake *awake, bool on) {
    if (atomic_exchange(&awake->on, on) != on)
        gauge_add(awake->gauge, on ? 1 : -1);
}

/* The kernel takes back what was asked for with a descriptor that is closed. */
static void give_up(struct http_awake *awake) {
    log_warning("idle processors can not be kept awake", LOG_STRING("reason", strerror(errno)));
    atomic_store(&awake->possible, false);
    close(awake->latency_fd);
    awake->latency_fd = -1;
    set(awake, false);
}

/* Under the lock, so that the kernel's state and ours stay the same. */
static void change(struct http_awake *awake, struct mono_time now) {
    bool due = is_due(awake, now);
    if (due == atomic_load(&awake->on))
        return;
    if (cpu_latency_ask(awake->latency_fd, due))
        set(awake, due);
    else
        give_up(awake);
}

void http_awake_switch(struct http_worker *worker) {
    struct http_awake *awake = &worker->server->awake;
    if (is_due(awake, worker->now) == atomic_load(&awake->on))
        return;
    pthread_mutex_lock(&awake->lock);
    change(awake, worker->now);
    pthread_mutex_unlock(&awake->lock);
}

void http_awake_close(struct http_server *server) {
    struct http_awake *awake = &server->awake;
    set(awake, false);
    if (awake->latency_fd >= 0)
        close(awake->latency_fd);
    awake->latency_fd = -1;
    pthread_mutex_destroy(&awake->lock);
}
