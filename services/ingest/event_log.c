/* event_log.c: every event that came in, in the log at debug. */
#include "services/ingest/event_log.h"

#include "common/log.h"

void event_log(const struct event *event) {
    log_debug("event", LOG_STRING("event_type", event_type_text(event->event_type)),
              LOG_TEXT("source_ip", event->source_ip), LOG_TEXT("username", event->username),
              LOG_INT("count", event->count), LOG_TEXT("description", event->description));
}
