/* rule_reload.h: loads the rules again while the loop goes on judging by the present ones.
 *
 *   request ──▶ a thread reads and compiles ──▶ the loop is handed the new set, between two batches
 *
 * Owner: new/destroy; borrows loop and paths. Threads: all functions and the handler on the loop's;
 * one thread of its own while a load runs. Errors: what is wrong with the rules is logged by
 * rule_set.h; the handler is told of every end. Limits: one load at a time; requests that come
 * meanwhile are one more load behind it.
 */
#ifndef SIEM_DETECTOR_RULE_RELOAD_H
#define SIEM_DETECTOR_RULE_RELOAD_H

#include "services/detector/rule_set.h"

#include <czmq.h>

struct rule_reload;

/* What is called when a load ended. */
struct rule_reload_handler {
    void *context;
    /* Gives the new set; NULL when nothing could be loaded. */
    void (*on_loaded)(void *context, struct sigma_rules *rules);
};

/* Makes it, at rest. */
struct rule_reload *rule_reload_new(zloop_t *loop, const struct rule_set_paths *paths,
                                    const struct rule_reload_handler *handler);

/* Waits for a load that runs, drops what it loaded, and frees everything; NULL is fine. */
void rule_reload_destroy(struct rule_reload **reload);

/* Loads the rules soon. */
void rule_reload_request(struct rule_reload *reload);

#endif
