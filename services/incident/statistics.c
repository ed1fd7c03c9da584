/* statistics.c: what a batch adds to the counters. */
#include "services/incident/statistics.h"

#include <assert.h>
#include <xxhash.h>

#define HOUR_MS 3600000

void statistics_reset(struct statistics *statistics) {
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

void statistics_add_event(struct statistics *statistics, int64_t time_ms) {
    assert(time_ms >= 0 && time_ms <= EVENT_TIME_MAX);
    int64_t hour = time_ms / HOUR_MS;
    struct day_sums *sums = find_day(statistics, hour / HOURS_PER_DAY);
    sums->total++;
    sums->by_hour[hour % HOURS_PER_DAY]++;
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

void statistics_add_threat(struct statistics *statistics, const struct counted_threat *threat) {
    int64_t hour = threat->time_ms / HOUR_MS;
    struct day_sums *sums = find_day(statistics, hour / HOURS_PER_DAY);
    sums->threats++;
    sums->threats_by_hour[hour % HOURS_PER_DAY]++;
    sums->threats_by_severity[threat->severity]++;
    sums->threats_by_type[threat->type]++;
    uint32_t day = statistics->last;
    if (threat->address.data != NULL)
        count_name(statistics,
                   &(struct tally){.kind = TALLY_ADDRESS, .day = day, .name = threat->address});
    if (threat->user.data != NULL)
        count_name(statistics,
                   &(struct tally){.kind = TALLY_USER, .day = day, .name = threat->user});
}

uint32_t statistics_add_finding(struct statistics *statistics, struct text rule_id) {
    return count_name(statistics, &(struct tally){.kind = TALLY_RULE, .name = rule_id});
}
