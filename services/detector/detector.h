/* detector.h: the parts of a running detector, and what it was told.
 *
 * Owner: init/fini on the caller's struct; half-built is fine. Threads: the loop's, but for
 * `ready`, which any may call. Errors: init logs the remedy. Limits: of the parts.
 */
#ifndef SIEM_DETECTOR_DETECTOR_H
#define SIEM_DETECTOR_DETECTOR_H

#include "services/detector/in_events.h"
#include "services/detector/rule_publisher.h"
#include "services/detector/rule_reload.h"
#include "services/detector/rule_watch.h"

#include <stdatomic.h>

struct detector_config {
#define OPTION CONF_FIELD
#include "services/detector/options.def"
#undef OPTION
};

struct detector {
    const struct detector_config *config;
    struct service *service;
    struct scratch_page *page;
    struct sigma_rules *rules;
    struct rule_reload *reload;
    struct rule_watch *watch;
    struct rule_publisher *publisher;
    uint64_t request, next_request; /* that the load which runs, or the one behind it, is for */
    bool loads, loads_again;
    struct counter *reloads_applied, *reloads_refused;
    struct enrich_time *time;
    struct enrich_reputation *reputation;
    struct enrichments enrichments;
    struct judge_batch *judge;
    struct out_findings *out;
    struct in_events *in;
    bool reports_crash; /* the page is to be cleared once the report is out */
    atomic_int ingest_peers, incident_peers;
};

/* Builds and connects everything, reports the crash of a predecessor, and begins to read. */
MUST_CHECK enum status detector_init(struct detector *detector, struct service *service,
                                     const struct detector_config *config);

/* Frees its parts. */
void detector_fini(struct detector *detector);

/* Loads the rules again, while judging goes on; a broken set leaves the present one. */
void detector_reload(struct detector *detector);

/* What the heartbeat says of the rules, and does for them; on its thread. */
void detector_describe(struct detector *detector, struct json_writer *json);
void detector_beat(struct detector *detector, struct redis_client *redis);

/* True when nothing is in hand; stops reading. */
bool detector_drain(struct detector *detector);

/* True when both sides are connected; else says which is not. */
bool detector_is_ready(struct detector *detector, struct buffer *why_not);

#endif
