/* detector.c: puts the parts together: rules and enrichments into the judge, EVENTS through it to
 * FINDINGS. */
#include "services/detector/detector.h"

#include "common/counters.h"
#include "common/log.h"
#include "services/detector/directory.h"

#include <stdio.h>

#define REFRESH_MS 500

/* FINDINGS took everything: what the page still names is reported now, and EVENTS may go on. */
static void on_room(void *context) {
    struct detector *detector = context;
    if (detector->reports_crash)
        scratch_page_clear(detector->page);
    detector->reports_crash = false;
    in_events_resume(detector->in);
}

static int on_refresh(zloop_t *loop, int timer, void *context) {
    struct detector *detector = context;
    (void)loop, (void)timer;
    in_events_refresh(detector->in);
    out_findings_refresh(detector->out);
    atomic_store(&detector->ingest_peers, in_events_peer_count(detector->in));
    atomic_store(&detector->incident_peers, out_findings_peer_count(detector->out));
    enrich_reputation_refresh(detector->reputation);
    return 0;
}

static struct rule_set_paths paths_of(const struct detector_config *config) {
    return (struct rule_set_paths){config->rules_dir,
                                   config->pipelines,
                                   config->placeholders,
                                   {config->rules_shadow, config->rules_disabled}};
}

/* Judges by these rules from the next batch on. */
static void use_rules(struct detector *detector, struct sigma_rules *rules) {
    judge_batch_use(detector->judge, rules, &detector->enrichments);
    sigma_rules_destroy(&detector->rules);
    detector->rules = rules;
    rule_set_announce(rules);
    rule_publisher_use(detector->publisher, rules, detector->request);
}

/* Says why the rules stay as they are. */
static void keep_rules(struct detector *detector, const struct sigma_refusal *broken) {
    char reason[sizeof broken->error.reason + DIRECTORY_PATH_SIZE];
    snprintf(reason, sizeof reason, "%s:%d: %s", broken != NULL ? broken->file : "rules",
             broken != NULL ? broken->error.line : 0,
             broken != NULL ? broken->error.reason : "nothing could be loaded, see the log");
    rule_publisher_keep(detector->publisher, reason, detector->request);
}

/* Rules were loaded again. A set in which something is refused that was not before is somebody's
 * mistake: by taking it, the rules that were refused would be lost without a word. */
static void take_loaded(struct detector *detector, struct sigma_rules *rules) {
    const struct sigma_refusal *broken =
        rules != NULL ? rule_set_find_new_refusal(rules, detector->rules) : NULL;
    if (rules != NULL && broken == NULL) {
        counter_add(detector->reloads_applied, 1);
        use_rules(detector, rules);
        return;
    }
    keep_rules(detector, broken);
    counter_add(detector->reloads_refused, 1);
    log_error("the rules stay as they were, because the new ones are broken",
              LOG_STRING("file", broken != NULL ? broken->file : ""),
              LOG_INT("loaded", detector->rules->count),
              LOG_STRING("remedy", "correct or remove the files that were refused"));
    sigma_rules_destroy(&rules);
}

static void on_reloaded(void *context, struct sigma_rules *rules) {
    struct detector *detector = context;
    take_loaded(detector, rules);
    detector->request = detector->next_request;
    detector->loads = detector->loads_again;
    detector->loads_again = false;
}

static void on_files_changed(void *context) {
    detector_reload(context);
}

static void init_reload(struct detector *detector) {
    static const char name[] = "siem_rule_reloads_total";
    static const char help[] = "Loads of the rules after the first, by outcome";
    const struct rule_set_paths paths = paths_of(detector->config);
    zloop_t *loop = service_loop(detector->service);
    detector->reloads_applied = counter_new(name, "outcome=\"applied\"", help);
    detector->reloads_refused = counter_new(name, "outcome=\"refused\"", help);
    detector->reload =
        rule_reload_new(loop, &paths, &(struct rule_reload_handler){detector, on_reloaded});
    detector->watch =
        rule_watch_new(loop, &paths, &(struct rule_watch_handler){detector, on_files_changed});
}

