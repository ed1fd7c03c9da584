/* test_literal_machine.c: the machine, and the filter that stands in front of it, find in a text
 * what looking for each literal finds. */
#include "services/detector/literal_filter_parts.h"
#include "services/detector/literal_machine.h"
#include "tests/support/random_rules.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define MACHINES 3000
#define TEXTS 20
#define LITERALS_MAX 60
#define LITERAL_MAX (3 * LITERAL_REST_MAX)
#define TEXT_MAX 600
#define LONG_TEXT 20000
/* Kinds of bytes in literals between which the texts have any. */
#define ASCII 128

struct trial {
    char bytes[LITERALS_MAX][LITERAL_MAX];
    struct literal literals[LITERALS_MAX];
    uint32_t count;
    size_t least; /* bytes of a literal, 12 at most */
    struct literal_machine *machine;
    struct literal_filter *filter;
    struct literal_searches searches;
    struct hit_set hits;
    size_t found;
    size_t left; /* to the machine, by the filter */
    size_t few;  /* filters of few literals */
};

/* One of few bytes, so that much is alike; in some machines any byte, or any that is ASCII. */
static char random_byte(struct random_source *source, uint32_t kinds) {
    uint32_t kind = random_below(source, kinds);
    return (char)(kinds >= ASCII ? kind : (uint32_t) "ab\0\xc3\x80z"[kind]);
}

/* Most are short; some go on as another does. */
static void make_literal(struct trial *trial, struct random_source *source, uint32_t kinds) {
    char *bytes = trial->bytes[trial->count];
    size_t limit = random_below(source, 4) == 0 ? LITERAL_MAX : 12, at = 0;
    size_t length = trial->least + random_below(source, (uint32_t)(limit - trial->least + 1));
    if (trial->count > 0 && random_below(source, 2) == 0) {
        struct text other = trial->literals[random_below(source, trial->count)].text;
        at = 1 + random_below(source, (uint32_t)other.length);
        memcpy(bytes, other.data, at);
    }
    for (; at < length; at++)
        bytes[at] = random_byte(source, kinds);
    struct text text = {bytes, at};
    for (uint32_t i = 0; i < trial->count; i++)
        if (text_equal(trial->literals[i].text, text))
            return;
    trial->literals[trial->count] = (struct literal){text, trial->count};
    trial->count++;
}

/* A text that is searched in parts has what stands across two of them, and searches made together
 * do not mix. */
Test(literal_machine, searches_long_texts_and_many_at_once) {
    static struct trial trial = {.least = 1};
    static char texts[LITERAL_SEARCHES_MAX + 8][LONG_TEXT];
    struct hit_set hits[LITERAL_SEARCHES_MAX + 8];
    struct random_source source = {7};
    hit_set_init(&trial.hits, LITERALS_MAX);
    while (trial.count < LITERALS_MAX)
        make_literal(&trial, &source, 256);
    trial.machine = literal_machine_new(trial.literals, trial.count);
    for (size_t i = 0; i < LITERAL_SEARCHES_MAX + 8; i++) {
        struct text part = trial.literals[i % trial.count].text;
        size_t length = i % 8 == 0 ? LONG_TEXT : part.length + i % 50, at = length - part.length;
        memset(texts[i], 'q', length);
        if (i % 8 == 0) /* across the end of a quarter */
            at = LONG_TEXT / 4 * (1 + i / 8 % 3) - i % (part.length + 1);
        memcpy(texts[i] + at, part.data, part.length);
        hit_set_init(&hits[i], LITERALS_MAX);
        literal_searches_add(&trial.searches, trial.machine, (struct text){texts[i], length},
                             &hits[i]);
    }
    literal_searches_run(&trial.searches);
    for (size_t i = 0; i < LITERAL_SEARCHES_MAX + 8; i++) {
        cr_expect(hit_set_has(&hits[i], trial.literals[i % trial.count].number), "text %zu", i);
        hit_set_fini(&hits[i]);
    }
    literal_machine_destroy(&trial.machine);
    hit_set_fini(&trial.hits);
}

