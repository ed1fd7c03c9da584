/* answer.c: error bodies in the shapes of the API. */
#include "services/ingest/answer.h"

#include "services/ingest/ingest.h"

#include <stdio.h>

void answer_json(struct http_request *request, int code, struct buffer *body) {
    if (buffer_is_whole(body)) {
        http_answer(request, code, "application/json", body);
        return;
    }
    buffer_fini(body);
    answer_error(request, 500, "answer too large");
}

struct json_writer *answer_begin(struct json_answer *answer) {
    buffer_init(&answer->body, ANSWER_MAX);
    json_writer_init(&answer->json, &answer->body);
    return &answer->json;
}

void answer_send(struct json_answer *answer, struct http_request *request, int code) {
    json_writer_fini(&answer->json);
    answer_json(request, code, &answer->body);
}

void answer_detail_text(struct http_request *request, int code, struct text sentence) {
    struct json_answer answer;
    struct json_writer *json = answer_begin(&answer);
    json_object_begin(json);
    json_key(json, "detail");
    json_text(json, sentence);
    json_object_end(json);
    answer_send(&answer, request, code);
}

void answer_detail(struct http_request *request, int code, const char *sentence) {
    answer_detail_text(request, code, text_of(sentence));
}

void answer_error(struct http_request *request, int code, const char *reason) {
    if (code != 500) {
        answer_detail(request, code, reason);
        return;
    }
    struct json_answer answer;
    struct json_writer *json = answer_begin(&answer);
    json_object_begin(json);
    json_key(json, "error");
    json_string(json, "Internal Server Error");
    json_key(json, "detail");
    json_string(json, ingest_of(request)->config.debug ? reason : "An error occurred");
    json_key(json, "path");
    json_text(json, http_path(request));
    json_object_end(json);
    json_writer_fini(json);
    /* Not answer_json, which comes here with what is too large. */
    http_answer(request, 500, "application/json", &answer.body);
}

/* A LogEvent that would have been right. */
static const char example[] =
    "{\"event_type\":\"login_failed\",\"source_ip\":\"192.168.1.100\",\"username\":\"admin\","
    "\"count\":5,\"description\":\"Failed login attempts\",\"metadata\":{\"service\":\"sshd\"}}";

void answer_write_example(struct json_writer *json) {
    json_key(json, "example");
    json_raw(json, text_of(example));
}

static void add_invalid(struct json_writer *json, const char *where,
                        const struct input_error *error) {
    char field[64];
    if (error->field != NULL)
        snprintf(field, sizeof field, "%s → %s", where, error->field);
    else if (error->position > 0)
        snprintf(field, sizeof field, "%s → %zu", where, error->position);
    else
        snprintf(field, sizeof field, "%s", where);
    json_object_begin(json);
    json_key(json, "field");
    json_string(json, field);
    json_key(json, "message");
    json_string(json, error->message);
    json_key(json, "type");
    json_string(json, error->type);
    json_object_end(json);
}

void answer_invalid(struct http_request *request, const char *where,
                    const struct input_error *errors, size_t count) {
    struct json_answer answer;
    struct json_writer *json = answer_begin(&answer);
    json_object_begin(json);
    json_key(json, "error");
    json_string(json, "Validation Error");
    json_key(json, "details");
    json_array_begin(json);
    for (size_t i = 0; i < count; i++)
        add_invalid(json, where, &errors[i]);
    json_array_end(json);
    answer_write_example(json);
    json_object_end(json);
    answer_send(&answer, request, 422);
}
