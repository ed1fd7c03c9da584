/* alert_counters.c: the alerter's numbers. */
#include "services/alerter/alert_counters.h"

#include <stdio.h>

/* Milliseconds when all is well, hours when a receiver was away. */
static const double delivery_bounds[] = {0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1,    2,
                                         5,    10,   30,   60,  300, 900, 3600, 0};

static struct counter *new_counter(const char *name, int channel, const char *label,
                                   const char *value, const char *help) {
    char labels[96];
    snprintf(labels, sizeof(labels), "channel=\"%s\",%s=\"%s\"",
             channel_name((enum channel_id)channel), label, value);
    return counter_new(name, labels, help);
}

void alert_counters_init(struct alert_counters *counters) {
    static const char *const results[] = {
        [DELIVERY_DONE] = "delivered", [DELIVERY_RETRY] = "retry", [DELIVERY_GIVE_UP] = "give_up"};
    const char *total = "siem_alerts_total", *total_help = "Alerts that ended, by channel and how";
    for (int i = 0; i < CHANNEL_COUNT_; i++) {
        counters->delivered[i] = new_counter(total, i, "outcome", "delivered", total_help);
        counters->dead[i] = new_counter(total, i, "outcome", "dead", total_help);
        for (int result = 0; result < 3; result++)
            counters->attempts[i][result] =
                new_counter("siem_alert_attempts_total", i, "result", results[result],
                            "Requests made for alerts, by channel and what the answer meant");
    }
    counters->latency =
        histogram_new("siem_alert_delivery_duration_seconds", NULL,
                      "From the commit that queued an alert to its delivery", delivery_bounds);
    counters->pending =
        gauge_new("siem_alerts_pending", NULL, "Alerts this process holds and has not finished");
    counters->in_flight = gauge_new("siem_alerts_in_flight", NULL, "Deliveries under way");
    counters->outbox = gauge_new("siem_outbox_alerts", NULL, "Alerts in the outbox stream");
}
