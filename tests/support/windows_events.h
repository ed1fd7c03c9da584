/* windows_events.h: for benchmarks: as many Windows events as are asked for, made of those in a
 * file of Sigma regression cases, each with values of its own.
 *
 * Identifiers, hashes, times, numbers of processes and names of hosts and users differ from event
 * to event, and command lines go on with words at random, so that no cache of values is of use. The
 * same file gives the same events. Owner: load/free. Threads: one. Errors: false when the file
 * cannot be read. Limits: see batch.h: events stand in batches as detectors get them.
 */
#ifndef SIEM_TESTS_WINDOWS_EVENTS_H
#define SIEM_TESTS_WINDOWS_EVENTS_H

#include "common/buffer.h"

struct windows_events {
    struct buffer *batches; /* full ones */
    size_t batch_count;
    size_t event_count;
    size_t bytes; /* of all events */
};

/* Makes batches of the cases in a file. `hidden` events do not say which log they are from, so that
 * no rule is left out for them. */
bool windows_events_load(const char *path, size_t batch_count, bool hidden,
                         struct windows_events *ret_events);

/* Frees them. */
void windows_events_free(struct windows_events *events);

#endif
