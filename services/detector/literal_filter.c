/* literal_filter.c: looks at stretches of a text, and compares literals where they may be. */
#include "services/detector/literal_filter_parts.h"

/* A search of a text. */
struct search {
    const struct literal_filter *filter;
    struct text text;
    struct hit_set *hits;
    size_t tries; /* that are left */
};

/* True when the entry's literal stands in the text, its key at a place. */
static inline bool stands_at(const struct search *search, const struct literal_entry *entry,
                             size_t place) {
    struct text text = search->text;
    return place >= entry->before && entry->length <= text.length - place + entry->before &&
           memcmp(text.data + place - entry->before, search->filter->texts + entry->text,
                  entry->length) == 0;
}

/* Compares the literals that have a key with the text, in which it stands at a place; false when
 * there are no tries left. */
static bool try_key(struct search *search, uint64_t key, size_t place) {
    const struct literal_filter *filter = search->filter;
    uint32_t number = *find_slot(filter, key);
    for (; number != 0 && number <= filter->entry_count; number++) {
        const struct literal_entry *entry = &filter->entries[number];
        if (entry->key != key)
            break;
        if (search->tries-- == 0)
            return false;
        if (!hit_set_has(search->hits, entry->number) && stands_at(search, entry, place))
            (void)hit_set_add(search->hits, entry->number);
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

/* Looks at as many places, with READ_AHEAD bytes behind the last that can be read. The first is
 * `place` in the text. */
static bool take_stretch(struct search *search, const char *at, size_t count, size_t place) {
    uint64_t places = search->filter->find_places(search->filter, at, count);
    if (count < STRETCH_MAX)
        places &= (1ull << count) - 1;
    for (; places != 0; places &= places - 1) {
        size_t i = (size_t)__builtin_ctzll(places);
        if (!try_place(search, read_place(at + i), place + i))
            return false;
    }
    return true;
}

static void search_singles(const struct search *search) {
    const struct literal_filter *filter = search->filter;
    for (uint32_t i = filter->entry_count - filter->single_count + 1; i <= filter->entry_count;
         i++) {
        const struct literal_entry *entry = &filter->entries[i];
        if (memchr(search->text.data, filter->texts[entry->text], search->text.length) != NULL)
            (void)hit_set_add(search->hits, entry->number);
    }
}

bool literal_filter_search(const struct literal_filter *filter, struct text text,
                           struct hit_set *hits) {
    struct search search = {filter, text, hits,
                            FILTER_TRIES_MIN + text.length / FILTER_BYTES_A_TRY};
    char end[2 * READ_AHEAD] = {0}; /* the last places, with nothing behind them */
    size_t at = 0;
    if (text.length > FILTER_TEXT_MAX)
        return false;
    if (text.length < filter->shortest)
        return true;
    search_singles(&search);
    for (size_t size; at + READ_AHEAD <= text.length; at += size) {
        size = text.length - at - READ_AHEAD + 1;
        size = size < STRETCH_MAX ? size : STRETCH_MAX;
        if (!take_stretch(&search, text.data + at, size, at))
            return false;
        size += (0 - size) % filter->stride; /* up to the next place */
    }
    memcpy(end, text.data + at, text.length - at);
    return take_stretch(&search, end, text.length - at, at);
}
