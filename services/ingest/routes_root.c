/* routes_root.c: GET /: the name and version for programs; people are sent to pages for them. */
#include "services/ingest/accept.h"
#include "services/ingest/answer.h"
#include "services/ingest/report.h"
#include "services/ingest/routes.h"

#define PAGE_FOR_PEOPLE "/docs"

static void answer_people(struct http_request *request) {
    struct buffer nothing;
    buffer_init(&nothing, 0);
    http_answer_header(request, "Location", PAGE_FOR_PEOPLE);
    http_answer(request, 307, NULL, &nothing);
}

static void answer_programs(struct http_request *request) {
    struct json_answer answer;
    struct json_writer *json = answer_begin(&answer);
    char time[CLOCK_RFC3339_SIZE];
    json_object_begin(json);
    report_write_string(json, "message", "Mini-SIEM API");
    report_write_string(json, "version", SIEM_VERSION);
    report_write_string(json, "status", "healthy");
    report_write_string(json, "timestamp", clock_format_rfc3339(clock_wall(), time));
    json_object_end(json);
    answer_send(&answer, request, 200);
}

void route_root(struct http_request *request) {
    http_answer_header(request, "Vary", "Accept");
    struct accept accept = {0};
    http_header_each(request, "Accept", accept_note, &accept);
    if (accept_prefers_html(&accept))
        answer_people(request);
    else
        answer_programs(request);
}
