/* test_text_contains.c: a part is found in a text where memmem() finds it. */
#include "services/detector/text_contains.h"
#include "tests/support/random_rules.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define TRIALS 200000
#define TEXT_MAX (TEXT_CONTAINS_SHORT_MAX + 40)
#define PART_MAX 40

/* Fills a text with few kinds of bytes, so that parts are often there, or almost. */
static struct text fill(struct random_source *source, char *room, size_t length) {
    uint32_t kinds = 1 + random_below(source, 4);
    for (size_t i = 0; i < length; i++)
        room[i] = "a\xff\0b"[random_below(source, kinds)];
    return (struct text){room, length};
}

Test(text_contains, finds_what_memmem_finds) {
    struct random_source source = {1};
    size_t found = 0;
    for (int i = 0; i < TRIALS; i++) {
        size_t length = random_below(&source, random_below(&source, 2) ? 60 : TEXT_MAX);
        size_t part_length = random_below(&source, random_below(&source, 2) ? 6 : PART_MAX);
        /* The text ends where its memory ends, so that reading behind it is seen. */
        char *room = malloc(length + part_length);
        struct text part = fill(&source, room, part_length);
        struct text text = fill(&source, room + part_length, length);
        if (random_below(&source, 4) == 0 && part_length <= length)
            memcpy(room + part_length + random_below(&source, (uint32_t)(length - part_length + 1)),
                   part.data, part_length);
        bool expected = memmem(text.data, length, part.data, part_length) != NULL;
        found += expected;
        cr_assert_eq(text_contains(text, part), expected, "%zu bytes in %zu", part_length, length);
        free(room);
    }
    cr_expect_gt(found, TRIALS / 8);
    cr_expect_lt(found, TRIALS - TRIALS / 8);
}

Test(text_contains, has_no_place_for_a_longer_part) {
    cr_expect(text_contains(TEXT(""), TEXT("")));
    cr_expect(text_contains((struct text){NULL, 0}, TEXT("")));
    cr_expect(text_contains(TEXT("text"), TEXT("")));
    cr_expect(!text_contains(TEXT("text"), TEXT("texts")));
    cr_expect(text_contains(TEXT("text"), TEXT("text")));
}

Test(text_contains, has_either_byte_where_memchr_finds_one) {
    struct random_source source = {2};
    size_t found = 0;
    for (int i = 0; i < TRIALS; i++) {
        size_t length = random_below(&source, 60);
        char *room = malloc(length); /* ends where the text does */
        memset(room, 'a', length);
        if (length > 0 && random_below(&source, 2) == 0)
            room[random_below(&source, (uint32_t)length)] = random_below(&source, 2) ? 'b' : 'c';
        bool expected = memchr(room, 'b', length) != NULL || memchr(room, 'c', length) != NULL;
        found += expected;
        cr_assert_eq(text_has_either((struct text){room, length}, 'b', 'c'), expected);
        free(room);
    }
    cr_expect_gt(found, TRIALS / 4);
}
