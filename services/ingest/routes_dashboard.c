/* routes_dashboard.c: GET /dashboard: the day so far. */
#include "common/scoped.h"
#include "proto/day.h"
#include "proto/keys.h"
#include "proto/vocabulary.h"
#include "services/ingest/answer.h"
#include "services/ingest/ingest.h"
#include "services/ingest/questions.h"
#include "services/ingest/report.h"
#include "services/ingest/routes.h"

#define TOP_ADDRESSES "9" /* index of the last of ten */

/* The counters of a day that the dashboard shows. */
enum {
    TOTAL,
    THREATS,
    CRITICAL,
    HIGH,
    MEDIUM,
    LOW,
    DETECTED,
    ANALYZING,
    IN_PROGRESS,
    RESOLVED,
    COUNTERS
};

/* Places of the replies. */
enum { COUNTERS_REPLY, ADDRESSES_REPLY, TYPES_REPLY };

static void ask_counters(struct questions *questions, const char *day) {
    const struct day_field_name fields[COUNTERS] = {
        [TOTAL] = day_field_name(DAY_FIELD_TOTAL),
        [THREATS] = day_field_name(DAY_FIELD_THREATS),
        [CRITICAL] = day_field_name(DAY_FIELD_INCIDENTS_SEVERITY, severity_text(SEVERITY_CRITICAL)),
        [HIGH] = day_field_name(DAY_FIELD_INCIDENTS_SEVERITY, severity_text(SEVERITY_HIGH)),
        [MEDIUM] = day_field_name(DAY_FIELD_INCIDENTS_SEVERITY, severity_text(SEVERITY_MEDIUM)),
        [LOW] = day_field_name(DAY_FIELD_INCIDENTS_SEVERITY, severity_text(SEVERITY_LOW)),
        [DETECTED] = day_field_name(DAY_FIELD_INCIDENTS_STATUS,
                                    incident_status_text(INCIDENT_STATUS_DETECTED)),
        [ANALYZING] = day_field_name(DAY_FIELD_INCIDENTS_STATUS,
                                     incident_status_text(INCIDENT_STATUS_ANALYZING)),
        [IN_PROGRESS] = day_field_name(DAY_FIELD_INCIDENTS_STATUS,
                                       incident_status_text(INCIDENT_STATUS_IN_PROGRESS)),
        [RESOLVED] = day_field_name(DAY_FIELD_INCIDENTS_STATUS,
                                    incident_status_text(INCIDENT_STATUS_RESOLVED)),
    };
    struct key_name key = key_name(KEY_DAY, day);
    struct text arguments[2 + COUNTERS] = {TEXT("HMGET"), key_text(&key)};
    for (int i = 0; i < COUNTERS; i++)
        arguments[2 + i] = day_field_text(&fields[i]);
    questions_ask_list(questions, 2 + COUNTERS, arguments);
}

static void ask_day(struct questions *questions, const char *day) {
    struct key_name addresses = key_name(KEY_DAY_ADDRESSES, day);
    struct key_name types = key_name(KEY_DAY_TYPES, day);
    ask_counters(questions, day);
    questions_ask(questions, TEXT("ZREVRANGE"), key_text(&addresses), TEXT("0"),
                  TEXT(TOP_ADDRESSES));
    questions_ask(questions, TEXT("HGETALL"), key_text(&types));
}

static int64_t counter_of(const struct questions *questions, int index) {
    return redis_reply_integer(redis_reply_at(questions->replies[COUNTERS_REPLY], (size_t)index));
}

/* Names came from senders, as UTF-8. */
static void write_top(struct json_writer *json, const struct questions *questions) {
    const struct redis_reply *addresses = questions->replies[ADDRESSES_REPLY];
    int64_t types[EVENT_TYPE_COUNT_] = {0};
    json_key(json, "top_attack_ips");
    json_array_begin(json);
    for (size_t i = 0; i < redis_reply_count(addresses); i++)
        json_text(json, redis_reply_text(redis_reply_at(addresses, i)));
    json_array_end(json);
    report_add_types(questions->replies[TYPES_REPLY], types);
    report_write_types(json, "top_event_types", types);
}

static void write_dashboard(struct json_writer *json, const struct questions *questions,
                            struct wall_time now) {
    char time[CLOCK_RFC3339_SIZE];
    json_object_begin(json);
    report_write_number(json, "total_events", counter_of(questions, TOTAL));
    report_write_number(json, "total_threats", counter_of(questions, THREATS));
    report_write_number(json, "critical_incidents", counter_of(questions, CRITICAL));
    report_write_number(json, "high_incidents", counter_of(questions, HIGH));
    report_write_number(json, "medium_incidents", counter_of(questions, MEDIUM));
    report_write_number(json, "low_incidents", counter_of(questions, LOW));
    report_write_number(json, "active_incidents",
                        counter_of(questions, DETECTED) + counter_of(questions, ANALYZING) +
                            counter_of(questions, IN_PROGRESS));
    report_write_number(json, "resolved_incidents", counter_of(questions, RESOLVED));
    write_top(json, questions);
    report_write_string(json, "timestamp", clock_format_rfc3339(now, time));
    json_object_end(json);
}

/* Reader's thread. */
static void read_dashboard(struct redis_client *redis, struct http_request *request) {
    struct wall_time now = clock_wall();
    struct report_day today = report_day_before(ingest_of(request)->zone, now, 0);
    SCOPED_FINI(questions) struct questions questions;
    questions_init(&questions, redis);
    ask_day(&questions, today.key);
    if (!questions_are_answered(&questions, request))
        return;
    struct json_answer answer;
    struct json_writer *json = answer_begin(&answer);
    write_dashboard(json, &questions, now);
    answer_send(&answer, request, 200);
}

void route_dashboard(struct http_request *request) {
    reads_submit(ingest_of(request)->reads, request, read_dashboard);
}
