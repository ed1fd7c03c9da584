/* threat_log.h: threats in the log: what opens an incident, or makes it graver, as a warning; what
 * only repeats it at debug, so that an attacker cannot fill the log.
 *
 * Owner: borrows. Threads: one. Errors: a message that is no threat's is passed over.
 */
#ifndef SIEM_INCIDENT_THREAT_LOG_H
#define SIEM_INCIDENT_THREAT_LOG_H

#include "common/msgpack_frame.h"

/* Logs a threat, from its message's body (threat.def); `frame` is room for it. */
void threat_log(struct bytes body, struct msgpack_frame *frame);

#endif
