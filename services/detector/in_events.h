/* in_events.h: takes deliveries from EVENTS, has them judged and hands them to FINDINGS.
 *
 * Reads only while FINDINGS has room, so at most one batch is in hand; a batch lost with the
 * process is sent again by its ingest. Owner: new/destroy; borrows the rest. Threads: the loop's.
 * Errors: what is no delivery or no batch is counted, logged and dropped. Limits: IN_EVENTS_BURST
 * batches a wake-up, so that timers and signals are heard.
 */
#ifndef SIEM_DETECTOR_IN_EVENTS_H
#define SIEM_DETECTOR_IN_EVENTS_H

#include "services/detector/judge_batch.h"
#include "services/detector/out_findings.h"

#define IN_EVENTS_BURST 32

struct in_events;

/* Connects to the ingest processes; reading starts with the first resume. NULL after a log line. */
struct in_events *in_events_new(struct service *service, const char *endpoints,
                                struct judge_batch *judge, struct out_findings *out);

/* Frees it and nulls the pointer; NULL is fine. */
void in_events_destroy(struct in_events **in);

/* Reads again; for good after a stop it does nothing. */
void in_events_resume(struct in_events *in);

/* Takes nothing more. */
void in_events_stop(struct in_events *in);

/* Connects and disconnects by the difference; for a tick. */
void in_events_refresh(struct in_events *in);

/* Ingest processes connected. */
int in_events_peer_count(struct in_events *in);

#endif
