/* peer_name.h: under which name an address stands in the tables of limits: IPv4 as it is, IPv6 by
 * its /64, because whoever has one address there has them all.
 *
 * Threads: pure functions. Errors: a text that is no address is its own name. Source: RFC 6177.
 */
#ifndef SIEM_INGEST_PEER_NAME_H
#define SIEM_INGEST_PEER_NAME_H

#include "common/bytes.h"

#include <netinet/in.h>

#define PEER_NAME_SIZE (INET6_ADDRSTRLEN + 4)

/* The name, in `room` or the address itself. */
struct text peer_name(struct text address, char room[PEER_NAME_SIZE]);

#endif
