/* fuzz_event_json.c: any bytes as one event: parsed, normalised, encoded, decoded again, answered.
 *
 * What ingest accepts, a detector must be able to read: anything else aborts. */
#include "services/ingest/log_answer.h"
#include "services/ingest/normalize.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds) {
    if (!holds)
        abort();
}

/* Encodes the event and reads it back. */
static void check_encoding(const struct event *event) {
    static struct buffer out;
    static struct msgpack_frame frame;
    struct event decoded;
    if (out.limit == 0) {
        buffer_init(&out, 2 * EVENT_SIZE_MAX);
        msgpack_frame_init(&frame);
    }
    buffer_reset(&out);
    event_encode(event, &out);
    require(buffer_is_whole(&out));
    require(event_decode((struct bytes){out.data + 5, out.length - 5}, &frame, &decoded) ==
            STATUS_OK);
    require(text_equal(decoded.username, event->username) && decoded.count == event->count &&
            decoded.event_type == event->event_type && decoded.time_ms == event->time_ms);
}

/* The answer's log is an object that is no event but is JSON: reading it complains about fields
 * only. */
static void check_answer(struct event_json *reader, const struct event_input *input,
                         const struct normalized *normalized) {
    static struct log_answer answer;
    static struct buffer out;
    struct event_input again;
    if (out.limit == 0) {
        log_answer_init(&answer);
        buffer_init(&out, LOG_ANSWER_MAX);
    }
    log_answer_prepare(&answer, input, normalized);
    buffer_reset(&out);
    log_answer_finish(&answer, "p-1-2.3", NULL, &out);
    require(buffer_is_whole(&out));
    const struct input_error *errors = NULL;
    enum status status = event_json_parse(reader, buffer_bytes(&out), &again);
    (void)event_json_errors(reader, &errors);
    /* Two levels deeper than the event was, and longer: that may be too much; bad JSON it is never.
     */
    require(status != STATUS_OK && status != STATUS_BAD_SYNTAX && status != STATUS_BAD_TEXT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct normalize_limits limits = {300000, INT64_C(2592000000)};
    static struct event_json *parser, *reader;
    struct event_input input;
    struct normalized normalized;
    if (parser == NULL) {
        parser = event_json_new();
        reader = event_json_new();
    }
    enum status status = event_json_parse(parser, (struct bytes){data, size}, &input);
    if (status != STATUS_OK) {
        const struct input_error *errors = NULL;
        require(event_json_errors(parser, &errors) > 0 && errors[0].message != NULL &&
                errors[0].position <= size);
        return 0;
    }
    if (normalize_event(&input, &limits, (struct wall_time){INT64_C(1800000000000)}, &normalized) !=
        STATUS_OK)
        return 0;
    check_encoding(&normalized.event);
    check_answer(reader, &input, &normalized);
    return 0;
}
