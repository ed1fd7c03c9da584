/* routes_dashboard.c: GET /dashboard: the day so far. */
#include "common/json_writer.h"
#include "proto/day.h"
#include "proto/keys.h"
#include "proto/vocabulary.h"
#include "services/ingest/answer.h"
#include "services/ingest/ingest.h"
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

struct day_replies {
    struct redis_reply *counters;
    struct redis_reply *addresses;
    struct redis_reply *types;
};

static enum status ask_counters(struct redis_client *redis, const char *day) {
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
    return redis_client_append(redis, 2 + COUNTERS, arguments);
}

static enum status ask_day(struct redis_client *redis, const char *day) {
    struct key_name addresses = key_name(KEY_DAY_ADDRESSES, day);
    struct key_name types = key_name(KEY_DAY_TYPES, day);
    struct text top[] = {TEXT("ZREVRANGE"), key_text(&addresses), TEXT("0"), TEXT(TOP_ADDRESSES)};
    struct text all[] = {TEXT("HGETALL"), key_text(&types)};
    enum status status = ask_counters(redis, day);
    if (status == STATUS_OK)
        status = redis_client_append(redis, sizeof top / sizeof top[0], top);
    if (status == STATUS_OK)
        status = redis_client_append(redis, sizeof all / sizeof all[0], all);
    return status;
}

/* Reads all three replies, also behind one that is refused. */
static enum status read_day(struct redis_client *redis, struct day_replies *replies) {
    struct redis_reply **to[] = {&replies->counters, &replies->addresses, &replies->types};
    bool refused = false;
    for (size_t i = 0; i < sizeof to / sizeof to[0]; i++) {
        enum status status = redis_client_read(redis, to[i]);
        if (status != STATUS_OK)
            return status;
        refused |= redis_reply_type(*to[i]) != REDIS_ARRAY;
    }
    return refused ? STATUS_REFUSED : STATUS_OK;
}

static int64_t counter_of(const struct day_replies *replies, int index) {
    return redis_reply_integer(redis_reply_at(replies->counters, (size_t)index));
}

static void write_counter(struct json_writer *json, const char *name, int64_t value) {
    json_key(json, name);
    json_int(json, value);
}

/* Names came from senders, as UTF-8; what is not a text is left out. */
static void write_top(struct json_writer *json, const struct day_replies *replies) {
    json_key(json, "top_attack_ips");
    json_array_begin(json);
    for (size_t i = 0; i < redis_reply_count(replies->addresses); i++)
        json_text(json, redis_reply_text(redis_reply_at(replies->addresses, i)));
    json_array_end(json);
    json_key(json, "top_event_types");
    json_object_begin(json);
    for (size_t i = 0; i + 1 < redis_reply_count(replies->types); i += 2) {
        json_key_text(json, redis_reply_text(redis_reply_at(replies->types, i)));
        json_int(json, redis_reply_integer(redis_reply_at(replies->types, i + 1)));
    }
    json_object_end(json);
}

static void write_dashboard(struct json_writer *json, const struct day_replies *replies,
                            struct wall_time now) {
    char time[CLOCK_RFC3339_SIZE];
    json_object_begin(json);
    write_counter(json, "total_events", counter_of(replies, TOTAL));
    write_counter(json, "total_threats", counter_of(replies, THREATS));
    write_counter(json, "critical_incidents", counter_of(replies, CRITICAL));
    write_counter(json, "high_incidents", counter_of(replies, HIGH));
    write_counter(json, "medium_incidents", counter_of(replies, MEDIUM));
    write_counter(json, "low_incidents", counter_of(replies, LOW));
    write_counter(json, "active_incidents",
                  counter_of(replies, DETECTED) + counter_of(replies, ANALYZING) +
                      counter_of(replies, IN_PROGRESS));
    write_counter(json, "resolved_incidents", counter_of(replies, RESOLVED));
    write_top(json, replies);
    json_key(json, "timestamp");
    json_string(json, clock_format_rfc3339(now, time));
    json_object_end(json);
}

/* Reader's thread. */
static void read_dashboard(struct redis_client *redis, struct http_request *request) {
    struct day_replies replies = {0};
    struct wall_time now = clock_wall();
    char day[9];
    enum status status = ask_day(redis, clock_format_day(now, day));
    if (status == STATUS_OK)
        status = read_day(redis, &replies);
    if (status == STATUS_OK) {
        struct json_answer answer;
        struct json_writer *json = answer_begin(&answer);
        write_dashboard(json, &replies, now);
        answer_send(&answer, request, 200);
    } else {
        reads_answer_failure(request, status);
    }
    redis_reply_destroy(&replies.counters);
    redis_reply_destroy(&replies.addresses);
    redis_reply_destroy(&replies.types);
}

void route_dashboard(struct http_request *request) {
    reads_submit(ingest_of(request)->reads, request, read_dashboard);
}
