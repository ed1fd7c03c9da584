/* http_worker.c: a worker's loop. It waits on libmicrohttpd's epoll, its own eventfd and (worker 0)
 * the listening socket, runs the daemon, and resumes what was answered elsewhere.
 *
 * The loop is ours because libmicrohttpd's own epoll thread waits without limit after exactly 128
 * events. Answers from other threads go on a list without a lock; only the one that finds it empty
 * wakes. */
#include "common/http_private.h"

#include "common/log.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* The worker this thread runs. */
static _Thread_local const struct http_worker *current;

bool http_worker_is_current(const struct http_worker *worker) {
    return current == worker;
}

void http_worker_wake(struct http_worker *worker) {
    uint64_t one = 1;
    (void)!write(worker->wake_fd, &one, sizeof one);
}

void http_worker_give_back(struct http_request *request) {
    struct http_worker *worker = request->worker;
    struct http_request *first = atomic_load(&worker->done);
    do
        request->next = first;
    while (!atomic_compare_exchange_weak(&worker->done, &first, request));
    /* The request is the worker's again: its link may have changed by now. */
    if (first == NULL)
        http_worker_wake(worker);
}

void http_worker_watch(struct http_request *request) {
    struct http_worker *worker = request->worker;
    request->phase = HTTP_PHASE_DEFERRED;
    http_connection_pause(request->connection);
    request->deferred_prev = NULL;
    request->deferred_next = worker->deferred;
    if (worker->deferred != NULL)
        worker->deferred->deferred_prev = request;
    worker->deferred = request;
    worker->deferred_count++;
    http_awake_add(request);
    if (request->deadline.ns < worker->next_deadline_ns)
        worker->next_deadline_ns = request->deadline.ns;
}

/* How much it counted (http_awake.c). */
static size_t unwatch(struct http_request *request) {
    if (request->deferred_prev != NULL)
        request->deferred_prev->deferred_next = request->deferred_next;
    else
        request->worker->deferred = request->deferred_next;
    if (request->deferred_next != NULL)
        request->deferred_next->deferred_prev = request->deferred_prev;
    request->worker->deferred_count--;
    return http_awake_remove(request);
}

/* Not the end of a hold, nor that it is too late or something is broken. */
static bool has_what_it_waited_for(const struct http_request *request) {
    return request->on_ready == NULL && !request->is_late && request->code < 500;
}

/* Resumes what was answered; libmicrohttpd then asks the access handler again, which sends. How
 * much has what it waited for. */
static size_t worker_resume(struct http_worker *worker) {
    struct http_request *list = atomic_exchange(&worker->done, NULL);
    size_t answered = 0;
    while (list != NULL) {
        struct http_request *next = list->next;
        size_t weight = unwatch(list);
        if (has_what_it_waited_for(list))
            answered += weight;
        list->phase = HTTP_PHASE_RESUMED;
        MHD_resume_connection(list->mhd);
        list = next;
    }
    return answered;
}

/* Calls on_deadline of what waited too long. The earliest deadline is kept without being lowered
 * when its request is answered, so the list is walked about once a deadline's length, not once a
 * request. */
static void worker_expire(struct http_worker *worker, struct mono_time now) {
    if (now.ns < worker->next_deadline_ns)
        return;
    int64_t earliest = INT64_MAX;
    for (struct http_request *at = worker->deferred; at != NULL; at = at->deferred_next) {
        if (atomic_load(&at->claim) != 0)
            continue;
        if (at->deadline.ns > now.ns) {
            earliest = at->deadline.ns < earliest ? at->deadline.ns : earliest;
            continue;
        }
        at->is_late = true;
        at->on_deadline(at);
        assert(atomic_load(&at->claim) != 0);
    }
    worker->next_deadline_ns = earliest;
}

