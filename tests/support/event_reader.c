/* event_reader.c: event_json and normalize behind one call. */
#include "tests/support/event_reader.h"

#include "services/ingest/event_json.h"
#include "services/ingest/normalize.h"

#include <stdio.h>
#include <stdlib.h>

/* Every timestamp is taken as it is written. */
#define ANY_TIME_MS (200ll * 366 * 24 * 3600 * 1000)

struct event_reader {
    struct event_json *parser;
    struct normalized normalized;
};

struct event_reader *event_reader_new(void) {
    struct event_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        abort();
    reader->parser = event_json_new();
    return reader;
}

void event_reader_destroy(struct event_reader **reader) {
    if (*reader == NULL)
        return;
    event_json_destroy(&(*reader)->parser);
    free(*reader);
    *reader = NULL;
}

static void print_errors(const struct event_reader *reader) {
    const struct input_error *errors;
    size_t count = event_json_errors(reader->parser, &errors);
    for (size_t i = 0; i < count; i++)
        fprintf(stderr, "event refused: %s: %s\n",
                errors[i].field != NULL ? errors[i].field : "document", errors[i].message);
}

const struct event *event_reader_read(struct event_reader *reader, struct text document,
                                      struct wall_time now) {
    const struct normalize_limits limits = {ANY_TIME_MS, ANY_TIME_MS};
    struct bytes bytes = {(const uint8_t *)document.data, document.length};
    struct event_input input;
    enum status status = event_json_parse(reader->parser, bytes, &input);
    if (status == STATUS_OK)
        status = normalize_event(&input, &limits, now, &reader->normalized);
    if (status != STATUS_OK) {
        print_errors(reader);
        return NULL;
    }
    return &reader->normalized.event;
}
