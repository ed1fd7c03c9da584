/* routes_logs.c: POST /logs: many events, read as they arrive, handed over when the body is whole,
 * so that a broken upload counts nothing. Answered when the disk has them all. */
#include "common/counters.h"
#include "services/ingest/answer.h"
#include "services/ingest/bulk.h"
#include "services/ingest/event_log.h"
#include "services/ingest/routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* Gives back what is only needed while the body comes. */
static void bulk_end_reading(struct bulk *bulk) {
    submissions_give_parser(bulk->ingest->submissions, &bulk->parser);
    bulk_split_fini(&bulk->split);
    atomic_fetch_sub(&bulk->ingest->bulk_bytes, bulk->bytes);
    bulk->bytes = 0;
}

static void bulk_destroy(void *state) {
    struct bulk *bulk = state;
    bulk_end_reading(bulk);
    idempotent_drop(&bulk->idempotent);
    bulk_errors_fini(&bulk->errors);
    while (bulk->first != NULL) {
        struct submission *next = bulk->first->next;
        submissions_give(bulk->ingest->submissions, &bulk->first);
        bulk->first = next;
    }
    free(bulk);
}

/* Encodes an event into the submission being filled, or into a new one when that is full. */
static void bulk_encode(struct bulk *bulk, const struct event *event) {
    struct submission *last = bulk->last;
    if (last != NULL && last->count < BATCH_EVENTS_MAX) {
        event_encode(event, &last->events);
        if (buffer_is_whole(&last->events)) {
            last->count++;
            return;
        }
        last->events.overflow = false;
    }
    struct submission *next = submissions_take(bulk->ingest->submissions);
    event_encode(event, &next->events);
    next->count = 1;
    *(last != NULL ? &last->next : &bulk->first) = next;
    bulk->last = next;
}

static void bulk_reject(struct bulk *bulk, size_t line, enum status status,
                        const struct input_error *errors, size_t count) {
    bulk->rejected++;
    count_drop(status);
    counter_add(bulk->ingest->events_invalid, 1);
    for (size_t i = 0; i < count; i++)
        bulk_errors_add(&bulk->errors, line, &errors[i]);
}

static bool is_array_fault(const struct bulk *bulk, enum status status) {
    return bulk->split.form == BULK_ARRAY && status == STATUS_BAD_SYNTAX;
}

/* One line, or element. */
static bool on_item(void *context, const struct bulk_item *item) {
    static const struct input_error too_large = {NULL, "an event is at most 64 KiB", "too_large",
                                                 0};
    struct bulk *bulk = context;
    const struct normalize_limits limits = {bulk->ingest->config.clock_ahead_ms,
                                            bulk->ingest->config.clock_behind_ms};
    if (bulk->accepted + bulk->rejected >= (size_t)bulk->ingest->config.bulk_lines_max) {
        bulk->too_many = true;
        return false;
    }
    struct event_input input;
    struct normalized normalized;
    enum status status = STATUS_TOO_LARGE;
    if (item->text.data != NULL)
        status = event_json_parse_at(bulk->parser, item->text, item->start, &input);
    if (status == STATUS_OK)
        status = normalize_event(&input, &limits, bulk->now, &normalized);
    if (status == STATUS_OK) {
        char tag[IDEMPOTENCY_EVENT_TAG_SIZE];
        if (bulk->idempotent != NULL)
            normalized.event.request_tag =
                idempotent_event_tag(bulk->idempotent, bulk->accepted, tag);
        event_log(&normalized.event);
        bulk_encode(bulk, &normalized.event);
        bulk->accepted++;
        return true;
    }
    const struct input_error *errors = &too_large;
    size_t count = 1;
    if (status != STATUS_TOO_LARGE)
        count = event_json_errors(bulk->parser, &errors);
    bulk_reject(bulk, item->number, status, errors, count);
    bulk->broken = is_array_fault(bulk, status);
    return !bulk->broken;
}

/* Lines when the sender says so. */
static enum bulk_form form_of(const struct http_request *request) {
    static const char *const types[] = {"application/x-ndjson", "application/ndjson",
                                        "application/jsonl"};
    struct text type = http_header(request, "Content-Type");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        size_t length = strlen(types[i]);
        if (type.length >= length && strncasecmp(type.data, types[i], length) == 0)
            return BULK_LINES;
    }
    return BULK_UNKNOWN;
}

void route_logs_begin(struct http_request *request) {
    struct ingest *ingest = ingest_of(request);
    struct idempotent *idempotent;
    if (!routes_check_coding(request) ||
        !idempotency_look(ingest->idempotency, ingest->access, request, &idempotent))
        return;
    struct bulk *bulk = calloc(1, sizeof *bulk);
    if (bulk == NULL)
        abort();
    bulk->ingest = ingest;
    bulk->idempotent = idempotent;
    bulk->request = request;
    bulk->parser = submissions_take_parser(bulk->ingest->submissions);
    bulk_split_init(&bulk->split, form_of(request), on_item, bulk);
    bulk_errors_init(&bulk->errors);
    http_state_set(request, bulk, bulk_destroy);
}

/* The array is broken where the splitter stands. */
static void note_broken_array(struct bulk *bulk) {
    char message[96];
    struct json_position at = bulk_split_position(&bulk->split);
    snprintf(message, sizeof message, "JSON decode error: not an array at line %zu column %zu",
             at.line, at.column);
    struct input_error error = {NULL, message, "json_invalid", 0};
    bulk->broken = true;
    bulk_reject(bulk, bulk->split.number + 1, STATUS_BAD_SYNTAX, &error, 1);
}

void route_logs_body(struct http_request *request, struct bytes piece) {
    struct bulk *bulk = http_state(request);
    size_t limit = (size_t)bulk->ingest->config.queue_bytes;
    bulk->bytes += piece.length;
    if (atomic_fetch_add(&bulk->ingest->bulk_bytes, piece.length) + piece.length > limit) {
        count_drop(STATUS_FULL);
        answer_detail(request, 503, "Too many uploads are under way. Try again later.");
        return;
    }
    bulk->now = clock_wall();
    if (bulk->idempotent != NULL)
        idempotent_add(bulk->idempotent, piece);
    if (bulk_split_feed(&bulk->split, piece) != STATUS_OK)
        note_broken_array(bulk);
}

/* Nothing was accepted: 422, in the shape of errors, with the counts beside it. */
static void answer_rejected(struct bulk *bulk) {
    struct json_answer answer;
    struct json_writer *json = answer_begin(&answer);
    json_object_begin(json);
    json_key(json, "error");
    json_string(json, "Validation Error");
    json_key(json, "details");
    bulk_errors_write_details(&bulk->errors, json);
    answer_write_example(json);
    bulk_write_counts(bulk, 0, json);
    json_object_end(json);
    answer_send(&answer, bulk->request, 422);
}

void route_logs(struct http_request *request) {
    struct bulk *bulk = http_state(request);
    if (bulk_split_end(&bulk->split) != STATUS_OK)
        note_broken_array(bulk);
    bulk_end_reading(bulk);
    if (bulk->too_many) {
        char sentence[64];
        snprintf(sentence, sizeof sentence, "At most %lld events in one request.",
                 (long long)bulk->ingest->config.bulk_lines_max);
        count_drop(STATUS_TOO_LARGE);
        answer_detail(request, 413, sentence);
    } else if (bulk->accepted == 0 || bulk->broken) {
        if (bulk->rejected == 0)
            bulk_errors_add(&bulk->errors, 0,
                            &(struct input_error){NULL, "Field required", "missing", 0});
        answer_rejected(bulk);
    } else {
        bulk_submit(bulk);
    }
}
