/* main.c: siem-alerter, which delivers the alerts that the incident processes queue.
 *
 *   outbox (Redis stream) ──▶ in_outbox ──▶ route ──▶ channel_* ──▶ deliver ──HTTPS──▶ Slack, …
 *   THREATS ──wake-up──▶
 *
 * State: none but what is in hand; alerts, attempts and what was done stand in Redis, and another
 * alerter goes on when this one dies. Threads: the loop (and libcurl's for names). Output full or
 * failing: alerts wait in the outbox; after SIEM_ALERT_ATTEMPTS they are kept as dead and counted.
 */
#include "common/service.h"
#include "proto/keys.h"
#include "services/alerter/config.h"
#include "services/alerter/dispatch.h"
#include "services/alerter/in_threats.h"

static struct alerter_config config;
static struct dispatch *dispatch;
static struct in_threats *threats;

#define CONF_STRUCT struct alerter_config
static const struct conf_option options[] = {
#define OPTION CONF_ROW
#include "services/alerter/options.def"
#undef OPTION
};

static enum status start(struct service *service) {
    dispatch = dispatch_new(service, &config);
    if (dispatch == NULL)
        return STATUS_BAD_VALUE;
    threats = in_threats_new(service_loop(service), config.threats_from, dispatch);
    return threats != NULL ? STATUS_OK : STATUS_BAD_VALUE;
}

static void stop(struct service *service) {
    (void)service;
    in_threats_destroy(&threats);
    dispatch_destroy(&dispatch);
}

static bool drained(struct service *service) {
    return (void)service, dispatch_drain(dispatch);
}

static bool ready(struct service *service, struct buffer *why_not) {
    return (void)service, dispatch_is_ready(dispatch, why_not);
}

int main(int argc, char **argv) {
    const struct key_name processes = key_name(KEY_PROCESSES);
    const struct service_spec spec = {
        .name = "alerter",
        .summary = "delivers alerts to Slack and other channels, each at least once",
        .options = options,
        .options_count = sizeof(options) / sizeof(options[0]),
        .config = &config,
        .start = start,
        .stop = stop,
        .drained = drained,
        .ready = ready,
        .heartbeat_key = processes.data,
    };
    return service_main(argc, argv, &spec);
}
