/* routes.h: the handlers of the REST API, one file a group; in_http.c has the table that names
 * them.
 *
 * Threads: called on HTTP workers. Errors: each answers, also its failures, or defers. Limits: of
 * the table's row. Source: the API's reference.
 */
#ifndef SIEM_INGEST_ROUTES_H
#define SIEM_INGEST_ROUTES_H

#include "common/http_server.h"

/* routes_log.c */
void route_log_begin(struct http_request *request);
void route_log(struct http_request *request);

/* Answers 415 and returns false for a body that is compressed or otherwise coded. */
bool routes_check_coding(struct http_request *request);

/* routes_logs.c */
void route_logs_begin(struct http_request *request);
void route_logs_body(struct http_request *request, struct bytes piece);
void route_logs(struct http_request *request);

/* routes_incidents.c, routes_incident_stats.c, routes_incident_status.c */
void route_incidents(struct http_request *request);
void route_incidents_stats(struct http_request *request);
void route_incident(struct http_request *request);
void route_incident_status(struct http_request *request);

/* 404 for an incident that is not there. */
void routes_answer_no_incident(struct http_request *request);

/* routes_dashboard.c */
void route_dashboard(struct http_request *request);

/* routes_health.c */
void route_root(struct http_request *request);
void route_healthz(struct http_request *request);
void route_readyz(struct http_request *request);
void route_metrics(struct http_request *request);

/* routes_ledger.c */
void route_ledger(struct http_request *request);

#endif
