/* key_ring.h: the keys of the API that Redis holds, as this process knows them.
 *
 * All ingest processes share the keys through Redis; each keeps a copy, looks four times a second
 * whether API_KEYS_VERSION has changed, and reads them again then. So a key that is revoked is
 * refused everywhere within half a second or so. While Redis is away the copy stays in force: who
 * was let in is let in, who was revoked is not. What this process once knew as revoked stays so,
 * even if Redis is restored from an older copy. A process that could not read the keys yet does not
 * know: its answer is UNAVAILABLE, not a refusal.
 * Owner: new/destroy. Threads: key_ring_find from any (a short lock); the tick on the rounds'.
 * Errors: NOT_FOUND (no such key), REFUSED (revoked or expired), UNAVAILABLE. A record that cannot
 * be read is no key; it is counted and logged. Limits: API_KEYS_MAX keys, and as many revoked ones
 * remembered.
 */
#ifndef SIEM_INGEST_KEY_RING_H
#define SIEM_INGEST_KEY_RING_H

#include "common/clock.h"
#include "common/redis_client.h"
#include "proto/api_key.h"

struct key_ring;

/* An empty one, which knows nothing yet. */
struct key_ring *key_ring_new(void);

/* Frees it. */
void key_ring_destroy(struct key_ring **ring);

/* Reads the keys again when they changed; a tick of rounds.h. */
void key_ring_refresh(void *ring, struct redis_client *redis);

/* Whose token it is, and whether it is good now. */
MUST_CHECK enum status key_ring_find(struct key_ring *ring, struct text token, struct wall_time now,
                                     struct api_key *ret_key);

#endif
