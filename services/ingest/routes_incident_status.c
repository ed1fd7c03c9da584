/* routes_incident_status.c: POST /incidents/{id}/status: an analyst says where an incident stands.
 */
#include "common/counters.h"
#include "common/log.h"
#include "common/scoped.h"
#include "proto/keys.h"
#include "proto/vocabulary.h"
#include "services/ingest/answer.h"
#include "services/ingest/incident_store.h"
#include "services/ingest/ingest.h"
#include "services/ingest/routes.h"
#include "services/ingest/status_change.h"
#include "services/ingest/status_script.h"

#include <stdio.h>
#include <stdlib.h>

#define REVISION_DIGITS_MAX 15    /* a number that Lua holds exactly */
#define REVISIONS_MAX (16 * 1024) /* more than the headers of a request have room for */

/* Kept with the request until the reader has it. */
struct wish {
    struct status_change change;
    struct caller caller;           /* who changes it */
    struct buffer revisions;        /* If-Match: "7 8"; empty when any will do, */
    bool matches_none;              /* or none can */
    char tag[IDEMPOTENCY_TAG_SIZE]; /* Idempotency-Key; "" when it has none */
    char print[DIGEST_HEX_SIZE];    /* of what is asked for */
};

static void wish_destroy(void *state) {
    struct wish *wish = state;
    status_change_fini(&wish->change);
    buffer_fini(&wish->revisions);
    free(wish);
}

/* What status.lua compares with; "": nothing. */
static struct text expected_of(const struct wish *wish) {
    if (wish->matches_none)
        return TEXT("none");
    return wish->revisions.length > 0 ? buffer_text(&wish->revisions) : TEXT("");
}

static void answer_bad_status(struct http_request *request, struct text status) {
    struct buffer sentence;
    buffer_init(&sentence, 64 * 1024 + 1024);
    buffer_printf(&sentence, "Invalid status value: ");
    buffer_append_text(&sentence, status);
    buffer_printf(&sentence, ". Must be one of: [");
    for (int i = 0; i < INCIDENT_STATUS_COUNT_; i++)
        buffer_printf(&sentence, "%s'%s'", i > 0 ? ", " : "",
                      incident_status_text((enum incident_status)i));
    buffer_append(&sentence, "]", 1);
    answer_detail_text(request, 400, buffer_text(&sentence));
    buffer_fini(&sentence);
}

/* What If-Match says, item by item. */
struct if_match {
    struct buffer *revisions;
    size_t items;
    bool any; /* an item is * */
};

/* A tag is "7", or 7; W/"7" never matches (RFC 9110 §13.1.1), nor does what no revision looks
 * like. */
static bool note_tag(struct text tag, void *context) {
    struct if_match *if_match = context;
    if_match->items++;
    if_match->any |= text_is(tag, "*");
    if (tag.length >= 2 && tag.data[0] == '"' && tag.data[tag.length - 1] == '"')
        tag = (struct text){tag.data + 1, tag.length - 2};
    bool digits = tag.length > 0 && tag.length <= REVISION_DIGITS_MAX &&
                  (tag.data[0] != '0' || tag.length == 1);
    for (size_t i = 0; i < tag.length; i++)
        digits &= tag.data[i] >= '0' && tag.data[i] <= '9';
    if (digits)
        buffer_printf(if_match->revisions, "%s%.*s", if_match->revisions->length > 0 ? " " : "",
                      TEXT_ARG(tag));
    return true;
}

/* The revisions of If-Match, any of which will do; * alone means whatever there is. False when
 * nothing can match. */
static bool read_if_match(const struct http_request *request, struct buffer *revisions) {
    struct if_match if_match = {.revisions = revisions};
    if (http_header(request, "If-Match").data == NULL)
        return true;
    http_header_each(request, "If-Match", note_tag, &if_match);
    return revisions->length > 0 || (if_match.any && if_match.items == 1);
}

/* 1 and the text, or 0 and nothing. */
static void put_optional(struct text *arguments, struct text value) {
    arguments[0] = value.data != NULL ? TEXT("1") : TEXT("0");
    arguments[1] = value.data != NULL ? value : TEXT("");
}

static void answer_updated(struct http_request *request, const struct redis_reply *reply) {
    struct json_answer answer;
    struct json_writer *json = answer_begin(&answer);
    char revision[32];
    json_object_begin(json);
    json_key(json, "status");
    json_string(json, "updated");
    json_key(json, "incident");
    incident_write(json, reply, 1);
    json_object_end(json);
    snprintf(revision, sizeof revision, "\"%.*s\"",
             TEXT_ARG(incident_field(reply, 1, INCIDENT_FIELD_revision)));
    http_answer_header(request, "ETag", revision);
    answer_send(&answer, request, 200);
}

static void answer_conflict(struct http_request *request) {
    const struct wish *wish = http_state(request);
    answer_detail(request, 412,
                  wish->matches_none ? "If-Match must be the revision of the incident."
                                     : "The incident was changed by someone else. Read it again.");
}

