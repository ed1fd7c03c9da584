/* test_regex_literal.c: the text every match has: the longest that is certain, and none where
 * nothing is. */
#include "services/detector/regex_literal.h"

#include <criterion/criterion.h>

struct literal_case {
    const char *expression;
    const char *literal;
};

Test(regex_literal, finds_the_longest_that_every_match_has) {
    static const struct literal_case cases[] = {
        {"abc", "abc"},
        {"^abc$", "abc"},
        {"ab.cdef", "cdef"},
        {"\\\\temp\\\\", "\\temp\\"},
        {"a\\.exe", "a.exe"},
        {"(?i)abc", "abc"},
        {"(?:x|y)abc", "abc"},
        {"(x|y)+abc[de|]f", "abc"},
        {"[^]|)]abc", "abc"},
        {"abcd?e", "abc"},
        {"abcd*ef", "abc"},
        {"abcd+ef", "abcd"},
        {"abcd{2}ef", "abcd"},
        {"abcd{0,2}ef", "abc"},
        {"a{b}cd", "a{b}cd"},
        {"a\\dbc", "bc"},
        {"\xc3\xa4"
         "bc",
         "bc"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char room[64];
        struct text found = regex_literal_find(text_of(cases[i].expression), room);
        cr_expect(text_is(found, cases[i].literal), "%s: '%.*s'", cases[i].expression,
                  TEXT_ARG(found));
    }
}

Test(regex_literal, finds_none_where_nothing_is_certain) {
    static const char *const expressions[] = {
        "",           "abc|def",   "a|b",         "(abc)",         "[abc]def|x",
        "a{b|c}d",    "(?=abc)",   "(?x)a b c d", "\\x41bcd|x",    "\\Qab|c\\Edef",
        "(?#abc)def", "(*UTF)abc", "(?<n>ab)",    "[[:alpha:]]abc"};
    for (size_t i = 0; i < sizeof expressions / sizeof expressions[0]; i++) {
        char room[64];
        struct text found = regex_literal_find(text_of(expressions[i]), room);
        cr_expect_eq(found.length, 0, "%s: '%.*s'", expressions[i], TEXT_ARG(found));
    }
}

Test(regex_literal, lists_what_every_match_has_in_order) {
    static const struct literal_case cases[] = {
        {"a\\.exe -x", "a.exe -x"}, {"\"(?:\\{1)+\"\\s*-f", "\"|\"|-f"},
        {"a-?b_*c\\$", "a|b|c$"},   {"a\\.b|c", ""},
        {"[-:]abc", "abc"},         {"a.b+c{2}d*e?f", "a|b|c"},
        {"(?i)Ab(c)De", "Ab|De"},   {"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char room[64], joined[64] = "";
        struct text runs[3];
        size_t count = regex_literal_runs(text_of(cases[i].expression), room, runs, 3);
        for (size_t k = 0; k < count; k++) {
            strcat(joined, k > 0 ? "|" : "");
            strncat(joined, runs[k].data, runs[k].length);
        }
        cr_expect_str_eq(joined, cases[i].literal, "%s: '%s'", cases[i].expression, joined);
    }
}
