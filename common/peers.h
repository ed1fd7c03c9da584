/* peers.h: keeps a set of endpoints equal to all addresses of a list of names.
 *
 * libzmq connects only to the first address of a name. A resolver thread looks every name up every 2 s
 * and leaves the full set; the owner of the socket takes the difference on its own thread. Numeric
 * addresses, ipc:// and inproc:// need no thread. A failed look-up keeps the last known set. Of a name with
 * both kinds of address the IPv4 ones are used: they lead to the same hosts.
 * Endpoint list: "tcp://incident:5558,tcp://10.0.0.7:5558,ipc:///run/x.sock".
 * Owner: new/destroy. Threads: one owner thread and the resolver's own. Limits: 256 endpoints.
 * Source: getaddrinfo(3).
 */
#ifndef SIEM_COMMON_PEERS_H
#define SIEM_COMMON_PEERS_H

#include "common/status.h"

struct peers;

/* Called for each endpoint that came or went; `endpoint` is borrowed. */
typedef void peers_changed(void *context, const char *endpoint, bool connect);

/* Starts watching a comma-separated list. Returns NULL, with a log line, on a malformed list. */
struct peers *peers_new(const char *endpoints);

/* Stops the thread and frees everything. */
void peers_destroy(struct peers **peers);

/* Reports the difference since the last call. */
void peers_poll(struct peers *peers, peers_changed *on_change, void *context);

#endif
