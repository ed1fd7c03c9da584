/* test_msgpack_frame.c: no bytes from a peer reach msgpack-c unless what they announce is there. */
#include "common/msgpack_cursor.h"
#include "common/msgpack_frame.h"

#include <criterion/criterion.h>

struct check_case {
    const char *name;
    struct text bytes; /* raw */
    enum status expected;
};

static const struct check_case cases[] = {
    {"nothing", TEXT_CONSTANT(""), STATUS_TRUNCATED},
    {"nil", TEXT_CONSTANT("\xc0"), STATUS_OK},
    {"two values", TEXT_CONSTANT("\xc0\xc0"), STATUS_TRAILING},
    {"array 32 of 4 G elements", TEXT_CONSTANT("\xdd\xff\xff\xff\xff"), STATUS_TRUNCATED},
    {"map 32 of 4 G pairs", TEXT_CONSTANT("\xdf\xff\xff\xff\xff"), STATUS_TRUNCATED},
    {"map of 2 pairs in 3 bytes", TEXT_CONSTANT("\x82\xa0\x01\xa0"), STATUS_TRUNCATED},
    {"str 32 of 4 GB", TEXT_CONSTANT("\xdb\xff\xff\xff\xff"), STATUS_TRUNCATED},
    {"bin 32 of 4 GB", TEXT_CONSTANT("\xc6\xff\xff\xff\xff"), STATUS_TRUNCATED},
    {"number cut", TEXT_CONSTANT("\xcf\x01\x02\x03"), STATUS_TRUNCATED},
    {"length cut", TEXT_CONSTANT("\xda\x01"), STATUS_TRUNCATED},
    {"array short of an element", TEXT_CONSTANT("\x92\xc0\xc4"), STATUS_TRUNCATED},
    {"reserved c1", TEXT_CONSTANT("\xc1"), STATUS_BAD_TYPE},
    {"fixext 1", TEXT_CONSTANT("\xd4\x01\x01"), STATUS_BAD_TYPE},
    {"ext 8", TEXT_CONSTANT("\xc7\x01\x01\x01"), STATUS_BAD_TYPE},
    {"ext 32", TEXT_CONSTANT("\xc9\xff\xff\xff\xff\x01"), STATUS_BAD_TYPE},
    {"timestamp", TEXT_CONSTANT("\xd6\xff\x01\x02\x03\x04"), STATUS_BAD_TYPE},
    {"ext in an array", TEXT_CONSTANT("\x91\xd4\x01\x01"), STATUS_BAD_TYPE},
    {"str that is latin-1", TEXT_CONSTANT("\xa1\xe9"), STATUS_BAD_TEXT},
    {"bin may be anything", TEXT_CONSTANT("\xc4\x01\xe9"), STATUS_OK},
    {"map with a number as key", TEXT_CONSTANT("\x81\x01\x01"), STATUS_BAD_TYPE},
    {"map with nil as the second key",
     TEXT_CONSTANT("\x82\xa1"
                   "a\x01\xc0\x01"),
     STATUS_BAD_TYPE},
    {"map with a map as value",
     TEXT_CONSTANT("\x81\xa1"
                   "a\x81\xa1"
                   "b\x01"),
     STATUS_OK},
    {"empty containers", TEXT_CONSTANT("\x92\x90\x80"), STATUS_OK},
    {"every number",
     TEXT_CONSTANT("\x9a\x7f\xff\xcc\x01\xcd\x00\x01\xce\x00\x00\x00\x01\xd0\x80\xd1\x80\x00"
                   "\xd2\x80\x00\x00\x00\xd3\x80\x00\x00\x00\x00\x00\x00\x00"
                   "\xca\x00\x00\x00\x00"),
     STATUS_OK},
};

static struct bytes bytes_of(struct text text) {
    return (struct bytes){(const uint8_t *)text.data, text.length};
}

Test(msgpack_frame, check_accepts_and_refuses) {
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum status status = msgpack_frame_check(bytes_of(cases[i].bytes), MSGPACK_DEPTH_MAX);
        cr_assert_eq(status, cases[i].expected, "%s: %s", cases[i].name, status_reason(status));
    }
}

/* Arrays in arrays, `depth` of them, the innermost empty. */
static struct bytes nest(uint8_t room[128], size_t depth) {
    memset(room, 0x91, depth);
    room[depth - 1] = 0x90;
    return (struct bytes){room, depth};
}

Test(msgpack_frame, depth_is_bounded) {
    uint8_t room[128];
    for (int bound = 1; bound <= MSGPACK_DEPTH_LIMIT; bound++) {
        cr_assert_eq(msgpack_frame_check(nest(room, (size_t)bound), bound), STATUS_OK);
        cr_assert_eq(msgpack_frame_check(nest(room, (size_t)bound + 1), bound), STATUS_TOO_DEEP);
    }
    cr_assert_eq(msgpack_frame_check(bytes_of(TEXT("\x01")), 0), STATUS_OK);
    cr_assert_eq(msgpack_frame_check(bytes_of(TEXT("\x90")), 0), STATUS_TOO_DEEP);
}

Test(msgpack_frame, unpack_stops_where_msgpack_c_would_fail) {
    uint8_t room[128];
    struct msgpack_frame frame;
    msgpack_frame_init(&frame);
    cr_assert_eq(msgpack_frame_unpack(&frame, nest(room, 32), MSGPACK_DEPTH_EVENT), STATUS_OK);
    cr_assert_eq(msgpack_frame_unpack(&frame, nest(room, 33), MSGPACK_DEPTH_EVENT),
                 STATUS_TOO_DEEP);
    msgpack_frame_fini(&frame);
}

