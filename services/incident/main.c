/* main.c: commits batches exactly once, and tells producers, subscribers and alerters what came of
 * them.
 *
 *   FINDINGS ──▶ in_findings ──▶ commit (judge) ──▶ committer ──commit.lua──▶ Redis
 *                                                        ├──▶ out_receipts ──▶ RECEIPTS
 *                                                        └──▶ out_threats  ──▶ THREATS
 *
 * State: none of its own but the batches in hand; all that counts is in Redis. Threads: one, the
 * loop's. When Redis does not answer: reading stops, detectors and then ingest feel it; nothing is
 * lost. When a subscriber is slow: its messages are dropped and counted; receipts are repeated,
 * threats stand in a stream.
 */
#include "proto/keys.h"
#include "services/incident/process.h"

/* So long a batch fails, three times at least and while others are committed, before events of it
 * are set aside. */
#define SET_ASIDE_AFTER_MS 30000

#define CONF_STRUCT struct incident_config

struct incident_config {
#define OPTION CONF_FIELD
#include "services/incident/options.def"
#undef OPTION
};

static const struct conf_option options[] = {
#define OPTION CONF_ROW
#include "services/incident/options.def"
#undef OPTION
};

static struct incident_config config;
static struct time_zone *zone;
static struct process *process;

static enum status start(struct service *service) {
    zone = time_zone_new(config.time_zone);
    if (zone == NULL)
        return STATUS_BAD_VALUE;
    const struct process_options process_options = {
        .redis_url = service_common(service)->redis_url,
        .findings_listen = config.findings_listen,
        .receipts_listen = config.receipts_listen,
        .threats_listen = config.threats_listen,
        .limits = {.window_ms = config.grouping_window_ms,
                   .lateness_ms = config.lateness_ms,
                   .incidents_max = config.incidents_max,
                   .threats_kept = config.threats_kept,
                   .names_max = config.names_max,
                   .correlation_groups_max = config.correlation_groups_max,
                   .set_aside_after_ms = SET_ASIDE_AFTER_MS,
                   .statistics_days = config.statistics_days,
                   .zone = zone},
    };
    process = process_new(service_loop(service), &process_options);
    return process != NULL ? STATUS_OK : STATUS_UNAVAILABLE;
}

static void stop(struct service *service) {
    (void)service;
    process_destroy(&process);
    time_zone_destroy(&zone);
}

static bool drained(struct service *service) {
    (void)service;
    return process_drain(process);
}

static bool ready(struct service *service, struct buffer *why_not) {
    (void)service;
    if (process_is_ready(process))
        return true;
    buffer_append_text(why_not, TEXT("Redis does not answer"));
    return false;
}

int main(int argc, char **argv) {
    const struct key_name heartbeat_key = key_name(KEY_PROCESSES);
    const struct service_spec spec = {
        .name = "incident",
        .summary = "commits judged batches to Redis exactly once and publishes what came of them",
        .options = options,
        .options_count = sizeof(options) / sizeof(options[0]),
        .config = &config,
        .start = start,
        .stop = stop,
        .drained = drained,
        .ready = ready,
        .heartbeat_key = heartbeat_key.data,
    };
    return service_main(argc, argv, &spec);
}
