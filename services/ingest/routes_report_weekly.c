/* routes_report_weekly.c: GET /report/weekly: today and the six days before it. */
#include "common/scoped.h"
#include "proto/day.h"
#include "proto/keys.h"
#include "services/ingest/answer.h"
#include "services/ingest/ingest.h"
#include "services/ingest/questions.h"
#include "services/ingest/report.h"
#include "services/ingest/routes.h"
#include "services/ingest/shared_script.h"

#include <inttypes.h>
#include <stdio.h>

#define DAYS 7
#define TOP_SOURCES "20"
#define TOP_SOURCES_LAST "19"
#define SUMS_KEPT_S "86400"

/* week.lua, embedded by the build. */
extern const char week_lua[];

/* The counters of a day in the order they are asked for. */
enum { TOTAL, THREATS, SEVERITIES, COUNTERS = SEVERITIES + SEVERITY_COUNT_ };

struct week {
    struct report_day days[DAYS]; /* the earliest first */
    int64_t by_day[DAYS][COUNTERS];
    int64_t sums[COUNTERS];
    int64_t types[EVENT_TYPE_COUNT_];
    struct redis_reply *sources; /* names and numbers */
};

/* Places of the replies behind two for each day. */
enum { WEEK_REPLY = 2 * DAYS, SOURCES_REPLY };

/* Counters and types of one day. */
static void ask_day(struct questions *questions, const char *day) {
    struct key_name key = key_name(KEY_DAY, day);
    struct key_name types = key_name(KEY_DAY_TYPES, day);
    struct day_field_name fields[COUNTERS];
    struct text arguments[2 + COUNTERS] = {TEXT("HMGET"), key_text(&key)};
    fields[TOTAL] = day_field_name(DAY_FIELD_TOTAL);
    fields[THREATS] = day_field_name(DAY_FIELD_THREATS);
    for (int i = 0; i < SEVERITY_COUNT_; i++)
        fields[SEVERITIES + i] =
            day_field_name(DAY_FIELD_SEVERITY, severity_text((enum severity)i));
    for (int i = 0; i < COUNTERS; i++)
        arguments[2 + i] = day_field_text(&fields[i]);
    questions_ask_list(questions, 2 + COUNTERS, arguments);
    questions_ask(questions, TEXT("HGETALL"), key_text(&types));
}

/* The sources as the commits keep them, if they do so for these days. */
static void ask_sources(struct questions *questions, const struct week *week) {
    struct key_name mark = key_name(KEY_WEEK);
    struct key_name sources = key_name(KEY_WEEK_ADDRESSES, week->days[DAYS - 1].key);
    questions_ask(questions, TEXT("GET"), key_text(&mark));
    questions_ask(questions, TEXT("ZREVRANGE"), key_text(&sources), TEXT("0"),
                  TEXT(TOP_SOURCES_LAST), TEXT("WITHSCORES"));
}

static void take_day(struct week *week, size_t day, const struct questions *questions) {
    for (size_t i = 0; i < COUNTERS; i++) {
        week->by_day[day][i] = redis_reply_integer(redis_reply_at(questions->replies[2 * day], i));
        week->sums[i] += week->by_day[day][i];
    }
    report_add_types(questions->replies[2 * day + 1], week->types);
}

/* Takes the sources over when they are of these days. */
static void take_sources(struct week *week, struct questions *questions) {
    char wanted[24];
    snprintf(wanted, sizeof wanted, "%s %s", week->days[0].key, week->days[DAYS - 1].key);
    if (!text_is(redis_reply_text(questions->replies[WEEK_REPLY]), wanted))
        return;
    week->sources = questions->replies[SOURCES_REPLY];
    questions->replies[SOURCES_REPLY] = NULL;
}

