/* held.h: the alerts this process has taken and not finished, and how far each is for each channel.
 *
 * Owner: init/fini on the caller's table; an alert held keeps its address until it is removed.
 * Units: monotonic time. Threads: the loop's. Errors: none. Limits: HELD_MAX alerts.
 */
#ifndef SIEM_ALERTER_HELD_H
#define SIEM_ALERTER_HELD_H

#include "common/clock.h"
#include "services/alerter/alert.h"
#include "services/alerter/channel.h"

#define HELD_MAX 1024
#define HELD_REASON_SIZE 128

enum progress_state {
    PROGRESS_NONE,      /* not for this channel, or recorded as done */
    PROGRESS_WAITING,   /* until `due` */
    PROGRESS_IN_FLIGHT, /* a request is under way */
    PROGRESS_ENDED,     /* delivered or dead, to be recorded in Redis */
};

struct delivery_progress {
    struct held *held;
    enum channel_id channel;
    enum progress_state state;
    bool is_retry;
    struct mono_time due;
    int64_t attempts;
    bool is_dead;
    char reason[HELD_REASON_SIZE]; /* why it is dead, or will be when no attempt is left */
};

struct held {
    void *owner; /* of the table; for callbacks that get a progress */
    struct alert alert;
    struct delivery_progress progress[CHANNEL_COUNT_];
};

struct held_table {
    struct held *items[HELD_MAX];
    size_t count;
};

/* Adds an alert, due now for each of the channels; takes its content. There must be room. */
struct held *held_add(struct held_table *table, struct alert *alert, uint32_t channels);

/* The alert of an entry; NULL when it is not held. */
struct held *held_find(const struct held_table *table, const char *id);

/* Removes and frees one. */
void held_remove(struct held_table *table, struct held *held);

/* Frees them all. */
void held_table_fini(struct held_table *table);

/* The earliest that waits for a channel; NULL when none does. */
struct delivery_progress *held_next(const struct held_table *table, enum channel_id channel);

/* How many are in a state, over all channels. */
size_t held_count_state(const struct held_table *table, enum progress_state state);

/* Alerts that hold a place: in flight, or not tried yet. Those waiting for a retry do not. */
size_t held_count_busy(const struct held_table *table);

/* Whether some channel is in this state. */
bool held_is_any(const struct held *held, enum progress_state state);

/* Whether no channel but this one has anything left to do. */
bool held_is_last(const struct held *held, enum channel_id channel);

#endif
