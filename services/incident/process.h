/* process.h: the incident process between its wires: messages become commits, two calls of Redis
 * under way at a time, and what Redis answered is published.
 *
 * When Redis fails, what is not answered stays in hand, reading pauses, and the very same commits
 * are sent again with growing waits until Redis has answered them; deduplication makes that safe.
 * Owner: new/destroy. Threads: the loop's; process_is_ready from any. Errors: only at start.
 * Limits: 48 batches in hand; waits of RETRY_FIRST_MS to RETRY_MAX_MS.
 */
#ifndef SIEM_INCIDENT_PROCESS_H
#define SIEM_INCIDENT_PROCESS_H

#include "common/service.h"
#include "services/incident/committer.h"

#define RETRY_FIRST_MS 100
#define RETRY_MAX_MS 3000

/* Where it listens, NULL for the wiring's, and what it commits with; `limits.publisher` is filled
 * in. */
struct process_options {
    const char *redis_url;
    const char *findings_listen;
    const char *receipts_listen;
    const char *threats_listen;
    struct commit_limits limits;
};

struct process;

/* Binds the wires and hooks into the loop. NULL, with a log line, when something cannot be bound.
 */
struct process *process_new(zloop_t *loop, const struct process_options *options);

/* Unhooks from the loop and closes the wires; batches not committed yet are sent again. */
void process_destroy(struct process **process);

/* Takes no more messages; true once nothing is in hand and the last receipts have had time to
 * leave. Call it again until then. */
bool process_drain(struct process *process);

/* True while Redis answers. */
bool process_is_ready(const struct process *process);

/* Where FINDINGS really listens; borrows. */
const char *process_findings_endpoint(const struct process *process);

/* Where RECEIPTS does; borrows. */
const char *process_receipts_endpoint(const struct process *process);

/* Where THREATS does; borrows. */
const char *process_threats_endpoint(const struct process *process);

#endif
