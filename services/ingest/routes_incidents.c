/* routes_incidents.c: GET /incidents and /incidents/{id}. */
#include "common/counters.h"
#include "common/scoped.h"
#include "services/ingest/answer.h"
#include "services/ingest/incident_list.h"
#include "services/ingest/incident_store.h"
#include "services/ingest/ingest.h"
#include "services/ingest/normalize.h"
#include "services/ingest/query.h"
#include "services/ingest/routes.h"

#include <stdio.h>
#include <stdlib.h>

#define LIMIT_DEFAULT 50

void routes_answer_no_incident(struct http_request *request) {
    struct buffer sentence;
    buffer_init(&sentence, 64 * 1024);
    buffer_append_text(&sentence, TEXT("Incident "));
    buffer_append_text(&sentence, http_path_value(request, "id"));
    buffer_append_text(&sentence, TEXT(" not found"));
    answer_detail_text(request, 404, buffer_text(&sentence));
    buffer_fini(&sentence);
}

/* 400 for a filter's value that is none, naming those that are. */
static void answer_bad_filter(struct http_request *request, const char *filter, struct text value,
                              const char *valid) {
    struct buffer sentence;
    buffer_init(&sentence, 64 * 1024);
    buffer_printf(&sentence, "Invalid %s value: ", filter);
    buffer_append_text(&sentence, value);
    buffer_printf(&sentence, ". Must be one of: [%s]", valid);
    answer_detail_text(request, 400, buffer_text(&sentence));
    buffer_fini(&sentence);
}

#define QUOTED_STATUS(name, text, active) "'" text "', "
#define QUOTED_SEVERITY(name, number, text, level) "'" text "', "

/* Their texts as a list; the last ", " is cut. */
static const char all_statuses[] =
#define INCIDENT_STATUS QUOTED_STATUS
#include "proto/incident_status.def"
#undef INCIDENT_STATUS
    ;
static const char all_severities[] =
#define SEVERITY QUOTED_SEVERITY
#include "proto/severity.def"
#undef SEVERITY
    ;

static void answer_bad_name(struct http_request *request, const char *filter, struct text value,
                            const char *all) {
    char valid[256];
    snprintf(valid, sizeof valid, "%.*s", (int)strlen(all) - 2, all);
    answer_bad_filter(request, filter, value, valid);
}

/* Reads the query; answers and returns false when something is wrong with it. */
static bool read_query(struct http_request *request, struct incident_query *query) {
    struct text status = query_text(request, "status");
    struct text severity = query_text(request, "severity");
    struct query_errors errors = {0};
    uint64_t limit = LIMIT_DEFAULT;
    *query = (struct incident_query){.any_status = status.data == NULL,
                                     .any_severity = severity.data == NULL,
                                     .source_ip = query_text(request, "source_ip"),
                                     .q = query_text(request, "q"),
                                     .before = UINT64_MAX};
    query_number(request, (struct query_bounds){"limit", 1, INCIDENT_LIST_MAX}, &limit, &errors);
    query_number(request, (struct query_bounds){"cursor", 1, INT64_MAX}, &query->before, &errors);
    query->limit = (size_t)limit;
    if (!query_is_fine(request, &errors))
        return false;
    if (!query->any_status && !incident_status_parse(status, &query->status)) {
        answer_bad_name(request, "status", status, all_statuses);
        return false;
    }
    if (!query->any_severity && !severity_parse(severity, &query->severity)) {
        answer_bad_name(request, "severity", severity, all_severities);
        return false;
    }
    return true;
}

/* Writes the page around the list, which is written first. */
static void write_page(const struct incident_page *page, struct text list, struct buffer *body) {
    struct json_writer json;
    char cursor[24];
    snprintf(cursor, sizeof cursor, "%llu", (unsigned long long)page->next);
    json_writer_init(&json, body);
    json_object_begin(&json);
    json_key(&json, "count");
    json_int(&json, (int64_t)page->count);
    json_key(&json, "incidents");
    json_raw(&json, list);
    json_key(&json, "next_cursor");
    json_text(&json, page->next > 0 ? text_of(cursor) : (struct text){NULL, 0});
    json_object_end(&json);
    json_writer_fini(&json);
}

/* Reader's thread. The query is read again: it was valid. */
static void read_incidents(struct redis_client *redis, struct http_request *request) {
    struct incident_query query;
    struct incident_page page;
    struct json_writer json;
    char room[INET6_ADDRSTRLEN];
    if (!read_query(request, &query))
        return;
    query.source_ip = normalize_address(query.source_ip, room);
    SCOPED_FINI(buffer) struct buffer list;
    buffer_init(&list, ANSWER_MAX / 2);
    json_writer_init(&json, &list);
    enum status status = incident_list_write(redis, &query, &json, &page);
    json_writer_fini(&json);
    if (status != STATUS_OK) {
        reads_answer_failure(request, redis, status);
        return;
    }
    struct buffer body;
    buffer_init(&body, ANSWER_MAX);
    write_page(&page, buffer_text(&list), &body);
    if (!buffer_is_whole(&list))
        body.overflow = true;
    answer_json(request, 200, &body);
}

void route_incidents(struct http_request *request) {
    struct incident_query query;
    if (read_query(request, &query))
        reads_submit(ingest_of(request)->reads, request, read_incidents);
    else
        count_drop(STATUS_BAD_VALUE);
}

/* Reader's thread. */
static void read_incident(struct redis_client *redis, struct http_request *request) {
    struct redis_reply *reply = NULL;
    enum status status = incident_read(redis, http_path_value(request, "id"), &reply);
    if (status == STATUS_NOT_FOUND) {
        routes_answer_no_incident(request);
    } else if (status != STATUS_OK) {
        reads_answer_failure(request, redis, status);
    } else {
        struct json_answer answer;
        struct json_writer *json = answer_begin(&answer);
        char revision[32];
        incident_write(json, reply, 0);
        snprintf(revision, sizeof revision, "\"%.*s\"",
                 TEXT_ARG(incident_field(reply, 0, INCIDENT_FIELD_revision)));
        http_answer_header(request, "ETag", revision);
        answer_send(&answer, request, 200);
    }
    redis_reply_destroy(&reply);
}

void route_incident(struct http_request *request) {
    if (incident_id_is_valid(http_path_value(request, "id")))
        reads_submit(ingest_of(request)->reads, request, read_incident);
    else
        routes_answer_no_incident(request);
}
