/* time_zone.c: the offsets of a zone, as a table of the moments at which they change. */
#include "common/time_zone.h"

#include "common/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define DATABASE "/usr/share/zoneinfo"
#define TABLE_FROM_S 946684800ll /* 2000-01-01 */
#define TABLE_TO_S 4102444800ll  /* 2100-01-01 */
#define QUARTER_S 900ll          /* offsets change at full quarters of an hour */
#define DAY_S 86400ll
#define OFFSETS_MAX 1024

struct zone_offset {
    int64_t from_s; /* from this moment on */
    int64_t offset_s;
};

struct time_zone {
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

static void add_offset(struct time_zone *zone, int64_t from_s, int64_t offset_s) {
    if (zone->count < OFFSETS_MAX)
        zone->offsets[zone->count++] = (struct zone_offset){from_s, offset_s};
}

/* Notes every change of the process's present zone. */
static void read_offsets(struct time_zone *zone) {
    int64_t offset = local_offset(TABLE_FROM_S);
    add_offset(zone, INT64_MIN, offset);
    for (int64_t day = TABLE_FROM_S; day < TABLE_TO_S; day += DAY_S) {
        int64_t next = local_offset(day + DAY_S);
        if (next != offset)
            add_offset(zone, find_change(day, day + DAY_S), next);
        offset = next;
    }
}

/* True when the database has a zone of that name: glibc takes any other for UTC without a word. */
static bool is_known(const char *name) {
    char path[256];
    if (name[0] == '/' || name[0] == '.' || strstr(name, "..") != NULL)
        return false;
    int length = snprintf(path, sizeof path, DATABASE "/%s", name);
    return length > 0 && (size_t)length < sizeof path && access(path, R_OK) == 0;
}

/* Reads the offsets of a zone by making it the process's for the moment. */
static void read_zone(struct time_zone *zone, const char *name) {
    const char *present = getenv("TZ");
    char *saved = present != NULL ? strdup(present) : NULL;
    setenv("TZ", name, 1);
    tzset();
    read_offsets(zone);
    if (saved != NULL)
        setenv("TZ", saved, 1);
    else
        unsetenv("TZ");
    tzset();
    free(saved);
}

/* Reads "+05:30" or "-03:00". */
static bool parse_fixed(const char *name, int64_t *ret_offset_s) {
    if (strlen(name) != 6 || (name[0] != '+' && name[0] != '-') || name[3] != ':')
        return false;
    for (int i = 1; i < 6; i++) {
        if (i != 3 && (name[i] < '0' || name[i] > '9'))
            return false;
    }
    int hours = (name[1] - '0') * 10 + name[2] - '0';
    int minutes = (name[4] - '0') * 10 + name[5] - '0';
    int64_t offset_s = hours * 3600ll + minutes * 60ll;
    if (minutes > 59 || offset_s > 14 * 3600ll)
        return false;
    *ret_offset_s = name[0] == '-' ? -offset_s : offset_s;
    return true;
}

struct time_zone *time_zone_new(const char *name) {
    struct time_zone *zone = calloc(1, sizeof *zone);
    if (zone == NULL)
        abort();
    int64_t offset_s = 0;
    if (strcmp(name, "UTC") == 0 || name[0] == '\0' || parse_fixed(name, &offset_s)) {
        add_offset(zone, INT64_MIN, offset_s);
    } else if (is_known(name)) {
        read_zone(zone, name);
    } else {
        log_error("SIEM_TIME_ZONE is not known: take a name from " DATABASE
                  " (package tzdata), like Europe/Berlin or UTC, or an offset like +05:30",
                  LOG_STRING("value", name));
        time_zone_destroy(&zone);
    }
    return zone;
}

void time_zone_destroy(struct time_zone **zone) {
    free(*zone);
    *zone = NULL;
}

static int64_t offset_at(const struct time_zone *zone, int64_t seconds) {
    size_t low = 0;
    size_t high = zone->count;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (zone->offsets[middle].from_s <= seconds)
            low = middle;
        else
            high = middle;
    }
    return zone->offsets[low].offset_s;
}

struct wall_time time_zone_local(const struct time_zone *zone, struct wall_time time) {
    int64_t seconds = time.ms / 1000 - (time.ms % 1000 < 0);
    return (struct wall_time){time.ms + 1000 * offset_at(zone, seconds)};
}
