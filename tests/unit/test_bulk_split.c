/* test_bulk_split.c: lines and array elements, whatever pieces they come in. */
#include "services/ingest/bulk_split.h"
#include "services/ingest/event_json.h"
#include "services/ingest/status_change.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

/* Everything that was given, as "number:text;". */
struct gathered {
    struct text body;
    const struct bulk_split *split;
    struct buffer text;
    size_t stop_at; /* 0: never */
};

/* A byte's line and column, counted from the start. */
static struct json_position position_of(struct text body, size_t offset) {
    struct json_position at = {1, 1};
    for (size_t i = 0; i < offset; i++) {
        at.line += body.data[i] == '\n';
        at.column = body.data[i] == '\n' ? 1 : at.column + 1;
    }
    return at;
}

static bool gather(void *context, const struct bulk_item *item) {
    struct gathered *gathered = context;
    bool is_array = gathered->split->form == BULK_ARRAY;
    struct json_position start = position_of(gathered->body, is_array ? item->offset : 0);
    cr_expect(item->start.line == start.line && item->start.column == start.column,
              "%s: item %zu at %zu:%zu", gathered->body.data, item->number, item->start.line,
              item->start.column);
    buffer_printf(&gathered->text, "%zu@%zu:", item->number, item->offset);
    if (item->text.data == NULL)
        buffer_printf(&gathered->text, "TOO LARGE");
    else
        buffer_append(&gathered->text, item->text.data, item->text.length);
    buffer_append(&gathered->text, ";", 1);
    return gathered->stop_at != item->number;
}

/* Feeds a body in pieces of a size; what came out, and how it ended. */
static enum status split(struct text body, enum bulk_form form, size_t piece, size_t stop_at,
                         struct buffer *out) {
    struct bulk_split splitter;
    struct gathered gathered = {.body = body, .split = &splitter, .stop_at = stop_at};
    enum status status = STATUS_OK;
    buffer_init(&gathered.text, 1 << 20);
    bulk_split_init(&splitter, form, gather, &gathered);
    for (size_t at = 0; at < body.length && status == STATUS_OK; at += piece) {
        /* A copy of the exact size, so that reading beyond it is seen. */
        size_t length = body.length - at < piece ? body.length - at : piece;
        uint8_t *copy = malloc(length);
        cr_assert_not_null(copy);
        memcpy(copy, body.data + at, length);
        status = bulk_split_feed(&splitter, (struct bytes){copy, length});
        free(copy);
    }
    if (status == STATUS_OK)
        status = bulk_split_end(&splitter);
    bulk_split_fini(&splitter);
    buffer_reset(out);
    buffer_append_text(out, buffer_text(&gathered.text));
    buffer_append(out, "", 1);
    buffer_fini(&gathered.text);
    return status;
}

#define RAW(text)                                                                                  \
    { text, sizeof(text) - 1 }

Test(bulk_split, gives_the_same_items_for_any_pieces) {
    static const struct {
        struct text body;
        enum bulk_form form;
        enum status status;
        const char *items;
    } cases[] = {
        {RAW(""), BULK_UNKNOWN, STATUS_OK, ""},
        {RAW("\n \n"), BULK_UNKNOWN, STATUS_OK, ""},
        {RAW("{1}"), BULK_UNKNOWN, STATUS_OK, "1@0:{1};"},
        {RAW("{1}\n{2}\n"), BULK_UNKNOWN, STATUS_OK, "1@0:{1};2@4:{2};"},
        {RAW("\n{1}\r\n\n \n{2}"), BULK_UNKNOWN, STATUS_OK, "2@1:{1}\r;5@9:{2};"},
        {RAW("[1]\n[2]"), BULK_LINES, STATUS_OK, "1@0:[1];2@4:[2];"},
        {RAW("[]"), BULK_UNKNOWN, STATUS_OK, ""},
        {RAW(" \n[ ]\n "), BULK_UNKNOWN, STATUS_OK, ""},
        {RAW("[{\"a\":\"]},{\\\"\"},{}]"), BULK_UNKNOWN, STATUS_OK,
         "1@1:{\"a\":\"]},{\\\"\"};2@16:{};"},
        {RAW("[[1,2],{\"a\":[3]},\"x,y\",4]"), BULK_UNKNOWN, STATUS_OK,
         "1@1:[1,2];2@7:{\"a\":[3]};3@17:\"x,y\";4@23:4;"},
        {RAW("\n [1,\n2\n,\n \"a\\\"\n,b\"]"), BULK_UNKNOWN, STATUS_OK,
         "1@3:1;2@5:\n2\n;3@9:\n \"a\\\"\n,b\";"},
        {RAW("["), BULK_UNKNOWN, STATUS_BAD_SYNTAX, ""},
        {RAW("[1"), BULK_UNKNOWN, STATUS_BAD_SYNTAX, ""},
        {RAW("[1,]"), BULK_UNKNOWN, STATUS_BAD_SYNTAX, "1@1:1;"},
        {RAW("[,1]"), BULK_UNKNOWN, STATUS_BAD_SYNTAX, ""},
        {RAW("[1] 2"), BULK_UNKNOWN, STATUS_BAD_SYNTAX, "1@1:1;"},
        {RAW("[1}]"), BULK_UNKNOWN, STATUS_BAD_SYNTAX, ""},
        {RAW("[\"x]"), BULK_UNKNOWN, STATUS_BAD_SYNTAX, ""},
        {RAW("[1,{} {}]"), BULK_UNKNOWN, STATUS_BAD_SYNTAX, "1@1:1;"},
        {RAW("[{}{}]"), BULK_UNKNOWN, STATUS_BAD_SYNTAX, ""},
        {RAW("[[] \"x\"]"), BULK_UNKNOWN, STATUS_BAD_SYNTAX, ""},
        {RAW("[\"x\"5]"), BULK_UNKNOWN, STATUS_BAD_SYNTAX, ""},
    };
    struct buffer out;
    buffer_init(&out, 1 << 20);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t piece = 1; piece <= cases[i].body.length + 1; piece++) {
            enum status status = split(cases[i].body, cases[i].form, piece, 0, &out);
            cr_expect_eq(status, cases[i].status, "%s in %zu: %s", cases[i].body.data, piece,
                         status_reason(status));
            cr_expect_str_eq((const char *)out.data, cases[i].items, "%s in %zu",
                             cases[i].body.data, piece);
        }
    }
    buffer_fini(&out);
}

