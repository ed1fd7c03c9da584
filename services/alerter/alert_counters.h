/* alert_counters.h: the alerter's numbers (counters.h), by channel where that says something.
 *
 * Owner: the registry. Threads: any. Errors: none.
 */
#ifndef SIEM_ALERTER_ALERT_COUNTERS_H
#define SIEM_ALERTER_ALERT_COUNTERS_H

#include "common/counters.h"
#include "services/alerter/channel.h"
#include "services/alerter/retry.h"

struct alert_counters {
    struct counter *delivered[CHANNEL_COUNT_];
    struct counter *dead[CHANNEL_COUNT_];
    struct counter *attempts[CHANNEL_COUNT_][3]; /* by enum delivery */
    struct histogram *latency;                   /* from the commit to the delivery */
    struct gauge *pending;
    struct gauge *in_flight;
    struct gauge *outbox;
};

/* Registers them all, so that they are there from the start, with 0. */
void alert_counters_init(struct alert_counters *counters);

#endif
