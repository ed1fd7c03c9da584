/* threat_entry.h: a threat as the timeline and the day's gravest threats keep it in Redis: its
 * time, the event's id, and its message (threat.def), with spaces between.
 *
 * Owner: the caller's frame holds the message while it is written. Threads: a reader's. Errors: a
 * member that is none of ours is BAD_SYNTAX, or what msgpack_frame.h says; it is left out.
 */
#ifndef SIEM_INGEST_THREAT_ENTRY_H
#define SIEM_INGEST_THREAT_ENTRY_H

#include "common/json_writer.h"
#include "common/msgpack_frame.h"

/* Writes the threat as an object of the API; the user only where a list names it. */
MUST_CHECK enum status threat_entry_write(struct text member, bool with_user,
                                          struct msgpack_frame *frame, struct json_writer *json);

#endif
