/* out_findings.h: sends findings and crash reports on FINDINGS, and says when there is no room.
 *
 * The wire's row is PAUSE: what does not fit now is kept, the caller stops reading its own input,
 * and is told when everything kept has gone out. Owner: new/destroy. Threads: the loop's. Errors:
 * none beyond the start. Limits: OUT_FINDINGS_KEPT_MAX messages kept; the caller must not send
 * while is_full.
 */
#ifndef SIEM_DETECTOR_OUT_FINDINGS_H
#define SIEM_DETECTOR_OUT_FINDINGS_H

#include "common/service.h"
#include "common/wire.h"
#include "proto/finding.h"

#define OUT_FINDINGS_KEPT_MAX 4

struct out_findings;

/* Called when what was kept is gone. */
struct out_findings_listener {
    void (*on_room)(void *context);
    void *context;
};

/* Connects to the incident processes. NULL after a log line with the remedy. */
struct out_findings *out_findings_new(struct service *service, const char *endpoints,
                                      const struct out_findings_listener *listener);

/* Closes it; what libzmq still holds gets `linger_ms` to go out. */
void out_findings_destroy(struct out_findings **out);

/* Sends a batch with its findings; takes the batch's frame, borrows the findings. */
void out_findings_send(struct out_findings *out, struct bytes findings, zmq_msg_t *batch);

/* Sends a crash report. */
void out_findings_report(struct out_findings *out, const struct crash_report *report);

/* True while something is kept: then nothing more may be sent. */
bool out_findings_is_full(const struct out_findings *out);

/* Connects and disconnects by the difference; for a tick. */
void out_findings_refresh(struct out_findings *out);

/* Incident processes connected. */
int out_findings_peer_count(struct out_findings *out);

#endif
