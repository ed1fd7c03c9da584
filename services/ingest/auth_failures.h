/* auth_failures.h: who tries wrong keys. An address that tried too many has to wait, also with a
 * right key that is so short that trying may find it. Any other right key is served: behind one
 * address there are many, and one of them who has it wrong must not keep the others out.
 *
 * Only keys that are not ours at all count: a request without a key tries nothing, and a holder of
 * a key that was revoked or has expired guesses nothing. Each process counts for itself; IPv6 by
 * /64. Owner: new/destroy. Threads: any (a short lock, none as long as nobody failed). Errors:
 * none. Limits: AUTH_FAILURES_MAX addresses; the one that was longest quiet goes, and is counted.
 */
#ifndef SIEM_INGEST_AUTH_FAILURES_H
#define SIEM_INGEST_AUTH_FAILURES_H

#include "common/rate.h"

#define AUTH_FAILURES_MAX 10000

struct auth_failures;

/* `rate`: how many wrong keys an address may try; without one nobody waits. */
struct auth_failures *auth_failures_new(struct rate rate);

/* Frees it. */
void auth_failures_destroy(struct auth_failures **failures);

/* Notes a wrong key. */
void auth_failures_note(struct auth_failures *failures, struct text address, struct mono_time now);

/* Counts a request that was turned away. */
void auth_failures_count(struct auth_failures *failures);

/* How long the address has to wait; 0 when it need not. */
int64_t auth_failures_wait_ns(struct auth_failures *failures, struct text address,
                              struct mono_time now);

#endif
