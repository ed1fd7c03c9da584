/* service_signals.c: SIGTERM, SIGINT and SIGHUP arrive through a signalfd on the loop. */
#include "common/log.h"
#include "common/service_private.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define DRAIN_POLL_MS 10

static sigset_t stop_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return set;
}

/* Ends the loop once nothing is left to do, or the time for it is over. */
static int on_drain_timer(zloop_t *loop, int timer, void *context) {
    (void)loop, (void)timer;
    struct service *service = context;
    if (service->spec->drained == NULL || service->spec->drained(service))
        return -1;
    if (clock_elapsed_ms(service->drain_since) < service->common.drain_timeout_ms)
        return 0;
    log_warning("stopping with work left: SIEM_DRAIN_TIMEOUT is over",
                LOG_INT("timeout_ms", service->common.drain_timeout_ms));
    return -1;
}

/* From the second signal on the kernel's own handling applies: it ends the process at once, even
 * one whose loop hangs. */
static void begin_drain(struct service *service) {
    sigset_t set = stop_signals();
    if (service_is_draining(service))
        return;
    service->drain_since = clock_mono();
    atomic_store(&service->draining, true);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    zloop_timer(service->loop, DRAIN_POLL_MS, 0, on_drain_timer, service);
}

static int on_signal(zloop_t *loop, zmq_pollitem_t *item, void *context) {
    (void)loop;
    struct service *service = context;
    struct signalfd_siginfo info;
    if (read(item->fd, &info, sizeof info) != sizeof info)
        return 0;
    if (info.ssi_signo == SIGHUP) {
        log_info("reloading");
        if (service->spec->reload != NULL)
            service->spec->reload(service);
        return 0;
    }
    log_info("stopping", LOG_STRING("signal", info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM"));
    begin_drain(service);
    return 0;
}

enum status service_signals_open(struct service *service) {
    sigset_t set = stop_signals();
    sigaddset(&set, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    service->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (service->signal_fd == -1)
        return STATUS_IO_ERROR;
    zmq_pollitem_t item = {NULL, service->signal_fd, ZMQ_POLLIN, 0};
    return zloop_poller(service->loop, &item, on_signal, service) == 0 ? STATUS_OK
                                                                       : STATUS_IO_ERROR;
}

void service_signals_close(struct service *service) {
    if (service->signal_fd != -1)
        close(service->signal_fd);
    service->signal_fd = -1;
}
