/* out_receipts.h: RECEIPTS: tells producers what is committed, once it is, and again every second.
 *
 * Owner: new/destroy. Threads: one. Errors: a receipt that cannot be sent is dropped and counted
 * (the wire's row); the next one says the same. Limits: SEEN_LANES_MAX lanes remembered, the
 * longest silent one goes; a frame of WIRE_FRAME_SIZE_MAX: verdicts that do not fit are left out
 * and counted, their senders time out to "accepted". CRASHES_MAX crash reports at a time.
 */
#ifndef SIEM_INCIDENT_OUT_RECEIPTS_H
#define SIEM_INCIDENT_OUT_RECEIPTS_H

#include "services/incident/commit.h"
#include "services/incident/floors.h"

#define CRASHES_MAX 64

struct out_receipts;

/* Binds RECEIPTS at `endpoint` (NULL: the wiring's). NULL, with a log line, when it cannot be
 * bound. */
struct out_receipts *out_receipts_new(const char *endpoint);

/* Closes the wire. */
void out_receipts_destroy(struct out_receipts **receipts);

/* Publishes receipts for the group's answered commits: one for each lane where they fit. */
void out_receipts_send(struct out_receipts *receipts, struct commit *const *group, size_t count);

/* Keeps a crash report for the next out_receipts_repeat. */
void out_receipts_add_crash(struct out_receipts *receipts, const struct crash_report *crash);

/* True when crash reports wait. */
bool out_receipts_has_crashes(const struct out_receipts *receipts);

/* Reads the floors and publishes a receipt for every lane, with the crash reports that wait. */
MUST_CHECK enum status out_receipts_repeat(struct out_receipts *receipts,
                                           struct redis_client *redis);

/* Where it listens; borrows. */
const char *out_receipts_endpoint(const struct out_receipts *receipts);

#endif
