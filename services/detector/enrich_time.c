/* enrich_time.c: off hours in a time zone. */
#include "services/detector/enrich_time.h"

#include "common/log.h"
#include "common/time_zone.h"

#include <stdlib.h>

#define DAY_MINUTES 1440
#define MINUTE_MS 60000

struct enrich_time {
    int begin_minute; /* of the local day */
    int end_minute;   /* no longer in it */
    struct time_zone *zone;
};

/* Reads "HH:MM" up to 24:00; its minute of the day. */
static bool parse_minute(const char *text, int *ret_minute) {
    for (int i = 0; i < 5; i++)
        if (i == 2 ? text[i] != ':' : text[i] < '0' || text[i] > '9')
            return false;
    int hour = (text[0] - '0') * 10 + text[1] - '0';
    int minute = (text[3] - '0') * 10 + text[4] - '0';
    if (minute > 59 || hour * 60 + minute > DAY_MINUTES)
        return false;
    *ret_minute = hour * 60 + minute;
    return true;
}

/* Reads "HH:MM-HH:MM", or nothing. */
static bool parse_hours(struct enrich_time *enrichment, const char *text) {
    if (text[0] == '\0')
        return true;
    return strlen(text) == 11 && text[5] == '-' && parse_minute(text, &enrichment->begin_minute) &&
           parse_minute(text + 6, &enrichment->end_minute);
}

struct enrich_time *enrich_time_new(const char *off_hours, const char *zone) {
    struct enrich_time *enrichment = calloc(1, sizeof *enrichment);
    if (enrichment == NULL)
        abort();
    if (parse_hours(enrichment, off_hours))
        enrichment->zone = time_zone_new(zone);
    else
        log_error(
            "SIEM_OFF_HOURS is no span of hours: write it like 22:00-06:00, or leave it empty",
            LOG_STRING("value", off_hours));
    if (enrichment->zone == NULL)
        enrich_time_destroy(&enrichment);
    return enrichment;
}

void enrich_time_destroy(struct enrich_time **enrichment) {
    if (*enrichment == NULL)
        return;
    time_zone_destroy(&(*enrichment)->zone);
    free(*enrichment);
    *enrichment = NULL;
}

bool enrich_time_is_off_hours(const struct enrich_time *enrichment, struct wall_time time) {
    int64_t local_ms = time_zone_local(enrichment->zone, time).ms;
    int64_t day_ms = INT64_C(86400000);
    int minute = (int)(((local_ms % day_ms + day_ms) % day_ms) / MINUTE_MS);
    int begin = enrichment->begin_minute, end = enrichment->end_minute;
    if (begin <= end)
        return minute >= begin && minute < end;
    return minute >= begin || minute < end;
}

void enrich_time_apply(const struct enrich_time *enrichment, const struct event *event,
                       struct fields *fields) {
    if (enrich_time_is_off_hours(enrichment, (struct wall_time){event->time_ms}))
        fields_add_switch(fields, FIELD_NUMBER_off_hours, true);
}