Test(bulk_split, stops_when_told) {
    struct buffer out;
    buffer_init(&out, 1 << 20);
    for (size_t piece = 1; piece < 12; piece++) {
        cr_expect_eq(split(TEXT("1\n2\n3\n4\n"), BULK_LINES, piece, 2, &out), STATUS_OK);
        cr_expect_str_eq((const char *)out.data, "1@0:1;2@2:2;");
        cr_expect_eq(split(TEXT("[1,2,3,4"), BULK_ARRAY, piece, 2, &out), STATUS_OK);
        cr_expect_str_eq((const char *)out.data, "1@1:1;2@3:2;");
    }
    buffer_fini(&out);
}

/* A line that is too large spoils neither memory nor the next line. */
Test(bulk_split, passes_over_items_that_are_too_large) {
    static const size_t pieces[] = {1000, EVENT_JSON_MAX, EVENT_JSON_MAX + 1, 1 << 20};
    size_t length = EVENT_JSON_MAX + 1;
    struct buffer body, out;
    buffer_init(&body, 1 << 20);
    buffer_init(&out, 1 << 20);
    for (int array = 0; array < 2; array++) {
        buffer_reset(&body);
        buffer_printf(&body, array ? "[1," : "1\n");
        for (size_t i = 0; i < length; i++)
            buffer_append(&body, "7", 1);
        buffer_printf(&body, array ? ",2]" : "\n2");
        for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
            char expected[64];
            cr_expect_eq(split(buffer_text(&body), BULK_UNKNOWN, pieces[i], 0, &out), STATUS_OK);
            snprintf(expected, sizeof expected, "1@%d:1;2@%d:TOO LARGE;3@%zu:2;", array, 2 + array,
                     length + 3 + (size_t)array);
            cr_expect_str_eq((const char *)out.data, expected, "pieces of %zu", pieces[i]);
        }
    }
    buffer_fini(&body);
    buffer_fini(&out);
}

Test(status_change, reads_texts_and_refuses_the_rest) {
    static const struct {
        struct text body;
        enum status status;
        const char *field; /* or, when read, the status */
    } cases[] = {
        {RAW("{\"status\":\"resolved\",\"resolution\":\"\\u00e9\",\"x\":[{\"status\":1}]}"),
         STATUS_OK, "resolved"},
        {RAW("{\"status\":\"a\",\"analyst_notes\":null}"), STATUS_OK, "a"},
        {RAW("{\"status\":1}"), STATUS_BAD_VALUE, "status"},
        {RAW("{\"analyst_notes\":{}}"), STATUS_BAD_VALUE, "analyst_notes"},
        {RAW("[]"), STATUS_BAD_VALUE, NULL},
        {RAW("null"), STATUS_BAD_VALUE, NULL},
        {RAW("\"x\""), STATUS_BAD_VALUE, NULL},
        {RAW("{\"status\":"), STATUS_BAD_SYNTAX, NULL},
        {RAW("{\"status\":\"\\ud800\"}"), STATUS_BAD_TEXT, NULL},
        {RAW("{\"status\":\"\xff\"}"), STATUS_BAD_TEXT, NULL},
        {RAW("{} {}"), STATUS_BAD_VALUE, NULL},
        {RAW("{\"status\":\"a\",\"status\":\"b\"}"), STATUS_BAD_VALUE, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct status_change change;
        status_change_init(&change);
        struct text body = cases[i].body;
        enum status status =
            status_change_read(&change, (struct bytes){(const uint8_t *)body.data, body.length});
        cr_expect_eq(status, cases[i].status, "%s: %s", body.data, status_reason(status));
        if (status == STATUS_OK)
            cr_expect(text_is(change.status, cases[i].field), "%s", body.data);
        else
            cr_expect(text_is(text_of(change.errors[0].field), cases[i].field), "%s", body.data);
        status_change_fini(&change);
    }
}
