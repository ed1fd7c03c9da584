/* answer.c: error bodies in the shapes of the API. */
#include "services/ingest/answer.h"

#include "common/json_writer.h"
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

void answer_detail(struct http_request *request, int code, const char *sentence) {
    struct buffer body;
    struct json_writer json;
    buffer_init(&body, ANSWER_MAX);
    json_writer_init(&json, &body);
    json_object_begin(&json);
    json_key(&json, "detail");
    json_string(&json, sentence);
    json_object_end(&json);
    json_writer_fini(&json);
    answer_json(request, code, &body);
}

void answer_error(struct http_request *request, int code, const char *reason) {
    if (code != 500) {
        answer_detail(request, code, reason);
        return;
    }
    struct buffer body;
    struct json_writer json;
    buffer_init(&body, ANSWER_MAX);
    json_writer_init(&json, &body);
    json_object_begin(&json);
    json_key(&json, "error");
    json_string(&json, "Internal Server Error");
    json_key(&json, "detail");
    json_string(&json, ingest_of(request)->config.debug ? reason : "An error occurred");
    json_key(&json, "path");
    json_text(&json, http_path(request));
    json_object_end(&json);
    json_writer_fini(&json);
    http_answer(request, 500, "application/json", &body);
}

/* A LogEvent that would have been right. */
static const char example[] =
    "{\"event_type\":\"login_failed\",\"source_ip\":\"192.168.1.100\",\"username\":\"admin\","
    "\"count\":5,\"description\":\"Failed login attempts\",\"metadata\":{\"service\":\"sshd\"}}";

static void begin_invalid(struct json_writer *json, struct buffer *body) {
    buffer_init(body, ANSWER_MAX);
    json_writer_init(json, body);
    json_object_begin(json);
    json_key(json, "error");
    json_string(json, "Validation Error");
    json_key(json, "details");
    json_array_begin(json);
}

static void add_invalid(struct json_writer *json, const char *field, const char *message,
                        const char *type) {
    json_object_begin(json);
    json_key(json, "field");
    json_string(json, field);
    json_key(json, "message");
    json_string(json, message);
    json_key(json, "type");
    json_string(json, type);
    json_object_end(json);
}

static void end_invalid(struct http_request *request, struct json_writer *json,
                        struct buffer *body) {
    json_array_end(json);
    json_key(json, "example");
    json_raw(json, text_of(example));
    json_object_end(json);
    json_writer_fini(json);
    answer_json(request, 422, body);
}

void answer_invalid_event(struct http_request *request, const struct event_error *errors,
                          size_t count) {
    struct buffer body;
    struct json_writer json;
    begin_invalid(&json, &body);
    for (size_t i = 0; i < count; i++) {
        char field[64];
        if (errors[i].field != NULL)
            snprintf(field, sizeof field, "body → %s", errors[i].field);
        else if (errors[i].position > 0)
            snprintf(field, sizeof field, "body → %zu", errors[i].position);
        else
            snprintf(field, sizeof field, "body");
        add_invalid(&json, field, errors[i].message, errors[i].type);
    }
    end_invalid(request, &json, &body);
}

void answer_invalid(struct http_request *request, const char *field, const char *message,
                    const char *type) {
    struct buffer body;
    struct json_writer json;
    begin_invalid(&json, &body);
    add_invalid(&json, field, message, type);
    end_invalid(request, &json, &body);
}
