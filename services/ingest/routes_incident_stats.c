/* routes_incident_stats.c: GET /incidents/stats: how many there are, by status and severity. */
#include "proto/keys.h"
#include "proto/vocabulary.h"
#include "services/ingest/answer.h"
#include "services/ingest/ingest.h"
#include "services/ingest/routes.h"

#include "common/json_writer.h"

/* Numbers of incidents by status and severity. */
struct incident_counts {
    int64_t at[INCIDENT_STATUS_COUNT_][SEVERITY_COUNT_];
};

static enum status ask_counts(struct redis_client *redis) {
    enum status status = STATUS_OK;
    for (int s = 0; s < INCIDENT_STATUS_COUNT_; s++) {
        for (int v = 0; v < SEVERITY_COUNT_ && status == STATUS_OK; v++) {
            struct key_name set =
                key_name(KEY_INCIDENTS_BY, incident_status_text((enum incident_status)s),
                         severity_text((enum severity)v));
            struct text arguments[] = {TEXT("ZCARD"), key_text(&set)};
            status = redis_client_append(redis, 2, arguments);
        }
    }
    return status;
}

/* Reads every reply that was asked for, also behind one that is refused. */
static enum status read_counts(struct redis_client *redis, struct incident_counts *ret_counts) {
    enum status status = ask_counts(redis);
    bool refused = false;
    for (int i = 0; i < INCIDENT_STATUS_COUNT_ * SEVERITY_COUNT_ && status == STATUS_OK; i++) {
        struct redis_reply *reply = NULL;
        status = redis_client_read(redis, &reply);
        refused |= status == STATUS_OK && redis_reply_type(reply) != REDIS_INTEGER;
        ret_counts->at[i / SEVERITY_COUNT_][i % SEVERITY_COUNT_] = redis_reply_integer(reply);
        redis_reply_destroy(&reply);
    }
    return status == STATUS_OK && refused ? STATUS_REFUSED : status;
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
    json_object_begin(json);
    json_key(json, "by_status");
    json_object_begin(json);
    for (int i = 0; i < INCIDENT_STATUS_COUNT_; i++) {
        enum incident_status status = (enum incident_status)i;
        int64_t count = count_status(counts, status);
        total += count;
        active += incident_status_is_active(status) ? count : 0;
        json_key(json, incident_status_text(status));
        json_int(json, count);
    }
    json_object_end(json);
    json_key(json, "by_severity");
    json_object_begin(json);
    for (int i = SEVERITY_CRITICAL; i >= SEVERITY_LOW; i--) {
        json_key(json, severity_text((enum severity)i));
        json_int(json, count_severity(counts, (enum severity)i, false));
    }
    json_object_end(json);
    json_key(json, "total_incidents");
    json_int(json, total);
    json_key(json, "active_count");
    json_int(json, active);
    json_key(json, "critical_unresolved");
    json_int(json, count_severity(counts, SEVERITY_CRITICAL, true));
    json_object_end(json);
}

/* Reader's thread. */
static void read_stats(struct redis_client *redis, struct http_request *request) {
    struct incident_counts counts;
    enum status status = read_counts(redis, &counts);
    if (status != STATUS_OK) {
        reads_answer_failure(request, status);
        return;
    }
    struct json_answer answer;
    struct json_writer *json = answer_begin(&answer);
    write_stats(&counts, json);
    answer_send(&answer, request, 200);
}

void route_incidents_stats(struct http_request *request) {
    reads_submit(ingest_of(request)->reads, request, read_stats);
}
