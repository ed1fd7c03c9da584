/* statistics.c: what a batch adds to the counters. */
#include "services/incident/statistics.h"

#include <assert.h>
#include <xxhash.h>

#define HOUR_MS 3600000

void statistics_reset(struct statistics *statistics, const struct time_zone *zone) {
    statistics->zone = zone;
    statistics->day_count = 0;
    statistics->last = 0;
    statistics->tally_count = 0;
    memset(statistics->slots, 0, sizeof(statistics->slots));
}

/* The sums of a day; most events are of the day of the one before. */
static struct day_sums *find_day(struct statistics *statistics, int64_t day) {
    if (statistics->day_count > 0 && statistics->days[statistics->last].day == day)
        return &statistics->days[statistics->last];
    for (uint32_t i = 0; i < statistics->day_count; i++) {
        if (statistics->days[i].day == day) {
            statistics->last = i;
            return &statistics->days[i];
        }
    }
    assert(statistics->day_count < BATCH_EVENTS_MAX);
    statistics->last = statistics->day_count++;
    statistics->days[statistics->last] = (struct day_sums){.day = day};
    return &statistics->days[statistics->last];
}

/* Hours from 1970 in the zone, rounded towards the past, to a moment. */
static int64_t hour_at(const struct statistics *statistics, int64_t time_ms) {
    int64_t local_ms = time_zone_local(statistics->zone, (struct wall_time){time_ms}).ms;
    return local_ms / HOUR_MS - (local_ms % HOUR_MS < 0);
}

/* Which of the day's hours that is; `hour` may be before 1970. */
static int64_t hour_of_day(int64_t hour) {
    return (hour % HOURS_PER_DAY + HOURS_PER_DAY) % HOURS_PER_DAY;
}

/* The sums of the day of an hour. */
static struct day_sums *find_day_of(struct statistics *statistics, int64_t hour) {
    return find_day(statistics, (hour - hour_of_day(hour)) / HOURS_PER_DAY);
}

void statistics_add_event(struct statistics *statistics, int64_t time_ms) {
    assert(time_ms >= 0 && time_ms <= EVENT_TIME_MAX);
    int64_t hour = hour_at(statistics, time_ms);
    struct day_sums *sums = find_day_of(statistics, hour);
    sums->total++;
    sums->by_hour[hour_of_day(hour)]++;
}

static bool is_tally(const struct tally *tally, const struct tally *wanted) {
    return tally->kind == wanted->kind && tally->day == wanted->day &&
           text_equal(tally->name, wanted->name);
}

/* Adds 1 to the tally of this kind, day and name; tells its place. */
static uint32_t count_name(struct statistics *statistics, const struct tally *wanted) {
    uint64_t seed = (uint64_t)wanted->day << 2 | wanted->kind;
    uint64_t slot = XXH3_64bits_withSeed(wanted->name.data, wanted->name.length, seed);
    for (;; slot++) {
        uint16_t *place = &statistics->slots[slot % TALLY_SLOTS];
        if (*place == 0) {
            assert(statistics->tally_count < TALLIES_MAX);
            statistics->tallies[statistics->tally_count] = *wanted;
            *place = (uint16_t)++statistics->tally_count;
        }
        struct tally *tally = &statistics->tallies[*place - 1];
        if (is_tally(tally, wanted)) {
            tally->amount++;
            return *place - 1u;
        }
    }
}

uint32_t statistics_add_threat(struct statistics *statistics, const struct counted_threat *threat) {
    int64_t hour = hour_at(statistics, threat->time_ms);
    struct day_sums *sums = find_day_of(statistics, hour);
    sums->threats++;
    sums->threats_by_hour[hour_of_day(hour)]++;
    sums->threats_by_severity[threat->severity]++;
    sums->threats_by_type[threat->type]++;
    uint32_t day = statistics->last;
    if (threat->address.data != NULL)
        count_name(statistics,
                   &(struct tally){.kind = TALLY_ADDRESS, .day = day, .name = threat->address});
    if (threat->user.data != NULL)
        count_name(statistics,
                   &(struct tally){.kind = TALLY_USER, .day = day, .name = threat->user});
    return day;
}

uint32_t statistics_add_finding(struct statistics *statistics, struct text rule_id) {
    return count_name(statistics, &(struct tally){.kind = TALLY_RULE, .name = rule_id});
}

void statistics_add_shadow(struct statistics *statistics, const struct shadow_hit *hit) {
    uint32_t place = statistics_add_finding(statistics, hit->rule_id);
    statistics->tallies[place].amount += hit->events - 1;
}
