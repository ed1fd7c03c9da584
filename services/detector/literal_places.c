/* literal_places.c: no step waits for the one before, and none branches on what is found. */
#include "services/detector/literal_filter_parts.h"

uint64_t literal_places(const struct literal_filter *filter, const char *at, size_t count) {
    uint64_t places = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t bytes = read_place(filter, at + i * filter->stride);
        uint64_t found = may_be_key(filter, bytes);
        if (filter->pairs != NULL)
            found |= is_pair(filter, bytes);
        places |= found << i;
    }
    return places;
}

#ifdef __x86_64__
#include <immintrin.h>

/* Places that are looked at at once, one in each lane of a vector. */
#define LANES 8

/* The most bytes between places that fit four to half a vector. */
#define LANES_STRIDE_MAX 4

/* Four bytes at each of LANES places beside each other. */
__attribute__((target("avx2"))) static inline __m256i read_lanes(const char *at, size_t stride) {
    static const char spread[LANES_STRIDE_MAX + 1][16] = {
        [1] = {0, 1, 2, 3, 1, 2, 3, 4, 2, 3, 4, 5, 3, 4, 5, 6},
        [2] = {0, 1, 2, 3, 2, 3, 4, 5, 4, 5, 6, 7, 6, 7, 8, 9},
        [4] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    };
    const char *middle = at + LANES / 2 * stride;
    __m128i low = _mm_loadu_si128((const __m128i *)(const void *)at);
    __m128i high = _mm_loadu_si128((const __m128i *)(const void *)middle);
    __m128i half = _mm_loadu_si128((const __m128i *)(const void *)spread[stride]);
    return _mm256_shuffle_epi8(_mm256_set_m128i(high, low), _mm256_broadcastsi128_si256(half));
}

/* The words of these numbers. */
__attribute__((target("avx2"))) static inline __m256i read_words(const uint32_t *words,
                                                                 __m256i numbers) {
    return _mm256_i32gather_epi32((const int *)words, numbers, sizeof *words);
}

/* Has each word's bit of this number, of which the lowest bits count, as the highest. */
__attribute__((target("avx2"))) static inline __m256i raise_bits(__m256i words, __m256i numbers) {
    return _mm256_sllv_epi32(words, _mm256_andnot_si256(numbers, _mm256_set1_epi32(31)));
}

/* The lanes at whose places a literal may be known, their highest bits set. */
__attribute__((target("avx2"))) static inline __m256i
find_lanes(const struct literal_filter *filter, const char *at) {
    __m128i shift = _mm_cvtsi32_si128((int)filter->word_shift);
    __m256i same = _mm256_set1_epi64x((long long)filter->same_bits);
    __m256i first = _mm256_or_si256(read_lanes(at, filter->stride), same);
    __m256i last = _mm256_or_si256(read_lanes(at + filter->last_shift / 8, filter->stride), same);
    __m256i hash = _mm256_add_epi32(_mm256_mullo_epi32(first, _mm256_set1_epi32((int)HASH_FIRST)),
                                    _mm256_mullo_epi32(last, _mm256_set1_epi32((int)HASH_LAST)));
    __m128i to_bit = _mm_sub_epi32(shift, _mm_cvtsi32_si128(WORD_LOG));
    __m128i to_second = _mm_sub_epi32(to_bit, _mm_cvtsi32_si128(WORD_LOG));
    __m256i words = read_words(filter->words, _mm256_srl_epi32(hash, shift));
    __m256i found = _mm256_and_si256(raise_bits(words, _mm256_srl_epi32(hash, to_bit)),
                                     raise_bits(words, _mm256_srl_epi32(hash, to_second)));
    if (filter->pairs == NULL)
        return found;
    __m256i pair = _mm256_and_si256(first, _mm256_set1_epi32(PAIRS - 1));
    words = read_words(filter->pairs, _mm256_srli_epi32(pair, WORD_LOG));
    return _mm256_or_si256(found, raise_bits(words, pair));
}

__attribute__((target("avx2"))) static uint64_t
find_places_avx2(const struct literal_filter *filter, const char *at, size_t count) {
    uint64_t places = 0;
    for (size_t i = 0; i < count; i += LANES) {
        __m256i found = find_lanes(filter, at + i * filter->stride);
        places |= (uint64_t)(uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(found)) << i;
    }
    return places;
}

/* Places of which the groups are found at once. */
#define FEW_STEP 32

/* A key may stand at a place when, for some group, each byte there has the lowest bits of a byte at
 * the same place of a key in the group. Bytes above 127 are in no key. */
__attribute__((target("avx2"))) static uint64_t find_few_avx2(const struct literal_filter *filter,
                                                              const char *at, size_t count) {
    uint64_t places = 0;
    for (size_t i = 0; i < count; i += FEW_STEP) {
        __m256i groups = _mm256_set1_epi8(-1);
#pragma GCC unroll 6
        for (size_t k = 0; k < FEW_KEY; k++) {
            const __m128i *of = (const __m128i *)(const void *)filter->groups[k];
            __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)(at + i + k));
            __m256i own = _mm256_broadcastsi128_si256(_mm_loadu_si128(of));
            groups = _mm256_and_si256(groups, _mm256_shuffle_epi8(own, bytes));
        }
        __m256i none = _mm256_cmpeq_epi8(groups, _mm256_setzero_si256());
        places |= (uint64_t) ~(uint32_t)_mm256_movemask_epi8(none) << i;
    }
    return places;
}

bool literal_places_can_be_few(void) {
    return __builtin_cpu_supports("avx2") != 0;
}

literal_places_fn *literal_places_choose(const struct literal_filter *filter) {
    if (filter->is_few)
        return find_few_avx2;
    return __builtin_cpu_supports("avx2") && filter->stride <= LANES_STRIDE_MAX ? find_places_avx2
                                                                                : literal_places;
}
#else
bool literal_places_can_be_few(void) {
    return false;
}

literal_places_fn *literal_places_choose(const struct literal_filter *filter) {
    (void)filter;
    return literal_places;
}
#endif
