/* ready.h: can this process do its work: is Redis there, the disk, a detector, an incident process?
 *
 * Threads: any, while the parts live.
 */
#ifndef SIEM_INGEST_READY_H
#define SIEM_INGEST_READY_H

#include "services/ingest/ingest.h"

/* True when it can; else appends the reasons why not. */
bool ready_check(struct ingest *ingest, struct buffer *why_not);

#endif