/* How long the loop may sleep. */
static int worker_wait_ms(struct http_worker *worker, struct mono_time now) {
    MHD_UNSIGNED_LONG_LONG mhd_ms = 0;
    if (MHD_get_timeout(worker->daemon, &mhd_ms) == MHD_YES && mhd_ms == 0)
        return 0;
    int64_t scanned_ms = (now.ns - worker->scanned_at.ns) / 1000000;
    int64_t scan_ms = scanned_ms < HTTP_SCAN_MS ? HTTP_SCAN_MS - scanned_ms : 1;
    int64_t wait_ms = worker->oldest != NULL ? scan_ms : -1;
    if (worker->index == 0 && !worker->server->accepting && !atomic_load(&worker->server->quiesced))
        wait_ms = 50;
    int64_t due_ns = worker->next_deadline_ns;
    const struct http_awake *awake = &worker->server->awake;
    if (atomic_load(&awake->on) && atomic_load(&awake->until_ns) < due_ns)
        due_ns = atomic_load(&awake->until_ns);
    if (due_ns != INT64_MAX) {
        int64_t due_ms = (due_ns - now.ns + 999999) / 1000000;
        due_ms = due_ms < 0 ? 0 : due_ms;
        wait_ms = wait_ms < 0 || due_ms < wait_ms ? due_ms : wait_ms;
    }
    return (int)(wait_ms > 60000 ? 60000 : wait_ms);
}

/* Worker 0 minds the listening socket. */
static void worker_listen(struct http_worker *worker, struct mono_time now) {
    struct http_server *server = worker->server;
    if (atomic_load(&server->quiesced))
        http_listen_watch(worker, false);
    else if (!server->accepting && now.ns >= server->accept_again_at.ns)
        http_listen_watch(worker, true);
}

/* Suspends the connections of what was deferred since the last time: those at the list's front.
 *
 * Not in the handler: libmicrohttpd is reading a connection then, and remembers it so. It would be
 * read again when it is resumed, in vain, and having nothing more to read go into epoll with its
 * answer, and out again with its next request. Suspended here, by the thread that runs the daemon
 * and before anything else can happen to it, it is known to be done with reading; its next request
 * is looked for when its answer has gone out, and mostly there. libmicrohttpd's manual calls only
 * the handler a safe place, for the sake of daemons with threads of their own. */
static void worker_suspend(struct http_worker *worker) {
    for (struct http_request *at = worker->deferred; at != NULL && at->phase == HTTP_PHASE_DEFERRED;
         at = at->deferred_next) {
        at->phase = HTTP_PHASE_SUSPENDED;
        MHD_suspend_connection(at->mhd);
    }
}

/* Requests come in and answers go out; with TLS, through it. */
static void worker_run(struct http_worker *worker) {
    if (worker->tls != NULL)
        http_tls_turn(worker->tls);
    MHD_run(worker->daemon);
    worker_suspend(worker);
    if (worker->tls != NULL)
        http_tls_turn(worker->tls);
}

/* Waits for something to do; how many events there are. */
static int worker_wait(struct http_worker *worker, struct epoll_event *events, int most) {
    http_awake_switch(worker);
    int wait_ms = worker_wait_ms(worker, worker->now);
    if (wait_ms != 0 && http_poll_is_due(worker)) {
        int count = http_poll(worker, events, most, wait_ms);
        if (count > 0)
            return count;
        worker->now = clock_mono();
        wait_ms = worker_wait_ms(worker, worker->now);
    }
    return epoll_wait(worker->epoll_fd, events, most, wait_ms);
}

static void worker_turn(struct http_worker *worker) {
    if (worker->index == 0)
        worker_listen(worker, worker->now);
    struct epoll_event events[4];
    int count = worker_wait(worker, events, 4);
    worker->now = clock_mono();
    for (int i = 0; i < count; i++) {
        if (events[i].data.fd == worker->server->listen_fd)
            http_listen_accept(worker);
    }
    http_listen_take_arrivals(worker);
    size_t waited = http_awake_waiting(worker->server), answered = worker_resume(worker);
    if (answered > 0) {
        http_awake_note_answers(worker, waited, answered);
        http_poll_note_answer(worker);
    }
    worker_run(worker);
    worker->now = clock_mono();
    worker_expire(worker, worker->now);
    http_limits_scan(worker, worker->now);
}

