/* http_poll.c: a worker that waits awake (busy polling), where it can not have idle processors kept
 * awake (http_awake.c).
 *
 * A processor without work is put to sleep, and waking it costs a few µs on bare metal, but 50 to
 * 150 on a virtual machine, whose host may meanwhile have given it away. An answer that comes from
 * another process pays that at every step between them. While many requests wait for answers their
 * worker therefore asks for news again and again, and leaves its processor to whoever wants it in
 * between; those that it waits for find one processor less asleep. It does so for as long as the
 * option says after the last answer, whatever else comes meanwhile.
 *
 * Where others want all processors it does harm: who yields is not woken by what it waits for, but
 * gets its turn when theirs is over, some ms later. Such a turn ends the waiting for a while. */
#include "common/http_private.h"

#include "common/counters.h"

#include <sched.h>
#include <sys/epoll.h>
#include <sys/resource.h>

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
}

void http_poll_note_answer(struct http_worker *worker) {
    worker->awake_until.ns = worker->now.ns + worker->server->options.busy_poll_ms * 1000000;
}

bool http_poll_is_due(const struct http_worker *worker) {
    return !atomic_load(&worker->server->awake.possible) &&
           worker->deferred_count >= HTTP_POLL_FROM && worker->now.ns < worker->awake_until.ns &&
           worker->now.ns >= worker->crowded_until.ns;
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
