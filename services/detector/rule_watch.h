/* rule_watch.h: notices that rules, pipelines or placeholders changed on the disk.
 *
 * Directories are watched with all below them, files through the directory they are in, so that an
 * editor's rename, a new file and a swapped symbolic link are all seen. A change is told once the
 * files have been quiet for RULE_WATCH_SETTLE_MS: several files saved together are one change.
 * Owner: new/destroy; borrows loop and paths. Threads: the loop's. Errors: what cannot be watched
 * (no inotify, its limits) is one log line with the remedy; SIGHUP works all the same. Limits:
 * RULE_WATCH_DIRECTORIES_MAX directories. Source: inotify(7).
 */
#ifndef SIEM_DETECTOR_RULE_WATCH_H
#define SIEM_DETECTOR_RULE_WATCH_H

#include "services/detector/rule_set.h"

#include <czmq.h>

#define RULE_WATCH_SETTLE_MS 500
#define RULE_WATCH_DIRECTORIES_MAX 4096

struct rule_watch;

/* What is called when something changed. */
struct rule_watch_handler {
    void *context;
    void (*on_changed)(void *context);
};

/* Watches from now on. */
struct rule_watch *rule_watch_new(zloop_t *loop, const struct rule_set_paths *paths,
                                  const struct rule_watch_handler *handler);

/* Stops watching and frees it; NULL is fine. */
void rule_watch_destroy(struct rule_watch **watch);

#endif
