/* in_findings.h: FINDINGS: takes what detectors push, several messages a wake-up, so that their
 * commits share one round trip to Redis and one flush of its file.
 *
 * Owner: new/destroy. Threads: the loop's. Errors: a message that is nothing is dropped and
 * counted; never more. Limits: while paused nothing is taken: the wire's high-water mark pushes
 * back to the detectors.
 */
#ifndef SIEM_INCIDENT_IN_FINDINGS_H
#define SIEM_INCIDENT_IN_FINDINGS_H

#include "common/service.h"
#include "common/wire.h"

struct in_findings;

/* What is called for the messages. */
struct in_findings_handler {
    void *context;
    /* A message; the handler takes it when it empties it (count 0). False: no more for now; the
     * handler pauses until it takes more. */
    bool (*on_message)(void *context, struct wire_message *message);
    /* After the last message of a wake-up, of which there was at least one. */
    void (*on_group)(void *context);
};

/* Binds FINDINGS at `endpoint` (NULL: the wiring's) and begins to read. NULL, with a log line, when
 * it cannot be bound. */
struct in_findings *in_findings_new(zloop_t *loop, const char *endpoint,
                                    const struct in_findings_handler *handler);

/* Stops reading and closes the wire; messages not taken yet are lost, and sent again. */
void in_findings_destroy(struct in_findings **findings);

/* Stops taking messages; may be called again. */
void in_findings_pause(struct in_findings *findings);

/* Begins to take them again; may be called again. */
void in_findings_resume(struct in_findings *findings);

/* From a tick: reads the socket's monitor. */
void in_findings_refresh(struct in_findings *findings);

/* Where it listens; borrows. */
const char *in_findings_endpoint(const struct in_findings *findings);

#endif
