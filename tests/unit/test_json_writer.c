/* test_json_writer.c: documents come out whole, on one line, with numbers that read back the same.
 */
#include "common/json_writer.h"

#include <criterion/criterion.h>
#include <math.h>

Test(json_writer, writes_a_document_of_every_kind) {
    struct buffer out;
    struct json_writer json;
    buffer_init(&out, 1000);
    json_writer_init(&json, &out);
    json_object_begin(&json);
    json_key(&json, "text");
    json_text(&json, TEXT("a\"\n\xc3\xbc"));
    json_key_text(&json, TEXT("null"));
    json_text(&json, (struct text){NULL, 0});
    json_key(&json, "empty");
    json_text(&json, TEXT(""));
    json_key(&json, "list");
    json_array_begin(&json);
    json_int(&json, INT64_MIN);
    json_bool(&json, true);
    json_raw(&json, TEXT("{\"as\": [\"it is\"]}"));
    json_null(&json);
    json_array_end(&json);
    json_object_end(&json);
    json_writer_fini(&json);
    cr_expect(text_is(buffer_text(&out),
                      "{\"text\":\"a\\\"\\n\xc3\xbc\",\"null\":null,\"empty\":\"\","
                      "\"list\":[-9223372036854775808,true,{\"as\": [\"it "
                      "is\"]},null]}"),
              "%.*s", TEXT_ARG(buffer_text(&out)));
    buffer_fini(&out);
}

Test(json_writer, doubles_are_short_and_exact) {
    static const struct {
        double value;
        const char *expected;
    } cases[] = {
        {0.1, "0.1"},
        {1, "1.0"},
        {-0.0, "-0.0"},
        {1e300, "1e+300"},
        {1.0 / 3, "0.33333333333333331"},
        {123456789, "123456789.0"},
        {NAN, "null"},
        {INFINITY, "null"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer out;
        struct json_writer json;
        buffer_init(&out, 100);
        json_writer_init(&json, &out);
        json_double(&json, cases[i].value);
        json_writer_fini(&json);
        cr_expect(text_is(buffer_text(&out), cases[i].expected), "%.*s for %s",
                  TEXT_ARG(buffer_text(&out)), cases[i].expected);
        buffer_fini(&out);
    }
}

Test(json_writer, the_buffers_bound_is_reported) {
    struct buffer out;
    struct json_writer json;
    buffer_init(&out, 5);
    json_writer_init(&json, &out);
    json_text(&json, TEXT("too long"));
    json_writer_fini(&json);
    cr_expect_not(buffer_is_whole(&out));
    buffer_fini(&out);
}
