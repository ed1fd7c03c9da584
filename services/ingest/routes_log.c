/* routes_log.c: POST /log: one event, answered with its verdict. */
#include "common/counters.h"
#include "common/scoped.h"
#include "services/ingest/answer.h"
#include "services/ingest/event_log.h"
#include "services/ingest/ingest.h"
#include "services/ingest/log_answer.h"
#include "services/ingest/routes.h"

#include <stdlib.h>
#include <strings.h>

/* The writer itself answers in time; this is for a disk that hangs. */
#define STORE_DEADLINE_MS 20000

/* A request with an Idempotency-Key, until it is stored; the request's state. */
struct once {
    struct idempotent *idempotent;
    struct submission *submission; /* NULL when it was handed over */
};

/* Whether a text is that word, whatever the case. */
static bool is_word(struct text text, const char *word) {
    return text.length == strlen(word) && strncasecmp(text.data, word, text.length) == 0;
}

static bool is_respond_async(struct text preference, const void *context) {
    (void)context;
    return is_word(text_take_part(&preference, ';'), "respond-async");
}

/* The sender does not want to wait for the verdict (RFC 7240). */
static bool prefers_async(const struct http_request *request) {
    return http_header_any(request, "Prefer", is_respond_async, NULL);
}

/* Worker's thread: the event may be stored yet, but nobody can say so in time. */
static void on_deadline(struct http_request *request) {
    count_drop(STATUS_TIMEOUT);
    answer_detail(request, 503, "The event could not be stored in time. Try again later.");
}

static void answer_refused(struct http_request *request, enum status status) {
    count_drop(status);
    answer_detail(request, 503,
                  status == STATUS_DISK_FULL ? "The spool's disk is full. Try again later."
                                             : "Too many events are waiting. Try again later.");
}

/* The verdict about one event of a batch; NULL when it has none. */
static const struct verdict *find_verdict(const struct batch_verdicts *verdicts, uint32_t index) {
    for (uint32_t i = 0; i < verdicts->count; i++) {
        if (verdicts->verdicts[i].index == index)
            return &verdicts->verdicts[i];
    }
    return NULL;
}

/* Writes the answer to a stored event; its code. */
static int write_outcome(struct submission *submission, const struct outcome *outcome,
                         const char *id, struct buffer *body) {
    if (outcome->status == STATUS_OK && submission->wants_verdict && outcome->verdicts != NULL) {
        log_answer_finish(submissions_answer(submission), id,
                          find_verdict(outcome->verdicts, outcome->first_index), body);
        if (buffer_is_whole(body))
            return 200;
        buffer_reset(body);
    }
    log_answer_accepted(id, body);
    return 202;
}

/* The answer of a stored event: at once, or when Redis keeps it. */
static void answer_stored(struct http_request *request, int code, struct buffer *body,
                          const char *id) {
    const struct once *once = http_state(request);
    if (once == NULL) {
        http_answer(request, code, "application/json", body);
        http_release(request);
        return;
    }
    SCOPED_FINI(buffer) struct buffer accepted;
    buffer_init(&accepted, LOG_ANSWER_MAX);
    log_answer_accepted(id, &accepted);
    idempotent_finish(once->idempotent, code, body, buffer_text(&accepted));
}

/* The event is not stored. */
static void refuse(struct http_request *request, enum status status) {
    const struct once *once = http_state(request);
    answer_refused(request, status);
    if (once != NULL)
        idempotent_release(once->idempotent, &(struct idempotent_earlier){.stored = 0});
    http_release(request);
}

/* Loop's thread: the event is stored and, when asked for, judged. */
static void on_done(struct submission *submission, const struct outcome *outcome) {
    struct http_request *request = submission->context;
    struct submissions *submissions = ingest_of(request)->submissions;
    if (outcome->status == STATUS_OK || outcome->status == STATUS_TIMEOUT) {
        struct buffer body;
        char id[EVENT_ID_SIZE];
        buffer_init(&body, LOG_ANSWER_MAX);
        event_id_format(&outcome->head, outcome->first_index, id);
        int code = write_outcome(submission, outcome, id, &body);
        if (outcome->status == STATUS_TIMEOUT)
            http_mark_late(request);
        answer_stored(request, code, &body, id);
    } else {
        refuse(request, outcome->status);
    }
    submissions_give(submissions, &submission);
}

/* Hands the event over; the request waits. */
static void hand_over(struct http_request *request, struct submission *submission) {
    struct ingest *ingest = ingest_of(request);
    submission->context = request;
    submission->on_done = on_done;
    submission->count = 1;
    submission->submitted_at = clock_mono();
    enum status status = out_events_submit(ingest->writer, submission);
    if (status == STATUS_OK)
        return;
    submissions_give(ingest->submissions, &submission);
    refuse(request, status);
}

