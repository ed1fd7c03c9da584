/* access.h: who asks, and what he may do: the home key (home_key.h), which may do everything, and
 * the keys in Redis (key_ring.h), each with its scopes.
 *
 * A key comes in X-API-Key, or as `Authorization: Bearer`, which is what a Prometheus can send.
 * Owner: new/destroy. Threads: any, once the rounds' ticks feed the ring. Errors: new logs the
 * remedy and returns NULL. Limits: those of both.
 */
#ifndef SIEM_INGEST_ACCESS_H
#define SIEM_INGEST_ACCESS_H

#include "common/http_server.h"
#include "services/ingest/home_key.h"
#include "services/ingest/key_ring.h"

/* The home key's id; those of the ring are hexadecimal. */
#define ACCESS_HOME_ID "default"

struct access {
    struct home_key *home;
    struct key_ring *ring;
};

/* Whose key a request has. */
struct caller {
    char id[API_KEY_ID_LENGTH + 1]; /* "" when unknown */
    unsigned scopes;
    bool guessable; /* a key that can be found by trying */
};

enum access_outcome {
    ACCESS_KNOWN,  /* a key of ours */
    ACCESS_NO_KEY, /* none was sent */
    ACCESS_WRONG,  /* none of ours */
    ACCESS_ENDED,  /* it was ours: revoked or expired */
    ACCESS_UNSURE, /* the keys could not be read since the start */
};

/* `api_key` as configured; "" takes or makes the kept one. */
struct access *access_new(const char *api_key, const char *state_dir);

/* Frees it, the keys overwritten first. */
void access_destroy(struct access **access);

/* Looks at the request's key; `ret_caller` is always set. */
enum access_outcome access_identify(const struct access *access, const struct http_request *request,
                                    struct caller *ret_caller);

/* The scope a route of that kind needs. */
enum scope access_scope(enum http_access access);

/* Answers 401, 403 or 503 for whoever is not known. */
void access_refuse(struct http_request *request, enum access_outcome outcome);

/* Answers 403 for a key without the scope, naming it. */
void access_refuse_scope(struct http_request *request, enum scope scope);

#endif
