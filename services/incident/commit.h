/* commit.h: a batch on its way through the commit: as it came, as it was judged, what Redis
 * answered.
 *
 * Owner: the struct owns the message, and with it all that the views and judgements borrow; init
 * once, then take and release for each message. Errors: those of the codecs, BAD_FRAMES for a
 * message that is not findings and batch, BAD_VALUE for findings that speak of events the batch has
 * not. Threads: one at a time. Limits: those of batch.h and finding.h.
 */
#ifndef SIEM_INCIDENT_COMMIT_H
#define SIEM_INCIDENT_COMMIT_H

#include "common/redis_client.h"
#include "common/wire.h"
#include "proto/batch.h"
#include "services/incident/incidents.h"

/* Lua's numbers are exact up to here; a batch number beyond it is refused. */
#define LUA_INTEGER_MAX UINT64_C(9007199254740991)

/* What became of it. */
enum commit_state {
    COMMIT_OPEN,      /* not answered yet */
    COMMIT_DONE,      /* committed now */
    COMMIT_DUPLICATE, /* had been committed before */
    COMMIT_REFUSED, /* too far ahead of the floor, no room, or the script fails on it: the producer
                       sends it again */
};

struct commit {
    struct wire_message message;
    struct msgpack_frame frame;
    struct findings_view findings;
    struct batch_view batch;
    struct buffer joined; /* memory of joined details */
    uint32_t judgement_count;
    struct judgement judgements[BATCH_EVENTS_MAX]; /* ascending index */
    bool quarantined[BATCH_EVENTS_MAX];            /* unread, unreadable, or set aside */
    uint32_t quarantined_count;
    uint32_t set_aside_count; /* of these, by commit_set_aside() */
    enum commit_state state;
    bool has_floor; /* Redis told the floor */
    uint64_t floor; /* of its producer and epoch */
    bool was_sent;  /* to Redis, whether or not it answered */
    struct redis_reply
        *reply; /* when it lists threats, or that a lost answer had none; else NULL */
};

/* One threat as the script answered it; borrows from the reply. */
struct committed_threat {
    uint32_t index;
    struct text incident_id;
    bool alert_queued;
    struct text topic;
    struct text body;
};

/* An event that a correlation made a threat, as the script answered it. */
struct correlated_event {
    uint32_t index;
    uint32_t group; /* place among the contributions' groups */
    struct text incident_id;
    bool alert_queued;
};

/* Makes it ready for commit_take. */
void commit_init(struct commit *commit);

/* Frees everything. */
void commit_fini(struct commit *commit);

/* Takes the message (in every case), opens it and judges its events. After a failure it is empty.
 */
MUST_CHECK enum status commit_take(struct commit *commit, struct wire_message *message);

/* Lets go of the message and the reply, for the next commit_take. */
void commit_release(struct commit *commit);

/* Notes that an event cannot be read: it is quarantined, and counted with the reason. */
void commit_quarantine(struct commit *commit, uint32_t index, enum status reason);

/* Quarantines the events that detectors found something in, or that correlations take; all of them
 * when there are none of those, or `all`. Once more changes nothing. They are counted with the
 * reason when the batch is committed. */
void commit_set_aside(struct commit *commit, bool all);

/* True when it is known which incidents the batch's threats belong to: it was committed now, or
 * before with an answer that got lost and was found again. */
bool commit_has_verdicts(const struct commit *commit);

/* The threats the script answered, one by one from position 0; false past the last. */
bool commit_threat(const struct commit *commit, size_t position,
                   struct committed_threat *ret_threat);

/* The same for events that correlations made threats; in no order, an event once for each. */
bool commit_correlated(const struct commit *commit, size_t position,
                       struct correlated_event *ret_event);

#endif
