/* bulk_store.c: hands the events of a POST /logs to the spool writer, and answers when the disk has
 * them all. */
#include "services/ingest/bulk.h"

#include "common/counters.h"
#include "common/scoped.h"
#include "services/ingest/answer.h"
#include "services/ingest/log_answer.h"

#define STORE_DEADLINE_MS 30000

/* An id, or null for none. */
static void write_id(struct json_writer *json, const char *name, const char *id) {
    json_key(json, name);
    json_text(json, id[0] != '\0' ? text_of(id) : (struct text){NULL, 0});
}

void bulk_write_counts(const struct bulk *bulk, size_t accepted, struct json_writer *json) {
    json_key(json, "accepted");
    json_int(json, (int64_t)accepted);
    json_key(json, "rejected");
    json_int(json, (int64_t)bulk->rejected);
    json_key(json, "errors");
    bulk_errors_write(&bulk->errors, json);
    write_id(json, "first_id", bulk->first_id);
    write_id(json, "last_id", bulk->last_id);
}

/* Everything is stored: the answer, at once, or when Redis keeps it. Releases the request. */
static void answer_accepted(struct bulk *bulk) {
    struct http_request *request = bulk->request;
    struct json_answer answer;
    struct json_writer *json = answer_begin(&answer);
    json_object_begin(json);
    bulk_write_counts(bulk, bulk->accepted, json);
    json_object_end(json);
    if (bulk->idempotent == NULL) {
        answer_send(&answer, request, 202);
        http_release(request);
        return;
    }
    SCOPED_FINI(buffer) struct buffer accepted;
    buffer_init(&accepted, 1024);
    log_answer_accepted(bulk->first_id, &accepted);
    json_writer_fini(json);
    struct idempotent *idempotent = bulk->idempotent;
    bulk->idempotent = NULL;
    idempotent_finish(idempotent, 202, &answer.body, buffer_text(&accepted));
}

/* Not everything is stored; with an Idempotency-Key, a next try goes on where this one ended.
 * Releases the request. */
static void answer_failed(struct bulk *bulk, const char *sentence) {
    struct http_request *request = bulk->request;
    answer_detail(request, 503, sentence);
    if (bulk->idempotent != NULL) {
        struct idempotent_earlier earlier = {.stored = bulk->stored};
        memcpy(earlier.first_id, bulk->first_id, sizeof earlier.first_id);
        memcpy(earlier.last_id, bulk->last_id, sizeof earlier.last_id);
        idempotent_release(bulk->idempotent, &earlier);
        bulk->idempotent = NULL;
    }
    http_release(request);
}

/* Loop's thread: one submission is stored, or not. Those that are come first. */
static void on_done(struct submission *submission, const struct outcome *outcome) {
    struct bulk *bulk = submission->context;
    if (outcome->status != STATUS_OK)
        bulk->failure = outcome->status;
    else if (bulk->first_id[0] == '\0')
        event_id_format(&outcome->head, outcome->first_index, bulk->first_id);
    if (outcome->status == STATUS_OK) {
        event_id_format(&outcome->head, outcome->first_index + submission->count - 1,
                        bulk->last_id);
        bulk->stored += submission->count;
    }
    submissions_give(bulk->ingest->submissions, &submission);
    if (--bulk->pending > 0)
        return;
    if (bulk->failure == STATUS_OK) {
        answer_accepted(bulk);
        return;
    }
    count_drop(bulk->failure);
    answer_failed(bulk, "Not all events could be stored. Try again later.");
}

/* Worker's thread: the disk hangs. */
static void on_deadline(struct http_request *request) {
    count_drop(STATUS_TIMEOUT);
    answer_detail(request, 503, "The events could not be stored in time. Try again later.");
}

/* Hands all of it over. */
static void hand_over(struct bulk *bulk) {
    struct submission *list = bulk->first;
    struct mono_time now = clock_mono();
    for (struct submission *at = list; at != NULL; at = at->next) {
        at->context = bulk;
        at->on_done = on_done;
        at->submitted_at = now;
        bulk->pending++;
    }
    bulk->first = NULL;
    enum status status = out_events_submit(bulk->ingest->writer, list);
    if (status == STATUS_OK)
        return;
    bulk->first = list;
    count_drop(status);
    answer_failed(bulk, status == STATUS_DISK_FULL
                            ? "The spool's disk is full. Try again later."
                            : "Too many events are waiting. Try again later.");
}

/* Drops the first events of a submission. Each begins with its length (event.h). */
static void drop_events(struct submission *submission, uint64_t count) {
    size_t at = 0;
    for (uint64_t i = 0; i < count; i++)
        at += event_encoded_size(
            (struct bytes){submission->events.data + at, submission->events.length - at});
    submission->events.length -= at;
    memmove(submission->events.data, submission->events.data + at, submission->events.length);
    submission->count -= (uint32_t)count;
}

/* Rounds' thread: the request is ours; an earlier try may have stored some of it. */
static void on_go(struct http_request *request, const struct idempotent_earlier *earlier) {
    struct bulk *bulk = http_state(request);
    uint64_t rest = earlier->stored;
    bulk->stored = earlier->stored;
    memcpy(bulk->first_id, earlier->first_id, sizeof bulk->first_id);
    memcpy(bulk->last_id, earlier->last_id, sizeof bulk->last_id);
    while (bulk->first != NULL && rest >= bulk->first->count) {
        struct submission *next = bulk->first->next;
        rest -= bulk->first->count;
        submissions_give(bulk->ingest->submissions, &bulk->first);
        bulk->first = next;
    }
    if (bulk->first == NULL) {
        answer_accepted(bulk);
        return;
    }
    drop_events(bulk->first, rest);
    hand_over(bulk);
}

/* Rounds' thread: bulk_destroy gives back the events, the module its own part. */
static void on_stop(struct http_request *request) {
    struct bulk *bulk = http_state(request);
    bulk->idempotent = NULL;
}

void bulk_submit(struct bulk *bulk) {
    static const struct idempotent_route route = {STORE_DEADLINE_MS, on_deadline, on_go, on_stop};
    if (bulk->idempotent != NULL) {
        idempotent_begin(bulk->idempotent, &route);
        return;
    }
    http_defer(bulk->request, STORE_DEADLINE_MS, on_deadline);
    hand_over(bulk);
}