/* Fills a text with bytes, or with literals and their beginnings. */
static struct text make_text(const struct trial *trial, struct random_source *source,
                             uint32_t kinds, char room[TEXT_MAX + LITERAL_MAX]) {
    size_t length = random_below(source, TEXT_MAX), at = 0;
    while (at < length) {
        struct text part = trial->literals[random_below(source, trial->count)].text;
        uint32_t kind = random_below(source, 3);
        size_t size = kind == 0 ? part.length : random_below(source, (uint32_t)part.length);
        if (kind == 2)
            room[at++] = random_byte(source, kinds == ASCII ? 256 : kinds);
        else
            memcpy(room + at, part.data, size);
        at += kind == 2 ? 0 : size;
    }
    return (struct text){room, length};
}

/* What was found must be there; and what is there must have been found, unless a part of the text
 * was not looked at. */
static void compare_hits(struct trial *trial, struct text text, uint32_t seed, bool is_whole) {
    for (uint32_t i = 0; i < trial->count; i++) {
        struct text part = trial->literals[i].text;
        bool expected = memmem(text.data, text.length, part.data, part.length) != NULL;
        bool found = hit_set_has(&trial->hits, trial->literals[i].number);
        trial->found += expected;
        cr_assert(found == expected || (!is_whole && !found),
                  "machine %u: a literal of %zu bytes in %zu", seed, part.length, text.length);
    }
}

static void compare(struct trial *trial, struct text text, uint32_t seed) {
    hit_set_clear(&trial->hits);
    literal_searches_add(&trial->searches, trial->machine, text, &trial->hits);
    literal_searches_run(&trial->searches);
    compare_hits(trial, text, seed, true);
    /* The filter as this processor looks for places, and as any does. */
    literal_places_fn *const ways[] = {literal_places_choose(trial->filter), literal_places};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        trial->filter->find_places = ways[i];
        hit_set_clear(&trial->hits);
        bool is_whole = literal_filter_search(trial->filter, text, &trial->hits);
        trial->left += !is_whole;
        compare_hits(trial, text, seed, is_whole);
    }
}

Test(literal_machine, finds_what_each_literal_finds, .timeout = 300) {
    static const uint32_t kinds[] = {2, 3, 6, ASCII, 256};
    static struct trial trial;
    char room[TEXT_MAX + LITERAL_MAX];
    hit_set_init(&trial.hits, LITERALS_MAX);
    for (uint32_t seed = 1; seed <= MACHINES; seed++) {
        struct random_source source = {seed};
        uint32_t wanted = 1 + random_below(&source, LITERALS_MAX), kind = kinds[seed % 5];
        trial.count = 0;
        trial.least = seed % 3 == 0 ? 1 : 1 + seed / 5 % 12;
        for (uint32_t i = 0; i < wanted; i++)
            make_literal(&trial, &source, kind);
        trial.machine = literal_machine_new(trial.literals, trial.count);
        trial.filter = literal_filter_new(trial.literals, trial.count);
        trial.few += trial.filter->is_few;
        for (int i = 0; i < TEXTS; i++)
            compare(&trial, make_text(&trial, &source, kind, room), seed);
        literal_machine_destroy(&trial.machine);
        literal_filter_destroy(&trial.filter);
    }
    hit_set_fini(&trial.hits);
    cr_expect_gt(trial.found, MACHINES, "%zu literals found", trial.found);
    cr_expect_gt(trial.left, MACHINES, "%zu texts left to the machine", trial.left);
    cr_expect_lt(trial.left, MACHINES * TEXTS, "%zu texts left to the machine", trial.left);
    cr_expect_eq(trial.few > 0, literal_places_can_be_few(), "%zu of few", trial.few);
}

/* True when the part stands in the text, bit 5 of each byte aside. */
static bool stands_loosely(struct text text, struct text part) {
    for (size_t at = 0; at + part.length <= text.length; at++) {
        size_t i = 0;
        while (i < part.length && (text.data[at + i] | SAME_BIT) == (part.data[i] | SAME_BIT))
            i++;
        if (i == part.length)
            return true;
    }
    return false;
}

/* A loose filter, as this processor looks for places and as any does, finds what stands there bit 5
 * aside, and nothing else. */
static void compare_loosely(struct trial *trial, struct text text, uint32_t seed) {
    literal_places_fn *const ways[] = {literal_places_choose(trial->filter), literal_places};
    for (size_t way = 0; way < sizeof ways / sizeof ways[0]; way++) {
        trial->filter->find_places = ways[way];
        hit_set_clear(&trial->hits);
        bool is_whole = literal_filter_search(trial->filter, text, &trial->hits);
        for (uint32_t i = 0; i < trial->count; i++) {
            bool expected = stands_loosely(text, trial->literals[i].text);
            bool found = hit_set_has(&trial->hits, trial->literals[i].number);
            trial->found += expected;
            cr_assert(found == expected || (!is_whole && !found), "filter %u, literal %u", seed, i);
        }
    }
}

