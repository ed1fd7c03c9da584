/* detector.c: puts the parts together: rules and enrichments into the judge, EVENTS through it to
 * FINDINGS. */
#include "services/detector/detector.h"

#include "common/log.h"

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

static enum status load_rules(struct detector *detector, struct sigma_rules **ret_rules) {
    const struct detector_config *config = detector->config;
    const struct rule_set_paths paths = {config->rules_dir, config->pipelines,
                                         config->placeholders};
    return rule_set_load(&paths, ret_rules);
}

/* What can be wrong with the configuration comes first, before any connection. */
static enum status init_judge(struct detector *detector) {
    const struct detector_config *config = detector->config;
    if (load_rules(detector, &detector->rules) != STATUS_OK)
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
    enum status status = init_judge(detector);
    if (status == STATUS_OK)
        status = init_wires(detector);
    if (status != STATUS_OK) {
        detector_fini(detector);
        return status;
    }
    report_crash(detector);
    if (!out_findings_is_full(detector->out))
        on_room(detector);
    zloop_timer(service_loop(service), REFRESH_MS, 0, on_refresh, detector);
    return STATUS_OK;
}

void detector_fini(struct detector *detector) {
    in_events_destroy(&detector->in);
    out_findings_destroy(&detector->out);
    judge_batch_destroy(&detector->judge);
    scratch_page_destroy(&detector->page);
    enrich_reputation_destroy(&detector->reputation);
    enrich_time_destroy(&detector->time);
    sigma_rules_destroy(&detector->rules);
}

void detector_reload(struct detector *detector) {
    struct sigma_rules *rules;
    if (load_rules(detector, &rules) != STATUS_OK) {
        log_warning("the rules stay as they were", LOG_INT("loaded", detector->rules->count));
        return;
    }
    judge_batch_use(detector->judge, rules, &detector->enrichments);
    sigma_rules_destroy(&detector->rules);
    detector->rules = rules;
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
