/* report.c: what the reports of the API share. */
#include "services/ingest/report.h"

#include <stdio.h>

#define DAY_MS INT64_C(86400000)

struct report_day report_day_before(const struct time_zone *zone, struct wall_time now, int days) {
    struct report_day day;
    struct wall_time local = time_zone_local(zone, now);
    clock_format_day((struct wall_time){local.ms - days * DAY_MS}, day.key);
    snprintf(day.date, sizeof day.date, "%.4s-%.2s-%.2s", day.key, day.key + 4, day.key + 6);
    return day;
}

void report_write_number(struct json_writer *json, const char *name, int64_t number) {
    json_key(json, name);
    json_int(json, number);
}

void report_write_string(struct json_writer *json, const char *name, const char *value) {
    json_key(json, name);
    json_string(json, value);
}

void report_write_severities(struct json_writer *json, const char *name,
                             const int64_t numbers[SEVERITY_COUNT_]) {
    json_key(json, name);
    json_object_begin(json);
    for (int i = SEVERITY_CRITICAL; i >= SEVERITY_LOW; i--)
        report_write_number(json, severity_text((enum severity)i), numbers[i]);
    json_object_end(json);
}

void report_write_names(struct json_writer *json, const char *name,
                        const struct redis_reply *pairs) {
    json_key(json, name);
    json_object_begin(json);
    for (size_t i = 0; i + 1 < redis_reply_count(pairs); i += 2) {
        json_key_text(json, redis_reply_text(redis_reply_at(pairs, i)));
        json_int(json, redis_reply_integer(redis_reply_at(pairs, i + 1)));
    }
    json_object_end(json);
}

void report_add_types(const struct redis_reply *pairs, int64_t numbers[EVENT_TYPE_COUNT_]) {
    for (size_t i = 0; i + 1 < redis_reply_count(pairs); i += 2) {
        enum event_type type;
        if (event_type_parse(redis_reply_text(redis_reply_at(pairs, i)), &type))
            numbers[type] += redis_reply_integer(redis_reply_at(pairs, i + 1));
    }
}

void report_write_types(struct json_writer *json, const char *name,
                        const int64_t numbers[EVENT_TYPE_COUNT_]) {
    int64_t left[EVENT_TYPE_COUNT_];
    memcpy(left, numbers, sizeof left);
    json_key(json, name);
    json_object_begin(json);
    for (;;) {
        int most = 0;
        for (int i = 1; i < EVENT_TYPE_COUNT_; i++)
            most = left[i] > left[most] ? i : most;
        if (left[most] <= 0)
            break;
        report_write_number(json, event_type_text((enum event_type)most), left[most]);
        left[most] = 0;
    }
    json_object_end(json);
}
