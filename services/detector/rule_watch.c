/* rule_watch.c: inotify on the directories that rules come from. After each change the watches are
 * made anew, because directories come and go with it. */
#include "services/detector/rule_watch.h"

#include "services/detector/directory.h"

#include "common/log.h"

#include <errno.h>
#include <fts.h>
#include <libgen.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHANGES                                                                                    \
    (IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF |       \
     IN_MOVE_SELF)

struct rule_watch {
    zloop_t *loop;
    struct rule_set_paths paths;
    struct rule_watch_handler handler;
    int fd;           /* -1: nothing is watched */
    int settle_timer; /* 0: none */
    size_t directories;
    bool was_told; /* that something cannot be watched */
};

static void tell(struct rule_watch *watch, const char *path, const char *reason) {
    if (!watch->was_told)
        log_warning("changes of rules are not noticed by themselves: send SIGHUP after a change",
                    LOG_STRING("path", path), LOG_STRING("reason", reason));
    watch->was_told = true;
}

static void add_one(struct rule_watch *watch, const char *directory) {
    if (watch->directories == RULE_WATCH_DIRECTORIES_MAX)
        tell(watch, directory, "too many directories");
    else if (inotify_add_watch(watch->fd, directory, CHANGES | IN_ONLYDIR) < 0)
        tell(watch, directory, strerror(errno));
    else
        watch->directories++;
}

/* A directory and those below it, as deep as rules are read. */
static void add_tree(struct rule_watch *watch, char *path) {
    char *const roots[] = {path, NULL};
    FTS *walk = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, NULL);
    if (walk == NULL) {
        tell(watch, path, strerror(errno));
        return;
    }
    for (FTSENT *at = fts_read(walk); at != NULL; at = fts_read(walk)) {
        bool is_hidden = at->fts_level > 0 && at->fts_name[0] == '.';
        if (at->fts_info == FTS_D && !is_hidden)
            add_one(watch, at->fts_accpath);
        if (at->fts_info == FTS_D && (is_hidden || at->fts_level >= DIRECTORY_DEPTH_MAX))
            fts_set(walk, at, FTS_SKIP);
    }
    fts_close(walk);
}

/* A directory as a tree, a file by the directory it is in. */
static void add_path(struct rule_watch *watch, struct text part) {
    char path[DIRECTORY_PATH_SIZE];
    struct stat found;
    if (part.length == 0 || part.length >= sizeof path)
        return;
    memcpy(path, part.data, part.length);
    path[part.length] = '\0';
    if (stat(path, &found) == 0 && S_ISDIR(found.st_mode))
        add_tree(watch, path);
    else
        add_one(watch, dirname(path));
}

static void add_list(struct rule_watch *watch, const char *list) {
    while (*list != '\0') {
        struct text part = {list, strcspn(list, ",")};
        list += part.length + (list[part.length] == ',');
        add_path(watch, text_trim_spaces(part));
    }
}

static int on_event(zloop_t *loop, zmq_pollitem_t *item, void *context);

static void close_watches(struct rule_watch *watch) {
    zmq_pollitem_t item = {.fd = watch->fd, .events = ZMQ_POLLIN};
    if (watch->fd < 0)
        return;
    zloop_poller_end(watch->loop, &item);
    close(watch->fd);
    watch->fd = -1;
}

static void open_watches(struct rule_watch *watch) {
    watch->directories = 0;
    watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watch->fd < 0) {
        tell(watch, watch->paths.rules, strerror(errno));
        return;
    }
    add_path(watch, text_of(watch->paths.rules));
    add_list(watch, watch->paths.pipelines);
    add_list(watch, watch->paths.placeholders);
    zmq_pollitem_t item = {.fd = watch->fd, .events = ZMQ_POLLIN};
    if (zloop_poller(watch->loop, &item, on_event, watch) != 0)
        abort(); /* out of memory */
}

/* Watches first, so that what changes while the handler reads is a change of its own. */
static int on_settled(zloop_t *loop, int timer, void *context) {
    (void)loop, (void)timer;
    struct rule_watch *watch = context;
    watch->settle_timer = 0;
    close_watches(watch);
    open_watches(watch);
    watch->handler.on_changed(watch->handler.context);
    return 0;
}

/* What changed does not matter: everything is read again. */
static int on_event(zloop_t *loop, zmq_pollitem_t *item, void *context) {
    struct rule_watch *watch = context;
    char events[4096];
    while (read(item->fd, events, sizeof events) > 0)
        continue;
    if (watch->settle_timer > 0)
        zloop_timer_end(loop, watch->settle_timer);
    watch->settle_timer = zloop_timer(loop, RULE_WATCH_SETTLE_MS, 1, on_settled, watch);
    if (watch->settle_timer < 0)
        abort(); /* out of memory */
    return 0;
}

struct rule_watch *rule_watch_new(zloop_t *loop, const struct rule_set_paths *paths,
                                  const struct rule_watch_handler *handler) {
    struct rule_watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL)
        abort();
    watch->loop = loop;
    watch->paths = *paths;
    watch->handler = *handler;
    open_watches(watch);
    return watch;
}

void rule_watch_destroy(struct rule_watch **watch) {
    if (*watch == NULL)
        return;
    close_watches(*watch);
    if ((*watch)->settle_timer > 0)
        zloop_timer_end((*watch)->loop, (*watch)->settle_timer);
    free(*watch);
    *watch = NULL;
}
