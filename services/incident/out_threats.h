/* out_threats.h: THREATS: tells whoever listens of each threat, and once a second that this
 * publisher lives.
 *
 * A threat's message is the very bytes that stand in the stream in Redis, so a subscriber that
 * missed one finds it there by its number. Owner: new/destroy. Threads: one. Errors: a message no
 * subscriber has room for is dropped and counted (the wire's row); the number tells the subscriber.
 */
#ifndef SIEM_INCIDENT_OUT_THREATS_H
#define SIEM_INCIDENT_OUT_THREATS_H

#include "services/incident/commit.h"

/* 16 hexadecimal digits and NUL. */
#define PUBLISHER_SIZE 17

struct out_threats;

/* Binds THREATS at `endpoint` (NULL: the wiring's); `publisher` is borrowed. NULL, with a log line,
 * when it cannot be bound. */
struct out_threats *out_threats_new(const char *endpoint, const char *publisher);

/* Closes the wire. */
void out_threats_destroy(struct out_threats **threats);

/* Writes a new random identity; returns `out`. */
const char *out_threats_make_publisher(char out[PUBLISHER_SIZE]);

/* Publishes the threats of a commit, as the script answered them. */
void out_threats_send(struct out_threats *threats, const struct commit *commit);

/* Publishes the heartbeat: the last number used. */
void out_threats_heartbeat(struct out_threats *threats, uint64_t seq);

/* Where it listens; borrows. */
const char *out_threats_endpoint(const struct out_threats *threats);

#endif
