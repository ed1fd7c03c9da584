/* access.h: who may use the API. One key, from API_KEY, or made at the first start and kept in
 * SIEM_STATE_DIR/api_key with mode 0600; there is no default key.
 *
 * Owner: new/destroy. Threads: read-only after new. Errors: new logs the remedy and returns NULL.
 * Limits: a key of ACCESS_KEY_MAX bytes. Source: CRYPTO_memcmp's idea: equal time for equal
 * lengths.
 */
#ifndef SIEM_INGEST_ACCESS_H
#define SIEM_INGEST_ACCESS_H

#include "common/bytes.h"
#include "common/http_server.h"

#define ACCESS_KEY_MAX 512

struct access;

/* `api_key` as configured; "" takes or makes the kept one. */
struct access *access_new(const char *api_key, const char *state_dir);

/* Frees it, the keys overwritten first. */
void access_destroy(struct access **access);

/* True for the right key; takes the same time for every wrong one of a length. */
bool access_is_allowed(const struct access *access, struct text key);

/* Looks at X-API-Key; answers 401 or 403 and returns false when it is not right. */
bool access_check(const struct access *access, struct http_request *request);

#endif
