/* test_reports.c: threats as the reports list them, and the choice between HTML and JSON. */
#include "common/buffer.h"
#include "services/ingest/accept.h"
#include "services/ingest/threat_entry.h"

#include <criterion/criterion.h>

struct accept_case {
    const char *accept;
    bool html;
};

/* A browser is sent to the pages, and nobody else. */
Test(accept, who_prefers_html) {
    static const struct accept_case cases[] = {
        {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true},
        {"TEXT/HTML", true},
        {"text/*", true},
        {"text/html;level=1;q=0.5", true},
        {"application/json;q=0.4, text/html;q=0.5", true},
        {" text/html ; q=0.5 , */*;q=0.4", true},
        {"*/*", false},
        {"", false},
        {"application/json", false},
        {"application/json, text/html;q=0.9", false},
        {"text/html;q=0", false},
        {"text/html;q=0.0, */*", false},
        {"*/*, text/html;q=0.1", false},
        {"text/html;q=0.8, */*;q=0.8", false},
        {"text/plain", false},
        {"text/html;q=x", false},
        {",,;;,", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct accept accept = {0};
        struct text rest = text_of(cases[i].accept);
        while (rest.length > 0)
            accept_note(text_take_part(&rest, ','), &accept);
        cr_expect_eq(accept_prefers_html(&accept), cases[i].html, "%s", cases[i].accept);
    }
}

/* Packs a threat's message with these texts; NULL: absent. */
static void make_member(const char *user, const char *description, struct buffer *out) {
    msgpack_packer packer;
    buffer_append_text(out, TEXT("001785585600000 00c0ffee00c0ffee-1-0.7 "));
    msgpack_packer_to_buffer(&packer, out);
    msgpack_pack_map(&packer, 3u + (user != NULL) + (description != NULL));
    msgpack_pack_key(&packer, "event_type");
    msgpack_pack_text(&packer, TEXT("login_failed"));
    msgpack_pack_key(&packer, "severity");
    msgpack_pack_text(&packer, TEXT("high"));
    msgpack_pack_key(&packer, "timestamp");
    msgpack_pack_text(&packer, TEXT("2026-08-01T12:00:00Z"));
    if (user != NULL) {
        msgpack_pack_key(&packer, "username");
        msgpack_pack_text(&packer, text_of(user));
    }
    if (description != NULL) {
        msgpack_pack_key(&packer, "description");
        msgpack_pack_text(&packer, text_of(description));
    }
}

static struct buffer json_of(struct text member, bool with_user, enum status *ret_status) {
    struct msgpack_frame frame;
    struct json_writer json;
    struct buffer out;
    buffer_init(&out, 65536);
    msgpack_frame_init(&frame);
    json_writer_init(&json, &out);
    json_array_begin(&json);
    *ret_status = threat_entry_write(member, with_user, &frame, &json);
    json_array_end(&json);
    json_writer_fini(&json);
    msgpack_frame_fini(&frame);
    return out;
}

Test(threat_entry, members_of_the_api) {
    static const struct {
        const char *user, *description, *json;
        bool with_user;
    } cases[] = {
        {"ann", "a \"word\"",
         "[{\"timestamp\":\"2026-08-01T12:00:00Z\",\"event_type\":\"login_failed\",\"severity\":"
         "\"high\","
         "\"source_ip\":null,\"username\":\"ann\",\"description\":\"a \\\"word\\\"\","
         "\"threat_details\":null}]",
         true},
        {"ann", NULL,
         "[{\"timestamp\":\"2026-08-01T12:00:00Z\",\"event_type\":\"login_failed\",\"severity\":"
         "\"high\","
         "\"source_ip\":null,\"description\":\"login_failed event "
         "detected\",\"threat_details\":null}]",
         false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer member;
        enum status status;
        buffer_init(&member, 4096);
        make_member(cases[i].user, cases[i].description, &member);
        struct buffer json = json_of(buffer_text(&member), cases[i].with_user, &status);
        cr_expect_eq(status, STATUS_OK);
        cr_expect(text_is(buffer_text(&json), cases[i].json), "%.*s", TEXT_ARG(buffer_text(&json)));
        buffer_fini(&json);
        buffer_fini(&member);
    }
}

/* What is none of ours writes nothing, so that the list stays well-formed. */
Test(threat_entry, refuses_what_is_none) {
    static const struct text wrong[] = {
        TEXT_CONSTANT(""),
        TEXT_CONSTANT("x"),
        TEXT_CONSTANT("001785585600000"),
        TEXT_CONSTANT("001785585600000 "),
        TEXT_CONSTANT("001785585600000 id"),
        TEXT_CONSTANT("001785585600000 id "),
        TEXT_CONSTANT("001785585600000 id \x91\x01"),
        TEXT_CONSTANT("001785585600000 id \xdf\xff\xff\xff\xff"),
        TEXT_CONSTANT("001785585600000 id \x81\xa1x\x01trailing"),
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        enum status status;
        struct buffer json = json_of(wrong[i], true, &status);
        cr_expect_neq(status, STATUS_OK, "%zu", i);
        cr_expect(text_is(buffer_text(&json), "[]"), "%zu", i);
        buffer_fini(&json);
    }
}