static enum status read_days(struct redis_client *redis, struct week *week) {
    SCOPED_FINI(questions) struct questions questions;
    questions_init(&questions, redis);
    for (size_t day = 0; day < DAYS; day++)
        ask_day(&questions, week->days[day].key);
    ask_sources(&questions, week);
    enum status status = questions_read(&questions);
    if (status != STATUS_OK)
        return status;
    for (size_t day = 0; day < DAYS; day++)
        take_day(week, day, &questions);
    take_sources(week, &questions);
    return STATUS_OK;
}

/* The first report of a day: the sources are summed up, and kept from then on. */
static enum status sum_up_sources(struct redis_client *redis, struct week *week) {
    SCOPED_FINI(shared_script) struct shared_script shared;
    struct text arguments[2 + DAYS] = {TEXT(SUMS_KEPT_S), TEXT(TOP_SOURCES)};
    struct key_name slot = key_name(KEY_WEEK);
    for (size_t day = 0; day < DAYS; day++)
        arguments[2 + day] = text_of(week->days[day].key);
    shared_script_init(&shared, (const char *const[]){week_lua}, 1);
    return redis_script_run(redis, shared.script, key_text(&slot), 2 + DAYS, arguments,
                            &week->sources);
}

/* With two decimals. */
static void write_average(struct json_writer *json, const char *name, int64_t sum) {
    char text[32];
    int64_t hundredths = (sum * 100 + DAYS / 2) / DAYS;
    int length =
        snprintf(text, sizeof text, "%" PRId64 ".%02d", hundredths / 100, (int)(hundredths % 100));
    json_key(json, name);
    json_raw(json, (struct text){text, (size_t)length});
}

static void write_summary(struct json_writer *json, const struct week *week) {
    json_key(json, "summary");
    json_object_begin(json);
    report_write_number(json, "total_events", week->sums[TOTAL]);
    report_write_number(json, "total_threats", week->sums[THREATS]);
    write_average(json, "avg_daily_events", week->sums[TOTAL]);
    write_average(json, "avg_daily_threats", week->sums[THREATS]);
    json_object_end(json);
}

static void write_days(struct json_writer *json, const struct week *week) {
    json_key(json, "daily_breakdown");
    json_object_begin(json);
    for (size_t day = 0; day < DAYS; day++) {
        json_key(json, week->days[day].date);
        json_object_begin(json);
        report_write_number(json, "total", week->by_day[day][TOTAL]);
        report_write_number(json, "threats", week->by_day[day][THREATS]);
        json_object_end(json);
    }
    json_object_end(json);
}

static void write_report(struct json_writer *json, const struct week *week, struct wall_time now) {
    char period[32];
    char time[CLOCK_RFC3339_SIZE];
    snprintf(period, sizeof period, "%s to %s", week->days[0].date, week->days[DAYS - 1].date);
    json_object_begin(json);
    report_write_string(json, "report_period", period);
    report_write_string(json, "generated_at", clock_format_rfc3339(now, time));
    write_summary(json, week);
    write_days(json, week);
    report_write_types(json, "threat_types", week->types);
    report_write_names(json, "top_attack_sources", week->sources);
    report_write_severities(json, "severity_summary", week->sums + SEVERITIES);
    json_object_end(json);
}

/* Reader's thread. */
static void read_report(struct redis_client *redis, struct http_request *request) {
    struct week week = {0};
    struct wall_time now = clock_wall();
    for (int day = 0; day < DAYS; day++)
        week.days[day] = report_day_before(ingest_of(request)->zone, now, DAYS - 1 - day);
    enum status status = read_days(redis, &week);
    if (status == STATUS_OK && week.sources == NULL)
        status = sum_up_sources(redis, &week);
    if (status == STATUS_OK) {
        struct json_answer answer;
        write_report(answer_begin(&answer), &week, now);
        answer_send(&answer, request, 200);
    } else {
        reads_answer_failure(request, redis, status);
    }
    redis_reply_destroy(&week.sources);
}

void route_report_weekly(struct http_request *request) {
    reads_submit(ingest_of(request)->reads, request, read_report);
}
