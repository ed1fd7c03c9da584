/* main.c: the detector: a pure function from events to findings, by Sigma rules.
 *
 *   ingest ──EVENTS──▶ in_events ▶ judge_batch (fields ▶ enrich ▶ sigma_match) ▶ out_findings
 * ──FINDINGS──▶ incident
 *
 * State: none; rules and lists are files. A shared page names the event in judgement, so that a
 * deadly one is found. Threads: the loop's (and the skeleton's). When FINDINGS is full it stops
 * reading EVENTS, which stops ingest; SIGHUP loads the rules again.
 */
#include "services/detector/detector.h"

#include "proto/keys.h"

static struct detector_config config;
static struct detector detector;

#define CONF_STRUCT struct detector_config
static const struct conf_option options[] = {
#define OPTION CONF_ROW
#include "services/detector/options.def"
#undef OPTION
};

static enum status start(struct service *service) {
    return detector_init(&detector, service, &config);
}

static void stop(struct service *service) {
    (void)service;
    detector_fini(&detector);
}

static void reload(struct service *service) {
    (void)service;
    detector_reload(&detector);
}

static void describe(struct service *service, struct json_writer *json) {
    (void)service;
    detector_describe(&detector, json);
}

static void beat(struct service *service, struct redis_client *redis) {
    (void)service;
    detector_beat(&detector, redis);
}

static bool drained(struct service *service) {
    (void)service;
    return detector_drain(&detector);
}

static bool ready(struct service *service, struct buffer *why_not) {
    (void)service;
    return detector_is_ready(&detector, why_not);
}

int main(int argc, char **argv) {
    const struct key_name processes = key_name(KEY_PROCESSES);
    const struct service_spec spec = {
        .name = "detector",
        .summary = "judges events by Sigma rules: EVENTS in, FINDINGS out",
        .options = options,
        .options_count = sizeof options / sizeof options[0],
        .config = &config,
        .start = start,
        .stop = stop,
        .reload = reload,
        .drained = drained,
        .ready = ready,
        .heartbeat_key = processes.data,
        .describe = describe,
        .beat = beat,
    };
    return service_main(argc, argv, &spec);
}
