/* literal_filter.c: bits by the hash of a key, or by a pair of bytes for literals that are shorter;
 * literals by the bytes they are known by, in a hash table; literals of one byte in a list.
 *
 * Where all literals are long, only every second, fourth or eighth place is looked at (the stride),
 * and each literal is known by as many keys: wherever it stands, one of them is at such a place. */
#include "services/detector/literal_filter.h"

#include <stdlib.h>

/* Bytes of a key: as many as the shortest literal has that has KEY_MIN; less with a stride. */
#define KEY_MIN 4
#define KEY_MAX 7
/* Bytes between the places looked at, and keys with such a stride: what costs too much memory. */
#define STRIDE_MAX 8
#define STRIDE_KEYS_MAX 4096
#define PAIR_SIZE 2
#define PAIRS 65536
/* Tell the keys of shorter literals from those of KEY_MAX bytes at most. */
#define PAIR_MARK (1ull << 63)
#define SINGLE_MARK UINT64_MAX
/* Kinds of keys that are told apart when they are counted. */
#define COUNTS_LOG 14
/* Bits for each key, at least; and of a filter. */
#define BITS_A_KEY 32
#define BITS_LOG_MIN 10
#define BITS_LOG_MAX 20
/* Places of a text that are looked at in one go. */
#define STRETCH_MAX 64
/* What is read of a text at a place. */
#define READ_SIZE sizeof(uint64_t)

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a pair is the lowest bits read");

struct entry {
    struct text text;
    uint32_t number;
    uint32_t before; /* bytes of it in front of those it is known by */
    uint64_t key;
};

struct literal_filter {
    size_t key_size;
    size_t stride;         /* bytes from one place that is looked at to the next */
    uint64_t key_mask;     /* of what is read */
    uint32_t shift;        /* from a product to the number of a bit */
    uint32_t mask;         /* slots - 1 */
    uint64_t *bits;        /* by the hash of a key */
    uint64_t *pairs;       /* by two bytes; NULL: no literal is known by a pair */
    uint32_t *slots;       /* by another hash of a key: the first entry with it; 0: free */
    struct entry *entries; /* from 1; those with a key beside each other, single bytes last */
    uint32_t entry_count, single_count;
};

/* A search of a text. */
struct search {
    const struct literal_filter *filter;
    struct text text;
    struct hit_set *hits;
    size_t tries; /* that are left */
};

static void *new_array(size_t count, size_t size) {
    void *items = calloc(count, size);
    if (items == NULL)
        abort();
    return items;
}

static inline uint64_t read_bytes(const char *at) {
    uint64_t bytes;
    memcpy(&bytes, at, sizeof bytes);
    return bytes;
}

static inline uint64_t hash_key(uint64_t key) {
    return key * 0x9e3779b97f4a7c15ull;
}

static inline uint64_t bit_of(const uint64_t *bits, uint64_t number) {
    return bits[number / 64] >> (number & 63) & 1;
}

static void set_bit(uint64_t *bits, uint64_t number) {
    bits[number / 64] |= 1ull << (number & 63);
}

/* The slot of a key, or the free one where it may be put. */
static inline uint32_t *find_slot(const struct literal_filter *filter, uint64_t key) {
    uint32_t at = (uint32_t)(hash_key(key) >> 24) & filter->mask;
    while (filter->slots[at] != 0 && filter->entries[filter->slots[at]].key != key)
        at = (at + 1) & filter->mask;
    return &filter->slots[at];
}

/* The first `size` bytes at a place, as they are read of a text. */
static uint64_t take_key(const char *at, size_t size) {
    uint64_t key = 0;
    memcpy(&key, at, size);
    return key;
}

/* Bytes of the shortest literal that has `least`; KEY_MAX + STRIDE_MAX when all are longer. */
static size_t find_shortest(const struct literal *literals, size_t count, size_t least) {
    size_t shortest = KEY_MAX + STRIDE_MAX;
    for (size_t i = 0; i < count; i++)
        if (literals[i].text.length >= least && literals[i].text.length < shortest)
            shortest = literals[i].text.length;
    return shortest;
}

