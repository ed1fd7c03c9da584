/* key_store.h: the keys of the API in Redis, for siemctl keys: adds, revokes, reads them.
 *
 * Owner: new/destroy; a list is the caller's array. Threads: the main thread. Errors: of
 * redis_client.h, FULL, NOT_FOUND, DUPLICATE (it is revoked already). Limits: API_KEYS_MAX.
 */
#ifndef SIEM_SIEMCTL_KEY_STORE_H
#define SIEM_SIEMCTL_KEY_STORE_H

#include "common/clock.h"
#include "proto/api_key.h"

struct key_store;

/* Connects at the first use. NULL, with a log line, on a malformed URL. */
struct key_store *key_store_new(const char *redis_url);

/* Closes and frees it. */
void key_store_destroy(struct key_store **store);

/* The last error of Redis in words; borrows. */
const char *key_store_error(const struct key_store *store);

/* Adds a key that api_key_make made. */
MUST_CHECK enum status key_store_add(struct key_store *store, const struct api_key *key);

/* Revokes the key of that id. */
MUST_CHECK enum status key_store_revoke(struct key_store *store, struct text id);

/* Reads all keys, the newest first, into an array of API_KEYS_MAX. */
MUST_CHECK enum status key_store_list(struct key_store *store, struct api_key *ret_keys,
                                      size_t *ret_count);

#endif
