/* json_writer.c: yajl's generator, printing straight into the buffer. */
#include "common/json_writer.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <yajl/yajl_gen.h>

/* Every call of the generator ends here: a refusal means that our calls do not make a document. */
static void expect_ok(yajl_gen_status status) {
    assert(status == yajl_gen_status_ok);
    if (status != yajl_gen_status_ok)
        abort();
}

static void print_to_buffer(void *context, const char *data, size_t length) {
    buffer_append(context, data, length);
}

void json_writer_init(struct json_writer *json, struct buffer *out) {
    json->generator = yajl_gen_alloc(NULL);
    if (json->generator == NULL)
        abort();
    yajl_gen_config(json->generator, yajl_gen_print_callback, print_to_buffer, out);
}

void json_writer_fini(struct json_writer *json) {
    if (json->generator != NULL)
        yajl_gen_free(json->generator);
    json->generator = NULL;
}

void json_object_begin(struct json_writer *json) {
    expect_ok(yajl_gen_map_open(json->generator));
}

void json_object_end(struct json_writer *json) {
    expect_ok(yajl_gen_map_close(json->generator));
}

void json_array_begin(struct json_writer *json) {
    expect_ok(yajl_gen_array_open(json->generator));
}

void json_array_end(struct json_writer *json) {
    expect_ok(yajl_gen_array_close(json->generator));
}

/* A string, as a name or a value. */
static void write_string(struct json_writer *json, struct text text) {
    const void *data = text.data;
    expect_ok(yajl_gen_string(json->generator, data, text.length));
}

void json_key(struct json_writer *json, const char *name) {
    write_string(json, text_of(name));
}

void json_key_text(struct json_writer *json, struct text name) {
    write_string(json, name.data == NULL ? TEXT("") : name);
}

void json_text(struct json_writer *json, struct text value) {
    if (value.data == NULL)
        json_null(json);
    else
        write_string(json, value);
}

void json_string(struct json_writer *json, const char *value) {
    json_text(json, text_of(value));
}

void json_int(struct json_writer *json, int64_t value) {
    expect_ok(yajl_gen_integer(json->generator, value));
}

void json_double(struct json_writer *json, double value) {
    if (!isfinite(value)) {
        json_null(json); /* JSON has no such numbers */
        return;
    }
    char number[40];
    int length = snprintf(number, sizeof number - 2, "%.15g", value);
    if (strtod(number, NULL) != value)
        length = snprintf(number, sizeof number - 2, "%.17g", value);
    if (strcspn(number, ".e") == (size_t)length)
        length = snprintf(number, sizeof number, "%.0f.0", value); /* stays a fraction when read */
    json_raw(json, (struct text){number, (size_t)length});
}

void json_bool(struct json_writer *json, bool value) {
    expect_ok(yajl_gen_bool(json->generator, value));
}

void json_null(struct json_writer *json) {
    expect_ok(yajl_gen_null(json->generator));
}

/* yajl writes the text of a number as it is, with the separator before it: that serves for any
 * JSON. */
void json_raw(struct json_writer *json, struct text value) {
    if (value.data == NULL)
        json_null(json);
    else
        expect_ok(yajl_gen_number(json->generator, value.data, value.length));
}
