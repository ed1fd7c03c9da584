/* enrich_reputation.h: a list of known-bad addresses and networks, and the field
 * source_ip_reputation it gives to events from there.
 *
 * The file holds one address or network a line; blank lines and what follows # are passed over.
 * Networks that overlap are joined, so a look-up is one binary search. Owner: new/destroy. Threads:
 * look-ups from any while nobody refreshes. Errors: a line that is no address is logged and passed
 * over; a file that cannot be read is an error at start, and later leaves the list as it was.
 * Limits: REPUTATION_FILE_MAX bytes of file.
 */
#ifndef SIEM_DETECTOR_ENRICH_REPUTATION_H
#define SIEM_DETECTOR_ENRICH_REPUTATION_H

#include "services/detector/fields.h"

#define REPUTATION_FILE_MAX (64 * 1024 * 1024)

struct enrich_reputation;

/* Reads the file; "" gives an empty list. NULL after a log line with the remedy. Borrows the path.
 */
struct enrich_reputation *enrich_reputation_new(const char *path);

/* Frees it and nulls the pointer; NULL is fine. */
void enrich_reputation_destroy(struct enrich_reputation **enrichment);

/* Reads the file again when it has changed since; for a tick. */
void enrich_reputation_refresh(struct enrich_reputation *enrichment);

/* True when the list holds the address; what is no address is on no list. */
bool enrich_reputation_is_bad(const struct enrich_reputation *enrichment, struct text address);

/* Adds source_ip_reputation: known_bad when the event's source is on the list. */
void enrich_reputation_apply(const struct enrich_reputation *enrichment, const struct event *event,
                             struct fields *fields);

#endif
