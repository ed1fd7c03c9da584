/* in_http.h: the HTTP side of ingest: the table of routes, and its server.
 *
 * Owner: the server goes into ingest->http and is destroyed by http_server_destroy. Threads: open
 * and start on the loop's thread. Errors: both log the remedy.
 */
#ifndef SIEM_INGEST_IN_HTTP_H
#define SIEM_INGEST_IN_HTTP_H

#include "services/ingest/ingest.h"

/* Looks at the options and takes the addresses; nobody is served yet. */
MUST_CHECK enum status in_http_open(struct ingest *ingest);

/* Lets clients in, when all other parts are open. */
MUST_CHECK enum status in_http_start(struct ingest *ingest);

/* The table of routes, and its length. */
const struct http_route *in_http_routes(size_t *ret_count);

#endif
