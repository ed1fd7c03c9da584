/* routes_report_daily.c: GET /report/daily: the day so far, by severity, hour, user, and its
 * gravest threats. */
#include "common/counters.h"
#include "common/scoped.h"
#include "proto/day.h"
#include "proto/keys.h"
#include "services/ingest/answer.h"
#include "services/ingest/ingest.h"
#include "services/ingest/questions.h"
#include "services/ingest/report.h"
#include "services/ingest/routes.h"
#include "services/ingest/threat_entry.h"

#include <stdio.h>

#define HOURS 24
#define TOP_USERS "9" /* index of the last of ten */

/* The counters of a day in the order they are asked for. */
enum { TOTAL, THREATS, SEVERITIES, HOUR_ONE = SEVERITIES + SEVERITY_COUNT_ };
enum { THREAT_HOUR_ONE = HOUR_ONE + HOURS, COUNTERS = THREAT_HOUR_ONE + HOURS };

/* Places of the replies. */
enum { COUNTERS_REPLY, USERS_REPLY, THREATS_REPLY };

static void ask_counters(struct questions *questions, const char *day) {
    struct day_field_name fields[COUNTERS];
    struct text arguments[2 + COUNTERS];
    struct key_name key = key_name(KEY_DAY, day);
    fields[TOTAL] = day_field_name(DAY_FIELD_TOTAL);
    fields[THREATS] = day_field_name(DAY_FIELD_THREATS);
    for (int i = 0; i < SEVERITY_COUNT_; i++)
        fields[SEVERITIES + i] =
            day_field_name(DAY_FIELD_SEVERITY, severity_text((enum severity)i));
    for (int hour = 0; hour < HOURS; hour++) {
        char text[4] = {(char)('0' + hour / 10), (char)('0' + hour % 10), '\0'};
        fields[HOUR_ONE + hour] = day_field_name(DAY_FIELD_HOUR, text);
        fields[THREAT_HOUR_ONE + hour] = day_field_name(DAY_FIELD_THREAT_HOUR, text);
    }
    arguments[0] = TEXT("HMGET");
    arguments[1] = key_text(&key);
    for (int i = 0; i < COUNTERS; i++)
        arguments[2 + i] = day_field_text(&fields[i]);
    questions_ask_list(questions, 2 + COUNTERS, arguments);
}

static void ask_day(struct questions *questions, const char *day) {
    struct key_name users = key_name(KEY_DAY_USERS, day);
    struct key_name threats = key_name(KEY_DAY_TOP_THREATS, day);
    ask_counters(questions, day);
    questions_ask(questions, TEXT("ZREVRANGE"), key_text(&users), TEXT("0"), TEXT(TOP_USERS),
                  TEXT("WITHSCORES"));
    questions_ask(questions, TEXT("ZRANGE"), key_text(&threats), TEXT("0"), TEXT("-1"));
}

/* Its share of the total, as "12.34%". */
static void write_rate(struct json_writer *json, int64_t threats, int64_t total) {
    char text[32];
    double percent = total > 0 ? 100.0 * (double)threats / (double)total : 0;
    snprintf(text, sizeof text, "%.2f%%", percent);
    report_write_string(json, "threat_rate", text);
}

static void write_summary(struct json_writer *json, const int64_t *counters) {
    json_key(json, "summary");
    json_object_begin(json);
    report_write_number(json, "total_events", counters[TOTAL]);
    report_write_number(json, "total_threats", counters[THREATS]);
    write_rate(json, counters[THREATS], counters[TOTAL]);
    json_object_end(json);
}

/* Hours in which nothing came are left out. */
static void write_hours(struct json_writer *json, const char *name, const int64_t *hours) {
    json_key(json, name);
    json_object_begin(json);
    for (int hour = 0; hour < HOURS; hour++) {
        char text[12];
        snprintf(text, sizeof text, "%d", hour);
        if (hours[hour] > 0)
            report_write_number(json, text, hours[hour]);
    }
    json_object_end(json);
}

static void write_threats(struct json_writer *json, const struct redis_reply *members) {
    SCOPED_FINI(msgpack_frame) struct msgpack_frame frame;
    msgpack_frame_init(&frame);
    json_key(json, "top_threats");
    json_array_begin(json);
    for (size_t i = 0; i < redis_reply_count(members); i++) {
        struct text member = redis_reply_text(redis_reply_at(members, i));
        enum status status = threat_entry_write(member, false, &frame, json);
        if (status != STATUS_OK)
            count_drop(status);
    }
    json_array_end(json);
}

static void write_report(struct json_writer *json, const struct questions *questions,
                         const struct report_day *day, struct wall_time now) {
    int64_t counters[COUNTERS];
    char time[CLOCK_RFC3339_SIZE];
    for (size_t i = 0; i < COUNTERS; i++)
        counters[i] = redis_reply_integer(redis_reply_at(questions->replies[COUNTERS_REPLY], i));
    json_object_begin(json);
    report_write_string(json, "report_date", day->date);
    report_write_string(json, "generated_at", clock_format_rfc3339(now, time));
    write_summary(json, counters);
    report_write_severities(json, "severity_breakdown", counters + SEVERITIES);
    write_hours(json, "hourly_distribution", counters + HOUR_ONE);
    write_hours(json, "hourly_threats", counters + THREAT_HOUR_ONE);
    report_write_names(json, "top_targeted_users", questions->replies[USERS_REPLY]);
    write_threats(json, questions->replies[THREATS_REPLY]);
    json_object_end(json);
}

/* Reader's thread. */
static void read_report(struct redis_client *redis, struct http_request *request) {
    struct wall_time now = clock_wall();
    struct report_day today = report_day_before(ingest_of(request)->zone, now, 0);
    SCOPED_FINI(questions) struct questions questions;
    questions_init(&questions, redis);
    ask_day(&questions, today.key);
    if (!questions_are_answered(&questions, request))
        return;
    struct json_answer answer;
    write_report(answer_begin(&answer), &questions, &today, now);
    answer_send(&answer, request, 200);
}

void route_report_daily(struct http_request *request) {
    reads_submit(ingest_of(request)->reads, request, read_report);
}