static void set_sizes(struct literal_filter *filter, const struct literal *literals, size_t count) {
    static const char ones[READ_SIZE] = "\xff\xff\xff\xff\xff\xff\xff";
    uint32_t log = BITS_LOG_MIN, slots = 4;
    size_t shortest = find_shortest(literals, count, 1), stride = 1;
    while (2 * stride <= STRIDE_MAX && shortest + 1 >= KEY_MIN + 2 * stride &&
           2 * stride * count <= STRIDE_KEYS_MAX)
        stride *= 2;
    size_t key_size = find_shortest(literals, count, KEY_MIN) - stride + 1;
    filter->stride = stride;
    filter->key_size = key_size < KEY_MAX ? key_size : KEY_MAX;
    filter->key_mask = take_key(ones, filter->key_size);
    filter->entry_count = (uint32_t)(count * stride);
    while (log < BITS_LOG_MAX && (size_t)1 << log < filter->entry_count * (size_t)BITS_A_KEY)
        log++;
    while (slots < 2 * (size_t)filter->entry_count)
        slots *= 2;
    filter->shift = 64 - log;
    filter->mask = slots - 1;
}

/* How often each bit's keys occur in the literals. */
static uint32_t *count_keys(const struct literal_filter *filter, const struct literal *literals,
                            size_t count) {
    uint32_t *counts = new_array((size_t)1 << COUNTS_LOG, sizeof *counts);
    for (size_t i = 0; i < count; i++)
        for (size_t at = 0; at + filter->key_size <= literals[i].text.length; at++)
            counts[hash_key(take_key(literals[i].text.data + at, filter->key_size)) >>
                   (64 - COUNTS_LOG)]++;
    return counts;
}

/* What a literal is known by when it stands `first` bytes before a place that is looked at: of the
 * keys at such places the one which occurs least. */
static struct entry make_entry(const struct literal_filter *filter, const struct literal *literal,
                               uint32_t first, const uint32_t *counts) {
    struct entry entry = {.text = literal->text, .number = literal->number};
    const char *data = literal->text.data;
    size_t length = literal->text.length, size = filter->key_size;
    uint32_t least = UINT32_MAX;
    if (length < size) {
        entry.key = length < PAIR_SIZE ? SINGLE_MARK : PAIR_MARK | take_key(data, PAIR_SIZE);
        return entry;
    }
    for (uint32_t at = first; at + size <= length; at += (uint32_t)filter->stride) {
        uint64_t key = take_key(data + at, size);
        uint32_t count = counts[hash_key(key) >> (64 - COUNTS_LOG)];
        if (count >= least)
            continue;
        least = count;
        entry.before = at;
        entry.key = key;
    }
    return entry;
}

static int compare(const void *a, const void *b) {
    const struct entry *first = a, *second = b;
    return (first->key > second->key) - (first->key < second->key);
}

/* Makes an entry known. */
static void list_entry(struct literal_filter *filter, uint32_t number) {
    uint64_t key = filter->entries[number].key;
    if (key == SINGLE_MARK) {
        filter->single_count++;
        return;
    }
    uint32_t *slot = find_slot(filter, key);
    if (*slot == 0)
        *slot = number;
    if (key & PAIR_MARK)
        set_bit(filter->pairs, key % PAIRS);
    else
        set_bit(filter->bits, hash_key(key) >> filter->shift);
}

static void make_entries(struct literal_filter *filter, const struct literal *literals,
                         size_t count) {
    uint32_t *counts = count_keys(filter, literals, count);
    struct entry *entry = filter->entries + 1;
    bool has_pairs = false;
    for (size_t i = 0; i < count; i++)
        for (uint32_t first = 0; first < filter->stride; first++, entry++) {
            *entry = make_entry(filter, &literals[i], first, counts);
            has_pairs |= (entry->key & PAIR_MARK) != 0;
        }
    free(counts);
    if (has_pairs)
        filter->pairs = new_array(PAIRS / 64, sizeof *filter->pairs);
    qsort(filter->entries + 1, filter->entry_count, sizeof *filter->entries, compare);
}

struct literal_filter *literal_filter_new(const struct literal *literals, size_t count) {
    struct literal_filter *filter = new_array(1, sizeof *filter);
    set_sizes(filter, literals, count);
    filter->bits = new_array(((size_t)1 << (64 - filter->shift)) / 64, sizeof *filter->bits);
    filter->slots = new_array((size_t)filter->mask + 1, sizeof *filter->slots);
    filter->entries = new_array((size_t)filter->entry_count + 1, sizeof *filter->entries);
    make_entries(filter, literals, count);
    for (uint32_t i = 1; i <= filter->entry_count; i++)
        list_entry(filter, i);
    return filter;
}

