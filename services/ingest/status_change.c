/* status_change.c: reads the body of a status change, member by member. */
#include "services/ingest/status_change.h"

#include <stdlib.h>

struct reader {
    struct status_change *change;
    const char *member; /* the one being read; NULL: passed over */
    struct text *place; /* of its text */
};

void status_change_init(struct status_change *change) {
    *change = (struct status_change){0};
}

void status_change_fini(struct status_change *change) {
    json_reader_destroy(&change->reader);
    free(change->memory);
    status_change_init(change);
}

static void add_error(struct status_change *change, const char *field, const char *message,
                      const char *type) {
    change->errors[change->error_count++] = (struct input_error){field, message, type, 0};
}

static void on_key(void *context, int depth, struct text name) {
    struct reader *reader = context;
    struct status_change *change = reader->change;
    const struct {
        const char *name;
        struct text *place;
    } members[] = {{"status", &change->status},
                   {"analyst_notes", &change->analyst_notes},
                   {"resolution", &change->resolution}};
    reader->member = NULL;
    for (size_t i = 0; depth == 1 && i < sizeof members / sizeof members[0]; i++) {
        if (text_is(name, members[i].name)) {
            reader->member = members[i].name;
            reader->place = members[i].place;
        }
    }
}

static void keep_text(struct reader *reader, struct text text) {
    struct status_change *change = reader->change;
    char *copy = change->memory + change->memory_used;
    memcpy(copy, text.data, text.length);
    change->memory_used += text.length;
    *reader->place = (struct text){copy, text.length};
}

static const char *on_value(void *context, int depth, const struct json_value *value) {
    struct reader *reader = context;
    if (depth == 0 && value->kind != JSON_OBJECT)
        add_error(reader->change, NULL, "Input should be a valid dictionary",
                  "model_attributes_type");
    if (depth != 1 || reader->member == NULL)
        return NULL;
    if (value->kind == JSON_TEXT)
        keep_text(reader, value->text);
    else if (value->kind != JSON_NULL)
        add_error(reader->change, reader->member, "Input should be a valid string", "string_type");
    return NULL;
}

static void on_close(void *context, int depth) {
    (void)context;
    (void)depth;
}

enum status status_change_read(struct status_change *change, struct bytes body) {
    static const struct json_handler handler = {on_key, on_value, on_close};
    struct reader reader = {.change = change};
    change->memory = malloc(body.length + 1);
    if (change->memory == NULL)
        abort();
    change->reader = json_reader_new(&handler, &reader);
    enum status status = json_reader_parse(change->reader, body);
    if (status == STATUS_OK)
        return change->error_count == 0 ? STATUS_OK : STATUS_BAD_VALUE;
    change->errors[0] = json_reader_error(change->reader);
    change->error_count = 1;
    return status;
}