Test(literal_machine, a_loose_filter_finds_both_cases, .timeout = 300) {
    static const uint32_t kinds_of[] = {6, ASCII, 256};
    static struct trial trial;
    char room[TEXT_MAX + LITERAL_MAX];
    hit_set_init(&trial.hits, LITERALS_MAX);
    for (uint32_t seed = 1; seed <= MACHINES / 3; seed++) {
        struct random_source source = {seed};
        uint32_t wanted = 1 + random_below(&source, LITERALS_MAX), kinds = kinds_of[seed % 3];
        trial.count = 0;
        trial.least = LOOSE_LENGTH_MIN + seed % 9;
        for (uint32_t i = 0; i < wanted; i++)
            make_literal(&trial, &source, kinds);
        trial.filter = literal_filter_new_loose(trial.literals, trial.count);
        trial.few += trial.filter->is_few;
        for (int i = 0; i < TEXTS; i++) {
            struct text text = make_text(&trial, &source, kinds, room);
            for (size_t at = 0; at < text.length; at++)
                room[at] = (char)(room[at] ^ (random_below(&source, 2) ? SAME_BIT : 0));
            compare_loosely(&trial, text, seed);
        }
        literal_filter_destroy(&trial.filter);
    }
    hit_set_fini(&trial.hits);
    cr_expect_gt(trial.found, MACHINES, "%zu literals found", trial.found);
    cr_expect_eq(trial.few > 0, literal_places_can_be_few(), "%zu of few", trial.few);
}

/* The time is bounded: a text in which each place may be a literal's is left to the machine, and so
 * is a long one. */
Test(literal_machine, filter_leaves_costly_texts) {
    static char costly[2000], longest[FILTER_TEXT_MAX + 1];
    static const char *const alike[] = {"aaaaaaab", "aaaaaaac", "aaaaaaad"};
    struct literal literals[3];
    struct hit_set hits;
    for (uint32_t i = 0; i < 3; i++)
        literals[i] = (struct literal){{alike[i], 8}, i};
    memset(costly, 'a', sizeof costly);
    memset(longest, 'z', sizeof longest);
    hit_set_init(&hits, 3);
    struct literal_filter *filter = literal_filter_new(literals, 3);
    struct literal only = {{"aaaa", 4}, 0};
    cr_expect(!literal_filter_search(filter, (struct text){longest, sizeof longest}, &hits));
    cr_expect(literal_filter_search(filter, (struct text){longest, FILTER_TEXT_MAX}, &hits));
    literal_filter_destroy(&filter);
    filter = literal_filter_new(&only, 1);
    cr_expect(!literal_filter_search(filter, (struct text){costly, sizeof costly}, &hits));
    cr_expect(hit_set_has(&hits, 0));
    literal_filter_destroy(&filter);
    hit_set_fini(&hits);
}

/* Literals that are alike for longer than a part of a text: no part can begin so far before. */
Test(literal_machine, finds_literals_longer_than_a_part) {
    static char bytes[2][LONG_TEXT / 2];
    static char value[LONG_TEXT];
    static struct literal_searches searches;
    struct literal literals[2];
    struct hit_set hits;
    for (uint32_t i = 0; i < 2; i++) {
        memset(bytes[i], 'l', sizeof bytes[i]);
        bytes[i][sizeof bytes[i] - 1] = (char)('1' + i);
        literals[i] = (struct literal){{bytes[i], sizeof bytes[i]}, i};
    }
    memset(value, 'v', sizeof value);
    memcpy(value + 300, bytes[1], sizeof bytes[1]);
    hit_set_init(&hits, 2);
    struct literal_machine *machine = literal_machine_new(literals, 2);
    literal_searches_add(&searches, machine, (struct text){value, sizeof value}, &hits);
    literal_searches_run(&searches);
    cr_expect(!hit_set_has(&hits, 0));
    cr_expect(hit_set_has(&hits, 1));
    literal_machine_destroy(&machine);
    hit_set_fini(&hits);
}
