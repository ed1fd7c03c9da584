/* home_key.h: the key an installation begins with: from API_KEY, or made at the first start and
 * kept in SIEM_STATE_DIR/api_key with mode 0600; there is no default key. It may do everything, and
 * is not in Redis.
 *
 * Owner: new/destroy. Threads: read-only after new. Errors: new logs the remedy and returns NULL.
 * Limits: a key of HOME_KEY_MAX bytes. Source: link(2), for a file that is whole or not there.
 */
#ifndef SIEM_INGEST_HOME_KEY_H
#define SIEM_INGEST_HOME_KEY_H

#include "common/bytes.h"

#define HOME_KEY_MAX 512

/* A key of fewer bytes can be found by trying. */
#define HOME_KEY_STRONG 20

struct home_key;

/* `api_key` as configured; "" takes or makes the kept one. */
struct home_key *home_key_new(const char *api_key, const char *state_dir);

/* Frees it, overwritten first. */
void home_key_destroy(struct home_key **key);

/* True for the right key. Takes a time that depends on the length of what was sent alone. */
bool home_key_is(const struct home_key *key, struct text sent);

/* True for a key shorter than HOME_KEY_STRONG. */
bool home_key_is_weak(const struct home_key *key);

#endif