/* The server stops: everything deferred is answered 503, and what can be sent at once is sent. */
static void worker_wind_up(struct http_worker *worker) {
    worker->winding_up = true;
    for (struct http_request *at = worker->deferred; at != NULL; at = at->deferred_next) {
        at->close_after = true;
        if (atomic_load(&at->claim) == 0)
            http_handler_fail(at, 503, "Service is stopping");
    }
    while (worker->deferred != NULL)
        worker_resume(worker);
    http_listen_take_arrivals(worker);
    for (int i = 0; i < 3; i++)
        worker_run(worker);
}

static void *worker_main(void *context) {
    struct http_worker *worker = context;
    current = worker;
    while (!atomic_load(&worker->server->stopping))
        worker_turn(worker);
    worker_wind_up(worker);
    MHD_stop_daemon(worker->daemon);
    http_tls_worker_destroy(&worker->tls);
    return NULL;
}

/* A daemon without thread and listening socket; how many connections there may be is for who deals
 * them out. */
static struct MHD_Daemon *worker_daemon(struct http_worker *worker) {
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET;
    return MHD_start_daemon(flags, 0, NULL, NULL, http_handler_access, worker,
                            MHD_OPTION_NOTIFY_COMPLETED, http_handler_completed, worker,
                            MHD_OPTION_NOTIFY_CONNECTION, http_connection_notify, worker,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_CONNECTION_MEMORY,
                            MHD_OPTION_CONNECTION_LIMIT, UINT_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
                            0u, MHD_OPTION_URI_LOG_CALLBACK, http_framing_see_target, worker,
                            MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
}

static void worker_add(struct http_worker *worker, int fd, unsigned events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

enum status http_worker_open(struct http_worker *worker) {
    worker->next_deadline_ns = INT64_MAX;
    atomic_store(&worker->oldest_ns, INT64_MAX);
    worker->now = clock_mono();
    worker->scanned_at = worker->now;
    worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    worker->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    worker->daemon = worker_daemon(worker);
    if (worker->epoll_fd < 0 || worker->wake_fd < 0 || worker->daemon == NULL)
        return STATUS_UNAVAILABLE;
    if (worker->server->tls != NULL) {
        worker->tls = http_tls_worker_new(worker);
        if (worker->tls == NULL)
            return STATUS_UNAVAILABLE;
        worker_add(worker, http_tls_worker_fd(worker->tls), EPOLLIN);
    }
    int daemon_fd = MHD_get_daemon_info(worker->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    worker_add(worker, daemon_fd, EPOLLIN);
    worker_add(worker, worker->wake_fd, EPOLLIN | EPOLLET);
    return STATUS_OK;
}

enum status http_worker_start(struct http_worker *worker) {
    worker->started = pthread_create(&worker->thread, NULL, worker_main, worker) == 0;
    return worker->started ? STATUS_OK : STATUS_UNAVAILABLE;
}

void http_worker_join(struct http_worker *worker) {
    if (worker->started)
        pthread_join(worker->thread, NULL);
}

void http_worker_close(struct http_worker *worker) {
    if (!worker->started && worker->daemon != NULL)
        MHD_stop_daemon(worker->daemon);
    http_listen_drop_arrivals(worker);
    http_tls_worker_destroy(&worker->tls);
    if (worker->epoll_fd >= 0)
        close(worker->epoll_fd);
    if (worker->wake_fd >= 0)
        close(worker->wake_fd);
    http_request_free_list(worker->server, worker->free_requests);
    worker->free_requests = NULL;
}
