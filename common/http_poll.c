/* http_poll.c: a worker that waits awake (busy polling).
 *
 * A processor without work is put to sleep, and waking it costs a few µs on bare metal, but 50 to
 * 150 on a virtual machine, whose host may meanwhile have given it away. An answer that comes from
 * another process pays that at every step between them. While many requests wait for answers their
 * worker therefore asks for news again and again, and leaves its processor to whoever wants it in
 * between; those that it waits for find one processor less asleep. When nothing has come for as
 * long as the option says, it sleeps after all, and does not begin again before an answer came. */
#include "common/http_private.h"

#include "common/counters.h"

#include <sched.h>
#include <sys/epoll.h>

void http_poll_init(struct http_server *server) {
    static const char *const outcomes[] = {"outcome=\"news\"", "outcome=\"none\""};
    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++) {
        if (server->options.busy_poll_ms > 0)
            server->polls[i] =
                histogram_new("http_busy_poll_duration_seconds", outcomes[i],
                              "For how long a worker stayed awake waiting for answers, and "
                              "whether something came",
                              histogram_latency_bounds);
    }
}

bool http_poll_is_due(const struct http_worker *worker) {
    return worker->server->options.busy_poll_ms > 0 && worker->deferred_count >= HTTP_POLL_FROM &&
           !worker->polled_in_vain;
}

int http_poll(struct http_worker *worker, struct epoll_event *events, int most) {
    struct http_server *server = worker->server;
    struct mono_time since = clock_mono(), now = since;
    int64_t longest_ns = server->options.busy_poll_ms * 1000000;
    int count = epoll_wait(worker->epoll_fd, events, most, 0);
    while (count == 0 && now.ns - since.ns < longest_ns) {
        sched_yield();
        count = epoll_wait(worker->epoll_fd, events, most, 0);
        now = clock_mono();
    }
    worker->polled_in_vain = count == 0;
    histogram_observe(server->polls[worker->polled_in_vain], now.ns - since.ns);
    return count;
}
