/* dispatch.h: what the alerter does with the alerts it holds: when each is tried, and how each
 * ends.
 *
 *   outbox ──take, claim──▶ held ──due──▶ deliver ──answer──▶ done | wait and retry | dead ──▶
 * outbox
 *
 * Owner: new/destroy; destroy leaves what is not finished to other alerters. Threads: the loop's;
 * dispatch_is_ready from any. Errors: a Redis that is away only delays; nothing is lost.
 * Limits: SIEM_ALERT_CONCURRENCY requests a channel, HELD_MAX alerts in hand (those that wait for a
 * retry among them); beyond these, alerts stay in the outbox.
 */
#ifndef SIEM_ALERTER_DISPATCH_H
#define SIEM_ALERTER_DISPATCH_H

#include "common/service.h"
#include "services/alerter/config.h"

struct dispatch;

/* Starts on the service's loop. NULL after a log line with the remedy. */
struct dispatch *dispatch_new(struct service *service, const struct alerter_config *config);

/* Breaks off requests; their alerts stay in the outbox and are claimed again. */
void dispatch_destroy(struct dispatch **dispatch);

/* Something may have been queued. Cheap to call often: Redis is asked at most every
 * WAKE_INTERVAL_MS. */
void dispatch_wake(struct dispatch *dispatch);

/* Starts nothing new; true when nothing is under way any more. */
bool dispatch_drain(struct dispatch *dispatch);

/* Whether Redis serves the outbox; writes what is missing. */
bool dispatch_is_ready(const struct dispatch *dispatch, struct buffer *why_not);

#endif
