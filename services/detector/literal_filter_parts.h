/* literal_filter_parts.h: what a filter of literals consists of: literal_filter_make.c makes it,
 * literal_places.c finds where in a text a literal may be, literal_filter.c searches with it.
 *
 * A literal is known by a key: some of its bytes, KEY_MIN to KEY_MAX, as many for all of them; one
 * that is shorter by its first two; one of a single byte by nothing. Where all literals are long,
 * only every second, fourth or eighth place of a text is looked at (the stride), and each literal
 * is known by as many keys: wherever it stands, one of them is at such a place. A few literals are
 * found faster by what the bytes of their keys have in common, which a vector of them tells.
 *
 * Owner, threads, errors, limits: see literal_filter.h.
 */
#ifndef SIEM_DETECTOR_LITERAL_FILTER_PARTS_H
#define SIEM_DETECTOR_LITERAL_FILTER_PARTS_H

#include "services/detector/literal_filter.h"

#define KEY_MIN 4
#define KEY_MAX 7
#define PAIR_SIZE 2
#define PAIRS 65536
/* Tell the keys of shorter literals from those of KEY_MAX bytes at most. */
#define PAIR_MARK (1ull << 63)
#define SINGLE_MARK UINT64_MAX
/* Places of a text that are looked at in one go, a bit for each. */
#define STRETCH_MAX 64
/* What is read of a text at a place. */
#define READ_SIZE sizeof(uint64_t)
/* Bytes behind the last place of a stretch that can be read, though not all count. */
#define READ_AHEAD 40
/* Factors of the hash of a key: of its first four bytes and its last four, which may overlap. */
#define HASH_FIRST 0x9e3779b1u
#define HASH_LAST 0x85ebca77u
/* The bit in which bytes may differ where the filter is loose. */
#define SAME_BIT 0x20
/* Literals that are few enough to be told by groups of their keys, all of them ASCII: the first
 * FEW_KEY bytes count, which every key has. */
#define FEW_MAX 32
#define FEW_KEY 6
#define FEW_GROUPS 8
/* Values of the lowest four bits of a byte. */
#define NIBBLES 16
/* Bits of a hash that choose a bit of a word. */
#define WORD_LOG 5

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a pair is the lowest bits read");

/* A literal as it is known by one key. */
struct literal_entry {
    uint32_t number;
    uint32_t length; /* of its text */
    uint32_t before; /* bytes of it in front of the key */
    char text[];
};

struct literal_filter;

/* The places, of at most STRETCH_MAX from `at` on, a stride apart, at which a literal may be known:
 * a bit each, those behind the last mean nothing. READ_AHEAD bytes can be read behind it. */
typedef uint64_t literal_places_fn(const struct literal_filter *filter, const char *at,
                                   size_t count);

struct literal_filter {
    literal_places_fn *find_places;
    bool is_few;     /* `groups` is filled */
    size_t stride;   /* bytes from one place that is looked at to the next */
    size_t shortest; /* bytes of the shortest literal */
    size_t key_size;
    uint64_t key_mask;   /* of what is read */
    uint64_t same_bits;  /* set in all that is read, when it is loose */
    uint32_t last_shift; /* bits in front of a key's last four bytes */
    uint32_t word_shift; /* from a hash to the number of a word */
    uint32_t list_shift; /* from another hash of a key to the number of its list */
    uint32_t *words;     /* each key has two bits in one of them */
    uint32_t *pairs;     /* a bit for each two bytes; NULL: no literal is known by two */
    uint32_t *lists;     /* where in `entries` each begins, and behind the last */
    uint32_t singles;    /* where the entries of single bytes begin */
    uint32_t end;
    uint8_t groups[FEW_KEY][NIBBLES]; /* by the place of a byte in a key and the byte's lowest bits:
                                         a bit for each group that such a key is in */
    char *entries;                    /* beside each other, each at a multiple of its alignment */
};

/* The portable way, for any filter. */
literal_places_fn literal_places;

/* True when this processor has a way for a filter of few. */
bool literal_places_can_be_few(void);

/* The fastest way that this processor has for such a filter. */
literal_places_fn *literal_places_choose(const struct literal_filter *filter);

/* What is read at a place; a key is its lowest bytes. */
static inline uint64_t read_place(const struct literal_filter *filter, const char *at) {
    uint64_t bytes;
    memcpy(&bytes, at, sizeof bytes);
    return bytes | filter->same_bits;
}

/* The hash by which a key's bits are chosen. */
static inline uint32_t hash_ends(const struct literal_filter *filter, uint64_t bytes) {
    return (uint32_t)bytes * HASH_FIRST + (uint32_t)(bytes >> filter->last_shift) * HASH_LAST;
}

/* The two bits of a key with this hash, in its word. */
static inline uint32_t key_bits(const struct literal_filter *filter, uint32_t hash) {
    return 1u << (hash >> (filter->word_shift - WORD_LOG) & 31) |
           1u << (hash >> (filter->word_shift - 2 * WORD_LOG) & 31);
}

/* Whether a literal may be known by the key at a place: 1 or 0. */
static inline uint32_t may_be_key(const struct literal_filter *filter, uint64_t bytes) {
    uint32_t hash = hash_ends(filter, bytes), bits = key_bits(filter, hash);
    return (filter->words[hash >> filter->word_shift] & bits) == bits;
}

/* Whether one is known by the two bytes at a place, where some are known by two: 1 or 0. */
static inline uint32_t is_pair(const struct literal_filter *filter, uint64_t bytes) {
    uint32_t pair = (uint16_t)bytes;
    return filter->pairs[pair >> WORD_LOG] >> (pair & 31) & 1;
}

/* The list in which the entries of a key are. */
static inline uint32_t list_of(const struct literal_filter *filter, uint64_t key) {
    return (uint32_t)(key * 0x9e3779b97f4a7c15ull >> filter->list_shift);
}

/* The entry that begins there. */
static inline const struct literal_entry *entry_at(const struct literal_filter *filter,
                                                   uint32_t at) {
    return (const struct literal_entry *)(const void *)(filter->entries + at);
}

/* The bytes of an entry, up to the next. */
static inline uint32_t entry_size(uint32_t length) {
    uint32_t size = (uint32_t)sizeof(struct literal_entry) + length;
    return (size + (uint32_t) _Alignof(struct literal_entry) - 1) &
           ~((uint32_t) _Alignof(struct literal_entry) - 1);
}

#endif
