/* in_threats.h: THREATS as a wake-up: that something was published, not what.
 *
 * Alerts stand in the outbox; a message that is lost here costs a second until the next tick.
 * Owner: new/destroy; borrows loop and dispatch. Threads: the loop's. Errors: NULL after a log
 * line.
 */
#ifndef SIEM_ALERTER_IN_THREATS_H
#define SIEM_ALERTER_IN_THREATS_H

#include "services/alerter/dispatch.h"

struct in_threats;

/* Connects to all addresses of the list and follows their changes. */
struct in_threats *in_threats_new(zloop_t *loop, const char *endpoints, struct dispatch *dispatch);

/* Unhooks from the loop and closes the wire. */
void in_threats_destroy(struct in_threats **threats);

#endif