static void answer_reply(struct http_request *request, const struct redis_reply *reply) {
    struct text outcome = redis_reply_text(redis_reply_at(reply, 0));
    if (text_is(outcome, "again"))
        http_answer_header(request, "Idempotent-Replayed", "true");
    if (text_is(outcome, "ok") || text_is(outcome, "again"))
        answer_updated(request, reply);
    else if (text_is(outcome, "other"))
        idempotency_answer_other(request);
    else if (text_is(outcome, "conflict"))
        answer_conflict(request);
    else
        routes_answer_no_incident(request);
}

/* Reader's thread: runs the script. It is known to Redis after the first time; changes are rare. */
static void change_status(struct redis_client *redis, struct http_request *request) {
    const struct wish *wish = http_state(request);
    struct text id = http_path_value(request, "id");
    char now[24];
    snprintf(now, sizeof now, "%lld", (long long)clock_wall().ms);
    struct text arguments[STATUS_SCRIPT_ARGUMENTS] = {id, wish->change.status, text_of(now),
                                                      text_of(wish->caller.id), expected_of(wish)};
    put_optional(&arguments[5], wish->change.analyst_notes);
    put_optional(&arguments[7], wish->change.resolution);
    arguments[9] = text_of(wish->tag);
    arguments[10] = text_of(wish->print);
    idempotency_limits(ingest_of(request)->idempotency, &arguments[11]);
    SCOPED_FINI(buffer) struct buffer text;
    buffer_init(&text, STATUS_SCRIPT_MAX);
    status_script_write(&text);
    SCOPED(redis_script)
    struct redis_script *script = redis_script_new(buffer_text(&text));
    struct key_name slot = key_name(KEY_INCIDENTS);
    struct redis_reply *reply = NULL;
    enum status status = redis_script_run(redis, script, key_text(&slot), STATUS_SCRIPT_ARGUMENTS,
                                          arguments, &reply);
    if (status == STATUS_OK) {
        answer_reply(request, reply);
    } else {
        log_warning("incident not changed", LOG_STRING("reason", redis_client_error(redis)));
        reads_answer_failure(request, redis, status);
    }
    redis_reply_destroy(&reply);
}

/* What the query says goes for what the body leaves open. */
static struct text either(struct text body, struct text query) {
    return body.data != NULL ? body : query;
}

/* Reads body, query and If-Match; answers and returns false when something is wrong. */
static bool read_wish(struct http_request *request, struct wish *wish) {
    struct status_change *change = &wish->change;
    struct bytes body = http_body(request);
    if (body.length > 0 && status_change_read(change, body) != STATUS_OK) {
        answer_invalid(request, "body", change->errors, change->error_count);
        return false;
    }
    change->status = either(change->status, http_query(request, "status"));
    change->analyst_notes = either(change->analyst_notes, http_query(request, "analyst_notes"));
    change->resolution = either(change->resolution, http_query(request, "resolution"));
    if (change->status.data == NULL) {
        static const struct input_error missing = {"status", "Field required", "missing", 0};
        answer_invalid(request, "query", &missing, 1);
        return false;
    }
    enum incident_status status;
    if (!incident_status_parse(change->status, &status)) {
        answer_bad_status(request, change->status);
        return false;
    }
    /* Told only when there is such an incident: RFC 9110 §13.2.1 */
    wish->matches_none = !read_if_match(request, &wish->revisions);
    return true;
}

/* The request's Idempotency-Key, and what would be another request under it. False: it was
 * answered.
 */
static bool read_tag(struct http_request *request, struct wish *wish) {
    const struct status_change *change = &wish->change;
    enum status status = idempotency_read_tag(request, ingest_of(request)->access, wish->tag);
    if (status == STATUS_NOT_FOUND)
        return true;
    if (status != STATUS_OK) {
        idempotency_answer_malformed(request);
        return false;
    }
    struct digest_stream stream;
    digest_begin(&stream);
    digest_add_text(&stream, http_path(request));
    digest_add_text(&stream, change->status);
    digest_add_text(&stream, change->analyst_notes);
    digest_add_text(&stream, change->resolution);
    digest_add_text(&stream, expected_of(wish));
    struct digest digest = digest_end(&stream);
    digest_format(&digest, wish->print);
    return true;
}

void route_incident_status_begin(struct http_request *request) {
    (void)routes_check_coding(request);
}

void route_incident_status(struct http_request *request) {
    struct wish *wish = calloc(1, sizeof *wish);
    if (wish == NULL)
        abort();
    buffer_init(&wish->revisions, REVISIONS_MAX);
    http_state_set(request, wish, wish_destroy);
    (void)access_identify(ingest_of(request)->access, request, &wish->caller);
    if (!read_wish(request, wish)) {
        count_drop(STATUS_BAD_VALUE);
        return;
    }
    if (!incident_id_is_valid(http_path_value(request, "id"))) {
        routes_answer_no_incident(request);
        return;
    }
    if (!read_tag(request, wish))
        return;
    reads_submit(ingest_of(request)->reads, request, change_status);
}
