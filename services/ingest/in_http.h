/* in_http.h: the HTTP side of ingest: the table of routes, and its server.
 *
 * Owner: the server goes into ingest->http and is destroyed by http_server_destroy. Threads: open
 * and close on the loop's thread. Errors: open logs the remedy.
 */
#ifndef SIEM_INGEST_IN_HTTP_H
#define SIEM_INGEST_IN_HTTP_H

#include "services/ingest/ingest.h"

/* Starts to listen and to serve. */
MUST_CHECK enum status in_http_open(struct ingest *ingest);

/* The table of routes, and its length. */
const struct http_route *in_http_routes(size_t *ret_count);

#endif
