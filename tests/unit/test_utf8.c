/* test_utf8.c: only well-formed UTF-8 passes, wherever in a word the odd byte stands. */
#include "common/utf8.h"

#include <criterion/criterion.h>

struct utf8_case {
    const char *name;
    struct text text;
    bool is_valid;
};

static const struct utf8_case cases[] = {
    {"empty", TEXT_CONSTANT(""), true},
    {"ASCII with NUL", TEXT_CONSTANT("a\0b"), true},
    {"two bytes", TEXT_CONSTANT("\xc2\x80\xdf\xbf"), true},
    {"three bytes", TEXT_CONSTANT("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"), true},
    {"four bytes", TEXT_CONSTANT("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), true},
    {"continuation alone", TEXT_CONSTANT("\x80"), false},
    {"overlong slash", TEXT_CONSTANT("\xc0\xaf"), false},
    {"overlong of three", TEXT_CONSTANT("\xe0\x9f\xbf"), false},
    {"overlong of four", TEXT_CONSTANT("\xf0\x8f\xbf\xbf"), false},
    {"surrogate", TEXT_CONSTANT("\xed\xa0\x80"), false},
    {"above U+10FFFF", TEXT_CONSTANT("\xf4\x90\x80\x80"), false},
    {"lead f5", TEXT_CONSTANT("\xf5\x80\x80\x80"), false},
    {"fe", TEXT_CONSTANT("\xfe"), false},
    {"cut after one of two", TEXT_CONSTANT("\xc3"), false},
    {"cut after two of three", TEXT_CONSTANT("\xe2\x82"), false},
    {"cut after three of four", TEXT_CONSTANT("\xf0\x9f\x98"), false},
    {"ASCII for a continuation", TEXT_CONSTANT("\xe2\x82("), false},
};

Test(utf8, well_formed_passes_at_every_offset) {
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t before = 0; before < 20; before++) {
            for (size_t after = 0; after < 20; after++) {
                char room[64];
                size_t length = cases[i].text.length;
                memset(room, 'x', sizeof room);
                memcpy(room + before, cases[i].text.data, length);
                bool valid = utf8_is_valid((const uint8_t *)room, before + length + after);
                cr_assert_eq(valid, cases[i].is_valid, "%s behind %zu bytes, before %zu",
                             cases[i].name, before, after);
            }
        }
    }
}

Test(utf8, cut_ends_between_characters) {
    struct text euro = TEXT("ab\xe2\x82\xac"); /* 2 + 3 bytes */
    cr_assert_eq(utf8_cut(euro, 5).length, 5);
    cr_assert_eq(utf8_cut(euro, 4).length, 2);
    cr_assert_eq(utf8_cut(euro, 3).length, 2);
    cr_assert_eq(utf8_cut(euro, 2).length, 2);
    cr_assert_eq(utf8_cut(euro, 0).length, 0);
    cr_assert_null(utf8_cut((struct text){NULL, 0}, 3).data);
}

Test(utf8, controls_are_what_is_not_shown) {
    static const struct {
        const char *text;
        uint32_t code_point;
        bool is_control;
    } characters[] = {
        {"\x1f", 0x1f, true},
        {" ", 0x20, false},
        {"\x7f", 0x7f, true},
        {"\xc2\x9f", 0x9f, true},
        {"\xc2\xa0", 0xa0, false},
        {"\xd8\x9c", 0x61c, true},
        {"\xe2\x80\x8d", 0x200d, false},
        {"\xe2\x80\x8e", 0x200e, true},
        {"\xe2\x80\xa7", 0x2027, false},
        {"\xe2\x80\xa8", 0x2028, true},
        {"\xe2\x80\xae", 0x202e, true},
        {"\xe2\x80\xaf", 0x202f, false},
        {"\xe2\x81\xa9", 0x2069, true},
        {"\xf0\x9f\x98\x80", 0x1f600, false},
    };
    for (size_t i = 0; i < sizeof characters / sizeof characters[0]; i++) {
        size_t length = strlen(characters[i].text);
        uint32_t code_point = utf8_code_point(characters[i].text, length);
        cr_expect_eq(code_point, characters[i].code_point, "%x", code_point);
        cr_expect_eq(utf8_is_control(code_point), characters[i].is_control, "%x", code_point);
    }
}

Test(utf8, character_length_tells_where_the_next_one_starts) {
    cr_assert_eq(utf8_character_length("a", 1), 1);
    cr_assert_eq(utf8_character_length("\xc3\xa9x", 3), 2);
    cr_assert_eq(utf8_character_length("\xe2\x82\xac", 3), 3);
    cr_assert_eq(utf8_character_length("\xf0\x9f\x98\x80", 4), 4);
    cr_assert_eq(utf8_character_length("\xe2\x82\xac", 2), 0);
    cr_assert_eq(utf8_character_length("\xff", 1), 0);
    cr_assert_eq(utf8_character_length("", 0), 0);
}
