/* literal_filter_make.c: each literal is known by those of its bytes that fewest others have. */
#include "services/detector/literal_filter_parts.h"

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

/* The stride, and how long keys can be: a literal has one at each of as many places. */
static void set_keys(struct literal_filter *filter, const struct literal *literals, size_t count) {
    static const char ones[READ_SIZE] = "\xff\xff\xff\xff\xff\xff\xff";
    size_t stride = 1;
    filter->shortest = find_shortest(literals, count, 1);
    while (2 * stride <= STRIDE_MAX && filter->shortest + 1 >= KEY_MIN + 2 * stride &&
           2 * stride * count <= STRIDE_KEYS_MAX)
        stride *= 2;
    size_t key_size = find_shortest(literals, count, KEY_MIN) - stride + 1;
    filter->stride = stride;
    filter->key_size = key_size < KEY_MAX ? key_size : KEY_MAX;
    filter->key_mask = take_key(ones, filter->key_size);
    filter->last_shift = 8 * (uint32_t)(filter->key_size - KEY_MIN);
    for (size_t place = 0; place < STRETCH_MAX; place += stride)
        filter->strides |= 1ull << place;
}

static void set_sizes(struct literal_filter *filter, size_t count) {
    uint32_t log = BITS_LOG_MIN, slots = 4;
    filter->entry_count = (uint32_t)(count * filter->stride);
    while (log < BITS_LOG_MAX && (size_t)1 << log < filter->entry_count * (size_t)BITS_A_KEY)
        log++;
    while (slots < 2 * (size_t)filter->entry_count)
        slots *= 2;
    filter->word_shift = 32 - log + WORD_LOG;
    filter->slot_mask = slots - 1;
    filter->words = new_array((size_t)1 << (log - WORD_LOG), sizeof *filter->words);
    filter->slots = new_array(slots, sizeof *filter->slots);
    filter->entries = new_array((size_t)filter->entry_count + 1, sizeof *filter->entries);
}

static uint32_t *count_of(struct key_counts *counts, uint64_t key) {
    return &counts->of[key * 0x9e3779b97f4a7c15ull >> (64 - COUNTS_LOG)];
}

static struct key_counts *count_keys(const struct literal_filter *filter,
                                     const struct literal *literals, size_t count) {
    struct key_counts *counts = new_array(1, sizeof *counts);
    for (size_t i = 0; i < count; i++)
        for (size_t at = 0; at + filter->key_size <= literals[i].text.length; at++)
            ++*count_of(counts, take_key(literals[i].text.data + at, filter->key_size));
    return counts;
}

/* Chooses what a literal is known by when it stands `first` bytes before a place that is looked at:
 * of the keys at such places the one which occurs least. */
static void choose_key(const struct literal_filter *filter, struct text text, uint32_t first,
                       struct key_counts *counts, struct literal_entry *entry) {
    uint32_t least = UINT32_MAX;
    if (text.length < filter->key_size)
        entry->key =
            text.length < PAIR_SIZE ? SINGLE_MARK : PAIR_MARK | take_key(text.data, PAIR_SIZE);
    for (uint32_t at = first; at + filter->key_size <= text.length;
         at += (uint32_t)filter->stride) {
        uint64_t key = take_key(text.data + at, filter->key_size);
        uint32_t count = *count_of(counts, key);
        if (count >= least)
            continue;
        least = count;
        entry->before = at;
        entry->key = key;
    }
}

static int compare(const void *a, const void *b) {
    const struct literal_entry *first = a, *second = b;
    return (first->key > second->key) - (first->key < second->key);
}

/* Makes an entry for each literal and each of its keys, in the order of these; until their texts
 * are copied, `text` is the literal's index. */
static void make_entries(struct literal_filter *filter, const struct literal *literals,
                         size_t count) {
    struct key_counts *counts = count_keys(filter, literals, count);
    struct literal_entry *entry = filter->entries + 1;
    for (size_t i = 0; i < count; i++)
        for (uint32_t first = 0; first < filter->stride; first++, entry++) {
            *entry = (struct literal_entry){.number = literals[i].number,
                                            .text = (uint32_t)i,
                                            .length = (uint32_t)literals[i].text.length};
            choose_key(filter, literals[i].text, first, counts, entry);
        }
    free(counts);
    qsort(filter->entries + 1, filter->entry_count, sizeof *filter->entries, compare);
}

/* Copies the texts of the entries, so that those which are compared one after the other stand
 * beside each other. */
static void copy_texts(struct literal_filter *filter, const struct literal *literals) {
    size_t size = 0;
    for (uint32_t i = 1; i <= filter->entry_count; i++)
        size += filter->entries[i].length;
    filter->texts = new_array(size + 1, 1);
    size = 0;
    for (uint32_t i = 1; i <= filter->entry_count; i++) {
        struct literal_entry *entry = &filter->entries[i];
        memcpy(filter->texts + size, literals[entry->text].text.data, entry->length);
        entry->text = (uint32_t)size;
        size += entry->length;
    }
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

struct literal_filter *literal_filter_new(const struct literal *literals, size_t count) {
    struct literal_filter *filter = new_array(1, sizeof *filter);
    set_keys(filter, literals, count);
    set_sizes(filter, count);
    make_entries(filter, literals, count);
    copy_texts(filter, literals);
    for (uint32_t i = 1; i <= filter->entry_count; i++)
        list_entry(filter, i);
    filter->find_places = literal_places_choose(filter);
    return filter;
}

void literal_filter_destroy(struct literal_filter **filter) {
    if (*filter == NULL)
        return;
    free((*filter)->words);
    free((*filter)->pairs);
    free((*filter)->slots);
    free((*filter)->entries);
    free((*filter)->texts);
    free(*filter);
    *filter = NULL;
}
