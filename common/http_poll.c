/* http_poll.c: while many requests wait for answers, nobody sleeps who is about to be woken.
 *
 * An answer comes from another process, by several steps between threads, and each of them pays for
 * waking a processor that had no work (cpu_latency.h says how much). Where the kernel can be asked
 * to let none of them sleep, that is done from an answer to many on, and until some time after the
 * last.
 *
 * Elsewhere the worker itself waits awake (busy polling): it asks for news again and again, and
 * leaves its processor to whoever wants it in between; those that it waits for find one processor
 * less asleep. It does so for as long as the option says after the last answer, whatever else comes
 * meanwhile. Where others want all processors it does harm: who yields is not woken by what it
 * waits for, but gets its turn when theirs is over, some ms later. Such a turn ends the waiting for
 * a while. */
#include "common/http_private.h"

#include "common/counters.h"
#include "common/cpu_latency.h"
#include "common/log.h"

#include <errno.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

/* Longer than anybody has the processor who works for the answers. */
#define CROWDED_NS 1000000
#define CROWDED_PAUSE_MS 100

void http_poll_init(struct http_server *server) {
    static const char *const outcomes[] = {"outcome=\"news\"", "outcome=\"none\""};
    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++)
        server->polls[i] = histogram_new("http_busy_poll_duration_seconds", outcomes[i],
                                         "For how long a worker stayed awake waiting for answers, "
                                         "and whether something came",
                                         histogram_latency_bounds);
    server->keeping_awake = gauge_new("http_keeping_awake", NULL,
                                      "Workers for which the kernel lets no idle processor sleep");
}

void http_poll_open(struct http_worker *worker) {
    const struct http_options *options = &worker->server->options;
    if (options->keep_awake_ms > 0 && options->latency_device != NULL)
        worker->latency_fd = cpu_latency_open(options->latency_device);
}

/* The kernel takes back what was asked for with a descriptor when that is closed. */
void http_poll_close(struct http_worker *worker) {
    if (worker->keeps_awake)
        gauge_add(worker->server->keeping_awake, -1);
    worker->keeps_awake = false;
    if (worker->latency_fd >= 0)
        close(worker->latency_fd);
    worker->latency_fd = -1;
}

void http_poll_note_answer(struct http_worker *worker, size_t weight) {
    const struct http_options *options = &worker->server->options;
    worker->awake_until.ns = worker->now.ns + options->busy_poll_ms * 1000000;
    if (weight >= HTTP_POLL_FROM)
        worker->keeps_until.ns = worker->now.ns + options->keep_awake_ms * 1000000;
}

void http_poll_keep_awake(struct http_worker *worker) {
    bool keeps = worker->latency_fd >= 0 && worker->now.ns < worker->keeps_until.ns;
    if (keeps == worker->keeps_awake)
        return;
    if (!cpu_latency_ask(worker->latency_fd, keeps)) {
        log_warning("idle processors can not be kept awake", LOG_STRING("reason", strerror(errno)));
        http_poll_close(worker);
        return;
    }
    worker->keeps_awake = keeps;
    gauge_add(worker->server->keeping_awake, keeps ? 1 : -1);
}

bool http_poll_is_due(const struct http_worker *worker) {
    return worker->latency_fd < 0 && worker->deferred_count >= HTTP_POLL_FROM &&
           worker->now.ns < worker->awake_until.ns && worker->now.ns >= worker->crowded_until.ns;
}

/* How often this thread was made to give its processor to another. */
static long count_switches(void) {
    struct rusage usage;
    return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nivcsw : 0;
}

/* Gives the processor to whoever wants it, and says when it is back; false when somebody had it for
 * so long that others must be meant to run. A host that took it does not count. */
static bool yield(struct mono_time *now) {
    struct mono_time before = *now;
    long switches = count_switches();
    sched_yield();
    *now = clock_mono();
    return now->ns - before.ns < CROWDED_NS || count_switches() == switches;
}

int http_poll(struct http_worker *worker, struct epoll_event *events, int most, int wait_ms) {
    struct mono_time since = clock_mono(), now = since;
    int64_t until_ns = worker->awake_until.ns;
    if (wait_ms >= 0 && since.ns + (int64_t)wait_ms * 1000000 < until_ns)
        until_ns = since.ns + (int64_t)wait_ms * 1000000;
    int count = epoll_wait(worker->epoll_fd, events, most, 0);
    while (count == 0 && now.ns < until_ns) {
        if (!yield(&now)) {
            worker->crowded_until.ns = now.ns + (int64_t)CROWDED_PAUSE_MS * 1000000;
            until_ns = now.ns;
        }
        count = epoll_wait(worker->epoll_fd, events, most, 0);
    }
    histogram_observe(worker->server->polls[count == 0], now.ns - since.ns);
    return count;
}
