/* event_reader.h: for tests: events from the JSON a client would post, read by ingest's own parser.
 *
 * Owner: new/destroy; an event borrows from the reader until the next read. Threads: one at a time.
 */
#ifndef SIEM_TESTS_EVENT_READER_H
#define SIEM_TESTS_EVENT_READER_H

#include "common/clock.h"
#include "proto/event.h"

struct event_reader;

/* A reader. */
struct event_reader *event_reader_new(void);
void event_reader_destroy(struct event_reader **reader);

/* Reads one document as if it were received at `now`; NULL, with the reason on stderr, when it is
 * refused. */
const struct event *event_reader_read(struct event_reader *reader, struct text document,
                                      struct wall_time now);

#endif