void literal_filter_destroy(struct literal_filter **filter) {
    if (*filter == NULL)
        return;
    free((*filter)->bits);
    free((*filter)->pairs);
    free((*filter)->slots);
    free((*filter)->entries);
    free(*filter);
    *filter = NULL;
}

/* Compares the literals that have a key with the text, in which it stands at a place; false when
 * there are no tries left. */
static bool try_key(struct search *search, uint64_t key, size_t place) {
    const struct literal_filter *filter = search->filter;
    const struct text *text = &search->text;
    uint32_t number = *find_slot(filter, key);
    for (; number != 0 && number <= filter->entry_count; number++) {
        const struct entry *entry = &filter->entries[number];
        if (entry->key != key)
            break;
        if (search->tries-- == 0)
            return false;
        if (place >= entry->before && entry->text.length <= text->length - place + entry->before &&
            !hit_set_has(search->hits, entry->number) &&
            memcmp(text->data + place - entry->before, entry->text.data, entry->text.length) == 0)
            (void)hit_set_add(search->hits, entry->number);
    }
    return true;
}

/* Whether the bits say that a literal may be known by what stands at a place: 1 or 0. */
static inline uint64_t is_known(const struct literal_filter *filter, uint64_t bytes) {
    return bit_of(filter->bits, hash_key(bytes & filter->key_mask) >> filter->shift);
}

/* Tries what may be known at a place. */
static bool try_place(struct search *search, uint64_t bytes, size_t place) {
    const struct literal_filter *filter = search->filter;
    if (is_known(filter, bytes) && !try_key(search, bytes & filter->key_mask, place))
        return false;
    return filter->pairs == NULL || !bit_of(filter->pairs, bytes % PAIRS) ||
           try_key(search, PAIR_MARK | bytes % PAIRS, place);
}

/* Notes the places of a stretch at which a literal may be known; how many. There is no branch,
 * which could not be foretold. */
static inline size_t note_places(const struct literal_filter *filter, const char *at, size_t count,
                                 const uint64_t *pairs, uint8_t places[STRETCH_MAX]) {
    const uint64_t *bits = filter->bits;
    uint64_t mask = filter->key_mask;
    uint32_t shift = filter->shift;
    size_t noted = 0, stride = pairs == NULL ? filter->stride : 1;
    for (size_t i = 0; i < count; i += stride) {
        uint64_t bytes = read_bytes(at + i);
        uint64_t found = bit_of(bits, hash_key(bytes & mask) >> shift);
        if (pairs != NULL)
            found |= bit_of(pairs, bytes % PAIRS);
        places[noted] = (uint8_t)i;
        noted += found;
    }
    return noted;
}

/* Looks at as many places, each with READ_SIZE bytes behind it. The first is `place` in the text.
 */
static bool take_stretch(struct search *search, const char *at, size_t count, size_t place) {
    uint8_t places[STRETCH_MAX];
    size_t noted = search->filter->pairs == NULL
                       ? note_places(search->filter, at, count, NULL, places)
                       : note_places(search->filter, at, count, search->filter->pairs, places);
    for (size_t i = 0; i < noted; i++)
        if (!try_place(search, read_bytes(at + places[i]), place + places[i]))
            return false;
    return true;
}

static void search_singles(const struct search *search) {
    const struct literal_filter *filter = search->filter;
    for (uint32_t i = filter->entry_count - filter->single_count + 1; i <= filter->entry_count;
         i++) {
        const struct entry *entry = &filter->entries[i];
        if (memchr(search->text.data, entry->text.data[0], search->text.length) != NULL)
            (void)hit_set_add(search->hits, entry->number);
    }
}

bool literal_filter_search(const struct literal_filter *filter, struct text text,
                           struct hit_set *hits) {
    struct search search = {filter, text, hits,
                            FILTER_TRIES_MIN + text.length / FILTER_BYTES_A_TRY};
    char end[2 * READ_SIZE] = {0}; /* the last places, with nothing behind them */
    size_t at = 0;
    if (text.length > FILTER_TEXT_MAX)
        return false;
    search_singles(&search);
    for (size_t size; at + READ_SIZE <= text.length; at += size) {
        size = text.length - at - READ_SIZE + 1;
        size = size < STRETCH_MAX ? size : STRETCH_MAX;
        if (!take_stretch(&search, text.data + at, size, at))
            return false;
        size += (0 - size) % filter->stride; /* up to the next place */
    }
    memcpy(end, text.data + at, text.length - at);
    return take_stretch(&search, end, text.length - at, at);
}
