/* rule_reload.c: a load on a thread of its own, and its way back to the loop through an eventfd. */
#include "services/detector/rule_reload.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct rule_reload {
    zloop_t *loop;
    struct rule_set_paths paths;
    struct rule_reload_handler handler;
    int done_fd;
    bool is_running;
    bool is_wanted; /* again, behind the one that runs */
    pthread_t thread;
    struct sigma_rules *loaded; /* the thread's until it ended */
};

static void *load(void *context) {
    struct rule_reload *reload = context;
    uint64_t one = 1;
    if (rule_set_load(&reload->paths, &reload->loaded) != STATUS_OK)
        reload->loaded = NULL;
    if (write(reload->done_fd, &one, sizeof one) != sizeof one)
        abort(); /* an eventfd takes it */
    return NULL;
}

static void start(struct rule_reload *reload) {
    reload->is_wanted = false;
    reload->loaded = NULL;
    reload->is_running = pthread_create(&reload->thread, NULL, load, reload) == 0;
    if (!reload->is_running)
        reload->handler.on_loaded(reload->handler.context, NULL);
}

static int on_done(zloop_t *loop, zmq_pollitem_t *item, void *context) {
    (void)loop;
    struct rule_reload *reload = context;
    uint64_t count;
    if (read(item->fd, &count, sizeof count) != sizeof count || !reload->is_running)
        return 0;
    pthread_join(reload->thread, NULL);
    reload->is_running = false;
    struct sigma_rules *rules = reload->loaded;
    reload->loaded = NULL;
    reload->handler.on_loaded(reload->handler.context, rules);
    if (reload->is_wanted)
        start(reload);
    return 0;
}

struct rule_reload *rule_reload_new(zloop_t *loop, const struct rule_set_paths *paths,
                                    const struct rule_reload_handler *handler) {
    struct rule_reload *reload = calloc(1, sizeof *reload);
    if (reload == NULL)
        abort();
    reload->loop = loop;
    reload->paths = *paths;
    reload->handler = *handler;
    reload->done_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    zmq_pollitem_t item = {.fd = reload->done_fd, .events = ZMQ_POLLIN};
    if (reload->done_fd < 0 || zloop_poller(loop, &item, on_done, reload) != 0)
        abort(); /* out of descriptors or memory */
    return reload;
}

void rule_reload_destroy(struct rule_reload **reload) {
    struct rule_reload *self = *reload;
    if (self == NULL)
        return;
    zmq_pollitem_t item = {.fd = self->done_fd, .events = ZMQ_POLLIN};
    zloop_poller_end(self->loop, &item);
    if (self->is_running)
        pthread_join(self->thread, NULL);
    sigma_rules_destroy(&self->loaded);
    close(self->done_fd);
    free(self);
    *reload = NULL;
}

void rule_reload_request(struct rule_reload *reload) {
    if (reload->is_running)
        reload->is_wanted = true;
    else
        start(reload);
}
