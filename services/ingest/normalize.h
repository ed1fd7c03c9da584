/* normalize.h: from what a sender wrote to the event the pipeline knows.
 *
 * Event types are lower-cased, spaces and hyphens become underscores; what is then in
 * event_type.def is that, anything else is unknown and stands in metadata as original_event_type.
 * Addresses that parse are written canonically (IPv4 over IPv6 as IPv4), others stay as they are. A
 * timestamp outside [now - behind, now + ahead] gives way to the time of receipt, and stands in
 * metadata as original_timestamp. A member of that name that the sender wrote himself stays his.
 * Owner: the result borrows from the input (and so from its parser) and from itself: it must not be
 * copied. Threads: pure functions. Errors: TOO_LARGE when the event would exceed EVENT_SIZE_MAX.
 * Source: inet_pton(3), RFC 5952, RFC 4291 §2.5.5.2.
 */
#ifndef SIEM_INGEST_NORMALIZE_H
#define SIEM_INGEST_NORMALIZE_H

#include "services/ingest/event_json.h"

#include <netinet/in.h>

/* How far a sender's clock may be off. */
struct normalize_limits {
    int64_t ahead_ms;
    int64_t behind_ms;
};

struct normalized {
    struct event event;
    bool adds_type;      /* original_event_type was added to metadata */
    bool adds_timestamp; /* original_timestamp was */
    char source_ip[INET6_ADDRSTRLEN];
    char destination_ip[INET6_ADDRSTRLEN];
};

/* Makes the event of an input. */
MUST_CHECK enum status normalize_event(const struct event_input *input,
                                       const struct normalize_limits *limits, struct wall_time now,
                                       struct normalized *ret_normalized);

/* The type a sender's words mean; false when they mean none. */
bool normalize_event_type(struct text text, enum event_type *ret_type);

/* The canonical form of an address, in `room` or the text itself; a text that is none as it is. */
struct text normalize_address(struct text text, char room[INET6_ADDRSTRLEN]);

#endif
