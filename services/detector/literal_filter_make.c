/* literal_filter_make.c: each literal is known by those of its bytes that fewest others have. */
#include "services/detector/literal_filter_parts.h"

#include "services/detector/reduced_text.h"

#include <assert.h>
#include <stdlib.h>

/* Bytes between the places looked at, and keys with such a stride: what costs too much memory. */
#define STRIDE_MAX 8
#define STRIDE_KEYS_MAX 4096
/* Kinds of keys that are told apart when they are counted. */
#define COUNTS_LOG 14
/* Bits for each key, at least; and of a filter. */
#define BITS_A_KEY 32
#define BITS_LOG_MIN 10
#define BITS_LOG_MAX 20

_Static_assert(BITS_LOG_MAX + WORD_LOG <= 32, "a hash has bits for both of a key's");

/* An entry to be. */
struct draft {
    uint64_t key;
    uint32_t list;
    uint32_t before;
    uint32_t literal; /* its index */
};

struct drafts {
    struct draft *items;
    size_t count;
};

/* How often the keys of each kind occur in the literals. */
struct key_counts {
    uint32_t of[1 << COUNTS_LOG];
};

static void *new_array(size_t count, size_t size) {
    void *items = calloc(count, size);
    if (items == NULL)
        abort();
    return items;
}

/* The first `size` bytes at a place. */
static uint64_t take_bytes(const char *at, size_t size) {
    uint64_t key = 0;
    memcpy(&key, at, size);
    return key;
}

/* The key at a place of a literal, as it is read of a text. */
static uint64_t take_key(const struct literal_filter *filter, const char *at) {
    return take_bytes(at, filter->key_size) | (filter->same_bits & filter->key_mask);
}

/* Bytes of the shortest literal that has `least`; KEY_MAX + STRIDE_MAX when all are longer. */
static size_t find_shortest(const struct literal *literals, size_t count, size_t least) {
    size_t shortest = KEY_MAX + STRIDE_MAX;
    for (size_t i = 0; i < count; i++)
        if (literals[i].text.length >= least && literals[i].text.length < shortest)
            shortest = literals[i].text.length;
    return shortest;
}

/* True when groups are what tells the places where these literals may be. */
static bool are_few(const struct literal_filter *filter, const struct literal *literals,
                    size_t count) {
    if (count > FEW_MAX || filter->shortest < FEW_KEY || !literal_places_can_be_few())
        return false;
    for (size_t i = 0; i < count; i++)
        if (!text_is_ascii(literals[i].text))
            return false;
    return true;
}

/* The stride, and how long keys can be: a literal has one at each of as many places. */
static void set_keys(struct literal_filter *filter, const struct literal *literals, size_t count) {
    static const char ones[READ_SIZE] = "\xff\xff\xff\xff\xff\xff\xff";
    size_t stride = 1;
    filter->shortest = find_shortest(literals, count, 1);
    filter->is_few = are_few(filter, literals, count);
    while (!filter->is_few && 2 * stride <= STRIDE_MAX &&
           filter->shortest + 1 >= KEY_MIN + 2 * stride && 2 * stride * count <= STRIDE_KEYS_MAX)
        stride *= 2;
    size_t key_size = find_shortest(literals, count, KEY_MIN) - stride + 1;
    filter->stride = stride;
    filter->key_size = key_size < KEY_MAX ? key_size : KEY_MAX;
    filter->key_mask = take_bytes(ones, filter->key_size);
    filter->last_shift = 8 * (uint32_t)(filter->key_size - KEY_MIN);
}

static void set_sizes(struct literal_filter *filter, size_t entry_count) {
    uint32_t log = BITS_LOG_MIN, lists_log = 2;
    while (log < BITS_LOG_MAX && (size_t)1 << log < entry_count * BITS_A_KEY)
        log++;
    while ((size_t)1 << lists_log < 2 * entry_count)
        lists_log++;
    filter->word_shift = 32 - log + WORD_LOG;
    filter->list_shift = 64 - lists_log;
    filter->words = new_array((size_t)1 << (log - WORD_LOG), sizeof *filter->words);
    filter->lists = new_array(((size_t)1 << lists_log) + 1, sizeof *filter->lists);
}

static uint32_t *count_of(struct key_counts *counts, uint64_t key) {
    return &counts->of[key * 0x9e3779b97f4a7c15ull >> (64 - COUNTS_LOG)];
}

static struct key_counts *count_keys(const struct literal_filter *filter,
                                     const struct literal *literals, size_t count) {
    struct key_counts *counts = new_array(1, sizeof *counts);
    for (size_t i = 0; i < count; i++)
        for (size_t at = 0; at + filter->key_size <= literals[i].text.length; at++)
            ++*count_of(counts, take_key(filter, literals[i].text.data + at));
    return counts;
}

/* Chooses what a literal is known by when it stands `first` bytes before a place that is looked at:
 * of the keys at such places the one which occurs least. */
