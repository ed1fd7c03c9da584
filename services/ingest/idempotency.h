/* idempotency.h: requests with an Idempotency-Key: the same key and body within
 * SIEM_IDEMPOTENCY_KEEP gets the first answer, and counts nothing twice, at whichever ingest
 * process it comes in.
 *
 * The way of such a request: its tag (of the caller's key and the Idempotency-Key) is reserved in
 * Redis, together with where its events would stand in the spool; its events carry the tag; they
 * are stored; the answer is kept in Redis, and then given. A process that is killed in between
 * leaves the reservation behind: senders get 409 until it is back, looks in its spool for the tag
 * (idempotency_recover.c), and either goes on behind what is stored, or leaves it to the next try.
 * So nothing is counted twice and nothing is lost, whatever is killed when. What the guarantee
 * rests on: Redis keeps what it acknowledged (appendfsync always), the key is still kept (see
 * Limits), and a machine that never comes back leaves its open requests refused with 409 until they
 * are too old. While Redis cannot be asked, such a request gets 503, and nothing is stored: who
 * asks for exactness gets no guess. Only answers of 2xx are kept; a refused request is tried anew.
 *
 * Owner: new/destroy; an idempotent belongs to the module from idempotent_begin on. Threads:
 * idempotency_look and idempotent_begin on HTTP workers; the rest on any; on_go and replies on the
 * rounds'. Errors: answered as said here. Limits: IDEMPOTENCY_OPEN_MAX requests under way (503);
 * SIEM_IDEMPOTENCY_MAX answers and SIEM_IDEMPOTENCY_BYTES kept over all processes, the oldest go
 * first and are counted; an answer above IDEMPOTENCY_ANSWER_MAX is kept as 202 with the id alone.
 * Source: draft-ietf-httpapi-idempotency-key-header-06.
 */
#ifndef SIEM_INGEST_IDEMPOTENCY_H
#define SIEM_INGEST_IDEMPOTENCY_H

#include "common/digest.h"
#include "common/http_server.h"
#include "proto/batch.h"
#include "services/ingest/access.h"
#include "services/ingest/rounds.h"

#define IDEMPOTENCY_OPEN_MAX 1024
#define IDEMPOTENCY_KEY_MAX 255
#define IDEMPOTENCY_ANSWER_MAX (256 * 1024)
#define IDEMPOTENCY_TAG_SIZE 33
/* An event's tag: the request's, a point, the event's number in it. */
#define IDEMPOTENCY_EVENT_TAG_SIZE (IDEMPOTENCY_TAG_SIZE + 21)

struct idempotency;
struct idempotent;
struct out_events;

struct idempotency_options {
    struct rounds *rounds;     /* borrowed; stopped before the destruction */
    struct out_events *writer; /* borrowed */
    int64_t keep_ms;
    int64_t answers_max;
    int64_t bytes_max;
};

/* What an earlier try of the same request left in the spool. */
struct idempotent_earlier {
    uint64_t stored; /* events, from the first on */
    char first_id[EVENT_ID_SIZE];
    char last_id[EVENT_ID_SIZE];
};

/* Makes it; its ticks are added to the rounds. */
struct idempotency *idempotency_new(const struct idempotency_options *options);

/* Looks for what a killed process left, a little each time; on the loop's thread, every now and
 * then, until it is true. */
bool idempotency_recover(struct idempotency *idempotency);

/* True when no request is under way, and Redis has heard of the end of each. */
bool idempotency_is_settled(struct idempotency *idempotency);

/* Frees it, and what could not be told Redis any more. */
void idempotency_destroy(struct idempotency **idempotency);

/* The Idempotency-Key of a request, with its caller, as a tag. NOT_FOUND when it has none;
 * BAD_SYNTAX when it is malformed. */
MUST_CHECK enum status idempotency_read_tag(const struct http_request *request,
                                            const struct access *access,
                                            char ret_tag[IDEMPOTENCY_TAG_SIZE]);

/* How long, how many and how many bytes of answers are kept, as arguments of a script; borrowed. */
void idempotency_limits(const struct idempotency *idempotency, struct text ret_limits[3]);

/* Answers 400 for a malformed key. */
void idempotency_answer_malformed(struct http_request *request);

/* Answers 422: the key was used with another request. */
void idempotency_answer_other(struct http_request *request);

/* Begins to look at a request: NULL in `ret_idempotent` when it has no key. False: it was answered.
 */
bool idempotency_look(struct idempotency *idempotency, const struct access *access,
                      struct http_request *request, struct idempotent **ret_idempotent);

/* A piece of its body, for the comparison with later ones. */
void idempotent_add(struct idempotent *idempotent, struct bytes piece);

/* The tag of its event number `ordinal`, from 0; returns `out` as a text. */
struct text idempotent_event_tag(const struct idempotent *idempotent, uint64_t ordinal,
                                 char out[IDEMPOTENCY_EVENT_TAG_SIZE]);

/* It will not be tried: nothing was reserved. NULL is none. */
void idempotent_drop(struct idempotent **idempotent);

/* What its route does with it. */
struct idempotent_route {
    int64_t deadline_ms; /* of the whole; as http_defer says */
    void (*on_deadline)(struct http_request *request);
    /* It is ours: the route stores what is not stored, and ends with finish or release. */
    void (*on_go)(struct http_request *request, const struct idempotent_earlier *earlier);
    /* It was answered: the route gives back what it had prepared. */
    void (*on_stop)(struct http_request *request);
};

/* Defers the request and reserves its tag. When it was done before, is under way elsewhere or
 * cannot be reserved, it is answered and released. */
void idempotent_begin(struct idempotent *idempotent, const struct idempotent_route *route);

/* Keeps the answer, then gives it and releases the request; takes the body. `short_body` stands for
 * a body that is too large to keep; borrowed. */
void idempotent_finish(struct idempotent *idempotent, int code, struct buffer *body,
                       struct text short_body);

/* It ends without an answer to keep: `earlier` is what stands in the spool now. The caller has
 * answered, and releases the request. */
void idempotent_release(struct idempotent *idempotent, const struct idempotent_earlier *earlier);

#endif