/* Rounds' thread: gives back the event that is not needed. */
static void on_stop(struct http_request *request) {
    struct once *once = http_state(request);
    submissions_give(ingest_of(request)->submissions, &once->submission);
}

/* Rounds' thread: the request is ours; its event may be stored already, by a process that died. */
static void on_go(struct http_request *request, const struct idempotent_earlier *earlier) {
    struct once *once = http_state(request);
    struct submission *submission = once->submission;
    if (earlier->stored == 0) {
        once->submission = NULL;
        hand_over(request, submission);
        return;
    }
    struct buffer body;
    on_stop(request);
    buffer_init(&body, LOG_ANSWER_MAX);
    log_answer_accepted(earlier->first_id, &body);
    answer_stored(request, 202, &body, earlier->first_id);
}

/* Has the event stored; with an Idempotency-Key once. */
static void submit(struct http_request *request, struct submission *submission,
                   struct idempotent *idempotent) {
    static const struct idempotent_route route = {STORE_DEADLINE_MS, on_deadline, on_go, on_stop};
    submission->wants_verdict = !prefers_async(request);
    submission->wants_sync = !submission->wants_verdict || idempotent != NULL;
    if (!submission->wants_verdict)
        http_answer_header(request, "Preference-Applied", "respond-async");
    if (idempotent == NULL) {
        http_defer(request, STORE_DEADLINE_MS, on_deadline);
        hand_over(request, submission);
        return;
    }
    struct once *once = malloc(sizeof *once);
    if (once == NULL)
        abort();
    *once = (struct once){idempotent, submission};
    http_state_set(request, once, free);
    idempotent_add(idempotent, http_body(request));
    idempotent_begin(idempotent, &route);
}

/* Reads and normalises the event into the submission. */
static enum status read_event(const struct http_request *request, struct event_json *parser,
                              const struct idempotent *idempotent, struct submission *submission) {
    const struct ingest *ingest = ingest_of(request);
    char tag[IDEMPOTENCY_EVENT_TAG_SIZE];
    const struct normalize_limits limits = {ingest->config.clock_ahead_ms,
                                            ingest->config.clock_behind_ms};
    struct event_input input;
    struct normalized normalized;
    enum status status = event_json_parse(parser, http_body(request), &input);
    if (status == STATUS_OK)
        status = normalize_event(&input, &limits, clock_wall(), &normalized);
    if (status != STATUS_OK)
        return status;
    event_log(&normalized.event);
    if (idempotent != NULL)
        normalized.event.request_tag = idempotent_event_tag(idempotent, 0, tag);
    event_encode(&normalized.event, &submission->events);
    if (!buffer_is_whole(&submission->events))
        return STATUS_TOO_LARGE;
    log_answer_prepare(submissions_answer(submission), &input, &normalized);
    return STATUS_OK;
}

static bool is_coding(struct text item, const void *context) {
    (void)context;
    return !is_word(item, "identity");
}

bool routes_check_coding(struct http_request *request) {
    if (!http_header_any(request, "Content-Encoding", is_coding, NULL))
        return true;
    count_drop(STATUS_UNSUPPORTED);
    answer_detail(request, 415, "Content-Encoding is not supported. Send the body as it is.");
    return false;
}

void route_log_begin(struct http_request *request) {
    (void)routes_check_coding(request);
}

void route_log(struct http_request *request) {
    struct ingest *ingest = ingest_of(request);
    struct idempotent *idempotent;
    if (!idempotency_look(ingest->idempotency, ingest->access, request, &idempotent))
        return;
    struct event_json *parser = submissions_take_parser(ingest->submissions);
    struct submission *submission = submissions_take(ingest->submissions);
    enum status status = read_event(request, parser, idempotent, submission);
    if (status == STATUS_OK) {
        submissions_give_parser(ingest->submissions, &parser);
        submit(request, submission, idempotent);
        return;
    }
    idempotent_drop(&idempotent);
    count_drop(status);
    counter_add(ingest->events_invalid, 1);
    if (status == STATUS_TOO_LARGE) {
        answer_detail(request, 413, "Request body too large");
    } else {
        const struct input_error *errors = NULL;
        size_t count = event_json_errors(parser, &errors);
        answer_invalid(request, "body", errors, count);
    }
    submissions_give_parser(ingest->submissions, &parser);
    submissions_give(ingest->submissions, &submission);
}
