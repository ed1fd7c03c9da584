/* dispatch_private.h: what dispatch.c (when alerts are taken) and attempts.c (how they are tried
 * and end) share: the state of both, and the calls from one to the other.
 *
 * Owner: dispatch.c. Threads: the loop's. Errors: statuses of in_outbox.h.
 */
#ifndef SIEM_ALERTER_DISPATCH_PRIVATE_H
#define SIEM_ALERTER_DISPATCH_PRIVATE_H

#include "services/alerter/alert_counters.h"
#include "services/alerter/deliver.h"
#include "services/alerter/dispatch.h"
#include "services/alerter/held.h"
#include "services/alerter/in_outbox.h"

#define TICK_MS 1000
#define NO_TIMER (-1)

struct channel_state {
    const char *url;
    size_t in_flight;
    struct mono_time paused_until; /* the receiver asked us to wait */
    bool is_failing;
};

struct dispatch {
    const struct alerter_config *config;
    zloop_t *loop;
    struct outbox *outbox;
    struct deliver *deliver;
    struct held_table held;
    uint32_t configured;
    struct channel_state channels[CHANNEL_COUNT_];
    struct alert_counters counters;
    bool draining;
    bool has_backlog; /* the last look at the outbox brought all that was asked for */
    /* Redis failed: what we hold may have become another's, and only the tick asks again, so that a
     * Redis that hangs costs one time-out a second and not one for every answer. */
    bool was_cut_off;
    struct mono_time cut_off_at; /* when that was last so, or the start */
    struct mono_time taken_at, registered_at, tidied_at;
    int tick_timer, hold_timer, wake_timer, due_timer;
};

/* Starts all that is due and may start, and sets the clock for the next. */
void attempts_run_due(struct dispatch *dispatch);

/* Records what ended; whatever Redis does not take now is tried with the next tick. */
MUST_CHECK enum status attempts_settle(struct dispatch *dispatch, struct held *held);

/* The same for all that are held, up to the first failure. */
MUST_CHECK enum status attempts_settle_all(struct dispatch *dispatch);

/* An alert that another alerter has taken over: it is not ours to try any more. */
void attempts_let_go(struct dispatch *dispatch, struct held *held);

/* Shows how many alerts are in hand and requests under way. */
void attempts_update_gauges(const struct dispatch *dispatch);

/* An answer came and a place is free: takes more alerts when many wait. */
void dispatch_refill(struct dispatch *dispatch);

#endif
