/* in_receipts.h: RECEIPTS as it comes in: subscribed by producer, decoded, handed on.
 *
 * Owner: new/destroy; a receipt is borrowed during the callback. Threads: the loop's. Errors: what
 * a peer sends wrongly is counted and dropped. Limits: RECEIPTS_AT_ONCE messages a wake-up.
 */
#ifndef SIEM_INGEST_IN_RECEIPTS_H
#define SIEM_INGEST_IN_RECEIPTS_H

#include "proto/receipt.h"

#include <czmq.h>

struct in_receipts;

/* Connects to the incident processes and hooks into the loop. NULL after a log line. */
struct in_receipts *
in_receipts_new(zloop_t *loop, const char *endpoints,
                void (*on_receipt)(void *context, const struct receipt *receipt), void *context);

/* Unhooks from the loop and closes the wire. */
void in_receipts_destroy(struct in_receipts **receipts);

/* Asks for a producer's receipts; asking twice is harmless. */
void in_receipts_subscribe(struct in_receipts *receipts, uint64_t producer);

/* Follows the addresses of the incident processes; call it every second. */
void in_receipts_refresh(struct in_receipts *receipts);

/* Incident processes connected now. */
int in_receipts_peer_count(struct in_receipts *receipts);

/* How often one has gone. */
uint64_t in_receipts_peers_lost(struct in_receipts *receipts);

#endif
