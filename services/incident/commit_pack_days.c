/* commit_pack_days.c: a batch's sums by day, as lists of field names and amounts. */
#include "services/incident/commit_pack_parts.h"

#include "common/clock.h"
#include "proto/day.h"

#include <stdio.h>

#define DAY_PARTS 10
#define DAY_MS INT64_C(86400000)
#define DAY_S INT64_C(86400)

/* At most all fields of a day's hash. */
#define DAY_FIELDS_MAX (2 + 2 * HOURS_PER_DAY + SEVERITY_COUNT_)

/* Fields and amounts, before their number is known. */
struct field_list {
    uint32_t count;
    struct day_field_name names[DAY_FIELDS_MAX];
    uint32_t amounts[DAY_FIELDS_MAX];
};

static void add_field(struct field_list *list, struct day_field_name name, uint32_t amount) {
    if (amount == 0)
        return;
    list->names[list->count] = name;
    list->amounts[list->count++] = amount;
}

static void add_hours(struct field_list *list, enum day_field field, const uint32_t *amounts) {
    for (int hour = 0; hour < HOURS_PER_DAY; hour++) {
        if (amounts[hour] == 0)
            continue;
        char text[4] = {(char)('0' + hour / 10), (char)('0' + hour % 10), '\0'};
        add_field(list, day_field_name(field, text), amounts[hour]);
    }
}

/* "total" goes first: the script takes its absence for a new day. */
static void pack_fields(const struct day_sums *sums, msgpack_packer *out) {
    struct field_list list;
    list.count = 0;
    add_field(&list, day_field_name(DAY_FIELD_TOTAL), sums->total);
    add_hours(&list, DAY_FIELD_HOUR, sums->by_hour);
    if (sums->threats > 0) {
        add_field(&list, day_field_name(DAY_FIELD_THREATS), sums->threats);
        add_hours(&list, DAY_FIELD_THREAT_HOUR, sums->threats_by_hour);
        for (int i = 0; i < SEVERITY_COUNT_; i++)
            add_field(&list, day_field_name(DAY_FIELD_SEVERITY, severity_text((enum severity)i)),
                      sums->threats_by_severity[i]);
    }
    msgpack_pack_array(out, list.count);
    for (uint32_t i = 0; i < list.count; i++)
        msgpack_pack_text(out, day_field_text(&list.names[i]));
    msgpack_pack_array(out, list.count);
    for (uint32_t i = 0; i < list.count; i++)
        msgpack_pack_uint32(out, list.amounts[i]);
}

static void pack_types(const struct day_sums *sums, msgpack_packer *out) {
    uint32_t count = 0;
    for (int i = 0; i < EVENT_TYPE_COUNT_; i++)
        count += sums->threats_by_type[i] > 0;
    msgpack_pack_array(out, count);
    for (int i = 0; i < EVENT_TYPE_COUNT_; i++) {
        if (sums->threats_by_type[i] > 0)
            msgpack_pack_text(out, text_of(event_type_text((enum event_type)i)));
    }
    msgpack_pack_array(out, count);
    for (int i = 0; i < EVENT_TYPE_COUNT_; i++) {
        if (sums->threats_by_type[i] > 0)
            msgpack_pack_uint32(out, sums->threats_by_type[i]);
    }
}

/* Names and amounts of one kind and day. */
static void pack_tallies(const struct statistics *statistics, enum tally_kind kind, uint32_t day,
                         msgpack_packer *out) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < statistics->tally_count; i++)
        count += statistics->tallies[i].kind == kind && statistics->tallies[i].day == day;
    msgpack_pack_array(out, count);
    for (uint32_t i = 0; count > 0 && i < statistics->tally_count; i++) {
        if (statistics->tallies[i].kind == kind && statistics->tallies[i].day == day)
            msgpack_pack_text(out, statistics->tallies[i].name);
    }
    msgpack_pack_array(out, count);
    for (uint32_t i = 0; count > 0 && i < statistics->tally_count; i++) {
        if (statistics->tallies[i].kind == kind && statistics->tallies[i].day == day)
            msgpack_pack_uint32(out, statistics->tallies[i].amount);
    }
}

void pack_days(const struct statistics *statistics, int64_t statistics_days, msgpack_packer *out) {
    msgpack_pack_array(out, statistics->day_count);
    for (uint32_t i = 0; i < statistics->day_count; i++) {
        const struct day_sums *sums = &statistics->days[i];
        char text[9];
        msgpack_pack_array(out, DAY_PARTS);
        msgpack_pack_text(out,
                          text_of(clock_format_day((struct wall_time){sums->day * DAY_MS}, text)));
        msgpack_pack_int64(out, (sums->day + 1 + statistics_days) * DAY_S);
        pack_fields(sums, out);
        pack_types(sums, out);
        pack_tallies(statistics, TALLY_ADDRESS, i, out);
        pack_tallies(statistics, TALLY_USER, i, out);
    }
}

void pack_rule_hits(const struct statistics *statistics, msgpack_packer *out) {
    pack_tallies(statistics, TALLY_RULE, 0, out);
}