/* What can be wrong with the configuration comes first, before any connection. */
static enum status init_judge(struct detector *detector) {
    const struct detector_config *config = detector->config;
    const struct rule_set_paths paths = paths_of(config);
    if (rule_set_load(&paths, &detector->rules) != STATUS_OK)
        return STATUS_NOT_FOUND;
    detector->time = enrich_time_new(config->off_hours, config->time_zone);
    detector->reputation = enrich_reputation_new(config->bad_addresses);
    if (detector->time == NULL || detector->reputation == NULL)
        return STATUS_BAD_VALUE;
    enum status status = scratch_page_open(config->scratch_dir, &detector->page);
    if (status != STATUS_OK)
        return status;
    detector->enrichments = (struct enrichments){detector->time, detector->reputation};
    detector->judge = judge_batch_new(text_of(service_instance(detector->service)), detector->page);
    judge_batch_use(detector->judge, detector->rules, &detector->enrichments);
    rule_set_announce(detector->rules);
    rule_publisher_use(detector->publisher, detector->rules, 0);
    return STATUS_OK;
}

static enum status init_wires(struct detector *detector) {
    const struct out_findings_listener listener = {on_room, detector};
    detector->out = out_findings_new(detector->service, detector->config->findings_to, &listener);
    if (detector->out == NULL)
        return STATUS_BAD_VALUE;
    detector->in = in_events_new(detector->service, detector->config->events_from, detector->judge,
                                 detector->out);
    return detector->in != NULL ? STATUS_OK : STATUS_BAD_VALUE;
}

/* Tells, before anything is judged, of the event a predecessor died over. */
static void report_crash(struct detector *detector) {
    struct crash_report report;
    if (!scratch_page_find_crash(detector->page, &report))
        return;
    log_warning("a detector died over an event", LOG_INT("producer", report.producer),
                LOG_INT("epoch", report.epoch), LOG_INT("seq", report.seq),
                LOG_INT("index", report.index));
    detector->reports_crash = true;
    out_findings_report(detector->out, &report);
}

enum status detector_init(struct detector *detector, struct service *service,
                          const struct detector_config *config) {
    *detector = (struct detector){.config = config, .service = service};
    detector->publisher = rule_publisher_new(service_instance(service));
    enum status status = init_judge(detector);
    if (status == STATUS_OK)
        status = init_wires(detector);
    if (status != STATUS_OK) {
        detector_fini(detector);
        return status;
    }
    init_reload(detector);
    report_crash(detector);
    if (!out_findings_is_full(detector->out))
        on_room(detector);
    zloop_timer(service_loop(service), REFRESH_MS, 0, on_refresh, detector);
    return STATUS_OK;
}

void detector_fini(struct detector *detector) {
    rule_watch_destroy(&detector->watch);
    rule_reload_destroy(&detector->reload);
    in_events_destroy(&detector->in);
    out_findings_destroy(&detector->out);
    judge_batch_destroy(&detector->judge);
    scratch_page_destroy(&detector->page);
    enrich_reputation_destroy(&detector->reputation);
    enrich_time_destroy(&detector->time);
    sigma_rules_destroy(&detector->rules);
    rule_publisher_destroy(&detector->publisher);
}

/* A load that runs has read files from before a request that comes now: the one behind it is the
 * request's. */
void detector_reload(struct detector *detector) {
    uint64_t request = rule_publisher_request(detector->publisher);
    if (!detector->loads)
        detector->request = request;
    detector->next_request = request;
    detector->loads_again = detector->loads;
    detector->loads = true;
    rule_reload_request(detector->reload);
}

void detector_describe(struct detector *detector, struct json_writer *json) {
    rule_publisher_describe(detector->publisher, json);
}

void detector_beat(struct detector *detector, struct redis_client *redis) {
    rule_publisher_beat(detector->publisher, redis);
}

bool detector_drain(struct detector *detector) {
    in_events_stop(detector->in);
    return !out_findings_is_full(detector->out);
}

bool detector_is_ready(struct detector *detector, struct buffer *why_not) {
    if (atomic_load(&detector->ingest_peers) == 0)
        buffer_printf(why_not, "no ingest process is connected");
    else if (atomic_load(&detector->incident_peers) == 0)
        buffer_printf(why_not, "no incident process is connected");
    else
        return true;
    return false;
}