static void choose_key(const struct literal_filter *filter, struct text text, uint32_t first,
                       struct key_counts *counts, struct draft *draft) {
    uint32_t least = UINT32_MAX;
    if (text.length < filter->key_size)
        draft->key =
            text.length < PAIR_SIZE ? SINGLE_MARK : PAIR_MARK | take_bytes(text.data, PAIR_SIZE);
    for (uint32_t at = first; at + filter->key_size <= text.length;
         at += (uint32_t)filter->stride) {
        uint64_t key = take_key(filter, text.data + at);
        uint32_t count = *count_of(counts, key);
        if (count >= least)
            continue;
        least = count;
        draft->before = at;
        draft->key = key;
    }
}

/* By their lists; single bytes, which are in none, last. */
static int compare(const void *a, const void *b) {
    const struct draft *first = a, *second = b;
    if (first->list != second->list)
        return first->list < second->list ? -1 : 1;
    if (first->key != second->key)
        return first->key < second->key ? -1 : 1;
    return (first->literal > second->literal) - (first->literal < second->literal);
}

/* Makes a draft for each literal and each of its keys, in the order of their lists. */
static struct drafts make_drafts(const struct literal_filter *filter,
                                 const struct literal *literals, size_t count) {
    struct key_counts *counts = count_keys(filter, literals, count);
    struct drafts drafts = {new_array(count * filter->stride, sizeof *drafts.items), 0};
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t first = 0; first < filter->stride; first++) {
            struct draft *draft = &drafts.items[drafts.count++];
            draft->literal = i;
            choose_key(filter, literals[i].text, first, counts, draft);
            draft->list = draft->key == SINGLE_MARK ? UINT32_MAX : list_of(filter, draft->key);
        }
    free(counts);
    qsort(drafts.items, drafts.count, sizeof *drafts.items, compare);
    return drafts;
}

/* Puts a key into a group. */
static void add_to_group(struct literal_filter *filter, uint64_t key, uint32_t group) {
    for (size_t i = 0; i < FEW_KEY; i++)
        filter->groups[i][(key >> 8 * i) % NIBBLES] |= (uint8_t)(1 << group);
}

/* Sets the bits by which a key is found. */
static void set_bits(struct literal_filter *filter, uint64_t key) {
    if (key & PAIR_MARK) {
        uint32_t pair = (uint16_t)key;
        if (filter->pairs == NULL)
            filter->pairs = new_array(PAIRS >> WORD_LOG, sizeof *filter->pairs);
        filter->pairs[pair >> WORD_LOG] |= 1u << (pair & 31);
    } else {
        uint32_t hash = hash_ends(filter, key);
        filter->words[hash >> filter->word_shift] |= key_bits(filter, hash);
    }
}

/* Writes an entry behind the others; its size. */
static uint32_t put_entry(struct literal_filter *filter, uint32_t at, const struct draft *draft,
                          const struct literal *literal) {
    uint32_t length = (uint32_t)literal->text.length;
    struct literal_entry head = {literal->number, length, draft->before};
    memcpy(filter->entries + at, &head, sizeof head);
    memcpy(filter->entries + at + sizeof head, literal->text.data, length);
    return entry_size(length);
}

/* Writes the entries, list by list. */
static void put_entries(struct literal_filter *filter, const struct literal *literals,
                        const struct drafts *drafts) {
    uint32_t at = 0, list = 0, list_count = 1u << (64 - filter->list_shift);
    size_t size = 0, i = 0;
    for (size_t k = 0; k < drafts->count; k++)
        size += entry_size((uint32_t)literals[drafts->items[k].literal].text.length);
    assert(size < UINT32_MAX); /* what rules there may be are far from it */
    filter->entries = new_array(size + 1, 1);
    for (; list < list_count; list++) {
        filter->lists[list] = at;
        for (; i < drafts->count && drafts->items[i].list == list; i++) {
            const struct draft *draft = &drafts->items[i];
            at += put_entry(filter, at, draft, &literals[draft->literal]);
            set_bits(filter, draft->key);
            if (filter->is_few)
                add_to_group(filter, draft->key, (uint32_t)i % FEW_GROUPS);
        }
    }
    filter->lists[list_count] = filter->singles = at;
    for (; i < drafts->count; i++)
        at += put_entry(filter, at, &drafts->items[i], &literals[drafts->items[i].literal]);
    filter->end = at;
}

static struct literal_filter *make(const struct literal *literals, size_t count,
                                   uint64_t same_bits) {
    struct literal_filter *filter = new_array(1, sizeof *filter);
    filter->same_bits = same_bits;
    set_keys(filter, literals, count);
    set_sizes(filter, count * filter->stride);
    struct drafts drafts = make_drafts(filter, literals, count);
    put_entries(filter, literals, &drafts);
    free(drafts.items);
    filter->find_places = literal_places_choose(filter);
    return filter;
}

struct literal_filter *literal_filter_new(const struct literal *literals, size_t count) {
    return make(literals, count, 0);
}

struct literal_filter *literal_filter_new_loose(const struct literal *literals, size_t count) {
    struct literal_filter *filter = make(literals, count, SAME_BIT * (UINT64_MAX / UINT8_MAX));
    assert(filter->shortest >= LOOSE_LENGTH_MIN);
    return filter;
}

void literal_filter_destroy(struct literal_filter **filter) {
    if (*filter == NULL)
        return;
    free((*filter)->words);
    free((*filter)->pairs);
    free((*filter)->lists);
    free((*filter)->entries);
    free(*filter);
    *filter = NULL;
}