Test(msgpack_frame, unpack_keeps_its_memory_from_frame_to_frame) {
    struct msgpack_frame frame;
    msgpack_frame_init(&frame);
    uint8_t large[3 + 30000];
    memcpy(large, "\xdc\x75\x30", 3);
    memset(large + 3, 0xc0, 30000);
    for (int round = 0; round < 100; round++)
        cr_assert_eq(msgpack_frame_unpack(&frame, (struct bytes){large, sizeof large}, 1),
                     STATUS_OK);
    cr_assert_eq(frame.root.via.array.size, 30000);
    cr_assert_eq(msgpack_frame_unpack(&frame, bytes_of(TEXT("\x92\x01\xa1x")), 1), STATUS_OK);
    uint64_t number = 0;
    struct text text;
    cr_assert_eq(msgpack_read_u64(msgpack_element(&frame.root, 0), &number), STATUS_OK);
    cr_assert_eq(msgpack_read_text(msgpack_element(&frame.root, 1), &text), STATUS_OK);
    cr_assert_eq(number, 1);
    cr_assert(text_is(text, "x"));
    msgpack_frame_fini(&frame);
}

Test(msgpack_frame, value_length_stops_behind_the_first_value) {
    size_t length = 0;
    cr_assert_eq(msgpack_value_length(bytes_of(TEXT("\x92\x01\xa1xyz")), 1, &length), STATUS_OK);
    cr_assert_eq(length, 4);
    cr_assert_eq(msgpack_value_length(bytes_of(TEXT("\x92\x01")), 1, &length), STATUS_TRUNCATED);
    cr_assert_eq(length, 4, "an output stays as it was after a failure");
}

Test(msgpack_frame, packer_appends_to_the_buffer) {
    struct buffer out;
    buffer_init(&out, 64);
    msgpack_packer packer;
    msgpack_packer_to_buffer(&packer, &out);
    msgpack_pack_map(&packer, 2);
    msgpack_pack_key(&packer, "a");
    msgpack_pack_text(&packer, TEXT("é"));
    msgpack_pack_key(&packer, "b");
    msgpack_pack_text(&packer, (struct text){NULL, 0});
    cr_assert(text_equal(buffer_text(&out), TEXT("\x82\xa1"
                                                 "a\xa2\xc3\xa9\xa1"
                                                 "b\xc0")));
    struct msgpack_frame frame;
    msgpack_frame_init(&frame);
    cr_assert_eq(msgpack_frame_unpack(&frame, buffer_bytes(&out), 1), STATUS_OK);
    struct text text = TEXT("?");
    cr_assert_eq(msgpack_read_text(msgpack_member(&frame.root, "a"), &text), STATUS_OK);
    cr_assert(text_is(text, "é"));
    cr_assert_eq(msgpack_read_text(msgpack_member(&frame.root, "b"), &text), STATUS_OK);
    cr_assert_null(text.data);
    cr_assert_null(msgpack_member(&frame.root, "c"));
    msgpack_frame_fini(&frame);
    buffer_fini(&out);
}

Test(msgpack_frame, readers_refuse_other_types) {
    struct msgpack_frame frame;
    msgpack_frame_init(&frame);
    cr_assert_eq(msgpack_frame_unpack(&frame, bytes_of(TEXT("\x94\xff\xa1x\xc4\x01\x00\xc0")), 1),
                 STATUS_OK);
    uint64_t number = 7;
    struct text text = TEXT("kept");
    struct bytes bytes = {NULL, 9};
    cr_assert_eq(msgpack_read_u64(msgpack_element(&frame.root, 0), &number), STATUS_BAD_TYPE);
    cr_assert_eq(msgpack_read_u64(msgpack_element(&frame.root, 3), &number), STATUS_BAD_TYPE);
    cr_assert_eq(msgpack_read_text(msgpack_element(&frame.root, 2), &text), STATUS_BAD_TYPE);
    cr_assert_eq(msgpack_read_bytes(msgpack_element(&frame.root, 1), &bytes), STATUS_BAD_TYPE);
    cr_assert(number == 7 && text_is(text, "kept") && bytes.length == 9);
    cr_assert_eq(msgpack_read_bytes(msgpack_element(&frame.root, 2), &bytes), STATUS_OK);
    cr_assert_eq(bytes.length, 1);
    cr_assert_null(msgpack_element(&frame.root, 4));
    cr_assert_null(msgpack_element(&frame.root.via.array.ptr[0], 0));
    msgpack_frame_fini(&frame);
}

Test(msgpack_frame, takers_refuse_other_types_and_values) {
    struct bytes bytes = bytes_of(TEXT("\xcd\x01\x00"));
    struct msgpack_cursor cursor = msgpack_cursor_of(bytes);
    uint32_t value = 1;
    cr_assert_eq(msgpack_take_u32(&cursor, 255, &value), STATUS_BAD_VALUE);
    cursor = msgpack_cursor_of(bytes);
    cr_assert_eq(msgpack_take_u32(&cursor, 256, &value), STATUS_OK);
    cr_assert_eq(value, 256);
    cr_assert(msgpack_cursor_is_at_end(&cursor));
    bool flag = false;
    struct bytes map;
    cursor = msgpack_cursor_of(bytes);
    cr_assert_eq(msgpack_take_bool(&cursor, &flag), STATUS_BAD_TYPE);
    cursor = msgpack_cursor_of(bytes);
    cr_assert_eq(msgpack_take_map(&cursor, 8, &map), STATUS_BAD_TYPE);
    cursor = msgpack_cursor_of((struct bytes){NULL, 0});
    cr_assert_eq(msgpack_take_bool(&cursor, &flag), STATUS_TRUNCATED);
}
