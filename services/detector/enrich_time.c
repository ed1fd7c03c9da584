/* enrich_time.c: off hours in a time zone, from a table of the zone's offsets. */
#include "services/detector/enrich_time.h"

#include "common/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define ZONE_DIRECTORY "/usr/share/zoneinfo"
#define TABLE_FROM_S 946684800ll /* 2000-01-01 */
#define TABLE_TO_S 4102444800ll  /* 2100-01-01 */
#define QUARTER_S 900ll          /* offsets change at full quarters of an hour */
#define DAY_S 86400ll
#define DAY_MINUTES 1440
#define OFFSETS_MAX 1024

struct zone_offset {
    int64_t from_s; /* from this moment on */
    int64_t offset_s;
};

struct enrich_time {
    int begin_minute; /* of the local day */
    int end_minute;   /* no longer in it */
    size_t count;
    struct zone_offset offsets[OFFSETS_MAX];
};

static int64_t local_offset(int64_t seconds) {
    time_t time = (time_t)seconds;
    struct tm local;
    return localtime_r(&time, &local) != NULL ? local.tm_gmtoff : 0;
}

/* Finds the quarter between two moments at which the offset becomes that of the later one. */
static int64_t find_change(int64_t low, int64_t high) {
    int64_t after = local_offset(high);
    while (high - low > QUARTER_S) {
        int64_t middle = low + (high - low) / 2 / QUARTER_S * QUARTER_S;
        if (local_offset(middle) == after)
            high = middle;
        else
            low = middle;
    }
    return high;
}

/* Notes every change of the process's present zone. */
static void read_offsets(struct enrich_time *enrichment) {
    int64_t offset = local_offset(TABLE_FROM_S);
    enrichment->offsets[0] = (struct zone_offset){INT64_MIN, offset};
    enrichment->count = 1;
    for (int64_t day = TABLE_FROM_S; day < TABLE_TO_S; day += DAY_S) {
        int64_t next = local_offset(day + DAY_S);
        if (next != offset && enrichment->count < OFFSETS_MAX) {
            int64_t change = find_change(day, day + DAY_S);
            enrichment->offsets[enrichment->count++] = (struct zone_offset){change, next};
        }
        offset = next;
    }
}

/* True when the database has a zone of that name: glibc takes any other for UTC without a word. */
static bool zone_is_known(const char *zone) {
    char path[256];
    if (zone[0] == '/' || zone[0] == '.' || strstr(zone, "..") != NULL)
        return false;
    int length = snprintf(path, sizeof path, ZONE_DIRECTORY "/%s", zone);
    return length > 0 && (size_t)length < sizeof path && access(path, R_OK) == 0;
}

/* Reads the zone's offsets by making it the process's for the moment. */
static bool read_zone(struct enrich_time *enrichment, const char *zone) {
    if (strcmp(zone, "UTC") == 0 || zone[0] == '\0') {
        enrichment->offsets[0] = (struct zone_offset){INT64_MIN, 0};
        enrichment->count = 1;
        return true;
    }
    if (!zone_is_known(zone))
        return false;
    const char *present = getenv("TZ");
    char *saved = present != NULL ? strdup(present) : NULL;
    setenv("TZ", zone, 1);
    tzset();
    read_offsets(enrichment);
    if (saved != NULL)
        setenv("TZ", saved, 1);
    else
        unsetenv("TZ");
    tzset();
    free(saved);
    return true;
}

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
    if (!parse_hours(enrichment, off_hours)) {
        log_error(
            "SIEM_OFF_HOURS is no span of hours: write it like 22:00-06:00, or leave it empty",
            LOG_STRING("value", off_hours));
        enrich_time_destroy(&enrichment);
    } else if (!read_zone(enrichment, zone)) {
        log_error("SIEM_TIME_ZONE is not known: take a name from " ZONE_DIRECTORY
                  " (package tzdata), like Europe/Berlin or UTC",
                  LOG_STRING("value", zone));
        enrich_time_destroy(&enrichment);
    }
    return enrichment;
}

void enrich_time_destroy(struct enrich_time **enrichment) {
    free(*enrichment);
    *enrichment = NULL;
}

static int64_t offset_at(const struct enrich_time *enrichment, int64_t seconds) {
    size_t low = 0, high = enrichment->count;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (enrichment->offsets[middle].from_s <= seconds)
            low = middle;
        else
            high = middle;
    }
    return enrichment->offsets[low].offset_s;
}

bool enrich_time_is_off_hours(const struct enrich_time *enrichment, struct wall_time time) {
    int64_t seconds = time.ms / 1000 - (time.ms % 1000 < 0);
    int64_t local = (seconds + offset_at(enrichment, seconds)) % DAY_S;
    int minute = (int)((local < 0 ? local + DAY_S : local) / 60);
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
