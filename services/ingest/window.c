/* window.c: the bounded set of batches in flight, and when each is sent again. */
#include "services/ingest/window.h"

#include <assert.h>

/* Receipts that pause longer than this have stopped flowing. */
#define FLOW_PAUSE_MS 1000

static int64_t ms_between(struct mono_time from, struct mono_time to) {
    return (to.ns - from.ns) / 1000000;
}

void window_init(struct window *window, struct mono_time now) {
    window->count = 0;
    window->events = window->bytes = 0;
    window->random = (uint32_t)now.ns | 1;
    window->progress_at = window->flow_since = window->newest_back = now;
    window->average_ns = 0;
}

bool window_has_room(const struct window *window) {
    return window->count < WINDOW_BATCHES_MAX &&
           window->events + BATCH_EVENTS_MAX <= WINDOW_EVENTS_MAX &&
           window->bytes + BATCH_SIZE_MAX <= WINDOW_BYTES_MAX;
}

/* `ms` and up to a quarter more or less, so that many batches do not come due together. */
static int64_t jitter(struct window *window, int64_t ms) {
    window->random ^= window->random << 13; /* xorshift32 */
    window->random ^= window->random >> 17;
    window->random ^= window->random << 5;
    return ms - ms / 4 + (int64_t)(window->random % (uint32_t)(ms / 2));
}

void window_add(struct window *window, const struct flight *flight, struct mono_time now) {
    assert(window->count < WINDOW_BATCHES_MAX);
    struct flight *added = &window->flights[window->count++];
    *added = *flight;
    added->attempt = 1;
    added->cause = RESEND_TIMEOUT;
    added->timeout_ms = RESEND_FIRST_MS;
    added->sent_at = now;
    added->due = clock_mono_add_ms(now, jitter(window, RESEND_FIRST_MS));
    window->events += flight->events;
    window->bytes += flight->bytes;
}

struct flight *window_find(struct window *window, const struct epoch *epoch, uint64_t seq) {
    for (size_t i = 0; i < window->count; i++) {
        if (window->flights[i].seq == seq && window->flights[i].epoch == epoch)
            return &window->flights[i];
    }
    return NULL;
}

bool window_holds(const struct window *window, const struct epoch *epoch) {
    return window_lowest(window, epoch) != UINT64_MAX;
}

void window_remove(struct window *window, size_t place) {
    assert(place < window->count);
    window->events -= window->flights[place].events;
    window->bytes -= window->flights[place].bytes;
    window->flights[place] = window->flights[--window->count];
}

void window_remove_from(struct window *window, const struct epoch *epoch, uint64_t seq) {
    for (size_t i = window->count; i > 0; i--) {
        if (window->flights[i - 1].epoch == epoch && window->flights[i - 1].seq >= seq)
            window_remove(window, i - 1);
    }
}

/* Learns from a batch that came back how long that takes; not when it is unknown which of its
 * sendings did. */
static void learn(struct window *window, const struct flight *flight, struct mono_time now) {
    if (flight->attempt > 1)
        return;
    window->average_ns += (now.ns - flight->sent_at.ns - window->average_ns) / 8;
    if (flight->sent_at.ns > window->newest_back.ns)
        window->newest_back = flight->sent_at;
}

void window_apply(struct window *window, const struct epoch *epoch, const struct receipt *receipt,
                  struct mono_time now, struct window_listener listener) {
    bool progress = false;
    for (size_t i = window->count; i > 0; i--) {
        const struct flight *flight = &window->flights[i - 1];
        if (flight->epoch != epoch || !receipt_covers(receipt, flight->seq))
            continue;
        learn(window, flight, now);
        listener.on_receipted(listener.context, flight);
        window_remove(window, i - 1);
        progress = true;
    }
    if (!progress)
        return;
    if (ms_between(window->progress_at, now) > FLOW_PAUSE_MS)
        window->flow_since = now;
    window->progress_at = now;
}

uint64_t window_lowest(const struct window *window, const struct epoch *epoch) {
    uint64_t lowest = UINT64_MAX;
    for (size_t i = 0; i < window->count; i++) {
        if (window->flights[i].epoch == epoch && window->flights[i].seq < lowest)
            lowest = window->flights[i].seq;
    }
    return lowest;
}

void window_suspect(struct flight *flight, enum resend_cause cause, struct mono_time now) {
    if (flight->due.ns > now.ns || flight->cause == RESEND_TIMEOUT) {
        flight->due = now;
        flight->cause = cause;
    }
}

void window_suspect_all(struct window *window, struct mono_time now) {
    for (size_t i = 0; i < window->count; i++)
        window_suspect(&window->flights[i], RESEND_PEER_LOST,
                       clock_mono_add_ms(now, RESEND_GRACE_MS));
}

/* The entry that was sent first of all, by its place on the disk. */
static const struct flight *oldest(const struct window *window) {
    const struct flight *found = NULL;
    uint64_t lowest = UINT64_MAX;
    for (size_t i = 0; i < window->count; i++) {
        uint64_t number = epoch_number(window->flights[i].epoch, window->flights[i].seq);
        if (number < lowest) {
            lowest = number;
            found = &window->flights[i];
        }
    }
    return found;
}

/* A batch that is only late: sent again when others that left after it have come back for a while.
 */
static bool is_overtaken(const struct window *window, const struct flight *flight,
                         struct mono_time now) {
    return window->progress_at.ns > flight->sent_at.ns &&
           ms_between(window->flow_since, now) >= RESEND_FIRST_MS;
}

/* A batch that did not come back although one that left after it did, and long ago: it is with
 * somebody who does not go on. Not believed before receipts have been coming for that long, too. */
static bool is_stuck(const struct window *window, const struct flight *flight,
                     struct mono_time now) {
    if (window->newest_back.ns <= flight->sent_at.ns)
        return false;
    int64_t limit_ms = window->average_ns / 1000000 * OVERTAKEN_TIMES;
    if (limit_ms < OVERTAKEN_LEAST_MS)
        limit_ms = OVERTAKEN_LEAST_MS;
    limit_ms *= flight->timeout_ms / RESEND_FIRST_MS;
    return ms_between(flight->sent_at, now) >= limit_ms &&
           ms_between(window->flow_since, now) >= limit_ms;
}

struct flight *window_due(struct window *window, size_t *place, struct mono_time now) {
    const struct flight *probe = oldest(window);
    while (*place < window->count) {
        struct flight *flight = &window->flights[(*place)++];
        if (is_stuck(window, flight, now))
            return flight;
        if (flight->due.ns > now.ns)
            continue;
        if (flight->cause != RESEND_TIMEOUT || flight == probe || is_overtaken(window, flight, now))
            return flight;
    }
    return NULL;
}

void window_resent(struct window *window, struct flight *flight, struct mono_time now) {
    flight->attempt++;
    flight->cause = RESEND_TIMEOUT;
    flight->timeout_ms =
        flight->timeout_ms * 2 < RESEND_LONGEST_MS ? flight->timeout_ms * 2 : RESEND_LONGEST_MS;
    flight->sent_at = now;
    flight->due = clock_mono_add_ms(now, jitter(window, flight->timeout_ms));
}
