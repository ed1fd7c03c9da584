/* event_log.h: every event that came in, in the log at debug.
 *
 * Owner: borrows. Threads: any.
 */
#ifndef SIEM_INGEST_EVENT_LOG_H
#define SIEM_INGEST_EVENT_LOG_H

#include "proto/event.h"

/* Logs an event as it was understood. */
void event_log(const struct event *event);

#endif
