/* literal_filter.c: looks at stretches of a text, and compares literals where they may be. */
#include "services/detector/literal_filter_parts.h"

/* The last bytes of a text, or all of a short one, are copied: behind them are some that can be
 * read. */
#define LAST_MAX 128

/* A search of a text. */
struct search {
    const struct literal_filter *filter;
    struct text text;
    struct hit_set *hits;
    size_t tries; /* that are left */
};

/* True when two runs of bytes are the same but for bit 5. */
static bool is_alike(const char *a, const char *b, size_t length) {
    for (size_t i = 0; i < length; i++)
        if ((a[i] | SAME_BIT) != (b[i] | SAME_BIT))
            return false;
    return true;
}

/* True when the entry's literal stands in the text, its key at a place. */
static inline bool stands_at(const struct search *search, const struct literal_entry *entry,
                             size_t place) {
    struct text text = search->text;
    if (place < entry->before || entry->length > text.length - place + entry->before)
        return false;
    const char *at = text.data + place - entry->before;
    return search->filter->same_bits != 0 ? is_alike(at, entry->text, entry->length)
                                          : memcmp(at, entry->text, entry->length) == 0;
}

/* Compares the literals in a key's list with the text, in which the key stands at a place; false
 * when there are no tries left. */
static bool try_key(struct search *search, uint64_t key, size_t place) {
    const struct literal_filter *filter = search->filter;
    const uint32_t *list = &filter->lists[list_of(filter, key)];
    for (uint32_t at = list[0], end = list[1]; at < end;) {
        const struct literal_entry *entry = entry_at(filter, at);
        if (search->tries-- == 0)
            return false;
        if (stands_at(search, entry, place))
            (void)hit_set_add(search->hits, entry->number);
        at += entry_size(entry->length);
    }
    return true;
}

/* Tries what may be known at a place. */
static bool try_place(struct search *search, uint64_t bytes, size_t place) {
    const struct literal_filter *filter = search->filter;
    if (may_be_key(filter, bytes) && !try_key(search, bytes & filter->key_mask, place))
        return false;
    return filter->pairs == NULL || !is_pair(filter, bytes) ||
           try_key(search, PAIR_MARK | (uint16_t)bytes, place);
}

/* Looks at the places before `end`, STRETCH_MAX of them at most, with READ_AHEAD bytes behind the
 * last that can be read. `at` is where `place` of the text is; that of the next place is told. */
static bool take_stretch(struct search *search, const char *at, size_t end, size_t *place) {
    const struct literal_filter *filter = search->filter;
    size_t stride = filter->stride, from = *place, count = (end - from + stride - 1) / stride;
    count = count < STRETCH_MAX ? count : STRETCH_MAX;
    uint64_t places = filter->find_places(filter, at, count) & (UINT64_MAX >> (64 - count));
    for (; places != 0; places &= places - 1) {
        size_t i = (size_t)__builtin_ctzll(places) * stride;
        if (!try_place(search, read_place(filter, at + i), from + i))
            return false;
    }
    *place = from + count * stride;
    return true;
}

static void search_singles(const struct search *search) {
    const struct literal_filter *filter = search->filter;
    for (uint32_t at = filter->singles; at < filter->end;) {
        const struct literal_entry *entry = entry_at(filter, at);
        if (memchr(search->text.data, entry->text[0], search->text.length) != NULL)
            (void)hit_set_add(search->hits, entry->number);
        at += entry_size(entry->length);
    }
}

bool literal_filter_search(const struct literal_filter *filter, struct text text,
                           struct hit_set *hits) {
    struct search search = {filter, text, hits,
                            FILTER_TRIES_MIN + text.length / FILTER_BYTES_A_TRY};
    char last[LAST_MAX + READ_AHEAD]; /* the last places, with nothing behind them */
    size_t place = 0;
    if (text.length > FILTER_TEXT_MAX)
        return false;
    if (text.length < filter->shortest)
        return true;
    search_singles(&search);
    while (place + LAST_MAX < text.length)
        if (!take_stretch(&search, text.data + place, text.length - READ_AHEAD, &place))
            return false;
    size_t from = place, rest = text.length - from;
    memcpy(last, text.data + from, rest);
    memset(last + rest, 0, READ_AHEAD);
    while (place < text.length)
        if (!take_stretch(&search, last + (place - from), text.length, &place))
            return false;
    return true;
}
