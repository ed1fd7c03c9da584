/* bulk_errors.c: the list of what was wrong with a bulk. */
#include "services/ingest/bulk_errors.h"

#include <stdio.h>
#include <stdlib.h>

struct bulk_error {
    size_t line;
    const char *field; /* static; NULL: the whole line */
    const char *type;  /* static */
    char message[192];
};

void bulk_errors_init(struct bulk_errors *errors) {
    *errors = (struct bulk_errors){0};
}

void bulk_errors_fini(struct bulk_errors *errors) {
    free(errors->listed);
    bulk_errors_init(errors);
}

void bulk_errors_add(struct bulk_errors *errors, size_t line, const struct input_error *error) {
    if (errors->count >= BULK_ERRORS_LISTED)
        return;
    if (errors->listed == NULL)
        errors->listed = calloc(BULK_ERRORS_LISTED, sizeof *errors->listed);
    if (errors->listed == NULL)
        abort();
    struct bulk_error *to = &errors->listed[errors->count++];
    to->line = line;
    to->field = error->field;
    to->type = error->type;
    snprintf(to->message, sizeof to->message, "%s", error->message);
}

static void write_member(struct json_writer *json, const char *name, const char *value) {
    json_key(json, name);
    json_string(json, value);
}

void bulk_errors_write(const struct bulk_errors *errors, struct json_writer *json) {
    json_array_begin(json);
    for (size_t i = 0; i < errors->count; i++) {
        json_object_begin(json);
        json_key(json, "line");
        json_int(json, (int64_t)errors->listed[i].line);
        write_member(json, "field",
                     errors->listed[i].field != NULL ? errors->listed[i].field : "body");
        write_member(json, "message", errors->listed[i].message);
        json_object_end(json);
    }
    json_array_end(json);
}

void bulk_errors_write_details(const struct bulk_errors *errors, struct json_writer *json) {
    json_array_begin(json);
    for (size_t i = 0; i < errors->count; i++) {
        const struct bulk_error *error = &errors->listed[i];
        char field[96] = "body";
        if (error->line > 0)
            snprintf(field, sizeof field, "body → %zu%s%s", error->line,
                     error->field != NULL ? " → " : "", error->field != NULL ? error->field : "");
        json_object_begin(json);
        write_member(json, "field", field);
        write_member(json, "message", error->message);
        write_member(json, "type", error->type);
        json_object_end(json);
    }
    json_array_end(json);
}
