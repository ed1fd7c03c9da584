/* routes.h: the handlers of the REST API, one file a group; in_http.c has the table that names
 * them.
 *
 * Threads: called on HTTP workers. Errors: each answers, also its failures, or defers. Limits: of
 * the table's row. Source: the API's reference.
 */
#ifndef SIEM_INGEST_ROUTES_H
#define SIEM_INGEST_ROUTES_H

#include "common/http_server.h"

/* POST /log, at its headers (routes_log.c). */
void route_log_begin(struct http_request *request);

/* POST /log: one event; answers with its verdict, or 202. */
void route_log(struct http_request *request);

/* Answers 415 and returns false for a body that is compressed or otherwise coded. */
bool routes_check_coding(struct http_request *request);

/* POST /logs, at its headers (routes_logs.c). */
void route_logs_begin(struct http_request *request);

/* POST /logs: a piece of the body; its events are read as they come. */
void route_logs_body(struct http_request *request, struct bytes piece);

/* POST /logs: the body is whole; answers when all its events are stored. */
void route_logs(struct http_request *request);

/* GET /incidents, a page of the list (routes_incidents.c). */
void route_incidents(struct http_request *request);

/* GET /incidents/stats (routes_incident_stats.c). */
void route_incidents_stats(struct http_request *request);

/* GET /incidents/{id} (routes_incidents.c). */
void route_incident(struct http_request *request);

/* POST /incidents/{id}/status, at its headers (routes_incident_status.c). */
void route_incident_status_begin(struct http_request *request);

/* POST /incidents/{id}/status: changes it, unless someone was faster. */
void route_incident_status(struct http_request *request);

/* 404 for an incident that is not there. */
void routes_answer_no_incident(struct http_request *request);

/* GET /dashboard (routes_dashboard.c). */
void route_dashboard(struct http_request *request);

/* GET /report/daily: the day so far (routes_report_daily.c). */
void route_report_daily(struct http_request *request);

/* GET /report/weekly: seven days (routes_report_weekly.c). */
void route_report_weekly(struct http_request *request);

/* GET /threats/timeline: the threats of some hours (routes_timeline.c). */
void route_timeline(struct http_request *request);

/* GET /rules: a page of the rules, with their hits (routes_rules.c). */
void route_rules(struct http_request *request);

/* GET /: the name and version; a browser is sent to the pages for people (routes_root.c). */
void route_root(struct http_request *request);

/* GET /healthz: 503 when the loop stands still (routes_health.c). */
void route_healthz(struct http_request *request);

/* GET /readyz: 503 while something it needs is missing. */
void route_readyz(struct http_request *request);

/* GET /metrics, for Prometheus. */
void route_metrics(struct http_request *request);

/* GET /ledger: do the books balance (routes_ledger.c)? */
void route_ledger(struct http_request *request);

/* GET /docs, /redoc, /openapi.json and the pages' files (routes_docs.c). */
void route_docs(struct http_request *request);

#endif
