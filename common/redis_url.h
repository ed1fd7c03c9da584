/* redis_url.h: reads the address of a Redis.
 *
 * redis://[:password@]host[:port][/db] or unix:///path/to/socket; a password may be
 * percent-encoded, an IPv6 host stands in brackets. Owner: init/fini on the caller's struct.
 * Errors: BAD_SYNTAX, nothing is written then. Threads: pure functions. Limits: texts as long as
 * the URL; database 0..9999.
 */
#ifndef SIEM_COMMON_REDIS_URL_H
#define SIEM_COMMON_REDIS_URL_H

#include "common/bytes.h"
#include "common/status.h"

struct redis_url {
    char *path;     /* of a unix socket; NULL for TCP */
    char *host;     /* NULL for a unix socket */
    int port;       /* 6379 when not given */
    char *password; /* NULL: none */
    int database;
};

/* Reads a URL; gives texts that redis_url_fini frees. */
MUST_CHECK enum status redis_url_parse(const char *url, struct redis_url *ret_url);

/* Frees the texts, forgetting the password's bytes. */
void redis_url_fini(struct redis_url *url);

#endif
