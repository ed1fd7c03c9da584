/* gap_tracker.c: per publisher the next number, and the holes below it. */
#include "services/siemctl/gap_tracker.h"

#include <stdio.h>

void gap_tracker_init(struct gap_tracker *tracker) {
    memset(tracker, 0, sizeof *tracker);
}

/* True when the stored name is that text; longer names are cut alike everywhere. */
static bool name_is(const char *name, struct text text) {
    size_t length = text.length < GAP_NAME_SIZE - 1 ? text.length : GAP_NAME_SIZE - 1;
    return strlen(name) == length && memcmp(name, text.data, length) == 0;
}

static void store_name(char name[GAP_NAME_SIZE], struct text text) {
    snprintf(name, GAP_NAME_SIZE, "%.*s", TEXT_ARG(text));
}

static struct gap_publisher *find(struct gap_tracker *tracker, struct text name) {
    for (int i = 0; i < tracker->publisher_count; i++)
        if (name_is(tracker->publishers[i].name, name))
            return &tracker->publishers[i];
    return NULL;
}

/* The row of a publisher, new if need be in the place of the one unheard for longest. */
static struct gap_publisher *find_or_add(struct gap_tracker *tracker, struct text name) {
    struct gap_publisher *found = find(tracker, name);
    if (found != NULL)
        return found;
    if (tracker->publisher_count < GAP_PUBLISHERS_MAX) {
        found = &tracker->publishers[tracker->publisher_count++];
    } else {
        found = &tracker->publishers[0];
        for (int i = 1; i < GAP_PUBLISHERS_MAX; i++)
            if (tracker->publishers[i].heard.ns < found->heard.ns)
                found = &tracker->publishers[i];
    }
    *found = (struct gap_publisher){.heard = clock_mono()};
    store_name(found->name, name);
    return found;
}

static void remove_hole(struct gap_tracker *tracker, int index) {
    tracker->hole_count--;
    for (int i = index; i < tracker->hole_count; i++)
        tracker->holes[i] = tracker->holes[i + 1];
}

/* Notes a hole; when there are too many, the oldest is given up. */
static void add_hole(struct gap_tracker *tracker, const char *name, uint64_t from, uint64_t to) {
    if (tracker->hole_count == GAP_HOLES_MAX) {
        tracker->lost += tracker->holes[0].to - tracker->holes[0].from + 1;
        remove_hole(tracker, 0);
    }
    struct gap_hole *hole = &tracker->holes[tracker->hole_count++];
    *hole = (struct gap_hole){.from = from, .to = to};
    snprintf(hole->name, sizeof hole->name, "%s", name);
}

/* Takes a number out of the hole it is in; false when it is in none, so was seen. */
static bool fill_hole(struct gap_tracker *tracker, const char *name, uint64_t seq) {
    for (int i = 0; i < tracker->hole_count; i++) {
        struct gap_hole *hole = &tracker->holes[i];
        if (strcmp(hole->name, name) != 0 || seq < hole->from || seq > hole->to)
            continue;
        uint64_t to = hole->to;
        hole->to = seq - 1;
        if (seq == hole->from)
            remove_hole(tracker, i);
        if (seq < to)
            add_hole(tracker, name, seq + 1, to);
        return true;
    }
    return false;
}

bool gap_tracker_is_ahead(const struct gap_tracker *tracker, struct text publisher, uint64_t seq) {
    for (int i = 0; i < tracker->publisher_count; i++) {
        const struct gap_publisher *found = &tracker->publishers[i];
        if (name_is(found->name, publisher))
            return found->next == 0 || seq > found->next;
    }
    return true;
}

bool gap_tracker_take(struct gap_tracker *tracker, struct text publisher, uint64_t seq) {
    struct gap_publisher *found = find_or_add(tracker, publisher);
    if (seq < found->next)
        return fill_hole(tracker, found->name, seq);
    if (found->next != 0 && seq > found->next)
        add_hole(tracker, found->name, found->next, seq - 1);
    found->next = seq + 1;
    return true;
}

void gap_tracker_expect(struct gap_tracker *tracker, struct text publisher, uint64_t last) {
    struct gap_publisher *found = find_or_add(tracker, publisher);
    if (found->next != 0 && last >= found->next)
        add_hole(tracker, found->name, found->next, last);
    if (last >= found->next)
        found->next = last + 1;
}

void gap_tracker_hear(struct gap_tracker *tracker, struct text publisher, struct mono_time now) {
    struct gap_publisher *found = find_or_add(tracker, publisher);
    found->heard = now;
    found->silent = false;
}

bool gap_tracker_has_vanished(struct gap_tracker *tracker, struct mono_time now,
                              int64_t silence_ms) {
    bool vanished = false;
    for (int i = 0; i < tracker->publisher_count; i++) {
        struct gap_publisher *publisher = &tracker->publishers[i];
        bool silent = now.ns - publisher->heard.ns > silence_ms * 1000000;
        vanished = vanished || (silent && !publisher->silent);
        publisher->silent = silent;
    }
    return vanished;
}

uint64_t gap_tracker_missing(const struct gap_tracker *tracker) {
    uint64_t missing = 0;
    for (int i = 0; i < tracker->hole_count; i++)
        missing += tracker->holes[i].to - tracker->holes[i].from + 1;
    return missing;
}

uint64_t gap_tracker_give_up(struct gap_tracker *tracker) {
    uint64_t missing = gap_tracker_missing(tracker);
    tracker->lost += missing;
    tracker->hole_count = 0;
    return missing;
}
