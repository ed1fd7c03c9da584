/* routes_incident_stats.c: GET /incidents/stats: how many there are, by status and severity. */
#include "proto/keys.h"
#include "proto/vocabulary.h"
#include "services/ingest/answer.h"
#include "services/ingest/ingest.h"
#include "services/ingest/questions.h"
#include "services/ingest/report.h"
#include "services/ingest/routes.h"

#include "common/scoped.h"

/* Numbers of incidents by status and severity. */
struct incident_counts {
    int64_t at[INCIDENT_STATUS_COUNT_][SEVERITY_COUNT_];
};

static void ask_counts(struct questions *questions) {
    for (int s = 0; s < INCIDENT_STATUS_COUNT_; s++) {
        for (int v = 0; v < SEVERITY_COUNT_; v++) {
            struct key_name set =
                key_name(KEY_INCIDENTS_BY, incident_status_text((enum incident_status)s),
                         severity_text((enum severity)v));
            questions_ask(questions, TEXT("ZCARD"), key_text(&set));
        }
    }
}

static void take_counts(const struct questions *questions, struct incident_counts *ret_counts) {
    for (int i = 0; i < INCIDENT_STATUS_COUNT_ * SEVERITY_COUNT_; i++)
        ret_counts->at[i / SEVERITY_COUNT_][i % SEVERITY_COUNT_] =
            redis_reply_integer(questions->replies[i]);
}

static int64_t count_status(const struct incident_counts *counts, enum incident_status status) {
    int64_t sum = 0;
    for (int severity = 0; severity < SEVERITY_COUNT_; severity++)
        sum += counts->at[status][severity];
    return sum;
}

/* Of one severity: all, or those that are worked on. */
static int64_t count_severity(const struct incident_counts *counts, enum severity severity,
                              bool active_only) {
    int64_t sum = 0;
    for (int status = 0; status < INCIDENT_STATUS_COUNT_; status++) {
        if (!active_only || incident_status_is_active((enum incident_status)status))
            sum += counts->at[status][severity];
    }
    return sum;
}

static void write_stats(const struct incident_counts *counts, struct json_writer *json) {
    int64_t total = 0;
    int64_t active = 0;
    int64_t by_severity[SEVERITY_COUNT_];
    json_object_begin(json);
    json_key(json, "by_status");
    json_object_begin(json);
    for (int i = 0; i < INCIDENT_STATUS_COUNT_; i++) {
        enum incident_status status = (enum incident_status)i;
        int64_t count = count_status(counts, status);
        total += count;
        active += incident_status_is_active(status) ? count : 0;
        report_write_number(json, incident_status_text(status), count);
    }
    json_object_end(json);
    for (int i = 0; i < SEVERITY_COUNT_; i++)
        by_severity[i] = count_severity(counts, (enum severity)i, false);
    report_write_severities(json, "by_severity", by_severity);
    report_write_number(json, "total_incidents", total);
    report_write_number(json, "active_count", active);
    report_write_number(json, "critical_unresolved",
                        count_severity(counts, SEVERITY_CRITICAL, true));
    json_object_end(json);
}

/* Reader's thread. */
static void read_stats(struct redis_client *redis, struct http_request *request) {
    struct incident_counts counts;
    SCOPED_FINI(questions) struct questions questions;
    questions_init(&questions, redis);
    ask_counts(&questions);
    if (!questions_are_answered(&questions, request))
        return;
    take_counts(&questions, &counts);
    struct json_answer answer;
    struct json_writer *json = answer_begin(&answer);
    write_stats(&counts, json);
    answer_send(&answer, request, 200);
}

void route_incidents_stats(struct http_request *request) {
    reads_submit(ingest_of(request)->reads, request, read_stats);
}
